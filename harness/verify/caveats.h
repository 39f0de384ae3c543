/* caveats.h: what the verdicts of a run rest upon less than they might: kernels that show neither LSE nor weights, rows
 * of which their accuracy contract promises nothing, declared figures that were lowered. A pass is said together with
 * them. */
#ifndef ATTNBENCH_CAVEATS_H
#define ATTNBENCH_CAVEATS_H

#include <stdio.h>

#include "judge/trial.h"

typedef struct reservations {
    int output_only, unbounded, unbounded_whole, capped; /* cases */
} reservations;

void reservations_add(reservations *r, const trial *t);

/* One line for each kind that there is. */
void reservations_print(FILE *to, const reservations *r);

/* "full"; "output-only" where neither LSE nor weights were judged; "no-bound" where no row has a finite bound. */
const char *verdict_kind(const trial *t);

#endif
