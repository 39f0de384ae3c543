/* crossover.h: from which size on one thing beats another, found in a record's own times.
 *
 * A family: workloads that differ in their number of keys (and of queries) alone, at three sizes or more. In each, for
 * every kernel and the one that it improves on (both at one thread), and for every threaded kernel at its most threads
 * and at one: the smallest size from which on the newer is faster by CROSSOVER_MARGIN or more at every measured
 * size. */
#ifndef ATTNBENCH_CROSSOVER_H
#define ATTNBENCH_CROSSOVER_H

#include <jansson.h>

/* Absolute figures wander by about this much on a noisy machine: less is no win. */
#define CROSSOVER_MARGIN 0.03

/* [{"family": SPEC without sizes, "faster","slower": kernel or "kernel, N threads", "from": keys or null, "always":
 * bool (already at the smallest size), "sizes": [keys, ascending]}] */
json_t *crossovers_of(const json_t *record);

/* One line each, nothing where there are none. */
void crossovers_print(const json_t *crossovers);

#endif
