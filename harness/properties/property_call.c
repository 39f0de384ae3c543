/* property_call.c: one child, many calls. It reports through shared memory as it goes, so that the call which ended it
 * is known, and the time limit counts for each call by itself. */
#include "property_call.h"

#include <stdio.h>
#include <string.h>

#include "run/call.h"
#include "run/fault.h"
#include "machine/own_threads.h"
#include "plugin/plugin.h"
#include "machine/pool.h"
#include "problem.h"

typedef struct calls_job {
    const attn_kernel *kernel;
    const instance *base;
    int threads, count;
    const attn_machine *machine;
    volatile int at;
    volatile uint64_t beat;
    fault fault;
    property_call call[MOST_CALLS];
} calls_job;

static attn_args forward_args(const instance *in, const attn_kernel *kernel, attn_tensor slot[ATTN_SLOTS])
{
    return instance_args(in, kernel->caps[1] & ATTN_SLOT_BIT(ATTN_LSE), in->w->want_weights, slot);
}

/* A slice is run by the plan of the whole, as a threaded kernel does. */
static int prepare(const calls_job *j, const attn_kernel *kernel, const variant *v, const attn_exec *exec, call *c,
                   property_call *said)
{
    attn_tensor slot[ATTN_SLOTS], planned_slot[ATTN_SLOTS];
    const attn_args args = forward_args(&v->in, kernel, slot);
    const instance *planned = v->plan_of_base ? j->base : &v->in;
    const attn_args planned_args = forward_args(planned, kernel, planned_slot);
    if (!attn_supports(kernel, &v->in.problem, &args, j->machine->isa, said->reason, sizeof said->reason)) {
        said->state = CALL_REFUSED;
        return 0;
    }
    if (!call_prepare(c, kernel, &planned->problem, &planned_args, j->machine, exec, said->reason,
                      sizeof said->reason)) {
        said->state = c->declined ? CALL_REFUSED : CALL_FAILED;
        return 0;
    }
    c->problem = v->in.problem;
    memcpy(c->slot, args.slot, args.count * sizeof *c->slot);
    return 1;
}

static void call_one_variant(const calls_job *j, const attn_kernel *kernel, const attn_exec *exec, property_call *said)
{
    call c;
    if (!prepare(j, kernel, said->variant, exec, &c, said)) return;
    said->plan = c.plan;
    const int status = call_once(&c, NULL);
    said->state = status == ATTN_OK ? CALL_DONE : CALL_FAILED;
    if (status != ATTN_OK) snprintf(said->reason, sizeof said->reason, "run: %s", attn_status_text(status));
    call_release(&c);
}

/* Threads of its own or a pool of `threads`; NULL where the machine has none left. */
static const attn_exec *exec_of(const attn_kernel *kernel, int threads, attn_exec *own, pool **workers)
{
    char reason[160];
    *workers = NULL;
    if (kernel->traits & ATTN_TRAIT_OWN_THREADS) return own_threads(threads, own);
    if (threads == 1) return exec_serial();
    *workers = pool_new(threads, reason, sizeof reason);
    return *workers ? pool_exec(*workers) : NULL;
}

static void calls_in_child(void *arg)
{
    calls_job *const j = arg;
    attn_exec own, other_own;
    pool *workers = NULL, *others = NULL;
    char reason[256];
    instance base = *j->base;
    instance_protect(&base, true);
    for (int i = 0; i < j->count; i++)
        if (j->call[i].variant) instance_protect(&j->call[i].variant->in, true);
    if (!children_are_in_process()) fault_watch(&j->fault);
    if (j->kernel->traits & ATTN_TRAIT_OWN_THREADS) own_threads(j->threads, &own);
    const attn_kernel *kernel = plugin_resolve(j->kernel, reason, sizeof reason);
    const attn_exec *exec = kernel ? exec_of(kernel, j->threads, &own, &workers) : NULL;
    for (int i = 0; exec && i < j->count; i++) {
        const variant *const v = j->call[i].variant;
        if (!v) continue;
        j->at = i;
        j->beat++;
        j->fault.regions = 0;
        fault_regions_of(&j->fault, &v->in, "");
        const bool as_case = v->threads == 0 || v->threads == j->threads;
        const attn_exec *with = as_case ? exec : exec_of(kernel, v->threads, &other_own, &others);
        if (with) call_one_variant(j, kernel, with, &j->call[i]);
        if (!as_case && others) pool_free(others);
    }
    if (workers) pool_free(workers);
}

child_end property_calls(const attn_kernel *kernel, const instance *base, int threads, const attn_machine *machine,
                         double limit_seconds, property_call *calls, int count, int *at, char *reason,
                         size_t reason_size)
{
    calls_job *j = shared_new(sizeof *j);
    if (!j) {
        snprintf(reason, reason_size, "no memory for a child process");
        return CHILD_NOT_MADE;
    }
    j->kernel = kernel, j->base = base, j->threads = threads, j->machine = machine, j->count = count;
    memcpy(j->call, calls, (size_t)count * sizeof *calls);
    for (int i = 0; i < count; i++)
        if (calls[i].variant) instance_poison(&calls[i].variant->in, INSTANCE_POISON);
    const child_limit within = {.seconds = limit_seconds, .beat = &j->beat};
    const child_end end = child_run(calls_in_child, j, &within, reason, reason_size);
    memcpy(calls, j->call, (size_t)count * sizeof *calls);
    *at = j->at;
    char where[128];
    const size_t used = strlen(reason);
    if (end == CHILD_CRASHED && fault_text(&j->fault, where, sizeof where) && used < reason_size)
        snprintf(reason + used, reason_size - used, ": %s", where);
    shared_free(j, sizeof *j);
    return end;
}
