/* inputs.h: what tensors are filled with. */
#ifndef ATTNBENCH_INPUTS_H
#define ATTNBENCH_INPUTS_H

#include "instance.h"

/* Fills Q, K, V and the other inputs of a described and mapped instance by its class. Each slot draws from a stream
 * of its own, made of the seed and the slot's number: a slot more never changes the others. Gaps between rows hold
 * NaN. In the backward pass O and LSE hold NaN until the caller has put a forward pass's results there. */
int inputs_fill(instance *in, char *reason, size_t reason_size);

/* Where the class hides V rows that nobody may look at: 1e30 into them instead of NaN, or NaN again. 0 where memory is
 * short. */
int inputs_hide_v(const instance *in, bool finite);

/* The rows of Q, K or V (`slot`) from the file that the workload names for it; 1 with *found unset where it names
 * none. */
int inputs_read_file(instance *in, int slot, bool *found, char *reason, size_t reason_size);

/* The first element of row i of head h of sequence b, through packed starts and the page table. */
unsigned char *inputs_row(const instance *in, int slot, int64_t b, int64_t h, int64_t i);

/* One element rounded to nearest, ties to even, as its 16-bit pattern. */
uint16_t round_to_bf16(float x);
uint16_t round_to_f16(float x);

#endif
