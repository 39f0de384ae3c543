/* few_rows_impl.h: the loops of absorb_few: at most FEW query rows against K and V where they lie, at the speed of
 * memory.
 *
 *   for each block of keys that some row sees:
 *     look up where its keys and values lie
 *     LANES keys at a time: dot products with four rows at once, or one (K comes from memory once, then from L1)
 *     for each row: online softmax of its scores
 *     STEP keys at a time: values, for four rows that see the same keys at once, or one
 *
 * Arithmetic is divided into small steps between the loads from memory, so that the prefetchers never stop: computing
 * one row after the other over the whole block, h=32,hkv=8,k=8192,d=128 read 21 GB/s where the same keys with one row
 * read 29.
 *
 * With bf16 and four query heads a KV head, arithmetic takes as long as reading, and they overlap only in part. For a
 * key of d = 128, AVX-512 needs 64 multiply-adds, 16 instructions to widen, 11 to sum across lanes and 4 for the
 * softmax, two a cycle: 47.5 cycles; measured from the second-level cache 48 if nobody shares the core, 55 to 58
 * otherwise. The memory needs 47 to 54 for the 512 bytes. Together they take 60 to 67; a loop that reads in order and
 * only multiplies for as long in between takes 60 to 65.
 *
 * Where rows of K are long (latent attention), a few of them fill L1; all query rows use these before the next keys are
 * read (is_for_many).
 *
 * There are no vectors in this file. The kernel that includes it defines what transposed_impl.h asks for, and the
 * functions that are declared here. */
#ifndef ATTN_FEW_ROWS_IMPL_H
#define ATTN_FEW_ROWS_IMPL_H

#include "transposed_impl.h"

enum { AHEAD_MOST = 32 }; /* rows */

typedef struct few_rows {
    int64_t row;                 /* first */
    int64_t d_padded, dv_padded; /* channels rounded up to one or two vectors: leading dimensions of q and o, which hold
                                    zeros there */
    float *q;                    /* (FEW, d_padded) scaled */
    float *o;                    /* (FEW, dv_padded) unnormalised */
    float *weights;              /* (FEW, KEYS_MOST) scores, then weights; 0 for keys that the row does not see */
    float max[FEW], sum[FEW];
    const char *k[KEYS_MOST + AHEAD_MOST]; /* where the rows of the block's keys, and of those behind it, lie */
    const char *v[KEYS_MOST + AHEAD_MOST];
    int many;        /* is_for_many: keys and values are fp32 when they meet the rows */
    int64_t v_ahead; /* rows from a value that is read to the one that is asked for; 0: none is */
} few_rows;

/* While a row is read from memory, one further on is asked for. A loop that only reads has a hundred loads under way,
 * one with products between them has few, and the processor's own prefetchers end at pages, its and the tensor's. 4 KB
 * ahead, with AVX-512 and AVX2: h=32,hkv=8,k=4096,d=128 is 7 and 15% faster, in bf16 17 and 8%, in pages of 16 8 and
 * 13%. Half or twice as much gains 2 points less, asking for the second level alone nothing. */
static inline int64_t few_ahead(const row_job *job, int slot)
{
    enum { AHEAD = 4096 };
    const int64_t row = channels_of(job->problem, slot) * attn_element_bytes(job->stored[slot]->type);
    return larger(smaller(AHEAD / row, AHEAD_MOST), 1);
}

static int64_t few_floats(int64_t d, int64_t dv)
{
    return FEW * (round_up(d, 2 * LANES) + round_up(dv, 2 * LANES) + KEYS_MOST);
}

/* Queries scaled and padded; results, maxima and sums of no key yet. */
static void few_start(const row_job *job, few_rows *f, int64_t row, int64_t rows);
/* Dot products of one row with LANES keys of type `type`, of which only `count` exist. */
ALWAYS_INLINE void few_scores_of(const row_job *job, const float *q, const char *const k[], int64_t count, float *score,
                                 const uint32_t type);
/* The same of four rows: queries d_padded apart, scores KEYS_MOST apart. */
ALWAYS_INLINE void few_scores_4_of(const row_job *job, const float *q, const char *const k[], int64_t count,
                                   float *score, const uint32_t type);
/* Scores of one row become weights; its maximum, sum and o follow. The row sees begin .. end - 1 of the block's `count`
 * keys. */
static void few_softmax(const row_job *job, few_rows *f, int64_t row, int64_t begin, int64_t end, int64_t count);
/* o += weights x values of type `type` of keys begin .. end - 1 of the block, for one row or four. */
ALWAYS_INLINE void few_values_1_of(const row_job *job, const few_rows *f, int64_t row, int64_t begin, int64_t end,
                                   const uint32_t type);
ALWAYS_INLINE void few_values_4_of(const row_job *job, const few_rows *f, int64_t row, int64_t begin, int64_t end,
                                   const uint32_t type);
