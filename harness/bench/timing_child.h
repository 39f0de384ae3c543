/* timing_child.h: a group is timed in a child of its own.
 *
 * The process that judges forks a child for each case, so it may never load a plugin or keep threads; and what is timed
 * may crash or hang at its thousandth call as well as at its first. Therefore the timing of each group happens in a
 * child, which sends its entries to the parent when it is done. If it dies, the case that was being called is to blame:
 * it becomes an error entry, and the others are timed again without it.
 *
 * Kernels of one group share a child, their repetitions interleaved, except where they would disturb each other: a
 * kernel with threads of its own is timed alone (idle workers of its runtime spin), and several plugins get a child
 * each where it cannot be told that they run no code of each other (plugin_isolation.h). */
#ifndef ATTNBENCH_TIMING_CHILD_H
#define ATTNBENCH_TIMING_CHILD_H

#include "timing.h"

/* Calls time_group in children, with the group's trials or parts of them, until each has its entry. */
void timing_apart(timing *t, trial_group *g, void (*time_group)(timing *t, trial_group *part));

#endif
