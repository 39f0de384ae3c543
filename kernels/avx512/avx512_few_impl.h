/* avx512_few_impl.h: at most FEW query rows against K and V where they lie, at the speed of memory. Lanes are channels in the dot
 * products, keys in the softmax and channels in the sum of values.
 *
 *   for each block of keys that some row sees:
 *     16 keys at a time: dot products with each row (K comes from memory once, then from L1)
 *     for each row: online softmax of its scores
 *     values: one row, or four that see the same keys, in 8 or 16 accumulators, channels in the outer loop */
#ifndef ATTN_AVX512_FEW_IMPL_H
#define ATTN_AVX512_FEW_IMPL_H

#include <immintrin.h>

#include "avx512_exp_impl.h"
#include "avx512_pack_impl.h"
#include "transposed_impl.h"

typedef struct few_rows {
    int64_t d16, dv16; /* channels rounded up to 16: leading dimensions of q and o, which hold zeros there */
    float *q;          /* (FEW, d16) scaled */
    float *o;          /* (FEW, dv16) unnormalised */
    float *weights;    /* (FEW, KEYS_MOST) scores, then weights; 0 for keys that the row does not see */
    float max[FEW], sum[FEW];
} few_rows;

static int64_t few_floats(int64_t d, int64_t dv)
{
    return FEW * (round_up(d, LANES) + round_up(dv, LANES) + KEYS_MOST);
}

/* Sums of 16 vectors, lane i that of x[i]. */
static inline __m512 sums_of_16(__m512 x[16])
{
    transpose_16x16(x);
    for (int step = 8; step > 0; step /= 2)
        for (int i = 0; i < step; i++) x[i] = _mm512_add_ps(x[i], x[i + step]);
    return x[0];
}

/* Dot products of one row of queries with keys first .. first + 15, of which those at or beyond `end` do not exist. */
static inline __m512 few_dots(const row_job *job, const float *q, int64_t first, int64_t end)
{
    const int64_t d = job->problem->d, whole = d / LANES * LANES;
    const __mmask16 rest = first_lanes(d - whole);
    const float *k[16];
    __m512 sum[16];
    for (int64_t j = 0; j < 16; j++) {
        k[j] = attn_f32_row(job->k, job->b, job->kv_head, smaller(first + j, end - 1));
        sum[j] = _mm512_setzero_ps();
    }
    for (int64_t c = 0; c < whole; c += LANES) {
        const __m512 x = _mm512_loadu_ps(q + c);
        for (int j = 0; j < 16; j++) sum[j] = _mm512_fmadd_ps(x, _mm512_loadu_ps(k[j] + c), sum[j]);
    }
    if (rest) {
        const __m512 x = _mm512_loadu_ps(q + whole);
        for (int j = 0; j < 16; j++) sum[j] = _mm512_fmadd_ps(x, _mm512_maskz_loadu_ps(rest, k[j] + whole), sum[j]);
    }
    return sums_of_16(sum);
}

/* Scores of one row become weights; its maximum, sum and o follow. The row sees begin .. end - 1 of the block. */
static inline void few_softmax(const row_job *job, few_rows *f, int64_t row, int64_t begin, int64_t end, int64_t count)
{
    float *score = f->weights + row * KEYS_MOST, *o = f->o + row * f->dv16;
    const __m512 cap = _mm512_set1_ps(job->cap2);
    __m512 high = _mm512_set1_ps(f->max[row]), total = _mm512_setzero_ps();
    for (int64_t j = 0; j < count; j += LANES) {
        const __mmask16 seen = first_lanes(end - j) & (__mmask16)~first_lanes(begin - j);
        __m512 x = _mm512_load_ps(score + j);
        if (job->cap2 > 0) x = _mm512_mul_ps(cap, avx512_tanh(x));
        _mm512_store_ps(score + j, x);
        high = _mm512_mask_max_ps(high, seen, x, high);
    }
    const float max = _mm512_reduce_max_ps(high);
    if (max > f->max[row]) {
        const __m512 factor = avx512_exp2(_mm512_set1_ps(f->max[row] - max));
        for (int64_t c = 0; c < f->dv16; c += LANES)
            _mm512_store_ps(o + c, _mm512_mul_ps(_mm512_load_ps(o + c), factor));
        f->sum[row] *= _mm512_cvtss_f32(factor);
        f->max[row] = max;
    }
    for (int64_t j = 0; j < count; j += LANES) {
        const __mmask16 seen = first_lanes(end - j) & (__mmask16)~first_lanes(begin - j);
        const __m512 x = _mm512_sub_ps(_mm512_load_ps(score + j), _mm512_set1_ps(max));
        const __m512 weight = _mm512_maskz_mov_ps(seen, avx512_exp2(x));
        _mm512_store_ps(score + j, weight);
        total = _mm512_add_ps(total, weight);
    }
    f->sum[row] += _mm512_reduce_add_ps(total);
}

