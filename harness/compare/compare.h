/* compare.h: one case compared: a pair of kernels on a workload at a number of threads.
 *
 * Judged first (a kernel that fails is never timed, nor passed over because its code is the same). Stage one times it
 * in pairs in a child (paired_kernels.h) until the sequential test has its answer. Stage two, for what that flags or
 * leaves open, repeats it in fresh launches of the program: what one launch says may be the luck of its layout. */
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
    COMPARE_NO_DIFFERENCE, /* beyond delta */
    COMPARE_NOT_SLOWER,    /* and whether it is faster could not be told */
    COMPARE_IDENTICAL,     /* the same code: not timed */
    COMPARE_COULD_NOT_TELL,
    COMPARE_WRONG,       /* failed verification, crashed or hung: never timed, or its times are void */
    COMPARE_UNSUPPORTED, /* by one of the two */
    COMPARE_VERDICTS
} compare_verdict;
const char *compare_verdict_name(compare_verdict v);

enum { MOST_LAUNCHES = 64 };

typedef struct compare_settings {
    double delta;        /* relative difference that matters */
    double family_alpha; /* chance of any false 'slower' among all cases */
    double beta;         /* of a false 'not slower' a case */
    int cases;           /* that share family_alpha */
    double seconds;      /* limit of the pairs of a case */
    int launches;        /* that confirm a verdict; 0: none */
    bool only_slower;    /* 'faster' is told, and not confirmed */
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
    const json_t *entry; /* in the record's cases; NULL: not judged */
} judged_side;

typedef struct comparison {
    const attn_kernel *kernel[2];
    const workload *w;
    int threads;
    compare_verdict verdict;
    judged_side judged[2];
    int wrong;     /* the side that is, where the verdict says so */
    char why[400]; /* could not tell, wrong, unsupported; a note on others */
    bool timed;
    bool open; /* could not tell for want of time alone */
    pair_figures figures, control;
    size_t pairs, controls;
    int64_t calls; /* of a slice */
    double seconds;
    double log_e;   /* evidence for slower */
    double visible; /* the smallest slowdown that so many pairs would have shown */
    int launches;
    double launch[MOST_LAUNCHES]; /* median ln(new / base) of each */
    launch_figures over_launches;
    int moved_launches; /* with both builds moved to other code offsets (gate_code_offsets.h) */
    double moved[MOST_LAUNCHES];
    json_t *samples; /* [[base ns, new ns, base first], ...]; owned; NULL: not timed */
} comparison;

/* Stage one: a workload for all pairs and thread counts. Calls `done` with each comparison, whose samples are then
 * its; also with those that the deadline (console.h) left no time for, but not with what the user cut off. Judged cases
 * are appended to `cases`. 0 and a reason where the workload itself cannot be made. */
typedef void compare_done(void *ctx, const comparison *c);
int compare_workload(const compare_sides *sides, const workload *w, const int *threads, int thread_counts,
                     const compare_settings *settings, json_t *cases, compare_done *done, void *ctx, char *reason,
                     size_t reason_size);

/* Cases of one workload: serial kernels are compared at one thread only. */
int compare_cases(const compare_sides *sides, const int *threads, int thread_counts);

/* How the clock samples for stage one; it ends early where *stop is set. */
paired_settings compare_sampling(const compare_settings *s, const volatile int *stop);

/* Verdict from the figures of one process. */
void compare_conclude(comparison *c, const paired_run *run, const compare_settings *s);

/* compare_confirm.c: is it worth launches? What is flagged, and what the time was too short for. */
bool compare_wants_launches(const comparison *c, const compare_settings *s);

/* Stage two, when all launches are done: what they say together, false alarms held to family_alpha over all n cases
 * by Holm's gates. 0 where memory is short. */
int compare_stage_two(comparison *list, size_t n, const compare_settings *s);

/* compare_launch.c: the launches of one case that it does not have yet. One that crashes by one of the kernels makes
 * that wrong. */
void compare_run_launches(comparison *c, const compare_sides *sides, const compare_settings *s);

/* How it samples in a launch; the seed, and so the layout, is another in each. */
paired_settings compare_launch_sampling(const compare_settings *s, int number);

/* One launch of a confirmation, in a process of its own: prints its median. An exit code. */
int compare_launch(const compare_sides *sides, const workload *w, int threads, int launch, const compare_settings *s);

/* compare_words.c: 'NEW is 1.8 % slower than BASE [1.5, 2.1]'. Percent are of BASE's time everywhere: what is 46 %
 * faster takes 46 % less time, -46 %. */
void compare_words(const comparison *c, const compare_settings *s, char *out, size_t size);
/* kernel, or base -> new; workload; threads. */
void compare_title(const comparison *c, const char *separator, char *out, size_t size);

/* compare_print.c: the same on standard output. */
void compare_print(const comparison *c, const compare_settings *s);
void compare_print_side(const char *name, const compare_side *s);

#endif
