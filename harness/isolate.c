/* isolate.c: one call in a child, which reports through shared memory: outputs go into the instance's shared mappings, the plan
 * into a page of its own. */
#include "isolate.h"

#include <stdio.h>
#include <string.h>

#include "call.h"
#include "child.h"
#include "own_threads.h"
#include "plugin.h"
#include "pool.h"
#include "problem.h"
#include "status.h"

typedef enum call_stage { STAGE_BEGUN, STAGE_UNABLE, STAGE_UNSUPPORTED, STAGE_REFUSED, STAGE_CALLED } call_stage;

typedef struct job {
    const attn_kernel *kernel;
    instance *in;
    bool lse, weights;
    int threads;
    const attn_machine *machine;
    call_stage stage;
    isolated result;
} job;

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
    j->stage = STAGE_REFUSED;
    const attn_kernel *kernel = plugin_resolve(j->kernel, r->reason, sizeof r->reason);
    if (!kernel) return;
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
    if (!call_prepare(&c, kernel, &j->in->problem, &args, j->machine, exec, r->reason, sizeof r->reason)) {
        j->stage = STAGE_REFUSED;
        return;
    }
    r->plan = c.plan;
    if (c.plan.inner) snprintf(r->inner, sizeof r->inner, "%s", c.plan.inner->name);
    const double start = clock_seconds();
    const int status = call_once(&c, NULL);
    r->seconds = clock_seconds() - start;
    if (status != ATTN_OK) {
        snprintf(r->reason, sizeof r->reason, "run: %s", attn_status_text(status));
        j->stage = STAGE_REFUSED;
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
                                                       : OUTCOME_REFUSED;
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
