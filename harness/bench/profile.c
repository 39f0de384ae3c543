/* profile.c: prepared, called, ended. */
#include "profile.h"

#include <stdio.h>

#include "run/call.h"
#include "machine/ceilings.h"
#include "tensors/instance.h"
#include "machine/own_threads.h"
#include "machine/pool.h"
#include "problem.h"
#include "util/console.h"

/* Its own symbol, whatever the compiler would make of it: PROFILED_CALL. */
__attribute__((noinline)) int profiled_call(call *c);
int profiled_call(call *c) { return call_once(c, NULL); }

static int call_prepared(call *c, int64_t calls)
{
    int status = call_once(c, NULL);
    for (int64_t i = 0; i < calls && status == ATTN_OK && !interrupted; i++) status = profiled_call(c);
    if (status == ATTN_OK) return interrupted ? EXIT_INTERRUPTED : EXIT_WELL;
    complain("%s: %s", c->kernel->name, attn_status_text(status));
    return EXIT_FINDING;
}

/* Threads before the plugin where it brings its own (own_threads.h). */
static int call_filled(instance *in, const attn_kernel *stand_in, int threads, uint64_t isa, int64_t calls)
{
    char reason[512];
    attn_exec own;
    attn_tensor slot[ATTN_SLOTS];
    const bool owns = (stand_in->traits & ATTN_TRAIT_OWN_THREADS) != 0;
    pool *const workers = threads > 1 && !owns ? pool_new(threads, reason, sizeof reason) : NULL;
    const attn_exec *const exec = owns ? own_threads(threads, &own) : workers ? pool_exec(workers) : exec_serial();
    const attn_machine machine = ceilings_machine(NULL, isa, threads);
    const attn_args args = instance_args(in, in->w->want_lse, in->w->want_weights, slot);
    int code = EXIT_UNDECIDED;
    call c;
    const attn_kernel *const kernel =
        threads == 1 || owns || workers ? plugin_resolve(stand_in, reason, sizeof reason) : NULL;
    if (kernel && call_prepare(&c, kernel, &in->problem, &args, &machine, exec, reason, sizeof reason)) {
        code = call_prepared(&c, calls);
        call_release(&c);
    } else {
        complain("%s: %s", stand_in->name, reason);
    }
    if (workers) pool_free(workers);
    return code;
}

int profile_bench(const selection *s, int64_t calls)
{
    char reason[512];
    instance in;
    attn_exec unused;
    int code = EXIT_UNDECIDED;
    const workload *const w = &s->workload[0];
    if (s->kernels != 1 || s->workloads != 1 || s->thread_counts != 1) {
        complain("--profile calls one case: name one kernel, one workload and one number of threads");
        return EXIT_USAGE;
    }
    if (!instance_describe(&in, w, w->has_class ? w->input : INPUT_NORMAL, s->seed, reason, sizeof reason)) {
        complain("%s: %s", w->name, reason);
        return EXIT_UNDECIDED;
    }
    own_threads(1, &unused); /* as for a trial */
    attn_tensor slot[ATTN_SLOTS];
    const attn_args args = instance_args(&in, w->want_lse, w->want_weights, slot);
    if (!attn_supports(s->kernel[0], &in.problem, &args, s->isa, reason, sizeof reason))
        complain("%s", reason);
    else if (!instance_fill(&in, reason, sizeof reason))
        complain("%s: %s", w->name, reason);
    else
        code = call_filled(&in, s->kernel[0], s->threads[0], s->isa, calls);
    instance_free(&in);
    return code;
}
