/* compare_confirm.c: stage two: final verdicts from the launches of all cases.
 *
 * Student's t tests the mean over a case's launches against the border ln(1 + delta). All cases of the run form one
 * family, including those that stage one let pass, which take part with a p-value of 1. So looking at more cases never
 * makes a claim about one of them easier. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "compare.h"
#include "util/percent.h"
#include "stats/multiple_testing.h"
#include "util/console.h"

bool compare_wants_launches(const comparison *c, const compare_settings *s)
{
    if (s->launches == 0) return false;
    return c->verdict == COMPARE_SLOWER || (c->verdict == COMPARE_FASTER && !s->only_slower) || c->open;
}

/* One direction: for each case the p-value of 'the mean of the launches, times `sign`, is above the border', and Holm's
 * answer. */
typedef struct claim {
    double *p, *level;
    bool *refused;
} claim;

static int make_claim(claim *m, const comparison *list, size_t n, double sign, const compare_settings *s)
{
    *m = (claim){calloc(n + 1, sizeof *m->p), calloc(n + 1, sizeof *m->level), calloc(n + 1, sizeof *m->refused)};
    if (!m->p || !m->level || !m->refused) return 0;
    for (size_t i = 0; i < n; i++) {
        double launch[MOST_LAUNCHES];
        for (int l = 0; l < list[i].launches; l++) launch[l] = sign * list[i].launch[l];
        m->p[i] = launches_above(launch, (size_t)list[i].launches, log1p(s->delta));
    }
    return holm_gates(m->p, n, s->family_alpha, m->refused, m->level);
}

static void free_claim(claim *m)
{
    free(m->p);
    free(m->level);
    free(m->refused);
}

static void summarise_launches(comparison *c, double alpha, const compare_settings *s)
{
    c->over_launches = launch_figures_of(c->launch, (size_t)c->launches, alpha);
    c->visible = (1 + s->delta) * exp(c->over_launches.mean - c->over_launches.bounds.low) - 1;
}

static void reconsider(comparison *c, const claim *slower, const claim *faster, size_t i, const compare_settings *s)
{
    const compare_verdict first = c->verdict;
    const bool enough = c->launches >= 2; /* fewer have no p-value */
    const bool not_slower = enough && 1 - slower->p[i] <= s->beta, not_faster = enough && 1 - faster->p[i] <= s->beta;
    c->verdict = slower->refused[i]   ? COMPARE_SLOWER
                 : faster->refused[i] ? COMPARE_FASTER
                 : !not_slower        ? COMPARE_COULD_NOT_TELL
                 : not_faster         ? COMPARE_NO_DIFFERENCE
                                      : COMPARE_NOT_SLOWER;
    summarise_launches(c, faster->refused[i] ? faster->level[i] : slower->level[i], s);
    c->why[0] = 0;
    if (c->verdict != first || c->verdict == COMPARE_COULD_NOT_TELL)
        snprintf(c->why, sizeof c->why, "%+.*g %% in one process, %+.*g %% over %d launches",
                 PERCENT(expm1(c->figures.median)), PERCENT(expm1(c->over_launches.mean)), c->launches);
}

int compare_stage_two(comparison *list, size_t n, const compare_settings *s)
{
    claim slower, faster = {NULL, NULL, NULL};
    const int ok = make_claim(&slower, list, n, 1, s) && make_claim(&faster, list, n, -1, s);
    for (size_t i = 0; ok && i < n; i++) {
        if (!compare_wants_launches(&list[i], s)) continue;
        if (list[i].launches == s->launches) {
            reconsider(&list[i], &slower, &faster, i, s);
            continue;
        }
        list[i].verdict = COMPARE_COULD_NOT_TELL;
        if (list[i].launches) summarise_launches(&list[i], compare_alpha(s), s);
        if (!list[i].why[0])
            snprintf(list[i].why, sizeof list[i].why, "%+.*g %% in one process, not confirmed: %s",
                     PERCENT(expm1(list[i].figures.median)), interruption());
    }
    free_claim(&slower);
    free_claim(&faster);
    return ok;
}
