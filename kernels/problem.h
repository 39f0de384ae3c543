/* problem.h: what kernels and the harness ask of a problem before a kernel runs: its tensors, counts of rows and keys,
 * validity, features, visible keys, work. Each formula exists only here (problem.c, work.c, names.c). */
#ifndef ATTN_PROBLEM_H
#define ATTN_PROBLEM_H

#include "attention.h"

/* The tensor in `slot`, or NULL where it is absent. */
static inline const attn_tensor *attn_slot_of(const attn_args *args, int slot)
{
    if ((uint32_t)slot >= args->count || args->slot[slot].type == ATTN_ABSENT) return NULL;
    return &args->slot[slot];
}

/* Entry `index` of a per-sequence i64 vector (axis 0), or `fallback` where the slot is absent. */
static inline int64_t attn_metadata(const attn_args *args, int slot, int64_t index, int64_t fallback)
{
    const attn_tensor *t = attn_slot_of(args, slot);
    return t && t->data ? ((const int64_t *)t->data)[index * t->stride[0]] : fallback;
}

/* Rows of sequence b that are read and written: QUERY_STARTS or QUERY_LENGTHS where given, else q. */
static inline int64_t attn_query_count(const attn_problem *problem, const attn_args *args, int64_t b)
{
    if (attn_slot_of(args, ATTN_QUERY_STARTS))
        return attn_metadata(args, ATTN_QUERY_STARTS, b + 1, 0) - attn_metadata(args, ATTN_QUERY_STARTS, b, 0);
    return attn_metadata(args, ATTN_QUERY_LENGTHS, b, problem->q);
}

/* Keys of sequence b that exist: KEY_STARTS or KEY_LENGTHS where given, else k. */
static inline int64_t attn_key_count(const attn_problem *problem, const attn_args *args, int64_t b)
{
    if (attn_slot_of(args, ATTN_KEY_STARTS) && !attn_slot_of(args, ATTN_KEY_LENGTHS))
        return attn_metadata(args, ATTN_KEY_STARTS, b + 1, 0) - attn_metadata(args, ATTN_KEY_STARTS, b, 0);
    return attn_metadata(args, ATTN_KEY_LENGTHS, b, problem->k);
}

/* Bytes of one element; 0 for types that have no fixed element. */
size_t attn_type_size(uint32_t type);
const char *attn_type_name(uint32_t type);       /* "f32"; "?" for unknown */
const char *attn_slot_name(int slot);            /* "KEY_LENGTHS"; "?" for unknown */
const char *attn_ceiling_name(uint32_t ceiling); /* "fp32_avx2"; "none" */

/* Checks a problem and its arguments (data pointers may be NULL). Returns 1 if valid; else 0 and one line in `reason`
 * that names the field, its value and what would be legal. */
int attn_check(const attn_problem *problem, const attn_args *args, char *reason, size_t reason_size);

/* The features in use: word 0 ATTN_CAP_* bits, word 1 slot bits. */
void attn_needs(const attn_problem *problem, const attn_args *args, uint64_t needs[2]);

/* Names of the bits set in `needs`, comma-separated, into `out`. */
void attn_needs_names(const uint64_t needs[2], char *out, size_t out_size);

/* Comma-separated names of ATTN_ISA_* bits; "portable" for none. */
void attn_isa_names(uint64_t isa, char *out, size_t out_size);

/* Can `kernel` be called with this, given the usable instruction sets? Else 0 and the reason in words. Also refuses
 * a kernel of another ABI. */
int attn_supports(const attn_kernel *kernel, const attn_problem *problem, const attn_args *args, uint64_t isa,
                  char *reason, size_t reason_size);

/* Compulsory work of a problem, counted by the mask that metadata and CSR slots describe.
 * pairs: (query, key) pairs kept over all heads; operations: 2 * pairs * (d + dv); bytes: Q and O rows, and every K and
 * V row that some query sees, once each (V not again where it is a view of K), at their storage types. */
typedef struct attn_work_count {
    double pairs, operations, bytes;
} attn_work_count;
attn_work_count attn_work(const attn_problem *problem, const attn_args *args);

/* The keys that row i of sequence b sees, when the mask has no BLOCKS: [0, prefix) and [begin, end), disjoint,
 * prefix <= begin <= end. `lengths` and positions are read from args. */
typedef struct attn_span {
    int64_t prefix, begin, end;
} attn_span;
attn_span attn_visible(const attn_problem *problem, const attn_args *args, int64_t b, int64_t i);

#endif