/* The scores and the values of all rows, a multiple of four, of fp32 keys of the block that all of them see. */
static void few_scores_many(const row_job *job, const few_rows *f, int64_t rows, int64_t count);
static void few_values_many(const row_job *job, const few_rows *f, int64_t rows, int64_t begin, int64_t end);
/* O and LSE of one row; O is 0 where it `sees` no key. */
static void few_store(const row_job *job, const few_rows *f, int64_t row, int64_t r, int sees);

/* Each type has loops of its own: it is a constant in them. */
static void few_scores(const row_job *job, const float *q, const char *const k[], int64_t count, float *score)
{
    switch (job->stored[ATTN_K]->type) {
    case ATTN_F16: few_scores_of(job, q, k, count, score, ATTN_F16); break;
    case ATTN_BF16: few_scores_of(job, q, k, count, score, ATTN_BF16); break;
    case ATTN_I8: few_scores_of(job, q, k, count, score, ATTN_I8); break;
    default: few_scores_of(job, q, k, count, score, ATTN_F32); break;
    }
}

static void few_scores_4(const row_job *job, const float *q, const char *const k[], int64_t count, float *score)
{
    switch (job->stored[ATTN_K]->type) {
    case ATTN_F16: few_scores_4_of(job, q, k, count, score, ATTN_F16); break;
    case ATTN_BF16: few_scores_4_of(job, q, k, count, score, ATTN_BF16); break;
    case ATTN_I8: few_scores_4_of(job, q, k, count, score, ATTN_I8); break;
    default: few_scores_4_of(job, q, k, count, score, ATTN_F32); break;
    }
}

static void few_values_1(const row_job *job, const few_rows *f, int64_t row, int64_t begin, int64_t end)
{
    switch (job->stored[ATTN_V]->type) {
    case ATTN_F16: few_values_1_of(job, f, row, begin, end, ATTN_F16); break;
    case ATTN_BF16: few_values_1_of(job, f, row, begin, end, ATTN_BF16); break;
    case ATTN_I8: few_values_1_of(job, f, row, begin, end, ATTN_I8); break;
    default: few_values_1_of(job, f, row, begin, end, ATTN_F32); break;
    }
}

static void few_values_4(const row_job *job, const few_rows *f, int64_t row, int64_t begin, int64_t end)
{
    switch (job->stored[ATTN_V]->type) {
    case ATTN_F16: few_values_4_of(job, f, row, begin, end, ATTN_F16); break;
    case ATTN_BF16: few_values_4_of(job, f, row, begin, end, ATTN_BF16); break;
    case ATTN_I8: few_values_4_of(job, f, row, begin, end, ATTN_I8); break;
    default: few_values_4_of(job, f, row, begin, end, ATTN_F32); break;
    }
}

/* Scores or weights of the block's keys times the keys' scales, where there are any. */
static inline void few_scale(const row_job *job, const attn_tensor *scales, int64_t rows, int64_t first, int64_t count,
                             float *weights)
{
    for (int64_t j = 0; scales && j < count; j++) {
        const float scale = scale_of_key(job, scales, first + j);
        for (int64_t r = 0; r < rows; r++) weights[r * KEYS_MOST + j] *= scale;
    }
}

/* Rows `first` .. of which `left` are there, but at most AHEAD_MOST behind the block's `count`; the last one stands for
 * those behind it. */
static inline void few_look_up(const row_job *job, int slot, int64_t first, int64_t count, int64_t left,
                               const char *row[])
{
    const int64_t there = smaller(count + AHEAD_MOST, left);
    attn_key_rows(job->stored[slot], job->pages, job->problem->page_size, job->b, job->kv_head, first, there, row);
    for (int64_t j = there; j < round_up(count, LANES) + AHEAD_MOST; j++) row[j] = row[there - 1];
}

static inline void few_block(const row_job *job, few_rows *f, int64_t rows, const attn_span *span, int64_t first,
                             int64_t count, int64_t left)
{
    enum { STEP = 16 }; /* keys: 32 and 64 read 2 and 4% slower, though they load and store results less often */
    int64_t begin[FEW], end[FEW];
    few_look_up(job, ATTN_K, first, count, left, f->k);
    few_look_up(job, ATTN_V, first, count, left, f->v);
    f->v_ahead = few_ahead(job, ATTN_V);
    for (int64_t j = 0; j < count; j += LANES) {
        int64_t r = 0;
        for (; r + 4 <= rows; r += 4)
            few_scores_4(job, f->q + r * f->d_padded, f->k + j, count - j, f->weights + r * KEYS_MOST + j);
        for (; r < rows; r++)
            few_scores(job, f->q + r * f->d_padded, f->k + j, count - j, f->weights + r * KEYS_MOST + j);
    }
    few_scale(job, job->k_scales, rows, first, count, f->weights);
    for (int64_t r = 0; r < rows; r++) {
        begin[r] = smaller(larger(span[r].begin - first, 0), count);
        end[r] = smaller(larger(span[r].end - first, begin[r]), count);
        if (job->terms) terms_of_row(job, f->row + r, first, count);
        if (begin[r] < end[r]) few_softmax(job, f, r, begin[r], end[r], count);
    }
    few_scale(job, job->v_scales, rows, first, count, f->weights);
    for (int64_t from = 0; from < count; from += STEP) {
        for (int64_t r = 0; r < rows;) {
            int same = r + 4 <= rows;
            for (int64_t i = r + 1; same && i < r + 4; i++) same = begin[i] == begin[r] && end[i] == end[r];
            const int64_t low = larger(begin[r], from), high = smaller(end[r], from + STEP);
            if (same && low < high) few_values_4(job, f, r, low, high);
            if (!same && low < high) few_values_1(job, f, r, low, high);
            r += same ? 4 : 1;
        }
    }
}

