/* crossover.h: finds in a record's times the size from which one kernel is faster than another.
 *
 * A family is three or more workloads that differ only in their number of keys (and queries). For each family two kinds
 * of pairs are compared: a kernel and the one that it improves on, at one thread; and a threaded kernel at its most
 * threads and at one. The crossover is the smallest size from which the newer is faster by CROSSOVER_MARGIN or more at
 * every measured size. `bench` calls it. */
#ifndef ATTNBENCH_CROSSOVER_H
#define ATTNBENCH_CROSSOVER_H

#include <jansson.h>

/* On a noisy machine absolute times vary by about this much. */
#define CROSSOVER_MARGIN 0.03

/* A list of objects:
 *   "family"            SPEC without sizes
 *   "faster", "slower"  kernel, or "kernel, N threads"
 *   "from"              keys, or null
 *   "always"            bool: already at the smallest size
 *   "sizes"             [keys, ascending] */
json_t *crossovers_of(const json_t *record);

/* Prints one line for each; nothing if there are none. */
void crossovers_print(const json_t *crossovers);

#endif
