/* gate_advice.h: where the base's build is gone and only records of it are left.
 *
 * A folder a side, with the records of at least ten launches of 'bench'. Each time is read as a share of the ceiling
 * that limits the kernel (multiply-adds, or bandwidth at the workload's footprint), which the same launch measured:
 * that is the yardstick that removes what slowed both, as far as it goes. It does not go far, so what is called
 * slower (above 5 %) is advice and no finding, and records of another machine, system or compiler are not compared at
 * all. */
#ifndef ATTNBENCH_GATE_ADVICE_H
#define ATTNBENCH_GATE_ADVICE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "stats/stats_sign.h"

enum { LEAST_LAUNCHES = 10 };

typedef struct yardstick_rule {
    double delta, alpha; /* alpha: over all cases */
    bool undecided_fails;
} yardstick_rule;

/* The logarithm of NEW's mean time over BASE's, in yardsticks, from one value a launch, with its interval: Welch's t at
 * `alpha` on each side. */
double yardstick_ratio(const double *base, size_t bases, const double *fresh, size_t freshes, double alpha,
                       interval *at);

/* Fills the record's "gate" (gate_record.h). An exit code, with a reason where nothing was compared. */
int gate_yardstick(const char *base, const char *fresh, const yardstick_rule *rule, json_t *record, char *reason,
                   size_t reason_size);

#endif
