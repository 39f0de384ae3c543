/* trial.c: children write, copies are kept, then the reference is computed once for all kernels, and each is judged. */
#include "judge/trial.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensors/inputs.h"
#include "run/isolated_call.h"
#include "machine/own_threads.h"
#include "judge/pattern.h"
#include "problem.h"
#include "properties/property.h"
#include "util/console.h"
#include "judge/judge_repeats.h"
#include "trial_run.h"

static const double slowest_rate = 1e8; /* operations a second that any kernel reaches: the time limit's yardstick */
static const double cover_budget = 10;  /* times the budget of single elements, for the projections of all rows */
static const double instrumented_cost = 2e7;              /* operations of a call that is repeated some thirty times */
static const size_t instrumented_bytes = (size_t)4 << 20; /* outputs of such a call */
static const int64_t most_weights = INT64_C(1) << 24;     /* weights kept of the judged rows: 128 MiB of doubles */

const char *trial_status_name(trial_status status)
{
    static const char *const names[] = {"pass", "fail", "unsupported", "crash", "hang"};
    return names[status];
}

/* Copies the mapping of an output slot, so that the next kernel can write it again. */
static int keep_output(const instance *in, int slot, attn_tensor *view, void **copy)
{
    const mapping *map = &in->map[slot];
    *copy = malloc(map->bytes ? map->bytes : 1);
    if (!*copy) return 0;
    memcpy(*copy, map->begin, map->bytes);
    *view = in->slot[slot];
    view->data = (unsigned char *)*copy + ((unsigned char *)in->slot[slot].data - map->begin);
    return 1;
}

double trial_time_limit(const workload *w) { return 20 + w->cost / slowest_rate; }

static const check checks[] = {
    {"contract", "every case", "the plan declares an accuracy contract that makes sense"},
    {"status", "every case", "plan, pack and run return ATTN_OK for what the kernel accepts"},
    {"no-crash", "every case", "the call ends without a signal"},
    {"no-hang", "every case", "the call ends within its time limit"},
    {"no-exit", "every case", "the call returns instead of ending the process"},
    {"repeatable", "kernels declared repeatable", "the same call again writes the same bits"},
    {"writes-inside", "every case", "gaps, padding and rows beyond a query length keep their contents"},
    {"writes-all", "every case", "every output element is written"},
};
const check_group call_checks = {"calls", checks, sizeof checks / sizeof *checks};

static void unsupported(trial *t, const char *reason)
{
    t->status = TRIAL_UNSUPPORTED;
    snprintf(t->reason, sizeof t->reason, "%s", reason);
}

/* The status and the reason that follow from what was found. */
static void conclude(trial *t, trial_status status)
{
    if (t->found.count == 0) return;
    t->status = status;
    snprintf(t->reason, sizeof t->reason, "%s", t->found.item[0].reason);
}

/* Where only some checks are asked for, the case passes that fails others alone. */
static void finish(trial *t, const check_list *only)
{
    findings_keep(&t->found, only);
    if (t->status == TRIAL_FAIL && t->found.count == 0) {
        t->status = TRIAL_PASS;
        t->reason[0] = 0;
    }
    conclude(t, t->status == TRIAL_PASS ? TRIAL_FAIL : t->status);
}

static void fail(trial *t, trial_status status, const char *name, const char *reason)
{
    findings_add(&t->found, name, "%s", reason);
    conclude(t, status);
}

/* What the run itself shows, before any value is looked at. Returns 0 where there is nothing to judge. */
static int check_run(const instance *in, const isolated *run, trial *t)
{
    int slot;
    int64_t at[4];
    char reason[160];
    t->found = run->found;
    t->seconds = run->seconds;
    t->plan = run->plan;
    snprintf(t->inner, sizeof t->inner, "%s", run->inner);
    switch (run->outcome) {
    case OUTCOME_RAN: break;
    case OUTCOME_UNABLE:
    case OUTCOME_UNSUPPORTED: unsupported(t, run->reason); return 0;
    case OUTCOME_HUNG: fail(t, TRIAL_HANG, "no-hang", run->reason); return 0;
    case OUTCOME_CRASHED: fail(t, TRIAL_CRASH, "no-crash", run->reason); return 0;
    case OUTCOME_EXITED: fail(t, TRIAL_FAIL, "no-exit", run->reason); return 0;
    case OUTCOME_WRONG: conclude(t, TRIAL_FAIL); return 0;
    }
    if (!instance_canaries_hold(in, INSTANCE_POISON, &slot)) {
        snprintf(reason, sizeof reason, "wrote outside of %s", attn_slot_name(slot));
        fail(t, TRIAL_FAIL, "writes-inside", reason);
        return 0;
    }
    if (find_unwritten(in, &in->slot[ATTN_O], INSTANCE_POISON, at)) {
        snprintf(reason, sizeof reason,
                 "output at (b %" PRId64 ", h %" PRId64 ", q %" PRId64 ", %" PRId64 ") was never written", at[0], at[1],
                 at[2], at[3]);
        fail(t, TRIAL_FAIL, "writes-all", reason);
        return 0;
    }
    return 1;
}

