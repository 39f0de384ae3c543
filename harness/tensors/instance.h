/* instance.h: a workload made real: the problem, its tensors and their contents.
 *
 * Every tensor lies in a mapping of its own, shared with children made by fork, with an inaccessible page on either
 * side. By default a tensor ends at the page behind it (rounded down to its alignment), so that a read past the end
 * faults. */
#ifndef ATTNBENCH_INSTANCE_H
#define ATTNBENCH_INSTANCE_H

#include "util/guard_pages.h"
#include "workload/workload.h"

typedef struct instance {
    const workload *w;
    uint64_t seed;
    input_class input;
    attn_problem problem;         /* as the class may have changed it */
    attn_tensor slot[ATTN_SLOTS]; /* every slot in use, outputs O, LSE and (where it fits) WEIGHTS included */
    mapping map[ATTN_SLOTS];
    bool filled;
} instance;

/* Types, extents and strides only: data pointers stay NULL, metadata (lengths, positions) excepted. Enough for
 * attn_needs, attn_supports and attn_work. LSE is always described; WEIGHTS where b*h*q*k floats take at most 64 MiB
 * or the workload asks. */
int instance_describe(instance *in, const workload *w, input_class input, uint64_t seed, char *reason,
                      size_t reason_size);

/* Allocates and fills what instance_describe described. Refuses (0 and a reason) what does not fit in memory. */
int instance_fill(instance *in, char *reason, size_t reason_size);
void instance_free(instance *in);

/* The slot table for a call that asks for O and, if set, LSE and WEIGHTS: copies to slot[ATTN_SLOTS], returns args
 * on it. */
attn_args instance_args(const instance *in, bool lse, bool weights, attn_tensor slot[ATTN_SLOTS]);

/* Makes all input mappings read-only, or writable again. */
void instance_protect(instance *in, bool read_only);

/* Reads every `step`-th byte of all mappings, so that pages are mapped (4096) or lines in the caches that hold them
 * (64). */
void instance_touch(const instance *in, size_t step);

/* A NaN of f32 that no arithmetic makes. */
#define INSTANCE_POISON UINT32_C(0x7fc0dead)

/* Fills every byte of the outputs' mappings with a repeated 32-bit pattern (0x7fc0dead: NaN). */
void instance_poison(instance *in, uint32_t pattern);

/* True if bytes of output mappings outside the tensors' elements still hold the pattern (row padding, space before the
 * first element, rows beyond a query length). `slot` gets the slot that was written outside. */
bool instance_canaries_hold(const instance *in, uint32_t pattern, int *slot);

/* Bytes that instance_fill will take. */
double instance_bytes(const instance *in);

#endif
