/* paired_kernels.h: two kernels in this process on the same tensors and the same workspace, timed in pairs.
 *
 * To be called in a process that ends afterwards (a child, or a launch of a confirmation): it loads plugins and
 * makes threads. */
#ifndef ATTNBENCH_PAIRED_KERNELS_H
#define ATTNBENCH_PAIRED_KERNELS_H

#include "tensors/instance.h"
#include "paired_sampler.h"
#include "run/cache_state.h"
#include "tensors/buffer_shift.h"

/* Both kernels, with the tensors that they were judged on. */
typedef struct paired_kernels {
    const attn_kernel *kernel[2]; /* LANE_BASE, LANE_NEW; stand-ins or built-in */
    const instance *in;           /* filled */
    const attn_machine *machine;
    int threads;
    residency residency;
    const shift *shift; /* of LANE_NEW's buffers, which otherwise begin at pages; NULL: both lanes at the same places */
    uint64_t layout;    /* seed of what differs between launches: places of buffers, which side is loaded first */
    volatile uint64_t *beat; /* counts slices; NULL: nobody looks */
    volatile int *current;   /* the lane that is being called; NULL: nobody looks */
    /* Called last, with what one more call of a lane wrote into poisoned outputs: what was timed is also right.
     * NULL: none. A message, or NULL where all is well. */
    const char *(*check)(void *ctx, int lane, const instance *placed, const attn_tensor *slot);
    void *ctx;
} paired_kernels;

/* Also the calls of a slice. 0 and a reason where there is nothing to time, or a call before the timing failed, or the
 * last check found something (*wrong is then the lane, else -1). */
int paired_kernels_run(const paired_kernels *d, const paired_settings *settings, paired_run *out, int64_t *calls,
                       int *wrong, char *reason, size_t reason_size);

#endif
