/* compare.c: stage one of a comparison. compare_workload has both kernels judged, time_pair times them in a child,
 * compare_conclude turns the samples into a verdict. */
#include "compare.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "verify/case_report.h"
#include "util/child_process.h"
#include "paired_kernels.h"
#include "tensors/inputs.h"
#include "judge/rejudge.h"
#include "util/console.h"
#include "verify/trial_run.h"
#include "error_levels.h"

static const double least_seconds = 0.1; /* disturbances of a machine last some milliseconds */
static const char not_begun[] = "not begun: time is up";
static const double call_limit = 30; /* seconds for a slice, beside trial_time_limit, before it counts as hung */
static const double stop_limit = 5;  /* seconds to finish the running block and the last check when told to stop */

const compare_settings compare_defaults = {
    .delta = 0.005, .family_alpha = FAMILY_ALPHA, .beta = CASE_BETA, .cases = 1, .seconds = 5, .launches = 12};

const char *compare_verdict_name(compare_verdict v)
{
    static const char *const names[COMPARE_VERDICTS] = {
        "slower", "faster", "no difference", "not slower", "identical code", "could not tell", "wrong", "unsupported"};
    return names[v];
}

double compare_alpha(const compare_settings *s) { return s->family_alpha / (s->cases > 1 ? s->cases : 1); }

paired_settings compare_sampling(const compare_settings *s, const volatile int *stop)
{
    const decision_rule rule = {s->delta, compare_alpha(s), s->beta};
    return (paired_settings){rule, s->seed, s->seconds, least_seconds, 0, stop};
}

/* ---- in the child ------------------------------------------------------------------------------------------------ */

/* Shared with the child. */
typedef struct shared_timing {
    comparison *c;
    const trial_group *g;
    const trial *judged[2];
    const compare_settings *s;
    volatile uint64_t beat;
    volatile int current, stop;
    int ran, wrong;
    int64_t calls;
    char reason[320];
    paired_run run;
} shared_timing;

static const char *check_side(void *ctx, int lane, const instance *placed, const attn_tensor *slot)
{
    const shared_timing *m = ctx;
    return judge_again(m->g, m->judged[lane], placed, slot);
}

static void time_pairs(void *arg)
{
    shared_timing *m = arg;
    const paired_kernels d = {.kernel = {m->c->kernel[0], m->c->kernel[1]},
                              .in = &m->g->in,
                              .machine = m->s->machine,
                              .threads = m->c->threads,
                              .residency = m->s->residency,
                              .layout = m->s->seed,
                              .beat = &m->beat,
                              .current = &m->current,
                              .check = check_side,
                              .ctx = m};
    const paired_settings settings = compare_sampling(m->s, &m->stop);
    m->ran = paired_kernels_run(&d, &settings, &m->run, &m->calls, &m->wrong, m->reason, sizeof m->reason);
}

/* ---- the verdict ------------------------------------------------------------------------------------------------- */

static int figures_of_samples(const sampled_pair *pair, size_t pairs, double alpha, pair_figures *out)
{
    double *base = calloc(pairs + 1, sizeof *base), *fresh = calloc(pairs + 1, sizeof *fresh);
    for (size_t i = 0; base && fresh && i < pairs; i++) {
        base[i] = pair[i].base;
        fresh[i] = pair[i].fresh;
    }
    const int ok = base && fresh && pair_figures_of(base, fresh, pairs, alpha, out);
    free(base);
    free(fresh);
    return ok;
}

static json_t *samples_of(const paired_run *run)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < run->pairs; i++)
        json_array_append_new(list, json_pack("[I,I,b]", (json_int_t)llround(run->pair[i].base * 1e9),
                                              (json_int_t)llround(run->pair[i].fresh * 1e9), run->pair[i].base_first));
    return list;
}

static void could_not_tell(comparison *c, const char *why)
{
    c->verdict = COMPARE_COULD_NOT_TELL;
    snprintf(c->why, sizeof c->why, "%.399s", why);
}

static void could_not_tell_void(comparison *c, const paired_run *run)
{
    c->verdict = COMPARE_COULD_NOT_TELL;
    snprintf(c->why, sizeof c->why, "the control lane finds %s different from itself: this run is void",
             paired_side_void(run, 0) ? "BASE" : "NEW");
}

