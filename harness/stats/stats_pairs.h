/* stats_pairs.h: summarises pairs of times: median, interval, trimmed mean, tail. compare.c and alignment_sweep.c call
 * it. */
#ifndef ATTNBENCH_STATS_PAIRS_H
#define ATTNBENCH_STATS_PAIRS_H

#include "stats_sign.h"

/* All but `tail` are natural logarithms of new over base. */
typedef struct pair_figures {
    double median;
    interval median_interval; /* sign_interval_sequential at the alpha asked for */
    double trimmed_mean;      /* without a tenth at either end */
    double tail;              /* 95th percentile of the new times over that of the base; the median does not show it */
} pair_figures;

/* `base[i]` and `fresh[i]` are the times of pair i. Returns 0 where memory is short or there is no pair. */
int pair_figures_of(const double *base, const double *fresh, size_t pairs, double alpha, pair_figures *out);

#endif
