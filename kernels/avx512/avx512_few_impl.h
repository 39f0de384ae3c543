/* avx512_few_impl.h: the AVX-512 vectors of few_rows_impl.h. Lanes are channels in the dot products, keys in the
 * softmax, channels in the sum of values. */
#ifndef ATTN_AVX512_FEW_IMPL_H
#define ATTN_AVX512_FEW_IMPL_H

#include <immintrin.h>

#include "avx512_exp_impl.h"
#include "avx512_elements_impl.h"
#include "avx512_transpose_impl.h"
#include "vector/few_rows_impl.h"

static inline __mmask32 first_32(int64_t n) { return n >= 32 ? UINT32_MAX : (UINT32_C(1) << n) - 1; }

/* Sums of products of channels c and on, of rows x keys = 16. */
ALWAYS_INLINE void add_products(const float *q, int64_t q_stride, const char *const k[], int64_t c, __mmask16 channels,
                                int64_t ahead, __m512 sum[16], const int rows, const int keys, const uint32_t type)
{
    __m512 x[4];
    for (int r = 0; r < rows; r++) x[r] = _mm512_load_ps(q + r * q_stride + c);
    for (int j = 0; j < keys; j++) {
        const __m512 y = load_elements(k[j], c, type, channels);
        if (ahead) _mm_prefetch(k[j] + c * attn_element_bytes(type) + ahead, _MM_HINT_T0);
        for (int r = 0; r < rows; r++) sum[r * keys + j] = _mm512_fmadd_ps(x[r], y, sum[r * keys + j]);
    }
}

/* The same of 32 channels of bf16 keys, evens and odds apart, as few_start leaves the queries. */
ALWAYS_INLINE void add_pair_products(const float *q, int64_t q_stride, const char *const k[], int64_t c,
                                     __mmask32 channels, int64_t ahead, __m512 sum[16], const int rows, const int keys)
{
    __m512 x[4][2];
    for (int r = 0; r < rows; r++)
        for (int odd = 0; odd < 2; odd++) x[r][odd] = _mm512_load_ps(q + r * q_stride + c + 16 * odd);
    for (int j = 0; j < keys; j++) {
        __m512 y[2];
        load_bf16_pairs(k[j], c, channels, &y[0], &y[1]);
        if (ahead) _mm_prefetch(k[j] + 2 * c + ahead, _MM_HINT_T0);
        for (int odd = 0; odd < 2; odd++)
            for (int r = 0; r < rows; r++) sum[r * keys + j] = _mm512_fmadd_ps(x[r][odd], y[odd], sum[r * keys + j]);
    }
}

/* Dot products of `rows` rows with `keys` keys, of which `count` exist, rows * keys = 16, in the lanes row by row. */
ALWAYS_INLINE __m512 dots_of_16(const row_job *job, const float *q, int64_t q_stride, const char *const row[],
                                int64_t count, int64_t ahead, const int rows, const int keys, const uint32_t type)
{
    const int64_t d = job->problem->d;
    const char *k[16];
    __m512 sum[16];
    int64_t c = 0;
    for (int j = 0; j < keys; j++) k[j] = row[smaller(j, count - 1)];
    for (int i = 0; i < 16; i++) sum[i] = _mm512_setzero_ps();
    if (type == ATTN_BF16) {
        for (; c + 2 * LANES <= d; c += 2 * LANES)
            add_pair_products(q, q_stride, k, c, UINT32_MAX, ahead, sum, rows, keys);
        if (c < d) add_pair_products(q, q_stride, k, c, first_32(d - c), ahead, sum, rows, keys);
        c = d;
    }
    for (; c + LANES <= d; c += LANES) add_products(q, q_stride, k, c, 0xffff, ahead, sum, rows, keys, type);
    if (c < d) add_products(q, q_stride, k, c, first_lanes(d - c), ahead, sum, rows, keys, type);
    return sums_of_16(sum);
}

