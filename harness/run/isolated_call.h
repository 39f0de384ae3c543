/* isolated_call.h: one kernel call in a child process with a time limit. The parent stays alive whatever the kernel
 * does. */
#ifndef ATTNBENCH_ISOLATED_CALL_H
#define ATTNBENCH_ISOLATED_CALL_H

#include <stdbool.h>

#include "check.h"
#include "tensors/instance.h"
#include "repeat_outputs.h"

typedef enum outcome {
    OUTCOME_RAN,
    OUTCOME_UNABLE,      /* this machine has no memory or threads left for it: nothing was called */
    OUTCOME_UNSUPPORTED, /* a plugin's kernel does not accept the problem */
    OUTCOME_WRONG,       /* a call failed: `found` says what; also after OUTCOME_RAN it may hold something */
    OUTCOME_CRASHED,
    OUTCOME_HUNG,
    OUTCOME_EXITED
} outcome;

typedef struct isolated {
    outcome outcome;
    char reason[256];       /* what happened, unless OUTCOME_RAN or OUTCOME_WRONG */
    findings found;         /* by the child, beside the values: those are for the parent to judge */
    attn_plan plan;         /* as the child made it; pointers in it mean nothing here */
    char inner[64];         /* name of the kernel that runs slices; "" none */
    double seconds;         /* of the one call */
    repeat_outputs *others; /* of isolate_case: outputs that are still to be judged, freed by the caller; NULL none */
} isolated;

/* Runs `kernel` once on `threads` threads over the instance, whose inputs are read-only meanwhile; its outputs hold the
 * result afterwards. `lse` and `weights` say which outputs are asked for. */
void isolate_call(const attn_kernel *kernel, instance *in, bool lse, bool weights, int threads,
                  const attn_machine *machine, double limit_seconds, isolated *out);

/* The same with all calls of perturb.h: some thirty calls on the problem instead of two. */
void isolate_case(const attn_kernel *kernel, instance *in, bool lse, bool weights, int threads,
                  const attn_machine *machine, double limit_seconds, isolated *out);

#endif
