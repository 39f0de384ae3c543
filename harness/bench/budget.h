/* budget.h: what can be timed in the time there is: cheapest cases first, and what does not fit is named with its
 * cost. */
#ifndef ATTNBENCH_BUDGET_H
#define ATTNBENCH_BUDGET_H

#include "machine/ceilings.h"
#include "judge/trial.h"

/* One workload with the jobs that are to be timed on it. */
typedef struct budget_group {
    workload w;     /* owned */
    trial_job *job; /* owned */
    int jobs;
    double seconds; /* estimate for all of them */
} budget_group;

typedef struct budget {
    budget_group *group; /* in ascending order of cost */
    int groups;
    double seconds;    /* estimate for all groups */
    char **skipped;    /* "kernel/workload/threads:N", and why it is not run, in turn */
    int skipped_count; /* pairs */
} budget;

typedef struct budget_settings {
    const attn_machine *machine;
    uint64_t isa;
    double seconds;    /* to be spent */
    double call_limit; /* a kernel whose one call would take longer is run on fewer heads */
    double min_time;   /* Google Benchmark's, of one repetition */
    int repetitions;
} budget_settings;

/* Estimates each case from its plan (expected share of the measured ceiling) and chooses. Where the slowest kernel
 * would take longer than call_limit for one call, all kernels run a version of the workload with fewer heads, under
 * that version's own name, and those that can do the whole in time run the whole besides. 0 and a reason. */
int budget_make(const selection *s, const budget_settings *settings, budget *out, char *reason, size_t reason_size);
/* Notes one more case that is not run. */
int budget_skip(budget *b, const char *name, const char *why);
void budget_free(budget *b);

#endif
