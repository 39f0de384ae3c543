/* work.c: the compulsory work of a problem: kept pairs, operations, bytes. Every GFLOP/s and GB/s in a report is one of
 * these numbers over a time; masked work does not count, whether a kernel skips it or not. */
#include <stdlib.h>
#include <string.h>

#include "problem.h"

typedef struct tally {
    double pairs;      /* kept (query, key) pairs of all query heads of one sequence */
    int64_t rows_seen; /* keys that some query of the sequence sees */
} tally;

static int64_t span_size(attn_span s) { return s.prefix + s.end - s.begin; }

/* Rows are in order of position, so their ranges move right and overlap. Their union is one range plus the prefix. */
static tally count_positional(const attn_problem *p, const attn_args *args, int64_t b)
{
    tally t = {0, 0};
    int64_t prefix = 0, begin = 0, end = 0;
    const int64_t rows = attn_query_count(p, args, b);
    for (int64_t i = 0; i < rows; i++) {
        const attn_span s = attn_visible(p, args, b, i);
        t.pairs += (double)span_size(s);
        if (s.prefix > prefix) prefix = s.prefix;
        if (s.begin == s.end) continue;
        if (begin == end || s.begin < begin) begin = s.begin;
        if (s.end > end) end = s.end;
    }
    t.pairs *= (double)p->h;
    t.rows_seen = end - begin + (prefix < begin ? prefix : begin < end ? begin : prefix);
    return t;
}

static int64_t overlap(int64_t a0, int64_t a1, int64_t b0, int64_t b1)
{
    const int64_t low = a0 > b0 ? a0 : b0, high = a1 < b1 ? a1 : b1;
    return high > low ? high - low : 0;
}

static void mark(unsigned char *seen, int64_t a0, int64_t a1, int64_t b0, int64_t b1)
{
    const int64_t n = overlap(a0, a1, b0, b1);
    if (n && seen) memset(seen + (a0 > b0 ? a0 : b0), 1, (size_t)n);
}

/* Counts pairs of the CSR lists intersected with the positional ranges. */
static tally count_blocks(const attn_problem *p, const attn_args *args, int64_t b)
{
    tally t = {0, 0};
    const attn_tensor *starts = attn_slot_of(args, ATTN_MASK_STARTS), *indices = attn_slot_of(args, ATTN_MASK_INDICES);
    if (!starts || !indices || !starts->data || !indices->data) return t;
    unsigned char *seen = calloc((size_t)p->k + 1, 1);
    const int64_t heads = starts->extent[1], rows = attn_query_count(p, args, b);
    for (int64_t h = 0; h < heads; h++) {
        const int64_t *first = (const int64_t *)starts->data + h * starts->stride[1];
        const int64_t *list = (const int64_t *)indices->data + h * indices->stride[1];
        for (int64_t i = 0; i < rows; i++) {
            const attn_span s = attn_visible(p, args, b, i);
            const int64_t block = i / p->mask_block_q;
            for (int64_t e = first[block * starts->stride[2]]; e < first[(block + 1) * starts->stride[2]]; e++) {
                const int64_t k0 = list[e * indices->stride[2]] * p->mask_block_k, k1 = k0 + p->mask_block_k;
                t.pairs += (double)(overlap(k0, k1, 0, s.prefix) + overlap(k0, k1, s.begin, s.end));
                mark(seen, k0, k1, 0, s.prefix);
                mark(seen, k0, k1, s.begin, s.end);
            }
        }
    }
    if (heads == 1) t.pairs *= (double)p->h;
    for (int64_t j = 0; j < p->k; j++) t.rows_seen += seen ? seen[j] : 1;
    free(seen);
    return t;
}

static double row_bytes(const attn_args *args, int slot, int64_t channels)
{
    const attn_tensor *t = attn_slot_of(args, slot);
    return t ? (double)attn_type_size(t->type) * (double)channels : 0;
}

/* Does V lie inside K's rows? Only data pointers tell, so the answer is no where they are unset. */
static int v_is_view_of_k(const attn_args *args)
{
    const attn_tensor *k = attn_slot_of(args, ATTN_K), *v = attn_slot_of(args, ATTN_V);
    return k && v && k->data && k->data == v->data;
}

attn_work_count attn_work(const attn_problem *p, const attn_args *args)
{
    attn_work_count work = {0, 0, 0};
    const double q_row = row_bytes(args, ATTN_Q, p->d) + row_bytes(args, ATTN_O, p->dv);
    const double kv_row = row_bytes(args, ATTN_K, p->d) + (v_is_view_of_k(args) ? 0 : row_bytes(args, ATTN_V, p->dv));
    for (int64_t b = 0; b < p->b; b++) {
        const tally t = p->mask & ATTN_MASK_BLOCKS ? count_blocks(p, args, b) : count_positional(p, args, b);
        work.pairs += t.pairs;
        work.bytes += (double)(p->h * attn_query_count(p, args, b)) * q_row + (double)(p->hkv * t.rows_seen) * kv_row;
    }
    work.operations = 2 * work.pairs * (double)(p->d + p->dv);
    return work;
}