ALWAYS_INLINE void few_scores_of(const row_job *job, const float *q, const char *const k[], int64_t count, float *score,
                                 const uint32_t type)
{
    const int64_t ahead = k[few_ahead(job, ATTN_K)] - k[0];
    _mm512_store_ps(score, dots_of_16(job, q, 0, k, count, ahead, 1, 16, type));
}

ALWAYS_INLINE void few_scores_4_of(const row_job *job, const float *q, const char *const k[], int64_t count,
                                   float *score, const uint32_t type)
{
    const int64_t q_stride = round_up(job->problem->d, 2 * LANES), rows_ahead = few_ahead(job, ATTN_K);
    for (int64_t j = 0; j < LANES; j += 4, score += 4) {
        const int64_t ahead = k[j + rows_ahead] - k[j];
        const __m512 dots = dots_of_16(job, q, q_stride, k + j, count - j, ahead, 4, 4, type);
        _mm_store_ps(score, _mm512_castps512_ps128(dots));
        _mm_store_ps(score + KEYS_MOST, _mm512_extractf32x4_ps(dots, 1));
        _mm_store_ps(score + 2 * KEYS_MOST, _mm512_extractf32x4_ps(dots, 2));
        _mm_store_ps(score + 3 * KEYS_MOST, _mm512_extractf32x4_ps(dots, 3));
    }
}

static void few_softmax(const row_job *job, few_rows *f, int64_t row, int64_t begin, int64_t end, int64_t count)
{
    float *score = f->weights + row * KEYS_MOST, *o = f->o + row * f->dv_padded;
    const __m512 cap = _mm512_set1_ps(job->cap2), to_base2 = _mm512_set1_ps(job->to_base2);
    __m512 high = _mm512_set1_ps(f->max[row]), total = _mm512_setzero_ps();
    for (int64_t j = 0; j < count; j += LANES) {
        const __mmask16 seen = first_lanes(end - j) & (__mmask16)~first_lanes(begin - j);
        __m512 x = _mm512_load_ps(score + j);
        if (job->cap2 > 0) x = _mm512_mul_ps(cap, avx512_tanh(x));
        if (job->terms) x = _mm512_add_ps(x, _mm512_loadu_ps(job->terms->tile + j));
        _mm512_store_ps(score + j, x);
        high = _mm512_mask_max_ps(high, seen, x, high);
    }
    const float max = _mm512_reduce_max_ps(high);
    if (max > f->max[row]) {
        const __m512 factor = avx512_exp2(_mm512_mul_ps(_mm512_set1_ps(f->max[row] - max), to_base2));
        for (int64_t c = 0; c < f->dv_padded; c += LANES)
            _mm512_store_ps(o + c, _mm512_mul_ps(_mm512_load_ps(o + c), factor));
        f->sum[row] *= _mm512_cvtss_f32(factor);
        f->max[row] = max;
    }
    for (int64_t j = 0; j < count; j += LANES) {
        const __mmask16 seen = first_lanes(end - j) & (__mmask16)~first_lanes(begin - j);
        const __m512 x = _mm512_mul_ps(_mm512_sub_ps(_mm512_load_ps(score + j), _mm512_set1_ps(max)), to_base2);
        const __mmask16 some = _mm512_mask_cmp_ps_mask(seen, x, _mm512_set1_ps(AVX512_EXP2_NORMAL), _CMP_NLT_UQ);
        const __m512 weight = _mm512_maskz_mov_ps(some, avx512_exp2(x));
        _mm512_store_ps(score + j, weight);
        total = _mm512_add_ps(total, weight);
    }
    f->sum[row] += _mm512_reduce_add_ps(total);
}

/* Vectors of the next 64 channels, of which `left` are there: bf16 comes in pairs of them. */
ALWAYS_INLINE int64_t vectors_of(int64_t left, const uint32_t type)
{
    const int64_t vectors = smaller((left + 15) / 16, 4);
    return type == ATTN_BF16 ? round_up(vectors, 2) : vectors;
}

/* Channels of the last of so many vectors, or of its last pair. */
ALWAYS_INLINE __mmask32 last_lanes(int64_t left, int64_t vectors, const uint32_t type)
{
    return type == ATTN_BF16 ? first_32(left - 16 * (vectors - 2)) : first_lanes(left - 16 * (vectors - 1));
}

