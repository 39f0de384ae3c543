/* percent.h: percentages in messages: two significant digits, or all digits before the point, and never an exponent.
 *
 *   printf("%+.*g %%", PERCENT(ratio - 1)) */
#ifndef ATTNBENCH_PERCENT_H
#define ATTNBENCH_PERCENT_H

#include <math.h>

/* The precision for %.*g. From 99.5 on, two digits would print 1e+02. */
static inline int two_digits(double x)
{
    const double size = fabs(x);
    return size >= 99.5 && size < 1e15 ? 1 + (int)floor(log10(size + 0.5)) : 2;
}

/* Precision and value, for %.*g. */
#define PERCENT(share) two_digits(100 * (share)), 100 * (share)

#endif
