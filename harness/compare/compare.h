/* compare.h: compares one case: two kernels (BASE and NEW) on a workload at a number of threads.
 *
 * The judge comes first: a kernel that fails is never timed, even if both sides run the same code. Stage one times the
 * pair in a child process (paired_kernels.h) until a sequential test decides. Stage two repeats what stage one flags or
 * leaves open in fresh launches of the program, because where code and data lie in one process moves its times.
 * `compare` (cli/cmd_compare.c), the gate and the selftest call it. */
#ifndef ATTNBENCH_COMPARE_H
#define ATTNBENCH_COMPARE_H

#include <jansson.h>

#include "compare_side.h"
#include "paired_sampler.h"
#include "stats/stats_launches.h"
#include "stats/stats_pairs.h"
#include "judge/trial.h"

typedef enum compare_verdict {
    COMPARE_SLOWER,
    COMPARE_FASTER,
    COMPARE_NO_DIFFERENCE, /* none larger than delta */
    COMPARE_NOT_SLOWER,    /* whether it is faster could not be told */
    COMPARE_IDENTICAL,     /* the same code: not timed */
    COMPARE_COULD_NOT_TELL,
    COMPARE_WRONG,       /* failed verification, crashed or hung: not timed, or its times are void */
    COMPARE_UNSUPPORTED, /* one of the two cannot run the case */
    COMPARE_VERDICTS
} compare_verdict;
const char *compare_verdict_name(compare_verdict v);

enum { MOST_LAUNCHES = 64 };

typedef struct compare_settings {
    double delta;        /* relative difference that matters */
    double family_alpha; /* chance of any false 'slower' among all cases */
    double beta;         /* chance of a false 'not slower' in one case */
    int cases;           /* that share family_alpha */
    double seconds;      /* the most for the pairs of a case */
    int launches;        /* that confirm a verdict; 0: none */
    bool only_slower;    /* 'faster' is reported without confirmation */
    residency residency;
    uint64_t seed;
    const attn_machine *machine;
    uint64_t isa;
} compare_settings;

/* delta 0.5 %, 1 % over all cases, 0.1 % a case, 5 s a case, 12 launches; one case. */
extern const compare_settings compare_defaults;

double compare_alpha(const compare_settings *s); /* of one case */

/* What the judge said of one side. */
typedef struct judged_side {
    trial_status status;
    double ratio; /* largest error to its bound */
    z_scores z;
    const json_t *entry; /* of the record's "cases"; NULL: not judged */
} judged_side;

typedef struct comparison {
    const attn_kernel *kernel[2];
    const workload *w;
    int threads;
    compare_verdict verdict;
    judged_side judged[2];
    int wrong;     /* of COMPARE_WRONG: the side, 0 BASE, 1 NEW */
    char why[400]; /* reason for could not tell, wrong, unsupported; a note on the others */
    bool timed;
    bool open; /* could not tell only because the time was up */
    pair_figures figures, control;
    size_t pairs, controls;
    int64_t calls; /* in a slice */
    double seconds;
    double log_e;   /* evidence for slower */
    double visible; /* the smallest slowdown that this many pairs would have shown */
    int launches;
    double launch[MOST_LAUNCHES]; /* median ln(new / base) of each */
    launch_figures over_launches;
    int moved_launches; /* with both builds moved to other code offsets (gate_code_offsets.h) */
    double moved[MOST_LAUNCHES];
    json_t *samples; /* [[base ns, new ns, base first], ...]; owned; NULL: not timed */
} comparison;

/* Stage one of a workload, for all pairs and thread counts. Calls `done` with each comparison; `done` then owns its
 * samples. Comparisons that the deadline (console.h) left no time for are reported too, those after an interruption by
 * the user are not. Judged cases are appended to `cases`. Returns 0 and a reason where the workload cannot be made. */
typedef void compare_done(void *ctx, const comparison *c);
int compare_workload(const compare_sides *sides, const workload *w, const int *threads, int thread_counts,
                     const compare_settings *settings, json_t *cases, compare_done *done, void *ctx, char *reason,
                     size_t reason_size);

/* The number of cases of one workload. Serial kernels are compared at one thread only. */
int compare_cases(const compare_sides *sides, const int *threads, int thread_counts);

/* Sampling of stage one; it ends early where *stop is set. */
paired_settings compare_sampling(const compare_settings *s, const volatile int *stop);

/* Fills in the figures and the verdict of one process. */
void compare_conclude(comparison *c, const paired_run *run, const compare_settings *s);

/* compare_confirm.c: does stage two repeat this case? Yes if it was flagged, or if its time was too short. */
bool compare_wants_launches(const comparison *c, const compare_settings *s);

/* Stage two, after all launches: the final verdicts. Holm's gates hold the chance of any false alarm among all n cases
 * to family_alpha. Returns 0 where memory is short. */
int compare_stage_two(comparison *list, size_t n, const compare_settings *s);

/* compare_launch.c: runs the launches that a case still lacks. A kernel that crashes in one is wrong. */
void compare_run_launches(comparison *c, const compare_sides *sides, const compare_settings *s);

/* Sampling in launch `number`. Each launch has another seed, so buffers lie at other places. */
paired_settings compare_launch_sampling(const compare_settings *s, int number);

/* One launch, in this process: prints the median as JSON. Returns an exit code. */
int compare_launch(const compare_sides *sides, const workload *w, int threads, int launch, const compare_settings *s);

/* compare_words.c: 'NEW is 1.8 % slower than BASE [1.5, 2.1]'. Percentages are of BASE's time: '46 % faster' takes 46 %
 * less time. */
void compare_words(const comparison *c, const compare_settings *s, char *out, size_t size);
/* Kernel (or base -> new), workload, threads. */
void compare_title(const comparison *c, const char *separator, char *out, size_t size);

/* compare_print.c: the same on standard output. */
void compare_print(const comparison *c, const compare_settings *s);
void compare_print_side(const char *name, const compare_side *s);

#endif