/* o += weights x values for `rows` rows and `vectors` vectors of channels from c; the last, or the last two of bf16,
 * are cut off by `last`. */
ALWAYS_INLINE void few_values(const few_rows *f, int64_t row, int64_t begin, int64_t end, int64_t c, __mmask32 last,
                              const int rows, const int vectors, const uint32_t type)
{
    __m512 o[4][8];
    for (int r = 0; r < rows; r++)
        for (int n = 0; n < vectors; n++) o[r][n] = _mm512_load_ps(f->o + (row + r) * f->dv_padded + c + 16 * n);
    const float *weight = f->weights + row * KEYS_MOST;
    for (int64_t j = begin; j < end; j++) {
        __m512 x[8];
        const char *v = f->v[j], *next = f->v[j + f->v_ahead];
        for (int n = 0; n < vectors; n += 2)
            if (type == ATTN_BF16)
                load_bf16_pairs(v, c + 16 * n, n == vectors - 2 ? last : UINT32_MAX, &x[n], &x[n + 1]);
        for (int n = 0; type != ATTN_BF16 && n < vectors; n++)
            x[n] = load_elements(v, c + 16 * n, type, n == vectors - 1 ? (__mmask16)last : 0xffff);
        for (int64_t n = 0; f->v_ahead && n < vectors; n += 4 / attn_element_bytes(type))
            _mm_prefetch(next + (c + 16 * n) * attn_element_bytes(type), _MM_HINT_T0);
        for (int r = 0; r < rows; r++) {
            const __m512 w = _mm512_set1_ps(weight[r * KEYS_MOST + j]);
            for (int n = 0; n < vectors; n++) o[r][n] = _mm512_fmadd_ps(w, x[n], o[r][n]);
        }
    }
    for (int r = 0; r < rows; r++)
        for (int n = 0; n < vectors; n++) _mm512_store_ps(f->o + (row + r) * f->dv_padded + c + 16 * n, o[r][n]);
}

/* The next 64 channels, of which `left` are there. Whole vectors have loops of their own: a mask of 16-bit elements is
 * a uop more. */
ALWAYS_INLINE void few_values_64(const few_rows *f, int64_t row, int64_t begin, int64_t end, int64_t c, int64_t left,
                                 const int rows, const uint32_t type)
{
    const int64_t vectors = vectors_of(left, type);
    const __mmask32 last = last_lanes(left, vectors, type);
    if (left >= 64) {
        few_values(f, row, begin, end, c, UINT32_MAX, rows, 4, type);
        return;
    }
    switch (vectors) {
    case 4: few_values(f, row, begin, end, c, last, rows, 4, type); break;
    case 3: few_values(f, row, begin, end, c, last, rows, 3, type); break;
    case 2: few_values(f, row, begin, end, c, last, rows, 2, type); break;
    default: few_values(f, row, begin, end, c, last, rows, 1, type); break;
    }
}

ALWAYS_INLINE void few_values_1_of(const row_job *job, const few_rows *f, int64_t row, int64_t begin, int64_t end,
                                   const uint32_t type)
{
    const int64_t dv = job->problem->dv;
    int64_t c = 0;
    for (; dv - c >= 128; c += 128) few_values(f, row, begin, end, c, UINT32_MAX, 1, 8, type);
    for (; c < dv; c += 64) few_values_64(f, row, begin, end, c, dv - c, 1, type);
}

ALWAYS_INLINE void few_values_4_of(const row_job *job, const few_rows *f, int64_t row, int64_t begin, int64_t end,
                                   const uint32_t type)
{
    const int64_t dv = job->problem->dv;
    for (int64_t c = 0; c < dv; c += 64) few_values_64(f, row, begin, end, c, dv - c, 4, type);
}

