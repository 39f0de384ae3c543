/* avx2_few_impl.h: the AVX2 vectors of few_rows_impl.h. Lanes are channels in the dot products, keys in the softmax,
 * channels in the sum of values. */
#ifndef ATTN_AVX2_FEW_IMPL_H
#define ATTN_AVX2_FEW_IMPL_H

#include <immintrin.h>

#include "avx2_exp_impl.h"
#include "avx2_pack_impl.h"
#include "vector/few_rows_impl.h"

/* Sums of 8 vectors, lane i that of x[i]: three times two vectors become one, by shuffles that cross lanes first where
 * blends do half of the work. `order` undoes in which lanes that leaves the sums. */
static inline __m256 sums_of_8(const __m256 x[8])
{
    enum { FAR_HALVES = 0x4e, EVEN = 0x88, ODD = 0xdd, HIGH_LOW = 0x21 };
    static const int order[8] = {0, 2, 1, 3, 4, 6, 5, 7};
    __m256 y[4], z[2];
    for (int i = 0; i < 4; i++) {
        const __m256 a = x[order[i]], b = x[order[i + 4]];
        y[i] = _mm256_add_ps(_mm256_blend_ps(a, b, 0xf0), _mm256_permute2f128_ps(a, b, HIGH_LOW));
    }
    for (int i = 0; i < 2; i++)
        z[i] = _mm256_add_ps(_mm256_blend_ps(y[i], y[i + 2], 0xcc), _mm256_shuffle_ps(y[i], y[i + 2], FAR_HALVES));
    return _mm256_add_ps(_mm256_shuffle_ps(z[0], z[1], EVEN), _mm256_shuffle_ps(z[0], z[1], ODD));
}

/* A line's first bytes are at hand: each line is asked for once. */
ALWAYS_INLINE int begins_line(int64_t c, const uint32_t type) { return c * attn_element_bytes(type) % 64 == 0; }

/* Sums of products of channels c .. c + 7, of which `left` are there, of rows x keys = 8. */
ALWAYS_INLINE void add_products(const float *q, int64_t q_stride, const char *const k[], int64_t c, int64_t left,
                                int64_t ahead, __m256 sum[LANES], const int rows, const int keys, const uint32_t type)
{
    __m256 x[4];
    for (int r = 0; r < rows; r++) x[r] = _mm256_load_ps(q + r * q_stride + c);
    for (int j = 0; ahead && begins_line(c, type) && j < keys; j++)
        _mm_prefetch(k[j] + c * attn_element_bytes(type) + ahead, _MM_HINT_T0);
    for (int j = 0; j < keys; j++) {
        const __m256 y = load_elements(k[j], c, type, left);
        for (int r = 0; r < rows; r++) sum[r * keys + j] = _mm256_fmadd_ps(x[r], y, sum[r * keys + j]);
    }
}

/* The same of 16 channels of bf16 keys, evens and odds apart, as few_start leaves the queries. */
ALWAYS_INLINE void add_pair_products(const float *q, int64_t q_stride, const char *const k[], int64_t c, int64_t left,
                                     int64_t ahead, __m256 sum[LANES], const int rows, const int keys)
{
    for (int j = 0; ahead && begins_line(c, ATTN_BF16) && j < keys; j++)
        _mm_prefetch(k[j] + 2 * c + ahead, _MM_HINT_T0);
    for (int odd = 0; odd < 2; odd++) {
        __m256 x[4];
        for (int r = 0; r < rows; r++) x[r] = _mm256_load_ps(q + r * q_stride + c + LANES * odd);
        for (int j = 0; j < keys; j++) {
            const __m256 y = bf16_of_pairs(load_bf16_pairs(k[j], c, left), odd);
            for (int r = 0; r < rows; r++) sum[r * keys + j] = _mm256_fmadd_ps(x[r], y, sum[r * keys + j]);
        }
    }
}