/* o += weights x values for `rows` rows and `vectors` vectors of channels from c; the last is cut off by `last`. */
static inline __attribute__((always_inline)) void few_values(const row_job *job, const few_rows *f, int64_t row,
                                                             int64_t first, int64_t begin, int64_t end, int64_t c,
                                                             __mmask16 last, const int rows, const int vectors)
{
    __m512 o[4][8];
    for (int r = 0; r < rows; r++)
        for (int n = 0; n < vectors; n++) o[r][n] = _mm512_load_ps(f->o + (row + r) * f->dv16 + c + 16 * n);
    const float *v = attn_f32_row(job->v, job->b, job->kv_head, first + begin) + c;
    const float *weight = f->weights + row * KEYS_MOST;
    for (int64_t j = begin; j < end; j++, v += job->v->stride[2]) {
        __m512 x[8];
        for (int n = 0; n < vectors; n++)
            x[n] = n == vectors - 1 ? _mm512_maskz_loadu_ps(last, v + 16 * n) : _mm512_loadu_ps(v + 16 * n);
        for (int r = 0; r < rows; r++) {
            const __m512 w = _mm512_set1_ps(weight[r * KEYS_MOST + j]);
            for (int n = 0; n < vectors; n++) o[r][n] = _mm512_fmadd_ps(w, x[n], o[r][n]);
        }
    }
    for (int r = 0; r < rows; r++)
        for (int n = 0; n < vectors; n++) _mm512_store_ps(f->o + (row + r) * f->dv16 + c + 16 * n, o[r][n]);
}

static inline void few_values_1(const row_job *job, const few_rows *f, int64_t row, int64_t first, int64_t begin,
                                int64_t end)
{
    const int64_t dv = job->problem->dv;
    int64_t c = 0;
    for (; dv - c > 112; c += 128) few_values(job, f, row, first, begin, end, c, first_lanes(dv - c - 112), 1, 8);
    for (; c < dv; c += 64) {
        const int64_t left = (dv - c + 15) / 16;
        const __mmask16 last = first_lanes(dv - c - 16 * (smaller(left, 4) - 1));
        switch (smaller(left, 4)) {
        case 4: few_values(job, f, row, first, begin, end, c, last, 1, 4); break;
        case 3: few_values(job, f, row, first, begin, end, c, last, 1, 3); break;
        case 2: few_values(job, f, row, first, begin, end, c, last, 1, 2); break;
        default: few_values(job, f, row, first, begin, end, c, last, 1, 1); break;
        }
    }
}

static inline void few_values_4(const row_job *job, const few_rows *f, int64_t row, int64_t first, int64_t begin,
                                int64_t end)
{
    const int64_t dv = job->problem->dv;
    for (int64_t c = 0; c < dv; c += 64) {
        const int64_t left = (dv - c + 15) / 16;
        const __mmask16 last = first_lanes(dv - c - 16 * (smaller(left, 4) - 1));
        switch (smaller(left, 4)) {
        case 4: few_values(job, f, row, first, begin, end, c, last, 4, 4); break;
        case 3: few_values(job, f, row, first, begin, end, c, last, 4, 3); break;
        case 2: few_values(job, f, row, first, begin, end, c, last, 4, 2); break;
        default: few_values(job, f, row, first, begin, end, c, last, 4, 1); break;
        }
    }
}

