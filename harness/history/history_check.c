/* history_check.c: change points, and the newest point against the last release. */
#include "history_check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stats/changepoint.h"
#include "compare/error_levels.h"

/* What a distance from the release must exceed beside both points' uncertainty: as in comparisons of kernels where
 * points are paired ratios, as in those of records where they are times (compare_files.h). */
static const double border_of_ratios = 0.005, border_of_times = 0.05;

/* The last point of the last release; `points` where there is none. */
static size_t last_release(const series *s)
{
    size_t i = s->points;
    while (i > 0 && !*s->point[i - 1].release) i--;
    return i ? i - 1 : s->points;
}

static bool since_release(const series *s, const double *x, series_unit unit, hypothesis *out)
{
    const size_t release = last_release(s), newest = s->points - 1;
    const double border = unit == SERIES_RATIO ? border_of_ratios : border_of_times;
    double old[2], new[2];
    if (release >= newest || !series_bounds(&s->point[release], &old[0], &old[1]) ||
        !series_bounds(&s->point[newest], &new[0], &new[1]))
        return false;
    const double ratio = x[newest] / x[release], low = ratio * new[0] / old[1], high = ratio *new[1] / old[0];
    if (low <= 1 + border && high >= 1 / (1 + border)) return false;
    *out = (hypothesis){.s = s,
                        .since_release = true,
                        .before = release,
                        .from = newest,
                        .change = ratio - 1,
                        .p = (double)NAN,
                        .low = low - 1,
                        .high = high - 1};
    return true;
}

size_t hypotheses_of(const series *s, uint64_t seed, hypothesis *out)
{
    changepoint found[MOST_HYPOTHESES - 1];
    double *x = calloc(s->points + 1, sizeof *x);
    if (!x) return 0;
    const series_unit unit = series_values(s, x);
    const size_t count = changepoints(x, s->points, FAMILY_ALPHA, seed, found, MOST_HYPOTHESES - 1);
    for (size_t i = 0; i < count; i++)
        out[i] = (hypothesis){.s = s,
                              .before = found[i].at - 1,
                              .from = found[i].at,
                              .change = found[i].after / found[i].before - 1,
                              .p = found[i].p,
                              .low = (double)NAN,
                              .high = (double)NAN};
    const size_t all = count + since_release(s, x, unit, &out[count]);
    free(x);
    return all;
}

static const char *state_name(hypothesis_state s)
{
    static const char *const names[HYPOTHESIS_STATES] = {"hypothesis", "confirmed", "not confirmed", "open"};
    return names[s];
}

void hypothesis_print(const hypothesis *h, const char *db)
{
    const series *s = h->s;
    const series_point *before = &s->point[h->before], *from = &s->point[h->from];
    const bool digests = series_build_is_digest(s, before) && series_build_is_digest(s, from);
    const char *direction = h->change > 0 ? "slower" : "faster";
    if (h->since_release)
        printf("    %+.2g %% since release %s [%+.2g, %+.2g], now %s (%s)\n", 100 * h->change, before->release,
               100 * h->low, 100 * h->high, series_build(s, from), from->when);
    else
        printf("    %.2g %% %s from %s (%s) on, p = %.2g\n", 100 * fabs(h->change), direction, series_build(s, from),
               from->when, h->p);
    if (h->state == HYPOTHESIS)
        printf("      a hypothesis: %s %s and %s, and let a paired comparison of both confirm it:\n"
               "      attnbench history check --db %s --kernel '%s' --workload '%s' --confirm BASE.so NEW.so\n",
               digests ? "take the files of digest" : "build", series_build(s, before), series_build(s, from), db,
               s->kernel, s->workload);
    else
        printf("      %s: %s\n", state_name(h->state), h->words);
}

json_t *hypothesis_json(const hypothesis *h)
{
    const series *s = h->s;
    const series_point *before = &s->point[h->before], *from = &s->point[h->from];
    json_t *j = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:f, s:s, s:s}", "kind",
                          h->since_release ? "release" : "level", "fingerprint", s->fingerprint, "kernel", s->kernel,
                          "workload", s->workload, "inputs", s->inputs, "anchor", s->anchor, "threads", s->threads,
                          "before", before->commit, "before_artifact", before->artifact, "from", from->commit,
                          "from_artifact", from->artifact, "release", h->since_release ? before->release : "", "date",
                          from->when, "change", h->change, "state", state_name(h->state), "words", h->words);
    json_object_set_new(j, "runs", json_pack("[I,I]", (json_int_t)before->run, (json_int_t)from->run));
    if (h->since_release)
        json_object_set_new(j, "interval", json_pack("[f,f]", h->low, h->high));
    else
        json_object_set_new(j, "p", json_real(h->p));
    return j;
}