/* Dot products of `rows` rows with `keys` keys, of which `count` exist, rows * keys = 8, in the lanes row by row. */
ALWAYS_INLINE __m256 dots_of_8(const row_job *job, const float *q, int64_t q_stride, const char *const row[],
                               int64_t count, int64_t ahead, const int rows, const int keys, const uint32_t type)
{
    const int64_t d = job->problem->d;
    const char *k[LANES];
    __m256 sum[LANES];
    int64_t c = 0;
    for (int j = 0; j < keys; j++) k[j] = row[smaller(j, count - 1)];
    for (int i = 0; i < LANES; i++) sum[i] = _mm256_setzero_ps();
    if (type == ATTN_BF16) {
        for (; c + 2 * LANES <= d; c += 2 * LANES)
            add_pair_products(q, q_stride, k, c, 2 * LANES, ahead, sum, rows, keys);
        if (c < d) add_pair_products(q, q_stride, k, c, d - c, ahead, sum, rows, keys);
    } else {
        for (; c + LANES <= d; c += LANES) add_products(q, q_stride, k, c, LANES, ahead, sum, rows, keys, type);
        if (c < d) add_products(q, q_stride, k, c, d - c, ahead, sum, rows, keys, type);
    }
    return sums_of_8(sum);
}

ALWAYS_INLINE void few_scores_of(const row_job *job, const float *q, const char *const k[], int64_t count, float *score,
                                 const uint32_t type)
{
    const int64_t ahead = k[few_ahead(job, ATTN_K)] - k[0];
    _mm256_store_ps(score, dots_of_8(job, q, 0, k, count, ahead, 1, 8, type));
}

/* Two keys of four rows, whose scores are KEYS_MOST apart. */
ALWAYS_INLINE void store_dots_4x2(float *score, __m256 dots)
{
    const __m128 low = _mm256_castps256_ps128(dots), high = _mm256_extractf128_ps(dots, 1);
    _mm_storel_pi((__m64 *)(void *)score, low);
    _mm_storeh_pi((__m64 *)(void *)(score + KEYS_MOST), low);
    _mm_storel_pi((__m64 *)(void *)(score + 2 * KEYS_MOST), high);
    _mm_storeh_pi((__m64 *)(void *)(score + 3 * KEYS_MOST), high);
}

ALWAYS_INLINE void few_scores_4_of(const row_job *job, const float *q, const char *const k[], int64_t count,
                                   float *score, const uint32_t type)
{
    const int64_t q_stride = round_up(job->problem->d, 2 * LANES), rows_ahead = few_ahead(job, ATTN_K);
    for (int64_t j = 0; j < LANES; j += 2) {
        const int64_t ahead = k[j + rows_ahead] - k[j];
        store_dots_4x2(score + j, dots_of_8(job, q, q_stride, k + j, count - j, ahead, 4, 2, type));
    }
}

/* Lanes j, of a vector of keys, with begin <= j < end. */
static inline __m256 lanes_between(int64_t begin, int64_t end)
{
    return _mm256_castsi256_ps(_mm256_andnot_si256(first_lanes(begin), first_lanes(end)));
}

static inline float largest_lane(__m256 x)
{
    float lane[LANES];
    _mm256_storeu_ps(lane, x);
    for (int i = 1; i < LANES; i++) lane[0] = lane[i] > lane[0] ? lane[i] : lane[0];
    return lane[0];
}

