/* property.c: which properties apply, their variants, and the calls. For each group: every variant that some property
 * names is made once; every kernel is called on those that concern it; every property compares. */
#include "property.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensors/instance_internal.h"
#include "problem.h"
#include "property_call.h"
#include "util/console.h"

/* About 40 calls and as many references for each kernel: small problems only, where every row is judged. */
static const double most_operations = 4e6;
static const double calm_range = 40;

static const property_family *const families[] = {&symmetry_properties, &row_properties,    &key_properties,
                                                  &masked_properties,   &weight_properties, &probe_properties};
enum { FAMILIES = sizeof families / sizeof *families };

/* A variant with the references that were computed for it, one for each contract that some kernel's plan declared on
 * it. */
typedef struct prepared {
    const variant_maker *maker;
    variant v;
    bool made;
    accuracy *contract;
    expectation *expected;
    int contracts;
} prepared;

typedef struct runner {
    trial_group *g;
    const trial_settings *s;
    double limit;
    bool calm;
    prepared variant[MOST_CALLS];
    int variants;
} runner;

/* ---- variants -------------------------------------------------------------------------------------------------- */

static int variant_index(const runner *r, const variant_maker *maker)
{
    for (int i = 0; i < r->variants; i++)
        if (r->variant[i].maker == maker) return i;
    return -1;
}

static void prepare_variant(runner *r, const variant_maker *maker)
{
    char reason[200];
    if (variant_index(r, maker) >= 0 || r->variants == MOST_CALLS) return;
    prepared *const p = &r->variant[r->variants++];
    *p = (prepared){.maker = maker};
    if (!variant_new(&r->g->in, &p->v)) return;
    const attn_args args = instance_all(&p->v.in);
    p->made = maker->make(&p->v, maker) && attn_check(&p->v.in.problem, &args, reason, sizeof reason);
    if (!p->made) variant_free(&p->v);
}

static void free_variants(runner *r)
{
    for (int i = 0; i < r->variants; i++) {
        prepared *const p = &r->variant[i];
        for (int c = 0; c < p->contracts; c++) expectation_free(&p->expected[c]);
        free(p->expected);
        free(p->contract);
        if (p->made) variant_free(&p->v);
    }
}

/* References for `count` contracts more; each row is computed once for all of them. */
static bool expect_more(const runner *r, prepared *p, const accuracy *contract, int count)
{
    char reason[200];
    const size_t all = (size_t)(p->contracts + count);
    accuracy *const contracts = realloc(p->contract, all * sizeof *contracts);
    if (contracts) p->contract = contracts;
    expectation *const expected = realloc(p->expected, all * sizeof *expected);
    if (expected) p->expected = expected;
    if (!contracts || !expected) return false;
    memcpy(&p->contract[p->contracts], contract, (size_t)count * sizeof *contract);
    if (!expect_limits(&p->v.in, &r->g->rows, contract, count, &p->expected[p->contracts], reason, sizeof reason))
        return false;
    p->contracts += count;
    return true;
}

/* The reference of a variant for the contract of the plan that ran it; NULL where there is none. Plans mostly declare
 * of a variant what they declare of its base, so those contracts come first, all at once. */
static const expectation *expected_of(const runner *r, prepared *p, const attn_plan *plan)
{
    accuracy contract;
    char capped[200];
    if (!accuracy_of_plan(plan, &contract, capped, sizeof capped)) return NULL;
    if (p->contracts == 0 && !expect_more(r, p, r->g->contract, r->g->contracts)) return NULL;
    for (int c = 0; c < p->contracts; c++)
        if (memcmp(&p->contract[c], &contract, sizeof contract) == 0) return &p->expected[c];
    return expect_more(r, p, &contract, 1) ? &p->expected[p->contracts - 1] : NULL;
}

/* ---- which ----------------------------------------------------------------------------------------------------- */

static bool wanted(const runner *r, const property *p, const trial *t)
{
    const property_subject s = {&r->g->in, t->kernel, &t->plan, r->calm};
    return check_wanted(r->s->only, p->said->name) && p->applies(&s);
}

/* Also where values are wrong: which properties break then says more about the mistake. */
static bool ready(const trial *t)
{
    return (t->status == TRIAL_PASS || t->status == TRIAL_FAIL) && t->contract >= 0 && t->output.type != ATTN_ABSENT;
}

typedef void property_visitor(runner *r, const property *p, trial *t, void *arg);

static void each_property(runner *r, trial *t, property_visitor *visit, void *arg)
{
    for (int f = 0; f < FAMILIES; f++)
        for (int i = 0; i < families[f]->checks->count; i++)
            if (wanted(r, &families[f]->property[i], t)) visit(r, &families[f]->property[i], t, arg);
}

/* ---- calling and comparing ------------------------------------------------------------------------------------- */

