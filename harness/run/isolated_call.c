/* isolated_call.c: forks the child of a case and tells from its end, and from what it left in shared memory, how the
 * case went. Outputs go into the instance's shared mappings, everything else into the job. */
#include "isolated_call.h"

#include <stdio.h>

#include "isolated_child.h"
#include "util/child_process.h"

static outcome outcome_of(case_stage stage)
{
    switch (stage) {
    case STAGE_CALLED: return OUTCOME_RAN;
    case STAGE_UNSUPPORTED: return OUTCOME_UNSUPPORTED;
    case STAGE_UNABLE: return OUTCOME_UNABLE;
    default: return OUTCOME_WRONG;
    }
}

/* "signal 11 (Segmentation fault): a read at byte 0 behind the end of K, with tensors that end at a page". */
static void say_end(const case_job *j, const char *end, const char *after, isolated *out)
{
    char where[128] = "";
    const bool located = fault_text(&j->fault, where, sizeof where);
    snprintf(out->reason, sizeof out->reason, "%s%s%s%s%s%s", end, located ? ": " : "", where,
             j->fault.doing[0] ? ", " : "", j->fault.doing, after);
}

static void isolate(case_job *j, double limit, isolated *out)
{
    const child_limit within = {.seconds = limit};
    char end[200];
    const child_end how = child_run(case_child, j, &within, end, sizeof end);
    out->found = j->found;
    out->plan = j->plan;
    out->seconds = j->seconds;
    snprintf(out->inner, sizeof out->inner, "%s", j->inner);
    snprintf(out->reason, sizeof out->reason, "%s", j->reason);
    switch (how) {
    case CHILD_DONE: out->outcome = outcome_of(j->stage); break;
    case CHILD_CRASHED:
        out->outcome = OUTCOME_CRASHED;
        say_end(j, end, j->stage == STAGE_CALLED ? " after the call" : "", out);
        break;
    case CHILD_EXITED:
        out->outcome = OUTCOME_EXITED;
        say_end(j, end, " during the call", out);
        break;
    case CHILD_HUNG:
        out->outcome = OUTCOME_HUNG;
        say_end(j, end, "", out);
        break;
    case CHILD_NOT_MADE: snprintf(out->reason, sizeof out->reason, "%s", end); break;
    }
}

static void run(const attn_kernel *kernel, instance *in, bool lse, bool weights, int threads,
                const attn_machine *machine, double limit, repeat_outputs *others, isolated *out)
{
    *out = (isolated){.outcome = OUTCOME_UNABLE};
    case_job *j = shared_new(sizeof *j);
    if (!j) {
        snprintf(out->reason, sizeof out->reason, "no memory for a child process");
        return;
    }
    *j = (case_job){.kernel = kernel,
                    .in = in,
                    .lse = lse,
                    .weights = weights,
                    .threads = threads,
                    .machine = machine,
                    .others = others};
    isolate(j, limit, out);
    shared_free(j, sizeof *j);
}

void isolate_call(const attn_kernel *kernel, instance *in, bool lse, bool weights, int threads,
                  const attn_machine *machine, double limit, isolated *out)
{
    run(kernel, in, lse, weights, threads, machine, limit, NULL, out);
}

void isolate_case(const attn_kernel *kernel, instance *in, bool lse, bool weights, int threads,
                  const attn_machine *machine, double limit, isolated *out)
{
    repeat_outputs *others = repeat_outputs_new(in);
    run(kernel, in, lse, weights, threads, machine, limit, others, out);
    if (others && others->count == 0) {
        repeat_outputs_free(others);
        others = NULL;
    }
    out->others = others;
}
