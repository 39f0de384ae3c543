/* shrink.h: from a case that fails to the smallest one that still does. */
#ifndef ATTNBENCH_SHRINK_H
#define ATTNBENCH_SHRINK_H

#include "judge/trial.h"

typedef struct shrunk {
    char reproducer[3072]; /* of the smallest failing case */
    char found[512];       /* what fails in it: its first finding and its pattern */
    int tried, kept;       /* cases run, and those that failed and were smaller */
    bool finished;         /* nothing smaller fails; else the time was up */
} shrunk;

/* Runs smaller cases of the failing `t`, each in a process of its own, for at most about `seconds`. A smaller case
 * counts as failing where the check of t's first finding fails in it. The same case shrinks in the same way every time.
 * Returns 0 and a reason where it cannot be tried at all. */
int shrink_case(const trial_group *g, const trial *t, const trial_settings *settings, double seconds, shrunk *out,
                char *reason, size_t reason_size);

#endif
