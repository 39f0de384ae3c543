/* counters_groups.h: events that answer a question together, by names that are the same on every processor.
 *
 *   pipeline  cycles, instructions, branches and those guessed wrong      instructions a cycle
 *   cache     loads and misses of the first level and of the last         where the data came from
 *   tlb       loads and misses of the data TLB
 *   fp        single-precision instructions by vector width               does it compute what it should, in vectors?
 *   system    time on a processor, page faults, switches, migrations      was it disturbed?
 *
 * What a processor has no event for is in the group all the same: absent, with the reason. */
#ifndef ATTNBENCH_COUNTERS_GROUPS_H
#define ATTNBENCH_COUNTERS_GROUPS_H

#include <jansson.h>
#include <stdio.h>

#include "counters.h"

int counters_group_count(void);
const char *counters_group_name(int group);

/* Puts the group's events at `event`, which has room for `room`. Their number; 0: no group has this name; -1: no
 * room. */
int counters_group_events(const char *name, counter_event *event, int room);

/* What follows from the counted ones, a ratio where both its parts were counted. `operations` of one call, `calls` of
 * them counted, `line` bytes of a cache line. {} where nothing follows. */
json_t *counters_derived(const counter_value *value, int count, double calls, double operations, double line);

/* Its keys in order, each with its meaning; NULL behind the last. */
const char *counters_derived_name(int i);
const char *counters_derived_about(int i);

#endif
