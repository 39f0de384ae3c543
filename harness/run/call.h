/* call.h: one kernel made ready for one problem in this process: plan, workspace, then as many calls as wanted. */
#ifndef ATTNBENCH_CALL_H
#define ATTNBENCH_CALL_H

#include "attention.h"
#include "util/guarded_buffer.h"

typedef struct call {
    const attn_kernel *kernel;
    attn_problem problem;
    attn_tensor slot[ATTN_SLOTS];
    attn_args args;
    const attn_exec *exec;
    attn_plan plan;
    void *shared, *workspace;
    guarded memory[2]; /* of both */
    int declined;      /* its plan cannot do this problem after all: not a fault */
} call;

/* Plans and allocates; `machine` and `exec` must outlive the call. 0 and a reason where the kernel or memory
 * refuses. */
int call_prepare(call *c, const attn_kernel *kernel, const attn_problem *problem, const attn_args *args,
                 const attn_machine *machine, const attn_exec *exec, char *reason, size_t reason_size);

/* pack (where the kernel has it) and run. Returns enum attn_status; *pack_seconds, if not NULL, gets pack's share. */
int call_once(call *c, double *pack_seconds);

/* The same, looking at what run leaves in the processor (cpu_watch.h), which is said in `left`. */
int call_watched(call *c, char *left, size_t left_size);
void call_release(call *c);

/* Repeats a 32-bit pattern over shared memory and workspace: what an earlier call left there is gone. */
void call_refill(const call *c, uint32_t pattern);
const char *attn_status_text(int status);

#endif
