/* stats_sign.h: tests and intervals of a median by signs alone, so that an interruption counts once, however long it
 * is.
 *
 * The sequential test may be evaluated after every observation and stopped at any. With s observations on one side of
 * the supposed median and f on the other (ties dropped), E is the likelihood of the signs under a share p > 1/2,
 * averaged over p by Jeffreys' prior cut off at 1/2, over that under p = 1/2. Under the null hypothesis E is a
 * supermartingale that begins at 1, so it ever reaches 1/alpha with probability alpha at most (Ville 1939). */
#ifndef ATTNBENCH_STATS_SIGN_H
#define ATTNBENCH_STATS_SIGN_H

#include <stddef.h>
#include <stdint.h>

/* ln E for s observations on the claimed side and f on the other. */
double sign_log_e(int64_t s, int64_t f);

typedef struct interval {
    double low, high; /* infinite if there are too few observations for the confidence */
} interval;

/* All medians that the sequential test, at alpha on each side, does not reject. Valid whenever sampling stopped, and
 * therefore wider than the exact interval. `sorted` is ascending. */
interval sign_interval_sequential(const double *sorted, size_t n, double alpha);

/* The exact interval of the median, for a number of observations that was fixed beforehand: order statistics by the
 * sign test, with `alpha` in both tails together. */
interval sign_interval_exact(const double *sorted, size_t n, double alpha);

#endif
