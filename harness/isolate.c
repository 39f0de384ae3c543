/* isolate.c: one call in a child, which reports through shared memory: outputs go into the instance's shared mappings, the plan
 * into a page of its own. */
#include "isolate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "child.h"
#include "own_threads.h"
#include "plugin.h"
#include "pool.h"
#include "problem.h"
#include "status.h"

typedef enum call_stage { STAGE_BEGUN, STAGE_UNABLE, STAGE_UNSUPPORTED, STAGE_WRONG, STAGE_CALLED } call_stage;

typedef struct job {
    const attn_kernel *kernel;
    instance *in;
    bool lse, weights;
    int threads;
    const attn_machine *machine;
    call_stage stage;
    isolated result;
} job;

/* Copies of the output mappings, to hold a second call against the first. */
typedef struct outputs_copy {
    void *bytes[3];
} outputs_copy;
static const int output_slots[3] = {ATTN_O, ATTN_LSE, ATTN_WEIGHTS};

static int keep_outputs(const instance *in, outputs_copy *copy)
{
    int ok = 1;
    for (int i = 0; i < 3; i++) {
        const instance_map *map = &in->map[output_slots[i]];
        copy->bytes[i] = map->base ? malloc(map->bytes + 1) : NULL;
        if (copy->bytes[i]) memcpy(copy->bytes[i], map->begin, map->bytes);
        ok &= copy->bytes[i] || !map->base;
    }
    return ok;
}

static const char *changed_output(const instance *in, const outputs_copy *copy)
{
    for (int i = 0; i < 3; i++)
        if (copy->bytes[i] && memcmp(copy->bytes[i], in->map[output_slots[i]].begin, in->map[output_slots[i]].bytes))
            return attn_slot_name(output_slots[i]);
    return NULL;
}

/* The same call again, into freshly poisoned outputs: a kernel that keeps state between calls may be right only once. What the
 * second call wrote is what the parent judges; where the kernel declares itself repeatable, it must be the same bits. */
static int call_again(job *j, call *c, bool repeatable)
{
    outputs_copy first = {{NULL, NULL, NULL}};
    isolated *r = &j->result;
    const int kept = keep_outputs(j->in, &first);
    instance_poison(j->in, INSTANCE_POISON);
    const int status = call_once(c, NULL);
    const char *changed = status == ATTN_OK && repeatable && kept ? changed_output(j->in, &first) : NULL;
    if (status != ATTN_OK) findings_add(&r->found, "status", "second run: %s", attn_status_text(status));
    if (changed)
        findings_add(
            &r->found, "repeatable",
            "a second call with the same arguments wrote other bits to %s, though the kernel is declared repeatable",
            changed);
    for (int i = 0; i < 3; i++) free(first.bytes[i]);
    return status == ATTN_OK && !changed;
}

/* The plugin before the pool: threads inherit what they are begun with, and its loading may change that. */
static void call_in_child(void *arg)
{
    job *j = arg;
    isolated *r = &j->result;
    attn_tensor slot[ATTN_SLOTS];
    const attn_args args = instance_args(j->in, j->lse, j->weights, slot);
    call c;
    attn_exec own;
    pool *workers = NULL;
    instance_protect(j->in, true);
    const bool owns = (j->kernel->traits & ATTN_TRAIT_OWN_THREADS) != 0;
    const attn_exec *exec = owns ? own_threads(j->threads, &own) : exec_serial();
    char reason[256];
    j->stage = STAGE_WRONG;
    const attn_kernel *kernel = plugin_resolve(j->kernel, reason, sizeof reason);
    if (!kernel) {
        findings_add(&r->found, "status", "%s", reason);
        return;
    }
    if (kernel != j->kernel &&
        !attn_supports(kernel, &j->in->problem, &args, j->machine->isa, r->reason, sizeof r->reason)) {
        j->stage = STAGE_UNSUPPORTED;
        return;
    }
    if (!owns && j->threads > 1) {
        workers = pool_new(j->threads, r->reason, sizeof r->reason);
        if (!workers) {
            j->stage = STAGE_UNABLE;
            return;
        }
        exec = pool_exec(workers);
    }
    j->stage = STAGE_BEGUN;
    if (!call_prepare(&c, kernel, &j->in->problem, &args, j->machine, exec, reason, sizeof reason)) {
        if (c.declined) {
            snprintf(r->reason, sizeof r->reason, "%s", reason);
            j->stage = STAGE_UNSUPPORTED;
            return;
        }
        j->stage = STAGE_WRONG;
        findings_add(&r->found, "status", "%s", reason);
        return;
    }
    r->plan = c.plan;
    if (c.plan.inner) snprintf(r->inner, sizeof r->inner, "%s", c.plan.inner->name);
    const double start = clock_seconds();
    const int status = call_once(&c, NULL);
    r->seconds = clock_seconds() - start;
    if (status != ATTN_OK) {
        findings_add(&r->found, "status", "run: %s", attn_status_text(status));
        j->stage = STAGE_WRONG;
        return;
    }
    if (!call_again(j, &c, (kernel->traits & ATTN_TRAIT_REPEATABLE) != 0)) {
        j->stage = STAGE_WRONG;
        return;
    }
    j->stage = STAGE_CALLED;
    call_release(&c);
    if (workers) pool_free(workers);
}

void isolate_call(const attn_kernel *kernel, instance *in, bool lse, bool weights, int threads,
                  const attn_machine *machine, double limit, isolated *out)
{
    const child_limit within = {.seconds = limit};
    char end[200];
    memset(out, 0, sizeof *out);
    out->outcome = OUTCOME_UNABLE;
    job *j = shared_new(sizeof *j);
    if (!j) {
        snprintf(out->reason, sizeof out->reason, "no memory for a child process");
        return;
    }
    *j = (job){kernel, in, lse, weights, threads, machine, STAGE_BEGUN, {0}};
    const child_end how = child_run(call_in_child, j, &within, end, sizeof end);
    *out = j->result;
    switch (how) {
    case CHILD_DONE:
        out->outcome = j->stage == STAGE_CALLED        ? OUTCOME_RAN
                       : j->stage == STAGE_UNSUPPORTED ? OUTCOME_UNSUPPORTED
                       : j->stage == STAGE_UNABLE      ? OUTCOME_UNABLE
                                                       : OUTCOME_WRONG;
        break;
    case CHILD_CRASHED:
        out->outcome = OUTCOME_CRASHED;
        snprintf(out->reason, sizeof out->reason, "%s%s", end, j->stage == STAGE_CALLED ? " after the call" : "");
        break;
    case CHILD_EXITED:
        out->outcome = OUTCOME_EXITED;
        snprintf(out->reason, sizeof out->reason, "%s during the call", end);
        break;
    case CHILD_HUNG:
        out->outcome = OUTCOME_HUNG;
        snprintf(out->reason, sizeof out->reason, "%s", end);
        break;
    case CHILD_NOT_MADE:
        out->outcome = OUTCOME_UNABLE;
        snprintf(out->reason, sizeof out->reason, "%s", end);
        break;
    }
    shared_free(j, sizeof *j);
}