static void few_scores_many(const row_job *job, const few_rows *f, int64_t rows, int64_t count)
{
    enum { KEYS_A_PASS = 8 }; /* they and four queries stay in L1 (d = 576: 27 KB); 7% faster than 4 */
    for (int64_t from = 0; from < count; from += KEYS_A_PASS) {
        for (int64_t r = 0; r < rows; r += 4) {
            for (int64_t j = from; j < smaller(from + KEYS_A_PASS, count); j += 4) {
                float *score = f->weights + r * KEYS_MOST + j;
                const __m512 dots =
                    dots_of_16(job, f->q + r * f->d_padded, f->d_padded, f->k + j, count - j, 0, 4, 4, ATTN_F32);
                _mm_store_ps(score, _mm512_castps512_ps128(dots));
                _mm_store_ps(score + KEYS_MOST, _mm512_extractf32x4_ps(dots, 1));
                _mm_store_ps(score + 2 * KEYS_MOST, _mm512_extractf32x4_ps(dots, 2));
                _mm_store_ps(score + 3 * KEYS_MOST, _mm512_extractf32x4_ps(dots, 3));
            }
        }
    }
}

static void few_values_many(const row_job *job, const few_rows *f, int64_t rows, int64_t begin, int64_t end)
{
    const int64_t dv = job->problem->dv;
    for (int64_t c = 0; c < dv; c += 64)
        for (int64_t r = 0; r < rows; r += 4) few_values_64(f, r, begin, end, c, dv - c, 4, ATTN_F32);
}

static const double FEW_SHARE =
    0.55; /* of the ceiling of fp32, where few rows are limited by it: bf16, 4, 8 and 16 rows */

static void few_start(const row_job *job, few_rows *f, int64_t row, int64_t rows)
{
    const int64_t d = job->problem->d;
    f->d_padded = round_up(d, 2 * LANES), f->dv_padded = round_up(job->problem->dv, 2 * LANES);
    f->q = job->few, f->o = f->q + FEW * f->d_padded, f->weights = f->o + FEW * f->dv_padded;
    memset(f->o, 0, (size_t)(rows * f->dv_padded) * sizeof(float));
    const __m512 factor = _mm512_set1_ps(job->q_factor);
    for (int64_t r = 0; r < rows; r++) {
        const float *from = query_row(job, job->q, row + r);
        start_softmax(job, row + r, &f->max[r], &f->sum[r]);
        for (int64_t c = 0; c < d; c += 2 * LANES) {
            __m512 x = _mm512_maskz_loadu_ps(first_lanes(d - c), from + c);
            __m512 y = _mm512_maskz_loadu_ps(first_lanes(larger(d - c - LANES, 0)), from + c + LANES);
            if (!f->many && job->stored[ATTN_K]->type == ATTN_BF16) part_pairs(&x, &y);
            _mm512_store_ps(f->q + r * f->d_padded + c, _mm512_mul_ps(x, factor));
            _mm512_store_ps(f->q + r * f->d_padded + c + LANES, _mm512_mul_ps(y, factor));
        }
    }
}

static void few_store(const row_job *job, const few_rows *f, int64_t row, int64_t r, int sees)
{
    sees = sees && f->sum[r] != 0; /* 0: biases of -infinity */
    const int64_t dv = job->problem->dv;
    float *to = query_row(job, job->o, row + r);
    const __m512 inverse = _mm512_set1_ps(1 / f->sum[r]);
    for (int64_t c = 0; c < dv; c += 2 * LANES) {
        __m512 x = _mm512_load_ps(f->o + r * f->dv_padded + c);
        __m512 y = _mm512_load_ps(f->o + r * f->dv_padded + c + LANES);
        if (!f->many && job->stored[ATTN_V]->type == ATTN_BF16) join_pairs(&x, &y);
        x = _mm512_mul_ps(x, inverse), y = _mm512_mul_ps(y, inverse);
        _mm512_mask_storeu_ps(to + c, first_lanes(dv - c), sees ? x : _mm512_setzero_ps());
        _mm512_mask_storeu_ps(to + c + LANES, first_lanes(larger(dv - c - LANES, 0)), sees ? y : _mm512_setzero_ps());
    }
    store_lse(job, row + r, f->max[r], f->sum[r]);
}

#endif
