/* gate.h: did a change make any case slower or wrong? Comparisons (compare.h) of a whole selection, and what follows
 * from them for a pipeline.
 *
 * A case is a kernel on a workload at a number of threads, and is named as Google Benchmark would:
 * kernel/workload/threads:N. */
#ifndef ATTNBENCH_GATE_H
#define ATTNBENCH_GATE_H

#include "compare/compare.h"
#include "waivers.h"

/* In the order of a report. */
typedef enum gate_outcome {
    GATE_WRONG,     /* NEW is: fails */
    GATE_SLOWER,    /* fails */
    GATE_REMOVED,   /* NEW does not do what BASE did; fails where all are required */
    GATE_UNDECIDED, /* could not tell, or no time left */
    GATE_WAIVED,    /* slower, as far as a waiver allows */
    GATE_ADDED,     /* BASE does not do it, or is wrong: nothing to compare with */
    GATE_FASTER,
    GATE_WELL,   /* not slower by more than the threshold */
    GATE_SAME,   /* identical code */
    GATE_UNABLE, /* neither side does it here */
    GATE_OUTCOMES
} gate_outcome;
const char *gate_outcome_name(gate_outcome o);

typedef struct gate_rule {
    double accuracy_factor; /* growth of errors that counts */
    bool require_all, undecided_fails;
    char today[DATE_SIZE];
} gate_rule;

typedef struct gate_case {
    comparison c; /* kernel[side] NULL and no workload where only the other side has the kernel */
    char name[1200];
    gate_outcome outcome;
    const waiver *waiver; /* that speaks of it; NULL: none does */
    char why[1024];       /* in words, base first */
} gate_case;

/* Errors of one kernel, over the cases that were judged on both sides. */
typedef struct gate_accuracy {
    const char *kernel;
    double ratio[2], rms[2]; /* largest error to bound; pooled root mean square in standard deviations */
    int64_t rows;
    bool worse; /* either grew by the rule's factor */
} gate_accuracy;

typedef struct gate_result {
    gate_case *item;
    size_t count;
    gate_accuracy *accuracy;
    int kernels, worse;
    int outcomes[GATE_OUTCOMES];
    const waiver **unused; /* that no case needed */
    int unused_count;
} gate_result;

/* Takes what was compared and says what follows. `list` and `sides` must outlive the result. 0 where memory is
 * short. */
int gate_conclude(const comparison *list, size_t count, const compare_sides *sides, const compare_settings *settings,
                  const gate_rule *rule, const waiver_list *waivers, gate_result *out);
void gate_free(gate_result *r);

/* A finding comes first; then what could not be told, where the rule says that it fails, or where it is all there is:
 * a gate that compared nothing never passes. */
int gate_exit(const gate_result *r, const gate_rule *rule);

/* Of the cases that there were, those that were compared: that have a verdict, be it that their code is the same. */
int gate_compared(const gate_result *r);

/* NULL: no case is of that name. */
const gate_case *gate_case_matching(const gate_result *r, const waiver *w);

/* 'compared 88 of 100; 12 not supported here'. */
void gate_headline(const gate_result *r, char *out, size_t size);

/* gate_accuracy.c. 0 where memory is short. */
int gate_accuracy_of(const gate_case *item, size_t count, double factor, gate_accuracy **out, int *kernels);

#endif