/* ---- many rows that see the same long keys ---------------------------------------------------------------------- */

enum { KEYS_OF_MANY = KEYS_MOST < 64 ? KEYS_MOST : 64 };

/* Keys or values of the block become fp32 in `to`, a place for tiles, which is free while there are few rows. What
 * widen_row writes behind a row, the next one overwrites. */
static inline void few_widen(const row_job *job, int slot, int64_t count, float *to, const char *row[])
{
    const uint32_t type = job->stored[slot]->type;
    const int64_t n = channels_of(job->problem, slot);
    for (int64_t j = 0; type != ATTN_F32 && j < count; j++, to += n) {
        widen_row(row[j], type, 1, n, to);
        row[j] = (const char *)to;
    }
}

static inline void few_block_of_many(const row_job *job, few_rows *f, int64_t rows, int64_t first, int64_t count,
                                     int64_t left)
{
    f->v_ahead = 0;
    few_look_up(job, ATTN_K, first, count, left, f->k);
    few_widen(job, ATTN_K, count, job->own.k, f->k);
    if (is_v_in_k(job)) {
        memcpy(f->v, f->k, (size_t)count * sizeof f->k[0]);
    } else {
        few_look_up(job, ATTN_V, first, count, left, f->v);
        few_widen(job, ATTN_V, count, job->own.v, f->v);
    }
    few_scores_many(job, f, rows, count);
    few_scale(job, job->k_scales, rows, first, count, f->weights);
    for (int64_t r = 0; r < rows; r++) {
        if (job->terms) terms_of_row(job, f->row + r, first, count);
        few_softmax(job, f, r, 0, count, count);
    }
    few_scale(job, job->v_scales, rows, first, count, f->weights);
    few_values_many(job, f, rows, 0, count);
}

static inline int see_the_same(const attn_span *span, int64_t rows)
{
    for (int64_t r = 1; r < rows; r++)
        if (span[r].begin != span[0].begin || span[r].end != span[0].end) return 0;
    return 1;
}

/* Are a few keys at a time to meet all rows, widened before? Only where LANES of them and four queries would not stay
 * in L1, and where widening them but once saves more than it costs: bf16 widens in one instruction a vector. The time
 * by the other loops with AVX-512, where it is less: fp32 and bf16, d=128, 8 rows 91 and 64%, 16 rows 97 and 79%; int8,
 * d=128, 8 rows 82%; bf16, d=576, 16 rows 91%; where it is more: fp32, 16 rows, d=384 and d=576, 107 and 111%; fp16,
 * d=576, 16 rows 113%. */
static inline int is_for_many(const row_job *job, const attn_span *span, int64_t rows)
{
    enum { LONG = 256, ROWS = 8 };
    const uint32_t type = job->stored[ATTN_K]->type;
    return job->problem->d > LONG && type != ATTN_BF16 && rows >= (type == ATTN_F32 ? ROWS : 2 * ROWS) &&
           rows % 4 == 0 && see_the_same(span, rows);
}

static void absorb_few(const row_job *job, int64_t row, int64_t rows, const attn_span *span)
{
    few_rows f = {.row = row, .many = is_for_many(job, span, rows)};
    few_start(job, &f, row, rows);
    int64_t begin = INT64_MAX, end = 0;
    for (int64_t r = 0; r < rows; r++)
        if (span[r].begin < span[r].end) begin = smaller(begin, span[r].begin), end = larger(end, span[r].end);
    for (int64_t first = begin; f.many && first < end; first += KEYS_OF_MANY)
        few_block_of_many(job, &f, rows, first, smaller(KEYS_OF_MANY, end - first), end - first);
    for (int64_t first = begin; !f.many && first < end; first += KEYS_MOST)
        few_block(job, &f, rows, span, first, smaller(KEYS_MOST, end - first), end - first);
    for (int64_t r = 0; r < rows; r++) few_store(job, &f, row, r, span[r].begin < span[r].end);
}

#endif