static void prepare_all(runner *r, const property *p, trial *t, void *arg)
{
    (void)t, (void)arg;
    for (int i = 0; p->variant[i]; i++) prepare_variant(r, p->variant[i]);
}

static void choose_calls(runner *r, const property *p, trial *t, void *arg)
{
    property_call *const call = arg;
    (void)t;
    for (int i = 0; p->variant[i]; i++) {
        const int at = variant_index(r, p->variant[i]);
        if (at >= 0 && r->variant[at].made) call[at].variant = &r->variant[at].v;
    }
}

typedef struct ended {
    const property_call *call;
    int at; /* the call that ended the child; -1 none */
    const char *how;
} ended;

/* What a call shows beside its values. */
static bool check_call(const runner *r, const property *p, int at, const ended *e, findings *found)
{
    const property_call *const c = &e->call[at];
    const char *const name = r->variant[at].maker->name;
    int slot;
    if (at == e->at)
        findings_add(found, p->said->name, "the call of %s: %s", name, e->how);
    else if (c->state == CALL_FAILED)
        findings_add(found, p->said->name, "the call of %s: %s", name, c->reason);
    else if (c->state == CALL_DONE && !instance_canaries_hold(&c->variant->in, INSTANCE_POISON, &slot))
        findings_add(found, p->said->name, "the call of %s wrote outside of %s", name, attn_slot_name(slot));
    else
        return c->state == CALL_DONE;
    return false;
}

static void compare(runner *r, const property *p, trial *t, void *arg)
{
    const ended *const e = arg;
    property_view v = {.p = p, .base = &r->g->in, .rows = &r->g->rows, .found = &t->found};
    v.got = (outputs_view){&t->output, t->lse.type ? &t->lse : NULL, t->weights.type ? &t->weights : NULL};
    v.limits = &r->g->expectation[t->contract];
    v.exact = p->exact_if && (t->kernel->traits & p->exact_if) == p->exact_if;
    for (int i = 0; p->variant[i]; i++) {
        const int at = variant_index(r, p->variant[i]);
        if (at < 0 || !e->call[at].variant || !check_call(r, p, at, e, &t->found)) return;
        v.variant[i] = &r->variant[at].v;
        if (v.exact || v.variant[i]->plan_of_base) continue;
        v.expected[i] = expected_of(r, &r->variant[at], &e->call[at].plan);
        if (!v.expected[i]) return;
    }
    p->hold(&v);
}

static void run_trial(runner *r, trial *t)
{
    property_call call[MOST_CALLS];
    char how[200] = "";
    int at = -1, chosen = 0;
    memset(call, 0, sizeof call);
    each_property(r, t, choose_calls, call);
    for (int i = 0; i < r->variants; i++) chosen += call[i].variant != NULL;
    const child_end end = chosen ? property_calls(t->kernel, &r->g->in, t->threads, r->s->machine, r->limit, call,
                                                  r->variants, &at, how, sizeof how)
                                 : CHILD_DONE;
    if (end == CHILD_NOT_MADE || interrupted) return;
    ended e = {call, end == CHILD_DONE ? -1 : at, how};
    each_property(r, t, compare, &e);
}

/* ---- the group ------------------------------------------------------------------------------------------------- */

static bool is_calm(const trial_group *g)
{
    const attn_problem *const p = &g->in.problem;
    const attn_args args = instance_all(&g->in);
    ref_workspace *const workspace = ref_workspace_new(p->k, p->d, p->dv);
    char reason[200];
    bool calm = workspace != NULL;
    for (int64_t r = 0; calm && r < g->rows.count; r++) {
        const row_id id = g->rows.row[r];
        const ref_row *const row = ref_gather_row(workspace, p, &args, id.b, id.h, id.i, reason, sizeof reason);
        calm = row && row->finite;
        for (int64_t j = 0; calm && j < row->n; j++) calm = row->m - row->s[j] <= calm_range;
    }
    if (workspace) ref_workspace_free(workspace);
    return calm;
}

static bool suits(const trial_group *g)
{
    const attn_problem *const p = &g->in.problem;
    return g->in.input == INPUT_NORMAL && p->pass == ATTN_FORWARD && p->form == ATTN_EXACT &&
           !(p->mask & ATTN_MASK_BLOCKS) && g->contracts && g->rows.count == g->rows.total &&
           g->in.w->cost <= most_operations && instance_bytes(&g->in) <= most_operations;
}

void properties_run(trial_group *g, const trial_settings *s, double limit_seconds)
{
    runner r = {.g = g, .s = s, .limit = limit_seconds};
    if (!suits(g)) return;
    r.calm = is_calm(g);
    for (int i = 0; i < g->count; i++)
        if (ready(&g->trial[i])) each_property(&r, &g->trial[i], prepare_all, NULL);
    for (int i = 0; i < g->count && !interrupted; i++)
        if (ready(&g->trial[i])) run_trial(&r, &g->trial[i]);
    free_variants(&r);
}
