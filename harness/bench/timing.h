/* timing.h: checked kernels, timed: what `bench` and `run` share.
 *
 * One workload at a time: each case first runs in a child and is judged; those that pass are timed in another child
 * (timing_child.h), their repetitions interleaved; then each is called once more into poisoned outputs and judged
 * again, before anything is reported. */
#ifndef ATTNBENCH_TIMING_H
#define ATTNBENCH_TIMING_H

#include <jansson.h>

#include "machine/ceilings.h"
#include "counters/counter_run.h"
#include "gbench.h"
#include "judge/trial.h"

/* Shared with the child that times: what it is doing, and what came of it. */
typedef struct timing_watch {
    volatile uint64_t beat; /* calls begun */
    volatile int current;   /* trial of the part that is being called; -1 none */
    volatile int stop;      /* set by the parent: the user interrupts */
    volatile int negated;   /* the group's inputs are negated (timing_spot_check.h) */
    int timed, failed, unsupported, refused, most_pinned;
} timing_watch;

typedef struct timing {
    const selection *s;
    ceilings limits;
    double limits_at; /* the clock when they were measured last */
    attn_machine machine;
    gbench *g;
    json_t *record;                          /* cases go in at once, benchmarks by timing_close */
    int timed, failed, unsupported, refused; /* cases; refused: workloads that could not be made */
    int most_pinned;
    timing_watch *watch;
    bool plugins_isolated; /* all of them may be timed in one process */
    counter_run *counting; /* events to count, in shared memory, set after timing_open; NULL: none */
    json_t *notes;         /* by an entry's name: keys that timing_close adds to it */
    char **kept;           /* names and labels that the session points to */
    size_t kept_count;
} timing;

/* Measures the ceilings and opens Google Benchmark with `flag` after `default_flag`. 0 and one line in `reason`. */
int timing_open(timing *t, const selection *s, int flags, char **flag, int defaults, char **default_flag, bool quiet,
                char *reason, size_t reason_size);

/* Times the jobs whose names the user's filter selects on one workload. */
void timing_workload(timing *t, const workload *w, const trial_job *job, int jobs);

/* kernel/workload[/cold|/rotated]/threads:N */
void timing_name(const selection *s, const trial_job *job, const workload *w, char *out, size_t size);

/* Fills the record's benchmarks and context. After it the session is closed and the record is the caller's. */
json_t *timing_close(timing *t, int argc, char **argv);

#endif
