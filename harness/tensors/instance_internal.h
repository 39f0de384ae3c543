/* instance_internal.h: what the files of instances and inputs share. */
#ifndef ATTNBENCH_INSTANCE_INTERNAL_H
#define ATTNBENCH_INSTANCE_INTERNAL_H

#include <gsl/gsl_rng.h>

#include "instance.h"

/* What lies in gaps and padding: a NaN as f32, and twice one as f16 and bf16. */
enum { GAP_PATTERN = 0x7fc17fc1 };

/* The slot table as arguments. */
attn_args instance_all(const instance *in);

/* Lengths, positions, starts, pages and CSR: described, mapped and filled at once, since they say which work there
 * is. Changes in->problem where the class masked does. */
int metadata_describe(instance *in, char *reason, size_t reason_size);
bool slot_is_metadata(int slot);
bool slot_is_output(const attn_problem *problem, int slot);

/* Is this a cache so much larger than its keys that only their rows are touched? Memory is then taken for them
 * alone. */
bool instance_sparse(const instance *in, int slot);
/* The slot in whose mapping this slot's data lie: itself, or for a view (V in K) another; -1 none. */
int instance_owner(const instance *in, int slot);

/* Bytes from the first to behind the last element. */
int64_t tensor_bytes(const attn_tensor *t);

/* Maps `slot` as described and points its data into the mapping, near the rear guard page. `align` bytes off a
 * 64-byte border. */
int instance_map_slot(instance *in, int slot, int64_t align, char *reason, size_t reason_size);

/* Unrelated numbers for neighbouring seeds and for neighbouring n. */
uint64_t input_hash(uint64_t seed, int64_t n);

/* The random stream of one slot. NULL where memory is short; freed by gsl_rng_free. */
gsl_rng *input_stream(uint64_t seed, int slot);

#endif
