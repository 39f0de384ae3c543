/* isolated_child.h: what the child of a case does: loads, plans, calls, looks at what the calls do beside their
 * values. */
#ifndef ATTNBENCH_ISOLATED_CHILD_H
#define ATTNBENCH_ISOLATED_CHILD_H

#include "fault.h"
#include "repeat_outputs.h"
#include "check.h"

typedef enum case_stage {
    STAGE_BEGUN,
    STAGE_UNABLE, /* no memory or threads: nothing was called */
    STAGE_UNSUPPORTED,
    STAGE_WRONG, /* a call failed; `found` says how */
    STAGE_CALLED
} case_stage;

/* In shared memory: what to do, and what came of it. */
typedef struct case_job {
    const attn_kernel *kernel;
    instance *in;
    bool lse, weights;
    int threads;
    const attn_machine *machine;
    repeat_outputs *others; /* NULL: two calls and no more; else all calls of perturb.h */

    case_stage stage;
    char reason[256]; /* of STAGE_UNABLE and STAGE_UNSUPPORTED */
    findings found;
    attn_plan plan;
    char inner[64];
    double seconds;
    fault fault;
} case_job;

/* Carries a case_job out. */
void case_child(void *job);

#endif
