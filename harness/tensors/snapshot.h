/* snapshot.h: dense copies of what a call wrote: the elements of its outputs and nothing between them, so that calls on
 * tensors that lie elsewhere, or whose gaps hold something else, can be held against each other. */
#ifndef ATTNBENCH_SNAPSHOT_H
#define ATTNBENCH_SNAPSHOT_H

#include "instance.h"

enum { SNAPSHOT_OUTPUTS = 3 };
extern const int snapshot_slot[SNAPSHOT_OUTPUTS]; /* O, LSE, WEIGHTS */

/* Where the parts of a snapshot lie in its bytes. */
typedef struct snapshot_layout {
    attn_tensor tensor[SNAPSHOT_OUTPUTS]; /* dense, data NULL; type ATTN_ABSENT where the instance has no such output */
    size_t offset[SNAPSHOT_OUTPUTS];
    size_t bytes;
} snapshot_layout;

snapshot_layout snapshot_layout_of(const instance *in);

/* Copies the outputs of an instance, rows beyond a query length as zeros. */
void snapshot_take(const snapshot_layout *layout, const instance *in, void *bytes);

/* The first of the outputs in `which` (bits by index) whose bits differ, by its slot; -1 none. */
int snapshot_differs(const snapshot_layout *layout, const void *a, const void *b, unsigned which);

#endif
