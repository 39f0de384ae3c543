/* paired_kernels.h: times two kernels in pairs, in this process, on the same tensors and in the same workspace.
 *
 * In: two kernels and the filled tensors that they were judged on. Out: a paired_run (paired_sampler.h). Call it in a
 * process that ends afterwards (a child, or a launch), because it loads plugins and makes threads. compare.c,
 * compare_launch.c, alignment_sweep.c and the selftest call it. */
#ifndef ATTNBENCH_PAIRED_KERNELS_H
#define ATTNBENCH_PAIRED_KERNELS_H

#include "tensors/instance.h"
#include "paired_sampler.h"
#include "run/cache_state.h"
#include "tensors/buffer_shift.h"

/* What is timed, and what the caller may watch. */
typedef struct paired_kernels {
    const attn_kernel *kernel[2]; /* LANE_BASE, LANE_NEW: stand-ins of plugins, or built-in kernels */
    const instance *in;           /* filled */
    const attn_machine *machine;
    int threads;
    residency residency;
    const shift *shift; /* of one of LANE_NEW's buffers, all others begin at pages; NULL: both lanes use the same */
    uint64_t layout;    /* seed of what differs between launches: places of buffers, which side is loaded first */
    volatile uint64_t *beat; /* counts slices; NULL: not wanted */
    volatile int *current;   /* the side that is being called; NULL: not wanted */
    /* Called after timing with the outputs of one more call of each lane, which were poisoned before it: what was timed
     * must also be right. Returns a message, or NULL if they are. NULL: no check. */
    const char *(*check)(void *ctx, int lane, const instance *placed, const attn_tensor *slot);
    void *ctx;
} paired_kernels;

/* *calls: calls in a slice. Returns 0 and a reason where preparing or warming up failed or the check found an error;
 * *wrong is the lane whose kernel is at fault, -1 if none is. */
int paired_kernels_run(const paired_kernels *d, const paired_settings *settings, paired_run *out, int64_t *calls,
                       int *wrong, char *reason, size_t reason_size);

#endif
