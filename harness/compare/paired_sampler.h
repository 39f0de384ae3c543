/* paired_sampler.h: samples pairs of adjacent slices of BASE and NEW until a sequential test decides.
 *
 * A slice is as many calls as fill 50 to 400 us. A lane is what a slice calls: BASE, NEW, or for the control the same
 * code once more. A block is base new new base or new base base new, chosen by a seeded random number, so that drift
 * and what the slice before leaves in the caches affect both lanes alike. Its two pairs of adjacent slices give two
 * values ln(new / base). Within so short a time the state of the machine hardly changes, and an interruption changes
 * the sign of one pair at most.
 *
 * Every fifth block is a control: base against itself, then new against itself, in turn. If a control shows a
 * difference, the measurement is at fault and the run is void. (When only the base had a control, its code ran a
 * quarter more often and the processor's predictors favoured it: new read 0.1 % slower than a copy of itself.) */
#ifndef ATTNBENCH_PAIRED_SAMPLER_H
#define ATTNBENCH_PAIRED_SAMPLER_H

#include <stddef.h>

#include "stats/sequential_test.h"

enum { LANE_BASE, LANE_NEW, LANE_BASE_AGAIN, LANE_NEW_AGAIN /* the same code once more */, LANES };
int paired_side(int lane); /* whose code a lane calls: 0 base, 1 new */

/* Where slices come from: kernels (paired_kernels.c), or in tests a recorded trace. */
typedef struct paired_lanes {
    double (*slice)(void *ctx, int lane); /* seconds; NaN where the call failed, which ends the run */
    double (*now)(void *ctx);             /* seconds, for the limit */
    void *ctx;
} paired_lanes;

typedef struct paired_settings {
    decision_rule rule;
    uint64_t seed;
    double seconds;           /* the most */
    double least_seconds;     /* before the first look: the signs of the first ten pairs are not independent */
    size_t pairs;             /* take exactly this many; 0: until the decision is made */
    const volatile int *stop; /* non-zero ends the run early; NULL: never */
} paired_settings;

typedef struct sampled_pair {
    double base, fresh; /* seconds of one slice */
    bool base_first;
} sampled_pair;

typedef enum paired_end {
    PAIRED_DONE,
    PAIRED_LIMIT, /* out of time or room without a decision */
    PAIRED_STOPPED,
    PAIRED_CALL_FAILED,
    PAIRED_CLOCK_FAILED /* a slice took no time or less */
} paired_end;

/* Holds no pointers, so it can lie in shared memory. */
enum { MOST_PAIRS = 1 << 16 };
typedef struct paired_run {
    paired_end end;
    int failed_lane;               /* of PAIRED_CALL_FAILED */
    decision decision, control[2]; /* of base and of new against itself */
    double seconds;
    double decided; /* seconds until the decision was made; 0: it was not */
    size_t pairs, controls;
    sampled_pair pair[MOST_PAIRS], of_control[MOST_PAIRS / 4];
} paired_run;

void paired_sample(const paired_lanes *lanes, const paired_settings *settings, paired_run *out);

/* Does a control claim that a side's code differs from itself? */
bool paired_void(const paired_run *run);
bool paired_side_void(const paired_run *run, int side);

#endif
