/* trial.h: what is known of one workload with one input class, run by several kernels and judged (verify/trial_run.h
 * does that). */
#ifndef ATTNBENCH_TRIAL_H
#define ATTNBENCH_TRIAL_H

#include "certificate.h"
#include "judge.h"
#include "quantisation.h"
#include "run/repeat_outputs.h"
#include "run/selection.h"

typedef enum trial_status { TRIAL_PASS, TRIAL_FAIL, TRIAL_UNSUPPORTED, TRIAL_CRASH, TRIAL_HANG } trial_status;

/* One case: a kernel at a number of threads. */
typedef struct trial {
    const attn_kernel *kernel;
    int threads;
    trial_status status;
    char reason[320];  /* why it is unsupported, or its first finding */
    findings found;    /* what is wrong: a case without findings passes */
    char pattern[320]; /* of the wrong elements; "" none */
    char inner[64];    /* kernel that ran the slices; "" itself */
    char capped[160];  /* declared accuracy figures that were lowered to the caps */
    verdict verdict;
    bool full; /* LSE or weights were judged too; else output-only */
    int64_t rows_checked;
    double seconds;                   /* of the one call, in the child */
    int contract;                     /* index into the group's contracts, -1: none */
    attn_plan plan;                   /* pointers in it mean nothing */
    attn_tensor output, lse, weights; /* copies of what it wrote; type ATTN_ABSENT where not asked for or not run */
    void *copy[3];
    bool instrumented;      /* its child made the further calls of perturb.h */
    repeat_outputs *others; /* outputs of further calls that are judged with it; NULL none */
    int other_contract[MOST_REPEATS];
} trial;

typedef struct trial_group {
    instance in;
    trial *trial;
    int count;
    row_list rows;
    accuracy *contract;
    expectation *expectation; /* one for each contract */
    row_list covered;         /* of a large case: further rows, judged by projection and LSE */
    expectation *covering;    /* one for each contract; NULL: all rows are judged whole */
    certificate certificate;  /* of the reference, on some of the rows */
    quantisation quantisation;
    int contracts;
    double time_limit; /* that of the settings */
} trial_group;

/* The `budget` where cases are judged because they are to be timed: element visits of the reference a workload, enough
 * for 48 rows and more. */
enum { TRIAL_TIMED_BUDGET = 3000000 };

typedef struct trial_settings {
    const attn_machine *machine;
    uint64_t isa;
    double budget;     /* of rows_choose */
    double time_limit; /* seconds a call; 0: by the size of the work */
    int64_t certify; /* rows of a case on which the reference is certified; CERTIFY_CHEAP: a few where that is cheap */
    const check_list *only; /* NULL: all checks */
} trial_settings;

#endif
