/* resolution.h: how small a slowdown would be seen on this machine, and in how many seconds a case?
 *
 * Recorded are pairs of a build against equally fast code. What a slowdown of x would have looked like follows: the
 * same pairs with every new time (1 + x) longer. The clock's own decision is replayed on that from starting points all
 * around each recording, neighbours kept together because interruptions come in swarms, and what counts is the time
 * by which 95 % of the replays have called it slower. */
#ifndef ATTNBENCH_RESOLUTION_H
#define ATTNBENCH_RESOLUTION_H

#include "compare/paired_sampler.h"

typedef struct recording {
    sampled_pair *pair;
    size_t pairs;
    double seconds; /* that they took, control lane and all */
} recording;

typedef struct replay_rule {
    decision_rule rule;
    double least_seconds, limit; /* as in paired_settings */
    size_t together;             /* pairs added up to one: slices so many times as long; 1: as recorded */
} replay_rule;

/* Seconds a case; infinite where 5 % of the replays and more do not see it within the limit. */
double resolution_seconds(const recording *list, size_t recordings, double effect, const replay_rule *rule);

/* Half of the pairs lie nearer than this to the median of ln(new / base). 0 where there is no memory or pair. */
double resolution_spread(const recording *list, size_t recordings);

#endif
