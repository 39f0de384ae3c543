/* placement.h: the same tensors at other places.
 *
 * Where a buffer begins within its page moves a kernel's time by some percent (aliasing of loads and stores,
 * alignment), and between two guard pages a tensor's size alone decides it. A comparison therefore draws the places
 * anew in every launch, multiples of 64 bytes, the same ones for both sides. */
#ifndef ATTNBENCH_PLACEMENT_H
#define ATTNBENCH_PLACEMENT_H

#include "instance.h"

typedef struct placement {
    instance in; /* the copy: filled, private to the process; not to be given to instance_free */
    unsigned char *arena;
    size_t bytes;
} placement;

/* Copies a filled instance. 0 and a reason where memory is short. */
int placement_make(placement *p, const instance *from, uint64_t seed, char *reason, size_t reason_size);

/* Each tensor's first element at the beginning of a page, as large allocations have it, and `room` bytes behind
 * each. */
int placement_at_pages(placement *p, const instance *from, size_t room, char *reason, size_t reason_size);
void placement_free(placement *p);

#endif
