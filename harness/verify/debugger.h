/* debugger.h: a failing case again under gdb, in one process. */
#ifndef ATTNBENCH_DEBUGGER_H
#define ATTNBENCH_DEBUGGER_H

#include <stddef.h>

#include "judge/trial.h"

/* Is there a gdb? Else 0 and one line in `reason`. */
int debugger_found(char *reason, size_t reason_size);

/* Exchanges this process for gdb on the case, which runs until the failing call: a crash stops where it happens, a
 * finding of perturb.h right after the call that differed, wrong values at the call that computes them. Returns
 * only where that failed, with a reason. */
void debugger_become(const trial_group *g, const trial *t, char *reason, size_t reason_size);

#endif
