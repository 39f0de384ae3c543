/* in_place_impl.h: whole tiles of keys, and values, read where they lie instead of packed, for the loops of
 * transposed_impl.h.
 *
 * A tile loop broadcasts single elements of K and V, so it can read them from rows as well as from packed tiles;
 * packing only puts side by side what is read together. For few groups of queries packing costs more than that saves
 * (b=16,h=12,q=128,d=64 runs 5% faster in place with AVX-512 and AVX2). With AVX-512, while rows are near each other,
 * that holds for any number of groups (h=8,q=2048,d=64 and 128: 1 to 2% faster, AVX2 1 to 2% slower;
 * h=64,q=2048,d=64,layout=bshd, rows 16 KB apart, 5% slower).
 *
 * Tiles that are not whole are packed, because rows that do not exist must not be read.
 *
 * For few groups, rows that are not fp32 are first widened, and rows in pages copied, to one behind the other where
 * tiles would be. That is packing without its transposition, and is done once where V is in K. */
#ifndef ATTN_IN_PLACE_IMPL_H
#define ATTN_IN_PLACE_IMPL_H

#include "packed_blocks_impl.h"

static inline int lies_in_rows(const attn_tensor *t, const attn_tensor *pages) { return t->type == ATTN_F32 && !pages; }

/* Is a block read in place? Only whole tiles of channels are, and only if at most IN_PLACE_NEAR groups of queries share
 * a block (IN_PLACE_FAR if other rows lie between those of a head). Rows that would be copied together are packed
 * instead if slices on several threads `share` what is packed. */
static inline int can_read_in_place(const attn_problem *problem, const attn_args *args, int64_t groups, int share)
{
    const attn_tensor *k = attn_slot_of(args, ATTN_K), *v = attn_slot_of(args, ATTN_V),
                      *pages = attn_slot_of(args, ATTN_PAGES);
    const int lie = lies_in_rows(k, pages) && lies_in_rows(v, pages);
    const int near = !lie || (k->stride[2] < 2 * problem->d && v->stride[2] < 2 * problem->dv);
    return groups <= (near ? IN_PLACE_NEAR : IN_PLACE_FAR) && problem->dv % TILE == 0 && (lie || !share);
}

static inline int rows_are_finite(const float *row, int64_t step, int64_t rows, int64_t n)
{
    const uint32_t exponent = 0x7f800000;
    uint32_t odd = 0;
    for (int64_t j = 0; j < rows; j++, row += step) {
        for (int64_t c = 0; c < n; c++) {
            uint32_t bits;
            memcpy(&bits, row + c, sizeof bits);
            odd |= (bits & exponent) == exponent;
        }
    }
    return !odd;
}

/* Does every row that sees keys first .. first + count - 1 see all of them? */
static inline int seen_by_all(const row_job *job, int64_t groups, int64_t first, int64_t count)
{
    for (const row_group *g = job->group; g < job->group + groups; g++) {
        const int sees_some = g->any_begin < first + count && g->any_end > first;
        if (sees_some && (g->all_begin > first || g->all_end < first + count)) return 0;
    }
    return 1;
}

static inline int is_v_in_k(const row_job *job)
{
    const attn_tensor *k = job->stored[ATTN_K], *v = job->stored[ATTN_V];
    return job->problem->dv <= job->problem->d && k->data == v->data && k->type == v->type &&
           memcmp(k->stride, v->stride, sizeof k->stride) == 0;
}

/* Widens keys or values to fp32 rows behind each other. What widen_row writes beyond a row is overwritten by the next
 * row, or by what follows in `own`. */
static inline void gather_rows(const row_job *job, int slot, int64_t first, int64_t count, float *to)
{
    const attn_tensor *from = job->stored[slot], *scales = slot == ATTN_K ? job->k_scales : job->v_scales;
    const int64_t n = channels_of(job->problem, slot);
    const char *row[KEYS_MOST];
    attn_key_rows(from, job->pages, job->problem->page_size, job->b, job->kv_head, first, count, row);
    for (int64_t j = 0; j < count; j++)
        if (from->type == ATTN_F32)
            memcpy(to + j * n, row[j], (size_t)n * sizeof *to);
        else
            widen_row(row[j], from->type, scale_of_key(job, scales, first + j), n, to + j * n);
}

/* Keys first .. first + count - 1, of which the first `end` are read in tiles, and their values. */
static inline block_rows rows_of_block(const row_job *job, int64_t first, int64_t count, int64_t end)
{
    const attn_tensor *k = job->stored[ATTN_K], *v = job->stored[ATTN_V];
    const int64_t d = job->problem->d, dv = job->problem->dv;
    block_rows rows = {.k = job->own.k, .k_row = d, .v = job->own.v, .v_row = dv, .end = end};
    if (lies_in_rows(k, job->pages))
        rows.k = attn_f32_row(k, job->b, job->kv_head, first), rows.k_row = k->stride[2];
    else
        gather_rows(job, ATTN_K, first, end, job->own.k);
    if (lies_in_rows(v, job->pages))
        rows.v = attn_f32_row(v, job->b, job->kv_head, first), rows.v_row = v->stride[2];
    else if (is_v_in_k(job) && !job->k_scales && !job->v_scales && end == count)
        rows.v = rows.k, rows.v_row = rows.k_row;
    else
        gather_rows(job, ATTN_V, first, count, job->own.v);
    return rows;
}

/* Makes keys first .. first + count - 1 the current block. Some row sees each of them. */
static inline void read_block(row_job *job, int64_t first, int64_t count, int64_t groups)
{
    job->block = job->own;
    job->rows = rows_of_block(job, first, count, count / TILE * TILE);
    if (job->rows.end < count) pack_rows(job, ATTN_K, first, job->rows.end, job->rows.end, count);
    job->block.notes->hidden = 0;
    job->block.notes->finite = seen_by_all(job, groups, first, count) ||
                               rows_are_finite(job->rows.v, job->rows.v_row, count, job->problem->dv);
}

#endif
