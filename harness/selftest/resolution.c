/* resolution.c: decisions replayed on recorded pairs. */
#include "resolution.h"

#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdlib.h>

enum { STARTS = 100 };               /* a recording */
static const double patience = 0.95; /* share of the replays that must have decided */
static const double look_again =
    1.02; /* times as many pairs: the decision is looked at more rarely than the clock does */

/* One value of ln(new / base) with `together` pairs from `at`, going around. */
static double ratio_at(const recording *r, size_t at, size_t together)
{
    double base = 0, fresh = 0;
    for (size_t i = 0; i < together; i++) {
        const sampled_pair *p = &r->pair[(at + i) % r->pairs];
        base += p->base;
        fresh += p->fresh;
    }
    return log(fresh / base);
}

static double replay(const recording *r, size_t start, double effect, const replay_rule *how)
{
    const double step = (double)how->together * r->seconds / (double)r->pairs;
    decision d = {.rule = how->rule};
    double next_look = how->least_seconds;
    size_t at = start;
    for (double passed = step; passed <= how->limit; passed += step, at += how->together) {
        decision_add(&d, ratio_at(r, at, how->together) + log1p(effect));
        if (passed < next_look) continue;
        decision_look(&d);
        if (d.slower) return passed;
        next_look = passed * look_again;
    }
    return INFINITY;
}

double resolution_seconds(const recording *list, size_t recordings, double effect, const replay_rule *how)
{
    double *seconds = calloc(recordings * STARTS + 1, sizeof *seconds), result = INFINITY;
    size_t n = 0;
    for (size_t i = 0; seconds && i < recordings; i++)
        for (size_t s = 0; list[i].pairs && s < STARTS; s++)
            seconds[n++] = replay(&list[i], s * list[i].pairs / STARTS, effect, how);
    if (n) {
        gsl_sort(seconds, 1, n);
        result = seconds[(size_t)ceil(patience * (double)n) - 1];
    }
    free(seconds);
    return result;
}

double resolution_spread(const recording *list, size_t recordings)
{
    size_t most = 0, n = 0;
    for (size_t i = 0; i < recordings; i++) most += list[i].pairs;
    double *ratio = calloc(most + 1, sizeof *ratio), spread = 0;
    for (size_t i = 0; ratio && i < recordings; i++)
        for (size_t p = 0; p < list[i].pairs; p++) ratio[n++] = ratio_at(&list[i], p, 1);
    if (n) {
        gsl_sort(ratio, 1, n);
        const double median = gsl_stats_median_from_sorted_data(ratio, 1, n);
        for (size_t i = 0; i < n; i++) ratio[i] = fabs(ratio[i] - median);
        gsl_sort(ratio, 1, n);
        spread = gsl_stats_median_from_sorted_data(ratio, 1, n);
    }
    free(ratio);
    return spread;
}
