/* stats_pairs.c: GSL's order statistics on sorted copies. */
#include "stats_pairs.h"

#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double trimmed = 0.1; /* at either end: more than the share of interrupted slices, even under other load */

static double tail_of(const double *time, size_t n, double *scratch)
{
    memcpy(scratch, time, n * sizeof *scratch);
    gsl_sort(scratch, 1, n);
    return gsl_stats_quantile_from_sorted_data(scratch, 1, n, 0.95);
}

int pair_figures_of(const double *base, const double *fresh, size_t pairs, double alpha, pair_figures *out)
{
    double *d = pairs ? calloc(pairs, sizeof *d) : NULL;
    if (!d) return 0;
    const double base_tail = tail_of(base, pairs, d);
    out->tail = tail_of(fresh, pairs, d) / base_tail;
    for (size_t i = 0; i < pairs; i++) d[i] = log(fresh[i] / base[i]);
    gsl_sort(d, 1, pairs);
    out->median = gsl_stats_median_from_sorted_data(d, 1, pairs);
    out->median_interval = sign_interval_sequential(d, pairs, alpha);
    out->trimmed_mean = gsl_stats_trmean_from_sorted_data(trimmed, d, 1, pairs);
    free(d);
    return 1;
}
