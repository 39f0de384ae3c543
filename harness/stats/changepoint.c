/* changepoint.c: binary segmentation by Pettitt's statistic with permutation p values. */
#include "changepoint.h"

#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PERMUTATIONS = 4999 };

/* K of a series, from its mid-ranks: U_t = 2 sum of the first t ranks - t (n + 1). Only cuts with CHANGEPOINT_PART
 * values on either side count. */
static double pettitt_k(const double *rank, size_t n)
{
    double sum = 0, most = -1;
    for (size_t t = 1; t + CHANGEPOINT_PART <= n; t++) {
        sum += rank[t - 1];
        if (t >= CHANGEPOINT_PART) most = fmax(most, fabs(2 * sum - (double)t * (double)(n + 1)));
    }
    return most;
}

static double absolute_deviation(const double *x, size_t n, double *sorted)
{
    memcpy(sorted, x, n * sizeof *x);
    gsl_sort(sorted, 1, n);
    const double middle = gsl_stats_median_from_sorted_data(sorted, 1, n);
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += fabs(x[i] - middle);
    return sum;
}

/* The cut with the least absolute deviation from the medians of both parts. The t with the largest |U_t| is not used,
 * because outliers shift it. */
static size_t best_cut(const double *x, size_t n, double *sorted)
{
    double least = INFINITY;
    size_t at = CHANGEPOINT_PART;
    for (size_t t = CHANGEPOINT_PART; t + CHANGEPOINT_PART <= n; t++) {
        const double left = absolute_deviation(x, t, sorted) + absolute_deviation(x + t, n - t, sorted);
        if (left < least) least = left, at = t;
    }
    return at;
}

static void mid_ranks(const double *x, size_t n, double *rank, size_t *order)
{
    gsl_sort_index(order, x, 1, n);
    for (size_t i = 0, j; i < n; i = j) {
        for (j = i + 1; j < n && x[order[j]] == x[order[i]]; j++) {
        }
        for (size_t k = i; k < j; k++) rank[order[k]] = 0.5 * (double)(i + 1 + j);
    }
}

typedef struct search {
    const double *x;
    double alpha;
    gsl_rng *random;
    double *rank;
    size_t *order;
    changepoint *out;
    size_t count, most;
} search;

static void search_part(search *s, size_t begin, size_t end)
{
    const size_t n = end - begin;
    if (n < 2 * CHANGEPOINT_PART || s->count == s->most) return;
    mid_ranks(s->x + begin, n, s->rank, s->order);
    const double seen = pettitt_k(s->rank, n);
    size_t as_large = 0;
    for (int i = 0; i < PERMUTATIONS; i++) {
        gsl_ran_shuffle(s->random, s->rank, n, sizeof *s->rank);
        as_large += pettitt_k(s->rank, n) >= seen;
    }
    const double p = (double)(as_large + 1) / (PERMUTATIONS + 1);
    if (p >= s->alpha) return;
    const size_t at = best_cut(s->x + begin, n, s->rank);
    search_part(s, begin, begin + at);
    if (s->count < s->most) s->out[s->count++] = (changepoint){.at = begin + at, .p = p};
    search_part(s, begin + at, end);
}

static double median_of_part(const double *x, size_t begin, size_t end, double *sorted)
{
    memcpy(sorted, x + begin, (end - begin) * sizeof *x);
    gsl_sort(sorted, 1, end - begin);
    return gsl_stats_median_from_sorted_data(sorted, 1, end - begin);
}

size_t changepoints(const double *x, size_t count, double alpha, uint64_t seed, changepoint *out, size_t most)
{
    search s = {.x = x, .alpha = alpha, .out = out, .most = most};
    s.random = gsl_rng_alloc(gsl_rng_mt19937);
    s.rank = calloc(count + 1, sizeof *s.rank);
    s.order = calloc(count + 1, sizeof *s.order);
    if (s.random && s.rank && s.order) {
        gsl_rng_set(s.random, (unsigned long)seed);
        search_part(&s, 0, count);
        for (size_t i = 0; i < s.count; i++) {
            out[i].before = median_of_part(x, i ? out[i - 1].at : 0, out[i].at, s.rank);
            out[i].after = median_of_part(x, out[i].at, i + 1 < s.count ? out[i + 1].at : count, s.rank);
        }
    }
    if (s.random) gsl_rng_free(s.random);
    free(s.rank);
    free(s.order);
    return s.count;
}