static inline float sum_of_lanes(__m256 x)
{
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

static void few_softmax(const row_job *job, few_rows *f, int64_t row, int64_t begin, int64_t end, int64_t count)
{
    float *score = f->weights + row * KEYS_MOST, *o = f->o + row * f->dv_padded;
    const __m256 cap = _mm256_set1_ps(job->cap2), to_base2 = _mm256_set1_ps(job->to_base2);
    __m256 high = _mm256_set1_ps(f->max[row]), total = _mm256_setzero_ps();
    for (int64_t j = 0; j < count; j += LANES) {
        __m256 x = _mm256_load_ps(score + j);
        if (job->cap2 > 0) x = _mm256_mul_ps(cap, avx2_tanh(x));
        if (job->terms) x = _mm256_add_ps(x, _mm256_loadu_ps(job->terms->tile + j));
        _mm256_store_ps(score + j, x);
        high = _mm256_max_ps(_mm256_blendv_ps(high, x, lanes_between(begin - j, end - j)), high);
    }
    const float max = largest_lane(high);
    if (max > f->max[row]) {
        const __m256 factor = avx2_exp2(_mm256_mul_ps(_mm256_set1_ps(f->max[row] - max), to_base2));
        for (int64_t c = 0; c < f->dv_padded; c += LANES)
            _mm256_store_ps(o + c, _mm256_mul_ps(_mm256_load_ps(o + c), factor));
        f->sum[row] *= _mm256_cvtss_f32(factor);
        f->max[row] = max;
    }
    for (int64_t j = 0; j < count; j += LANES) {
        const __m256 x = _mm256_mul_ps(_mm256_sub_ps(_mm256_load_ps(score + j), _mm256_set1_ps(max)), to_base2);
        const __m256 weight = _mm256_and_ps(lanes_between(begin - j, end - j), avx2_exp2(x));
        _mm256_store_ps(score + j, weight);
        total = _mm256_add_ps(total, weight);
    }
    f->sum[row] += sum_of_lanes(total);
}

/* o += weights x values for `rows` rows and `vectors` vectors of channels from c; of the last, or of the last two of
 * bf16, `left` are there. */
ALWAYS_INLINE void few_values(const few_rows *f, int64_t row, int64_t begin, int64_t end, int64_t c, int64_t left,
                              const int rows, const int vectors, const uint32_t type)
{
    __m256 o[4][8];
    for (int r = 0; r < rows; r++)
        for (int n = 0; n < vectors; n++) o[r][n] = _mm256_load_ps(f->o + (row + r) * f->dv_padded + c + LANES * n);
    const float *weight = f->weights + row * KEYS_MOST;
    for (int64_t j = begin; j < end; j++) {
        __m256 x[8];
        const char *v = f->v[j], *next = f->v[j + f->v_ahead];
        for (int n = 0; f->v_ahead && n < vectors; n++)
            if (begins_line(c + LANES * n, type))
                _mm_prefetch(next + (c + LANES * n) * attn_element_bytes(type), _MM_HINT_T0);
        for (int n = 0; type == ATTN_BF16 && n < vectors; n += 2) {
            const __m256i pairs = load_bf16_pairs(v, c + LANES * n, n == vectors - 2 ? left : 2 * LANES);
            x[n] = bf16_of_pairs(pairs, 0), x[n + 1] = bf16_of_pairs(pairs, 1);
        }
        for (int n = 0; type != ATTN_BF16 && n < vectors; n++)
            x[n] = load_elements(v, c + LANES * n, type, n == vectors - 1 ? left : LANES);
        for (int r = 0; r < rows; r++) {
            const __m256 w = _mm256_set1_ps(weight[r * KEYS_MOST + j]);
            for (int n = 0; n < vectors; n++) o[r][n] = _mm256_fmadd_ps(w, x[n], o[r][n]);
        }
    }
    for (int r = 0; r < rows; r++)
        for (int n = 0; n < vectors; n++) _mm256_store_ps(f->o + (row + r) * f->dv_padded + c + LANES * n, o[r][n]);
}

/* Channels c and on, as many as `most` vectors at once. */
ALWAYS_INLINE void few_values_from(const row_job *job, const few_rows *f, int64_t row, int64_t begin, int64_t end,
                                   int64_t c, const int rows, const int most, const uint32_t type)
{
    const int64_t dv = job->problem->dv, step = most * LANES, unit = type == ATTN_BF16 ? 2 * LANES : LANES;
    for (; c + step <= dv; c += step) few_values(f, row, begin, end, c, unit, rows, most, type);
    if (most > 4 && c + 4 * LANES <= dv) few_values(f, row, begin, end, c, unit, rows, 4, type), c += 4 * LANES;
    if (most > 2 && c + 2 * LANES <= dv) few_values(f, row, begin, end, c, unit, rows, 2, type), c += 2 * LANES;
    if (type == ATTN_BF16 && c < dv) few_values(f, row, begin, end, c, dv - c, rows, 2, type);
    for (; type != ATTN_BF16 && c < dv; c += LANES)
        few_values(f, row, begin, end, c, smaller(dv - c, LANES), rows, 1, type);
}

ALWAYS_INLINE void few_values_1_of(const row_job *job, const few_rows *f, int64_t row, int64_t begin, int64_t end,
                                   const uint32_t type)
{
    few_values_from(job, f, row, begin, end, 0, 1, 8, type);
}

ALWAYS_INLINE void few_values_4_of(const row_job *job, const few_rows *f, int64_t row, int64_t begin, int64_t end,
                                   const uint32_t type)
{
    few_values_from(job, f, row, begin, end, 0, 4, 2, type);
}

static void few_scores_many(const row_job *job, const few_rows *f, int64_t rows, int64_t count)
{
    for (int64_t j = 0; j < count; j += 2) {
        for (int64_t r = 0; r < rows; r += 4) {
            const float *q = f->q + r * f->d_padded;
            store_dots_4x2(f->weights + r * KEYS_MOST + j,
                           dots_of_8(job, q, f->d_padded, f->k + j, count - j, 0, 4, 2, ATTN_F32));
        }
    }
}

static void few_values_many(const row_job *job, const few_rows *f, int64_t rows, int64_t begin, int64_t end)
{
    const int64_t dv = job->problem->dv;
    for (int64_t c = 0; c < dv; c += 2 * LANES) {
        for (int64_t r = 0; r < rows; r += 4) {
            if (c + 2 * LANES <= dv)
                few_values(f, r, begin, end, c, LANES, 4, 2, ATTN_F32);
            else
                few_values_from(job, f, r, begin, end, c, 4, 1, ATTN_F32);
        }
    }
}

static void few_start(const row_job *job, few_rows *f, int64_t row, int64_t rows)
{
    const int64_t d = job->problem->d;
    f->d_padded = round_up(d, 2 * LANES), f->dv_padded = round_up(job->problem->dv, 2 * LANES);
    f->q = job->few, f->o = f->q + FEW * f->d_padded, f->weights = f->o + FEW * f->dv_padded;
    memset(f->o, 0, (size_t)(rows * f->dv_padded) * sizeof(float));
    const __m256 factor = _mm256_set1_ps(job->q_factor);
    for (int64_t r = 0; r < rows; r++) {
        const float *from = query_row(job, job->q, row + r);
        start_softmax(job, row + r, &f->max[r], &f->sum[r]);
        for (int64_t c = 0; c < d; c += 2 * LANES) {
            __m256 x = _mm256_maskload_ps(from + c, first_lanes(d - c));
            __m256 y = _mm256_maskload_ps(from + c + LANES, first_lanes(d - c - LANES));
            if (!f->many && job->stored[ATTN_K]->type == ATTN_BF16) part_pairs(&x, &y);
            _mm256_store_ps(f->q + r * f->d_padded + c, _mm256_mul_ps(x, factor));
            _mm256_store_ps(f->q + r * f->d_padded + c + LANES, _mm256_mul_ps(y, factor));
        }
    }
}

static void few_store(const row_job *job, const few_rows *f, int64_t row, int64_t r, int sees)
{
    sees = sees && f->sum[r] != 0; /* 0: biases of -infinity */
    const int64_t dv = job->problem->dv;
    float *to = query_row(job, job->o, row + r);
    const __m256 inverse = _mm256_set1_ps(1 / f->sum[r]);
    for (int64_t c = 0; c < dv; c += 2 * LANES) {
        __m256 x = _mm256_load_ps(f->o + r * f->dv_padded + c);
        __m256 y = _mm256_load_ps(f->o + r * f->dv_padded + c + LANES);
        if (!f->many && job->stored[ATTN_V]->type == ATTN_BF16) join_pairs(&x, &y);
        x = _mm256_mul_ps(x, inverse), y = _mm256_mul_ps(y, inverse);
        store_first(to + c, dv - c, sees ? x : _mm256_setzero_ps());
        if (c + LANES < dv) store_first(to + c + LANES, dv - c - LANES, sees ? y : _mm256_setzero_ps());
    }
    store_lse(job, row + r, f->max[r], f->sum[r]);
}

#endif