void compare_conclude(comparison *c, const paired_run *run, const compare_settings *s)
{
    const decision *d = &run->decision;
    c->pairs = run->pairs;
    c->controls = run->controls;
    c->seconds = run->seconds;
    c->log_e = decision_log_e(d);
    c->timed = figures_of_samples(run->pair, run->pairs, compare_alpha(s), &c->figures);
    if (run->controls) figures_of_samples(run->of_control, run->controls, s->beta, &c->control);
    c->samples = samples_of(run);
    const double reach = c->figures.median - c->figures.median_interval.low;
    c->visible = c->timed && isfinite(reach) ? (1 + s->delta) * exp(reach) - 1 : INFINITY;
    if (run->end == PAIRED_CALL_FAILED) {
        c->verdict = COMPARE_WRONG;
        c->wrong = paired_side(run->failed_lane);
        snprintf(c->why, sizeof c->why, "%s failed while it was timed", c->kernel[c->wrong]->name);
    } else if (run->end == PAIRED_CLOCK_FAILED)
        could_not_tell(c, "the clock stood still or went back");
    else if (!c->timed)
        could_not_tell(c, run->end == PAIRED_STOPPED ? interruption() : "no memory for its figures");
    else if (paired_void(run))
        could_not_tell_void(c, run);
    else if (d->slower)
        c->verdict = COMPARE_SLOWER;
    else if (d->not_slower && d->faster)
        c->verdict = COMPARE_FASTER;
    else if (d->not_slower && d->not_faster)
        c->verdict = COMPARE_NO_DIFFERENCE;
    else if (d->not_slower)
        c->verdict = COMPARE_NOT_SLOWER;
    else
        could_not_tell(c, run->end == PAIRED_STOPPED ? interruption() : "the time was up");
    c->open = run->end == PAIRED_LIMIT && c->verdict == COMPARE_COULD_NOT_TELL && !paired_void(run);
}

/* The verdict where the child gave no times. A child that ended because the whole run was interrupted has not hung. */
static void conclude_without_times(comparison *c, const shared_timing *m, child_end end, const char *reason)
{
    if (m->wrong >= 0 || (end != CHILD_DONE && m->current >= 0 && !interrupted)) {
        const int lane = m->wrong >= 0 ? m->wrong : m->current;
        c->verdict = COMPARE_WRONG;
        c->wrong = lane;
        if (m->wrong >= 0)
            snprintf(c->why, sizeof c->why, "%s", m->reason);
        else
            snprintf(c->why, sizeof c->why, "%s: %s while it was timed", c->kernel[lane]->name, reason);
    } else {
        could_not_tell(c, end == CHILD_DONE ? m->reason : reason);
    }
}

static void time_pair(comparison *c, const trial_group *g, const trial *base, const trial *fresh,
                      const compare_settings *s)
{
    char reason[256];
    shared_timing *m = shared_new(sizeof *m);
    if (!m) {
        could_not_tell(c, "no memory for its times");
        return;
    }
    m->c = c;
    m->g = g;
    m->judged[0] = base;
    m->judged[1] = fresh;
    m->s = s;
    m->current = m->wrong = -1;
    const child_limit limit = {call_limit + trial_time_limit(g->in.w), &m->beat, &m->stop, stop_limit};
    const child_end end = child_run(time_pairs, m, &limit, reason, sizeof reason);
    if (end == CHILD_DONE && m->ran) {
        c->calls = m->calls;
        compare_conclude(c, &m->run, s);
    } else {
        conclude_without_times(c, m, end, reason);
    }
    shared_free(m, sizeof *m);
}

/* ---- a workload -------------------------------------------------------------------------------------------------- */

/* Have both passed the judge? If not, the verdict says why; if both are wrong, it names NEW. */
static bool both_pass(comparison *c, const trial *base, const trial *fresh)
{
    const trial *const both[2] = {base, fresh};
    bool fits = true;
    for (int i = 0; i < 2; i++) {
        if (both[i]->status == TRIAL_PASS) continue;
        const bool unable = both[i]->status == TRIAL_UNSUPPORTED;
        fits = false;
        if (c->verdict == COMPARE_WRONG && unable) continue;
        c->verdict = unable ? COMPARE_UNSUPPORTED : COMPARE_WRONG;
        c->wrong = i;
        snprintf(c->why, sizeof c->why, "%s, %s: %s%s%s", i ? "NEW" : "BASE", both[i]->kernel->name,
                 unable ? "" : trial_status_name(both[i]->status), unable ? "" : ": ", both[i]->reason);
    }
    return fits;
}

static double largest_ratio(const verdict *v)
{
    const deviation *const parts[] = {&v->output, &v->lse, &v->weights};
    double ratio = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i]->judged) ratio = fmax(ratio, parts[i]->ratio);
    return ratio;
}

static const trial *trial_of(const trial_group *g, const attn_kernel *kernel, int threads)
{
    const trial *unable = NULL;
    for (int i = 0; i < g->count; i++) {
        if (g->trial[i].kernel != kernel) continue;
        if (g->trial[i].threads == threads) return &g->trial[i];
        if (g->trial[i].status == TRIAL_UNSUPPORTED) unable = &g->trial[i]; /* one entry for all thread counts */
    }
    return unable;
}

