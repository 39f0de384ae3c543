/* repeat_outputs.h: outputs of a case's further calls whose bits differ from the first one's and may: the parent judges
 * them by the bounds of the plan that they were computed by. The child hands them over in shared memory. */
#ifndef ATTNBENCH_REPEAT_OUTPUTS_H
#define ATTNBENCH_REPEAT_OUTPUTS_H

#include "attention.h"
#include "tensors/snapshot.h"

enum { MOST_REPEATS = 24 };

typedef struct repeated_call {
    char check[32]; /* under which a wrong value is found */
    char what[96];  /* how the call differed from the first */
    attn_plan plan; /* pointers in it mean nothing */
    unsigned which; /* outputs that were asked for, bits by snapshot_slot's index */
} repeated_call;

typedef struct repeat_outputs {
    size_t mapped;
    snapshot_layout layout;
    int count;
    repeated_call item[MOST_REPEATS];
    _Alignas(64) unsigned char copy[]; /* of each, layout.bytes bytes */
} repeat_outputs;

/* Room for all of an instance's; memory is taken as they are kept. NULL where there is none. */
repeat_outputs *repeat_outputs_new(const instance *in);
void repeat_outputs_free(repeat_outputs *v);

/* Keeps one; what does not fit is not kept. */
void repeat_outputs_keep(repeat_outputs *v, const repeated_call *item, const void *snapshot);

#endif
