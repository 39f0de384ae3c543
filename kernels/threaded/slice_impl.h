/* slice_impl.h: makes a slice of a problem, which is a problem too: one sequence, the query heads of one or several KV
 * heads, some rows, some keys. The threaded kernels give slices to their inner kernel.
 *
 * Query lengths and the starts of packed batches are resolved here: a slice has only rows that exist, and begins where
 * its sequence does. Its keys keep their numbers, so k stays, and a packed sequence's keys become a key length, unless
 * keys are cut too. */
#ifndef ATTN_SLICE_IMPL_H
#define ATTN_SLICE_IMPL_H

#include <string.h>

#include "problem.h"

typedef struct attn_slice {
    attn_problem problem;
    attn_tensor slot[ATTN_SLOTS];
    attn_args args;
    int64_t key_length; /* of a packed sequence */
} attn_slice;

/* Narrows one tensor to entry `first` of an axis, or to `count` entries from there. A vector of extent 1 on that axis
 * (not along it, or one entry for all) stays. */
static inline void attn_narrow(attn_tensor *t, int axis, int64_t first, int64_t count)
{
    if (t->type == ATTN_ABSENT || t->extent[axis] == 1) return;
    if (t->data) t->data = (char *)t->data + first * t->stride[axis] * (int64_t)attn_type_size(t->type);
    t->extent[axis] = count;
}

/* Which axes of a slot follow the query head, the KV head and the query rows; every slot's axis 0 follows the
 * sequence. */
enum { SLICE_HEAD = 1, SLICE_KV_HEAD = 2, SLICE_ROWS = 4 };

static inline int attn_slice_axes(int slot)
{
    switch (slot) {
    case ATTN_Q:
    case ATTN_O:
    case ATTN_LSE:
    case ATTN_WEIGHTS:
    case ATTN_BIAS: return SLICE_HEAD | SLICE_ROWS;
    case ATTN_K:
    case ATTN_V:
    case ATTN_K_SCALES:
    case ATTN_V_SCALES: return SLICE_KV_HEAD;
    case ATTN_SLOPES:
    case ATTN_SINK_LOGITS:
    case ATTN_HEAD_SCALE: return SLICE_HEAD;
    default: return 0;
    }
}

/* Rows i0 .. i0 + rows - 1 of all query heads of KV heads kv_head .. kv_head + kv_heads - 1 of sequence b. Slots that
 * this file does not know are left out: a problem that has them is refused before. */
static inline void attn_slice_heads(const attn_problem *whole, const attn_args *args, int64_t b, int64_t kv_head,
                                    int64_t kv_heads, int64_t i0, int64_t rows, attn_slice *out)
{
    const int64_t heads = whole->h / whole->hkv;
    const uint32_t count = args->count < ATTN_SLOTS ? args->count : ATTN_SLOTS;
    const int64_t first_row = attn_metadata(args, ATTN_QUERY_STARTS, b, 0) + i0;
    const int64_t first_key = attn_metadata(args, ATTN_KEY_STARTS, b, 0), keys = attn_key_count(whole, args, b);
    const int packed_keys = attn_slot_of(args, ATTN_KEY_STARTS) != NULL, paged = attn_slot_of(args, ATTN_PAGES) != NULL;
    out->problem = *whole;
    out->problem.b = 1;
    out->problem.hkv = kv_heads;
    out->problem.h = kv_heads * heads;
    out->problem.q = rows;
    out->problem.q_pos += i0;
    memset(out->slot, 0, sizeof out->slot);
    memcpy(out->slot, args->slot, count * sizeof(attn_tensor));
    for (uint32_t slot = 0; slot < count; slot++) {
        const int axes = attn_slice_axes((int)slot);
        if (!(paged && (axes & SLICE_KV_HEAD))) attn_narrow(&out->slot[slot], 0, b, 1);
        if (axes & SLICE_HEAD) attn_narrow(&out->slot[slot], 1, kv_head * heads, kv_heads * heads);
        if (axes & SLICE_KV_HEAD) attn_narrow(&out->slot[slot], 1, kv_head, kv_heads);
        if (axes & SLICE_ROWS) attn_narrow(&out->slot[slot], 2, first_row, rows);
        if ((axes & SLICE_KV_HEAD) && packed_keys) attn_narrow(&out->slot[slot], 2, first_key, keys);
    }
    out->key_length = keys;
    if (packed_keys)
        out->slot[ATTN_KEY_LENGTHS] = (attn_tensor){&out->key_length, ATTN_I64, 0, {1, 1, 1, 1}, {1, 1, 1, 1}};
    out->slot[ATTN_QUERY_LENGTHS] = out->slot[ATTN_QUERY_STARTS] = out->slot[ATTN_KEY_STARTS] = (attn_tensor){0};
    out->args = (attn_args){sizeof out->args, ATTN_SLOTS, out->slot};
}

/* Of one KV head. */
static inline void attn_slice_rows(const attn_problem *whole, const attn_args *args, int64_t b, int64_t kv_head,
                                   int64_t i0, int64_t rows, attn_slice *out)
{
    attn_slice_heads(whole, args, b, kv_head, 1, i0, rows, out);
}

/* Narrows a slice of rows to keys k0 .. k1 - 1, which become keys 0 and on; with PAGES, k0 begins a page. */
static inline void attn_slice_keys(attn_slice *slice, int64_t k0, int64_t k1)
{
    attn_tensor *pages = &slice->slot[ATTN_PAGES];
    if (pages->type != ATTN_ABSENT) {
        const int64_t first = k0 / slice->problem.page_size;
        attn_narrow(pages, 2, first, pages->extent[2] - first);
    } else {
        static const int of_keys[] = {ATTN_K, ATTN_V, ATTN_K_SCALES, ATTN_V_SCALES};
        for (int i = 0; i < 4; i++) attn_narrow(&slice->slot[of_keys[i]], 2, k0, k1 - k0);
    }
    slice->problem.k = slice->key_length = k1 - k0;
    slice->problem.q_pos -= k0;
    slice->slot[ATTN_KEY_LENGTHS] = (attn_tensor){&slice->key_length, ATTN_I64, 0, {1, 1, 1, 1}, {1, 1, 1, 1}};
}

#endif
