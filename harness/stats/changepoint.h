/* changepoint.h: finds where a series of times changes its level, by ranks alone. history_check.c calls it.
 *
 * Pettitt's statistic (1979) is K = max over t of |U_t|, U_t = sum over i <= t < j of sign(x_i - x_j). Its p value
 * comes from random (seeded) permutations of the series, so it holds for any distribution and any length. If p is below
 * alpha, the series is cut where both parts have the least absolute deviation from their medians, and both parts are
 * searched again. A change point is a hypothesis, not a verdict: noise has change points too. */
#ifndef ATTNBENCH_CHANGEPOINT_H
#define ATTNBENCH_CHANGEPOINT_H

#include <stddef.h>
#include <stdint.h>

typedef struct changepoint {
    size_t at;            /* index of the first value of the new level */
    double before, after; /* medians of the parts on either side, up to the next change points */
    double p;
} changepoint;

/* Writes at most `most` change points, ascending, to *out; returns their number. None if `count` is below
 * 2 * CHANGEPOINT_PART. */
#define CHANGEPOINT_PART 4 /* least values on either side; with fewer, p cannot be below 1 in 35 */
size_t changepoints(const double *x, size_t count, double alpha, uint64_t seed, changepoint *out, size_t most);

#endif