static inline void few_block(const row_job *job, few_rows *f, int64_t rows, const attn_span *span, int64_t first,
                             int64_t count)
{
    int64_t begin[FEW], end[FEW];
    for (int64_t j = 0; j < count; j += LANES)
        for (int64_t r = 0; r < rows; r++)
            _mm512_store_ps(f->weights + r * KEYS_MOST + j, few_dots(job, f->q + r * f->d16, first + j, first + count));
    for (int64_t r = 0; r < rows; r++) {
        begin[r] = smaller(larger(span[r].begin - first, 0), count);
        end[r] = smaller(larger(span[r].end - first, begin[r]), count);
        if (begin[r] < end[r]) few_softmax(job, f, r, begin[r], end[r], count);
    }
    for (int64_t r = 0; r < rows;) {
        int same = r + 4 <= rows;
        for (int64_t i = r + 1; same && i < r + 4; i++) same = begin[i] == begin[r] && end[i] == end[r];
        if (same && begin[r] < end[r]) few_values_4(job, f, r, first, begin[r], end[r]);
        if (!same && begin[r] < end[r]) few_values_1(job, f, r, first, begin[r], end[r]);
        r += same ? 4 : 1;
    }
}

static inline void few_start(const row_job *job, few_rows *f, int64_t row, int64_t rows)
{
    const int64_t d = job->problem->d;
    f->d16 = round_up(d, LANES), f->dv16 = round_up(job->problem->dv, LANES);
    f->q = job->few, f->o = f->q + FEW * f->d16, f->weights = f->o + FEW * f->dv16;
    memset(f->o, 0, (size_t)(rows * f->dv16) * sizeof(float));
    const __m512 factor = _mm512_set1_ps(job->q_factor);
    for (int64_t r = 0; r < rows; r++) {
        const float *from = query_row(job, job->q, row + r);
        f->max[r] = -FLT_MAX, f->sum[r] = 0;
        for (int64_t c = 0; c < d; c += LANES) {
            const __m512 x = _mm512_maskz_loadu_ps(first_lanes(d - c), from + c);
            _mm512_store_ps(f->q + r * f->d16 + c, _mm512_mul_ps(x, factor));
        }
    }
}

static inline void few_store(const row_job *job, const few_rows *f, int64_t row, int64_t rows, const attn_span *span)
{
    const int64_t dv = job->problem->dv;
    for (int64_t r = 0; r < rows; r++) {
        const int sees = span[r].begin < span[r].end;
        float *to = query_row(job, job->o, row + r);
        const __m512 inverse = _mm512_set1_ps(1 / f->sum[r]);
        for (int64_t c = 0; c < dv; c += LANES) {
            const __m512 x = _mm512_mul_ps(_mm512_load_ps(f->o + r * f->dv16 + c), inverse);
            _mm512_mask_storeu_ps(to + c, first_lanes(dv - c), sees ? x : _mm512_setzero_ps());
        }
        if (job->lse) *query_row(job, job->lse, row + r) = sees ? row_lse(f->max[r], f->sum[r]) : -INFINITY;
    }
}

static void absorb_few(const row_job *job, int64_t row, int64_t rows, const attn_span *span)
{
    few_rows f;
    few_start(job, &f, row, rows);
    int64_t begin = INT64_MAX, end = 0;
    for (int64_t r = 0; r < rows; r++)
        if (span[r].begin < span[r].end) begin = smaller(begin, span[r].begin), end = larger(end, span[r].end);
    for (int64_t first = begin; first < end; first += KEYS_MOST)
        few_block(job, &f, rows, span, first, smaller(KEYS_MOST, end - first));
    few_store(job, &f, row, rows, span);
}

#endif
