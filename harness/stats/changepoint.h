/* changepoint.h: where a series of times changed its level, by rank alone.
 *
 * Pettitt's statistic (1979): K = max over t of |U_t|, U_t = sum over i <= t < j of sign(x_i - x_j). Its p value comes
 * from random permutations of the series itself (seeded), so that it holds for any distribution and any length; where p
 * is below alpha the series is cut where both parts have the least absolute deviation from their medians, and both
 * parts are searched again. A hypothesis, not a verdict: noise has change points too. */
#ifndef ATTNBENCH_CHANGEPOINT_H
#define ATTNBENCH_CHANGEPOINT_H

#include <stddef.h>
#include <stdint.h>

typedef struct changepoint {
    size_t at;            /* index of the first value of the new level */
    double before, after; /* medians of the parts on either side, up to the next change points */
    double p;
} changepoint;

/* At most `most` change points, ascending, to *out; returns how many. `count` < 2 * CHANGEPOINT_PART: none. */
#define CHANGEPOINT_PART 4 /* values on either side: fewer cannot give p below 1 in 35 */
size_t changepoints(const double *x, size_t count, double alpha, uint64_t seed, changepoint *out, size_t most);

#endif