static bool runs_with(const compare_pair *pair, int threads)
{
    const uint64_t threaded = ATTN_TRAIT_THREADED | ATTN_TRAIT_OWN_THREADS;
    return threads == 1 || (pair->kernel[0]->traits & threaded && pair->kernel[1]->traits & threaded);
}

int compare_cases(const compare_sides *sides, const int *threads, int thread_counts)
{
    int cases = 0;
    for (int p = 0; p < sides->pairs; p++)
        for (int t = 0; t < thread_counts; t++) cases += runs_with(&sides->pair[p], threads[t]);
    return cases;
}

/* A workload's judged cases, and where they begin in the record's "cases". */
typedef struct judged_group {
    trial_group g;
    const json_t *cases;
    size_t first;
} judged_group;

static judged_side judged_of(const judged_group *j, const trial *t)
{
    return (judged_side){t->status, largest_ratio(&t->verdict), t->verdict.z,
                         json_array_get(j->cases, j->first + (size_t)(t - j->g.trial))};
}

/* Where both sides have the same code, NEW is judged for both. */
static void compare_pair_on(const compare_sides *sides, const compare_pair *pair, const judged_group *j, int threads,
                            const compare_settings *s, compare_done *done, void *ctx)
{
    comparison c = {.kernel = {pair->kernel[0], pair->kernel[1]}, .w = j->g.in.w, .threads = threads};
    const trial *fresh = trial_of(&j->g, c.kernel[1], threads),
                *base = pair->identical ? fresh : trial_of(&j->g, c.kernel[0], threads);
    if (base && fresh) {
        c.judged[0] = judged_of(j, base);
        c.judged[1] = judged_of(j, fresh);
    }
    if (!base || !fresh) {
        could_not_tell(&c, not_begun);
    } else if (both_pass(&c, base, fresh)) {
        if (interrupted)
            could_not_tell(&c, not_begun); /* and not fully judged */
        else if (pair->identical)
            c.verdict = COMPARE_IDENTICAL;
        else if (!sides->isolated)
            could_not_tell(&c, sides->shared);
        else
            time_pair(&c, &j->g, base, fresh, s);
    }
    done(ctx, &c);
}

/* All cases of a workload where the time is up before the judge begins. */
static void report_not_begun(const compare_sides *sides, const workload *w, const int *threads, int thread_counts,
                             compare_done *done, void *ctx)
{
    for (int p = 0; p < sides->pairs; p++)
        for (int t = 0; t < thread_counts; t++) {
            const compare_pair *const pair = &sides->pair[p];
            if (!runs_with(pair, threads[t])) continue;
            comparison c = {.kernel = {pair->kernel[0], pair->kernel[1]}, .w = w, .threads = threads[t]};
            could_not_tell(&c, not_begun);
            done(ctx, &c);
        }
}

int compare_workload(const compare_sides *sides, const workload *w, const int *threads, int thread_counts,
                     const compare_settings *s, json_t *cases, compare_done *done, void *ctx, char *reason,
                     size_t reason_size)
{
    const trial_settings settings = {.machine = s->machine, .isa = s->isa, .budget = TRIAL_TIMED_BUDGET};
    judged_group j = {.cases = cases, .first = json_array_size(cases)};
    if (deadline_passed()) {
        report_not_begun(sides, w, threads, thread_counts, done, ctx);
        return 1;
    }
    trial_job *job = calloc((size_t)(2 * sides->pairs * thread_counts) + 1, sizeof *job);
    int jobs = 0;
    if (!job) {
        snprintf(reason, reason_size, "out of memory");
        return 0;
    }
    for (int p = 0; p < sides->pairs; p++)
        for (int lane = sides->pair[p].identical ? 1 : 0; lane < 2; lane++)
            for (int t = 0; t < thread_counts; t++) {
                if (!runs_with(&sides->pair[p], threads[t])) continue;
                job[jobs++] = (trial_job){sides->pair[p].kernel[lane], threads[t]};
            }
    const int made = trial_group_run(w, w->has_class ? w->input : INPUT_NORMAL, s->seed, job, jobs, &settings, &j.g,
                                     reason, reason_size);
    free(job);
    if (!made) return 0;
    for (int i = 0; i < j.g.count; i++) {
        if (j.g.trial[i].status != TRIAL_PASS && j.g.trial[i].status != TRIAL_UNSUPPORTED)
            case_print(stderr, &j.g, &j.g.trial[i]);
        json_array_append_new(cases, case_json(&j.g, &j.g.trial[i]));
    }
    for (int p = 0; p < sides->pairs; p++)
        for (int t = 0; t < thread_counts && !interrupted_by_user(); t++)
            if (runs_with(&sides->pair[p], threads[t]))
                compare_pair_on(sides, &sides->pair[p], &j, threads[t], s, done, ctx);
    trial_group_free(&j.g);
    return 1;
}
