/* stats_pairs.h: what pairs of times say, in figures. */
#ifndef ATTNBENCH_STATS_PAIRS_H
#define ATTNBENCH_STATS_PAIRS_H

#include "stats_sign.h"

/* All but `tail` in natural logarithms of new over base. */
typedef struct pair_figures {
    double median;
    interval median_interval; /* sign_interval_sequential at the alpha asked for */
    double trimmed_mean;      /* without the tenth at either end */
    double tail; /* 95th percentile of the new times over that of the base: a median is blind to a slower tail */
} pair_figures;

/* `base[i]` and `fresh[i]` are the times of pair i. 0 where memory is short or there is no pair. */
int pair_figures_of(const double *base, const double *fresh, size_t pairs, double alpha, pair_figures *out);

#endif
