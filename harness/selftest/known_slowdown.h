/* known_slowdown.h: the clock put to builds whose true difference in time is known (harness/slowed/): one run of it.
 *
 * What selftest clock, which counts many such runs, and the doctor, which takes a few, share. */
#ifndef ATTNBENCH_KNOWN_SLOWDOWN_H
#define ATTNBENCH_KNOWN_SLOWDOWN_H

#include "compare/compare_side.h"
#include "tensors/instance.h"
#include "compare/paired_sampler.h"

enum { SLOWED_SHAPES = 2 };
typedef struct slowed_shape {
    const char *name, *spec;
    double accuracy; /* required of the median of estimates over runs */
} slowed_shape;
extern const slowed_shape slowed_shapes[SLOWED_SHAPES]; /* compute-bound, memory-bound */

/* The inputs of a shape; must not move in memory. */
typedef struct slowed_case {
    const slowed_shape *shape;
    workload w;
    instance in;
    attn_machine machine;
} slowed_case;

/* 0 and a reason where memory is short. */
int slowed_case_make(slowed_case *c, const slowed_shape *shape, const workload_set *set, uint64_t isa, uint64_t seed,
                     char *reason, size_t reason_size);
void slowed_case_free(slowed_case *c);

/* The base build against `build` ("slowed_again", "slowed_1", ...). 0 and a reason where their files are missing. */
int slowed_open(const char *build, uint64_t isa, compare_sides *out, char *reason, size_t reason_size);

/* One run in a child of its own, with places of its own: settings->seed. Lies in shared memory (child_process.h). */
typedef struct slowed_run {
    paired_run run;
    double preemptions; /* times that another thread was given our processor */
    int ran;
    char reason[256];
} slowed_run;
int slowed_once(slowed_run *out, const compare_sides *sides, const slowed_case *c, const paired_settings *settings);

#endif
