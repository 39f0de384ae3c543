/* gate.c: from comparisons to outcomes, and from those to an exit code. */
#include "gate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/console.h"

const char *gate_outcome_name(gate_outcome o)
{
    static const char *const names[GATE_OUTCOMES] = {"wrong", "slower", "removed", "could not tell", "waived",
                                                     "new",   "faster", "passed",  "identical code", "unsupported"};
    return names[o];
}

/* ---- one case ---------------------------------------------------------------------------------------------------- */

static double slowdown_shown(const comparison *c)
{
    return expm1(c->launches ? c->over_launches.bounds.low : c->figures.median_interval.low);
}

static void apply_waiver(gate_case *g, const gate_rule *rule, const waiver_list *waivers)
{
    const waiver *w = waivers_find(waivers, g->name, rule->today);
    const size_t used = strlen(g->why);
    if (!w) return;
    g->waiver = w;
    if (waiver_expired(w, rule->today)) {
        snprintf(g->why + used, sizeof g->why - used, "; its waiver expired after %s: %s", w->until, w->reason);
    } else if (slowdown_shown(&g->c) > w->limit) {
        snprintf(g->why + used, sizeof g->why - used, "; its waiver allows no more than %g %%", 100 * w->limit);
    } else {
        g->outcome = GATE_WAIVED;
        snprintf(g->why + used, sizeof g->why - used, "; accepted up to %g %% until %s: %s", 100 * w->limit, w->until,
                 w->reason);
    }
}

static gate_outcome outcome_of(const comparison *c)
{
    const bool able[2] = {c->judged[0].status != TRIAL_UNSUPPORTED, c->judged[1].status != TRIAL_UNSUPPORTED};
    switch (c->verdict) {
    case COMPARE_SLOWER: return GATE_SLOWER;
    case COMPARE_FASTER: return GATE_FASTER;
    case COMPARE_NO_DIFFERENCE:
    case COMPARE_NOT_SLOWER: return GATE_WELL;
    case COMPARE_IDENTICAL: return GATE_SAME;
    case COMPARE_COULD_NOT_TELL: return GATE_UNDECIDED;
    case COMPARE_WRONG: return c->wrong ? GATE_WRONG : able[1] ? GATE_ADDED : GATE_REMOVED;
    case COMPARE_UNSUPPORTED: return able[0] ? GATE_REMOVED : able[1] ? GATE_ADDED : GATE_UNABLE;
    case COMPARE_VERDICTS: break;
    }
    return GATE_UNDECIDED;
}

static void conclude_case(gate_case *g, const comparison *c, const compare_settings *settings, const gate_rule *rule,
                          const waiver_list *waivers)
{
    g->c = *c;
    compare_title(c, "/", g->name, sizeof g->name);
    compare_words(c, settings, g->why, sizeof g->why);
    g->outcome = outcome_of(c);
    if (g->outcome == GATE_SLOWER) apply_waiver(g, rule, waivers);
}

/* A kernel that one side has not got, on no workload. */
static void conclude_alone(gate_case *g, const attn_kernel *kernel, int which)
{
    const char *name = compare_kernel_name(kernel);
    g->c = (comparison){.kernel = {which ? NULL : kernel, which ? kernel : NULL}};
    snprintf(g->name, sizeof g->name, "%s", name);
    g->outcome = which ? GATE_ADDED : GATE_REMOVED;
    snprintf(g->why, sizeof g->why, which ? "only NEW has this kernel: not compared" : "only BASE has this kernel");
}

/* ---- all of them ------------------------------------------------------------------------------------------------- */

static int find_unused(gate_result *r, const waiver_list *waivers)
{
    r->unused = calloc((size_t)waivers->count + 1, sizeof *r->unused);
    for (int w = 0; r->unused && w < waivers->count; w++) {
        bool used = false;
        for (size_t i = 0; i < r->count && !used; i++) used = r->item[i].waiver == &waivers->item[w];
        if (!used) r->unused[r->unused_count++] = &waivers->item[w];
    }
    return r->unused != NULL;
}

const gate_case *gate_case_matching(const gate_result *r, const waiver *w)
{
    for (size_t i = 0; i < r->count; i++)
        if (waiver_matches(w, r->item[i].name)) return &r->item[i];
    return NULL;
}

int gate_conclude(const comparison *list, size_t count, const compare_sides *sides, const compare_settings *settings,
                  const gate_rule *rule, const waiver_list *waivers, gate_result *out)
{
    memset(out, 0, sizeof *out);
    out->item = calloc(count + (size_t)sides->alone_count[0] + (size_t)sides->alone_count[1] + 1, sizeof *out->item);
    if (!out->item) return 0;
    for (size_t i = 0; i < count; i++) conclude_case(&out->item[out->count++], &list[i], settings, rule, waivers);
    for (int which = 0; which < 2; which++)
        for (int i = 0; i < sides->alone_count[which]; i++)
            conclude_alone(&out->item[out->count++], sides->alone[which][i], which);
    for (size_t i = 0; i < out->count; i++) out->outcomes[out->item[i].outcome]++;
    const int ok = find_unused(out, waivers) &&
                   gate_accuracy_of(out->item, out->count, rule->accuracy_factor, &out->accuracy, &out->kernels);
    for (int i = 0; ok && i < out->kernels; i++) out->worse += out->accuracy[i].worse;
    if (!ok) gate_free(out);
    return ok;
}

void gate_free(gate_result *r)
{
    free(r->item);
    free(r->accuracy);
    free(r->unused);
    memset(r, 0, sizeof *r);
}

int gate_compared(const gate_result *r)
{
    static const gate_outcome with_verdict[] = {GATE_WRONG,  GATE_SLOWER, GATE_WAIVED,
                                                GATE_FASTER, GATE_WELL,   GATE_SAME};
    int compared = 0;
    for (size_t i = 0; i < sizeof with_verdict / sizeof *with_verdict; i++) compared += r->outcomes[with_verdict[i]];
    return compared;
}

int gate_exit(const gate_result *r, const gate_rule *rule)
{
    const int *n = r->outcomes;
    if (n[GATE_WRONG] || n[GATE_SLOWER] || r->worse || (rule->require_all && n[GATE_REMOVED])) return EXIT_FINDING;
    if (gate_compared(r) == 0 || (rule->undecided_fails && n[GATE_UNDECIDED])) return EXIT_UNDECIDED;
    return EXIT_WELL;
}

void gate_headline(const gate_result *r, char *out, size_t size)
{
    static const struct {
        gate_outcome outcome;
        const char *words;
    } not_done[] = {{GATE_UNABLE, "not supported here"},
                    {GATE_ADDED, "new"},
                    {GATE_REMOVED, "removed"},
                    {GATE_UNDECIDED, "could not be told"}};
    size_t used = (size_t)snprintf(out, size, "compared %d of %zu", gate_compared(r), r->count);
    for (size_t i = 0; i < sizeof not_done / sizeof *not_done && used < size; i++)
        if (r->outcomes[not_done[i].outcome])
            used += (size_t)snprintf(out + used, size - used, "; %d %s", r->outcomes[not_done[i].outcome],
                                     not_done[i].words);
}
