/* percent.h: percentages in words: two digits, or more where there are more before the point, and never an exponent.
 *
 *   printf("%+.*g %%", PERCENT(ratio - 1))
 */
#ifndef ATTNBENCH_PERCENT_H
#define ATTNBENCH_PERCENT_H

#include <math.h>

/* For %.*g. From 99.5 on, two digits would be those of 1e+02. */
static inline int two_digits(double x)
{
    const double size = fabs(x);
    return size >= 99.5 && size < 1e15 ? 1 + (int)floor(log10(size + 0.5)) : 2;
}

/* Precision and value of a share. */
#define PERCENT(share) two_digits(100 * (share)), 100 * (share)

#endif
