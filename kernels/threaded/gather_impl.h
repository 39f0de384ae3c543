/* gather_impl.h: copies rows of a slice that an inner kernel cannot read where they lie: keys in pages, and channels
 * that lie apart. The threaded kernels use it.
 *
 * A thread holds one copy of one KV head, keys x (d + dv) elements. So memory grows with the keys, and every block of
 * query rows repeats the copy that it shares with others. Measured on two threads with pages of 16: it takes 2% of a
 * prefill (h = 8, n = 1024, d = 64), and a decode runs at 0.61 of its speed without pages (h = 32, hkv = 8, k = 2048, d
 * = 128), which is why vector kernels read pages in place (0.91). Heads of a group that follow each other on a thread
 * share the copy. */
#ifndef ATTN_GATHER_IMPL_H
#define ATTN_GATHER_IMPL_H

#include "slice_impl.h"

/* Where the copies of Q, K and V lie in a thread's memory; -1: read in place. */
typedef struct attn_gather {
    int64_t at[ATTN_V + 1];
    int64_t bytes;
} attn_gather;

/* The KV head whose copy a thread holds; at the beginning of the thread's memory. */
typedef struct attn_gathered {
    int64_t b, kv_head; /* b = -1: none */
    int64_t unused[6];
} attn_gathered;

static inline int attn_is_apart(const attn_args *args, int slot)
{
    const attn_tensor *t = attn_slot_of(args, slot);
    return t->extent[3] > 1 && t->stride[3] != 1;
}

/* Because `kernel` cannot read it where it lies. Pages are for K and V together. */
static inline int attn_must_gather(const attn_args *args, const attn_kernel *kernel, int slot)
{
    const int of_keys = slot == ATTN_K || slot == ATTN_V, paged = of_keys && attn_slot_of(args, ATTN_PAGES);
    const int scaled = attn_slot_of(args, ATTN_K_SCALES) || attn_slot_of(args, ATTN_V_SCALES);
    const int apart =
        attn_is_apart(args, slot) || (paged && (attn_is_apart(args, ATTN_K) || attn_is_apart(args, ATTN_V)));
    if (of_keys && scaled) return 0; /* scales would have to follow: left as it is, for a kernel that can read it so */
    return (apart && !(kernel->caps[0] & ATTN_CAP_CHANNEL_STRIDE)) ||
           (paged && !(kernel->caps[1] & ATTN_SLOT_BIT(ATTN_PAGES)));
}

/* For slices of at most `rows` query rows of each head. */
static inline attn_gather attn_gather_of(const attn_problem *problem, const attn_args *args, const attn_kernel *kernel,
                                         int64_t rows)
{
    attn_gather g = {{-1, -1, -1}, sizeof(attn_gathered)};
    for (int slot = ATTN_Q; slot <= ATTN_V; slot++) {
        if (!attn_must_gather(args, kernel, slot)) continue;
        const attn_tensor *t = attn_slot_of(args, slot);
        const int64_t count = slot == ATTN_Q ? rows * (problem->h / problem->hkv) : problem->k;
        g.at[slot] = g.bytes;
        g.bytes += (count * t->extent[3] * (int64_t)attn_type_size(t->type) + 63) / 64 * 64;
    }
    if (g.bytes == sizeof(attn_gathered)) g.bytes = 0;
    return g;
}

static inline void attn_copy_row(const char *from, int64_t stride, char *to, int64_t channels, size_t size)
{
    if (stride == 1) {
        memcpy(to, from, (size_t)channels * size);
        return;
    }
    for (int64_t c = 0; c < channels; c++) memcpy(to + c * (int64_t)size, from + c * stride * (int64_t)size, size);
}

/* Copies `rows` rows of a slice's tensor; if `pages` is not NULL, of keys in pages. */
static inline void attn_gather_rows(const attn_tensor *t, const attn_tensor *pages, int64_t page_size, int64_t rows,
                                    char *to)
{
    const size_t size = attn_type_size(t->type);
    for (int64_t r = 0; r < rows; r++, to += t->extent[3] * (int64_t)size) {
        const int64_t page = pages ? ((const int64_t *)pages->data)[r / page_size * pages->stride[2]] : 0;
        const int64_t element = page * t->stride[0] + (pages ? r % page_size : r) * t->stride[2];
        attn_copy_row((const char *)t->data + element * (int64_t)size, t->stride[3], to, t->extent[3], size);
    }
}

/* Points the slice at the copies in `memory`, which it makes if the thread does not hold them. With memory NULL it only
 * sets how they will lie. */
static inline void attn_gather_slice(const attn_gather *g, attn_slice *slice, int64_t b, int64_t kv_head, char *memory)
{
    attn_gathered *held = (attn_gathered *)(void *)memory;
    const attn_tensor *pages = attn_slot_of(&slice->args, ATTN_PAGES);
    for (int slot = ATTN_Q; slot <= ATTN_V; slot++) {
        if (g->at[slot] < 0) continue;
        attn_tensor *t = &slice->slot[slot];
        const int64_t rows = slot == ATTN_Q ? slice->problem.q : attn_key_count(&slice->problem, &slice->args, 0);
        const int is_held = slot != ATTN_Q && held && held->b == b && held->kv_head == kv_head;
        const int64_t heads = slot == ATTN_Q ? slice->problem.h : 1, head_size = rows * t->extent[3];
        char *to = memory ? memory + g->at[slot] : NULL;
        for (int64_t h = 0; memory && !is_held && h < heads; h++) {
            const int64_t size = (int64_t)attn_type_size(t->type);
            attn_tensor head = *t;
            head.data = (char *)t->data + h * t->stride[1] * size;
            attn_gather_rows(&head, slot == ATTN_Q ? NULL : pages, slice->problem.page_size, rows,
                             to + h * head_size * size);
        }
        *t = (attn_tensor){to, t->type, 0, {1, heads, rows, t->extent[3]}, {0, head_size, t->extent[3], 1}};
    }
    if (held) held->b = b, held->kv_head = kv_head;
    if (g->at[ATTN_K] >= 0 && g->at[ATTN_V] >= 0) slice->slot[ATTN_PAGES] = (attn_tensor){0};
}

#endif
