/* counters_groups.h: events that answer a question together, by names that are the same on every processor.
 *
 *   pipeline  cycles, instructions, branches and those guessed wrong      instructions a cycle
 *   cache     loads and misses of the first level and of the last         where the data came from
 *   tlb       loads and misses of the data TLB
 *   fp        single-precision instructions by vector width               does it compute what it should, in vectors?
 *   system    time on a processor, page faults, switches, migrations      was it disturbed?
 *
 * An event that a processor lacks stays in the group, with the reason. bench --counters GROUP and `list counters` use
 * the groups; the record keeps the ratios of counters_derived. */
#ifndef ATTNBENCH_COUNTERS_GROUPS_H
#define ATTNBENCH_COUNTERS_GROUPS_H

#include <jansson.h>
#include <stdio.h>

#include "counters.h"

int counters_group_count(void);
const char *counters_group_name(int group);

/* Writes the group's events to `event`, which has room for `room`. Returns their number; 0: no group has this name;
 * -1: no room. */
int counters_group_events(const char *name, counter_event *event, int room);

/* Ratios of counted events, as {name: value}; {} if there are none. `operations`: of one call; `calls`: that were
 * counted; `line`: bytes of a cache line. */
json_t *counters_derived(const counter_value *value, int count, double calls, double operations, double line);

/* The i-th key of counters_derived and its meaning; NULL behind the last. */
const char *counters_derived_name(int i);
const char *counters_derived_about(int i);

#endif