/* The calls beside the first are for small cases of the plain class: what they look for does not depend on values. */
static bool is_instrumented(const instance *in)
{
    return in->input == INPUT_NORMAL && in->w->cost <= instrumented_cost &&
           snapshot_layout_of(in).bytes <= instrumented_bytes;
}

/* The contract of a plan, as an index into the group's; 0 and a reason where it makes no sense. */
static int take_contract(trial_group *g, const attn_plan *plan, int *index, char *reason, size_t reason_size)
{
    accuracy contract;
    *index = -1;
    if (!accuracy_of_plan(plan, &contract, reason, reason_size)) return 0;
    /* Padding may tell equal contracts apart: the reference then only works twice. */
    for (int i = 0; i < g->contracts; i++)
        if (memcmp(&g->contract[i], &contract, sizeof contract) == 0) {
            *index = i;
            return 1;
        }
    accuracy *grown = realloc(g->contract, (size_t)(g->contracts + 1) * sizeof *grown);
    if (!grown) {
        snprintf(reason, reason_size, "no memory for its contract");
        return 0;
    }
    g->contract = grown;
    g->contract[g->contracts] = contract;
    *index = g->contracts++;
    return 1;
}

static void run_one(trial_group *g, const attn_kernel *kernel, int threads, const trial_settings *s, double limit,
                    trial *t)
{
    attn_tensor slot[ATTN_SLOTS];
    char reason[256];
    isolated run;
    *t = (trial){.kernel = kernel, .threads = threads, .contract = -1};
    const bool has_lse = kernel->caps[1] & ATTN_SLOT_BIT(ATTN_LSE), weights = g->in.w->want_weights;
    const attn_args args = instance_args(&g->in, has_lse, weights, slot);
    if (!attn_supports(kernel, &g->in.problem, &args, s->isa, reason, sizeof reason)) {
        unsupported(t, reason);
        return;
    }
    if (g->in.input == INPUT_NONFINITE_V && (kernel->traits & ATTN_TRAIT_MASKED_V_FINITE)) {
        unsupported(t, "declares that V of masked keys must be finite");
        return;
    }
    if (!g->in.filled && !instance_fill(&g->in, reason, sizeof reason)) {
        unsupported(t, reason);
        return;
    }
    instance_poison(&g->in, INSTANCE_POISON);
    const bool finite = kernel->traits & ATTN_TRAIT_MASKED_V_FINITE;
    if (finite) inputs_hide_v(&g->in, true);
    t->instrumented = is_instrumented(&g->in);
    (t->instrumented ? isolate_case : isolate_call)(kernel, &g->in, has_lse, weights, threads, s->machine, limit, &run);
    if (finite) inputs_hide_v(&g->in, false);
    t->others = run.others;
    if (!check_run(&g->in, &run, t)) return;
    if (!take_contract(g, &t->plan, &t->contract, t->capped, sizeof t->capped)) {
        fail(t, TRIAL_FAIL, "contract", t->capped);
        return;
    }
    for (int i = 0; t->others && i < t->others->count; i++)
        take_contract(g, &t->others->item[i].plan, &t->other_contract[i], reason, sizeof reason);
    t->full = has_lse || weights;
    if (!keep_output(&g->in, ATTN_O, &t->output, &t->copy[0]) ||
        (has_lse && !keep_output(&g->in, ATTN_LSE, &t->lse, &t->copy[1])) ||
        (weights && !keep_output(&g->in, ATTN_WEIGHTS, &t->weights, &t->copy[2])))
        unsupported(t, "no memory to keep its outputs");
}

/* Values that are wrong in a child which had computed another problem before, and right in one that had not, are wrong
 * by what was kept. */
static void blame_state(trial_group *g, const trial_settings *s, double limit, trial *t)
{
    isolated run;
    findings wrong = {.count = 0};
    verdict unused;
    const attn_tensor *slot = g->in.slot;
    const outputs_view got = {&slot[ATTN_O], t->lse.type ? &slot[ATTN_LSE] : NULL,
                              t->weights.type ? &slot[ATTN_WEIGHTS] : NULL};
    if (!t->instrumented || t->verdict.output.ratio <= 1) return;
    instance_poison(&g->in, INSTANCE_POISON);
    isolate_call(t->kernel, &g->in, t->lse.type != 0, t->weights.type != 0, t->threads, s->machine, limit, &run);
    if (run.outcome != OUTCOME_RAN) return;
    judge_rows(&g->rows, &g->expectation[t->contract], &got, &unused, &wrong);
    if (wrong.count == 0)
        findings_add(&t->found, "state",
                     "right in a process of its own, wrong after another problem of the same shape");
}

