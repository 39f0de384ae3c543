/* call.c: the one place where kernels are called. */
#include "call.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "machine/cpu_state.h"
#include "cpu_watch.h"
#include "util/console.h"

const char *attn_status_text(int status)
{
    switch (status) {
    case ATTN_OK: return "ok";
    case ATTN_UNSUPPORTED: return "unsupported after all";
    case ATTN_NO_MEMORY: return "no memory";
    case ATTN_FAILED: return "failed";
    default: return "an unknown status";
    }
}

int call_prepare(call *c, const attn_kernel *kernel, const attn_problem *problem, const attn_args *args,
                 const attn_machine *machine, const attn_exec *exec, char *reason, size_t reason_size)
{
    static const int64_t most = INT64_C(1) << 40;
    memset(c, 0, sizeof *c);
    c->kernel = kernel;
    c->problem = *problem;
    memcpy(c->slot, args->slot, args->count * sizeof *c->slot);
    c->args = (attn_args){sizeof c->args, args->count, c->slot};
    c->exec = exec;
    c->plan.size = sizeof c->plan;
    const uint32_t state = cpu_state_save();
    const int status = kernel->plan(&c->problem, &c->args, machine, exec, &c->plan);
    cpu_state_restore(state);
    if (status != ATTN_OK) {
        c->declined = status == ATTN_UNSUPPORTED;
        snprintf(reason, reason_size, "plan: %s", attn_status_text(status));
        return 0;
    }
    const int64_t stride = ATTN_WORKSPACE_STRIDE(&c->plan);
    if (c->plan.shared_bytes < 0 || c->plan.shared_bytes > most || c->plan.workspace_bytes < 0 ||
        c->plan.workspace_bytes > most / exec->threads) {
        snprintf(reason, reason_size, "plan asks for %" PRId64 " shared and %" PRId64 " workspace bytes",
                 c->plan.shared_bytes, c->plan.workspace_bytes);
    } else {
        const int got = guarded_open(&c->memory[0], c->plan.shared_bytes) &&
                        guarded_open(&c->memory[1], stride * (int64_t)exec->threads);
        c->shared = c->memory[0].data;
        c->workspace = c->memory[1].data;
        if (got) {
            call_refill(c, UINT32_MAX); /* a NaN in every float type, so that nothing may be expected of it */
            return 1;
        }
        snprintf(reason, reason_size, "no memory for %" PRId64 " bytes of workspace",
                 stride * (int64_t)exec->threads + c->plan.shared_bytes);
    }
    call_release(c);
    return 0;
}

void call_refill(const call *c, uint32_t pattern)
{
    for (int i = 0; i < 2; i++) guarded_fill(&c->memory[i], pattern);
}

/* pack and run, with the control bits as they were before on return. */
int call_once(call *c, double *pack_seconds)
{
    const uint32_t state = cpu_state_save();
    int status = ATTN_OK;
    if (pack_seconds) *pack_seconds = 0;
    if (c->kernel->pack) {
        const double start = pack_seconds ? clock_seconds() : 0;
        status = c->kernel->pack(&c->problem, &c->plan, &c->args, c->exec, c->shared);
        if (pack_seconds) *pack_seconds = clock_seconds() - start;
    }
    if (status == ATTN_OK) status = c->kernel->run(&c->problem, &c->plan, &c->args, c->exec, c->shared, c->workspace);
    cpu_state_restore(state);
    return status;
}

int call_watched(call *c, char *left, size_t left_size)
{
    const uint32_t state = cpu_state_save();
    int status = ATTN_OK;
    *left = '\0';
    if (c->kernel->pack) status = c->kernel->pack(&c->problem, &c->plan, &c->args, c->exec, c->shared);
    if (status == ATTN_OK)
        status = cpu_watch_run(c->kernel, &c->problem, &c->plan, &c->args, c->exec, c->shared, c->workspace, left,
                               left_size);
    cpu_state_restore(state);
    return status;
}

void call_release(call *c)
{
    if (c->kernel && c->kernel->release && c->plan.handle) c->kernel->release(&c->plan);
    for (int i = 0; i < 2; i++) guarded_close(&c->memory[i]);
    memset(c, 0, sizeof *c);
}