static void judge_one(const trial_group *g, trial *t)
{
    if (t->contract < 0 || t->status != TRIAL_PASS) return;
    const outputs_view got = {&t->output, t->lse.type ? &t->lse : NULL, t->weights.type ? &t->weights : NULL};
    if (!judge_rows(&g->rows, &g->expectation[t->contract], &got, &t->verdict, &t->found)) {
        const pattern_case wrong = {&g->in,   &g->rows, &g->expectation[t->contract], &g->contract[t->contract],
                                    &t->plan, got};
        pattern_describe(&wrong, t->pattern, sizeof t->pattern);
    }
    if (g->covering) judge_projections(&g->covered, &g->covering[t->contract], &got, &t->verdict, &t->found);
    t->rows_checked = g->rows.count;
    for (int i = 0; t->others && i < t->others->count; i++)
        if (t->other_contract[i] >= 0)
            judge_repeats(t->others, i, &g->rows, &g->expectation[t->other_contract[i]], &t->found);
    conclude(t, TRIAL_FAIL);
}

static int cover(trial_group *g, double budget, uint64_t seed, const attn_args *args, char *reason, size_t reason_size)
{
    if (g->rows.count == g->rows.total) return 1;
    g->covering = calloc((size_t)g->contracts, sizeof *g->covering);
    if (g->covering && rows_cover(&g->in.problem, args, cover_budget * budget, seed, &g->covered))
        return expect_projections(&g->in, &g->covered, g->contract, g->contracts, g->covering, reason, reason_size);
    snprintf(reason, reason_size, "no memory to choose rows");
    return 0;
}

static int expect(trial_group *g, double budget, uint64_t seed, char *reason, size_t reason_size)
{
    int64_t borders[16];
    int count = 0;
    bool weights = false;
    attn_tensor slot[ATTN_SLOTS];
    const attn_args args = instance_args(&g->in, true, false, slot);
    for (int i = 0; i < g->count && count + 2 <= 16; i++) {
        if (g->trial[i].contract < 0) continue;
        borders[count++] = g->trial[i].plan.row_block;
        borders[count++] =
            g->trial[i].threads > 1 ? (g->in.problem.q + g->trial[i].threads - 1) / g->trial[i].threads : 0;
        weights |= g->trial[i].weights.type != ATTN_ABSENT;
    }
    if (!rows_choose(&g->in.problem, &args, borders, count, budget, seed, &g->rows)) {
        snprintf(reason, reason_size, "no memory to choose rows");
        return 0;
    }
    weights = weights && g->rows.count <= most_weights / (g->in.problem.k + 1);
    g->expectation = calloc((size_t)g->contracts, sizeof *g->expectation);
    return g->expectation &&
           expect_rows(&g->in, &g->rows, g->contract, g->contracts, weights, g->expectation, reason, reason_size) &&
           cover(g, budget, seed, &args, reason, reason_size);
}

int trial_group_run(const workload *w, input_class input, uint64_t seed, const trial_job *job, int jobs,
                    const trial_settings *s, trial_group *g, char *reason, size_t reason_size)
{
    attn_exec unused;
    memset(g, 0, sizeof *g);
    g->time_limit = s->time_limit;
    own_threads(1, &unused); /* a kernel may load a library when it is asked whether it accepts: no threads by itself */
    g->trial = calloc((size_t)jobs + 1, sizeof *g->trial);
    if (!g->trial) {
        snprintf(reason, reason_size, "out of memory");
        trial_group_free(g);
        return 0;
    }
    if (!instance_describe(&g->in, w, input, seed, reason, reason_size)) {
        trial_group_free(g);
        return 0;
    }
    const double limit = s->time_limit > 0 ? s->time_limit : trial_time_limit(w);
    for (int i = 0; i < jobs; i++) {
        if (g->count && g->trial[g->count - 1].status == TRIAL_UNSUPPORTED &&
            g->trial[g->count - 1].kernel == job[i].kernel)
            continue; /* said once, not for every thread count */
        run_one(g, job[i].kernel, job[i].threads, s, limit, &g->trial[g->count++]);
        if (!interrupted) continue;
        g->count -= g->trial[g->count - 1].status == TRIAL_HANG; /* we ended it, it did not hang */
        break;
    }
    if (g->contracts && (!expect(g, s->budget, seed, reason, reason_size) ||
                         !quantisation_of(&g->in, &g->rows, &g->quantisation, reason, reason_size))) {
        trial_group_free(g);
        return 0;
    }
    if (g->contracts) certify_rows(&g->in, &g->rows, s->certify, &g->certificate);
    for (int i = 0; i < g->count; i++) {
        judge_one(g, &g->trial[i]);
        blame_state(g, s, limit, &g->trial[i]);
    }
    properties_run(g, s, limit);
    for (int i = 0; i < g->count; i++) finish(&g->trial[i], s->only);
    return 1;
}

void trial_group_free(trial_group *g)
{
    for (int i = 0; i < g->count; i++) {
        for (int c = 0; c < 3; c++) free(g->trial[i].copy[c]);
        repeat_outputs_free(g->trial[i].others);
    }
    for (int i = 0; g->expectation && i < g->contracts; i++) expectation_free(&g->expectation[i]);
    for (int i = 0; g->covering && i < g->contracts; i++) expectation_free(&g->covering[i]);
    free(g->trial);
    free(g->contract);
    free(g->expectation);
    free(g->covering);
    rows_free(&g->rows);
    rows_free(&g->covered);
    instance_free(&g->in);
    memset(g, 0, sizeof *g);
}
