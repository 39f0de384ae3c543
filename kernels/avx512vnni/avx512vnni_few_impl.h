/* avx512vnni_few_impl.h: at most FEW query rows against int8 keys and values, as integers.
 *
 *   for each block of keys that some row sees:
 *     16 keys at a time, turned into quads: dot products, a lane is a key; four rows at once, or one
 *     four keys at a time: values as quads of keys, a lane is a channel; the scales of all
 *     for each row: scores become weights, their products with the scales two bytes
 *     values times weights, for four rows and 64 channels at once, or one row
 *
 * K and V come from memory once for all rows. */
#ifndef ATTN_AVX512VNNI_FEW_IMPL_H
#define ATTN_AVX512VNNI_FEW_IMPL_H

#include "avx512vnni_pack_impl.h"

typedef struct few_rows {
    int64_t quads, dv_padded; /* of a row of q; channels of V in whole chunks of 64 */
    int32_t *high, *low;      /* (FEW, quads) */
    int32_t *keys;            /* (quads, LANES) of 16 keys */
    float *o;                 /* (FEW, dv_padded) unnormalised, in the order of value_chunk */
    float *scores;            /* (FEW, KEYS_MOST), then weights times scales */
    int8_t *high_weights;     /* (FEW, KEYS_MOST) */
    int8_t *low_weights;      /* (FEW, KEYS_MOST) */
    int8_t *values;           /* (KEYS_MOST / 4, dv_padded, 4) */
    int32_t offset[FEW];      /* 128 sum(n) */
    float back[FEW];          /* -k */
    float max[FEW], sum[FEW];
    float factor[FEW];   /* what o must be multiplied by before it is added to */
    float exponent[FEW]; /* of the block's weights */
} few_rows;

static int64_t few_floats(int64_t d, int64_t dv)
{
    const int64_t d_padded = round_up(d, 64), dv_padded = round_up(dv, 64);
    return LANES * d_padded / 4 + FEW * (2 * d_padded / 4 + dv_padded + KEYS_MOST + 2 * KEYS_MOST / 4) +
           KEYS_MOST * dv_padded / 4;
}

static inline void start_few(const row_job *job, few_rows *f, int64_t row, int64_t rows)
{
    const int64_t d_padded = round_up(job->problem->d, 64);
    f->quads = d_padded / 4, f->dv_padded = round_up(job->problem->dv, 64);
    f->high = (int32_t *)(void *)job->few, f->low = f->high + FEW * f->quads;
    f->keys = f->low + FEW * f->quads;
    f->o = (float *)(f->keys + LANES * f->quads), f->scores = f->o + FEW * f->dv_padded;
    f->high_weights = (int8_t *)(f->scores + FEW * KEYS_MOST), f->low_weights = f->high_weights + FEW * KEYS_MOST;
    f->values = f->low_weights + FEW * KEYS_MOST;
    memset(f->o, 0, (size_t)(rows * f->dv_padded) * sizeof(float));
    for (int64_t r = 0; r < rows; r++) {
        start_softmax(job, row + r, &f->max[r], &f->sum[r]);
        f->back[r] = quantise_row(job, query_row(job, job->q, row + r), (int8_t *)(f->high + r * f->quads),
                                  (int8_t *)(f->low + r * f->quads), &f->offset[r]);
    }
}

/* Scores of `rows` rows from row r with the 16 keys at hand. */
ALWAYS_INLINE void score_16(const row_job *job, const few_rows *f, int64_t r, __m512 scales, float *score,
                            const int rows)
{
    const int32_t *q[2] = {f->high + r * f->quads, f->low + r * f->quads};
    const int64_t quads = quads_of(job->problem->d);
    __m512i dot[2][4];
    for (int half = 0; half < 2; half++)
        for (int i = 0; i < rows; i++) dot[half][i] = _mm512_setzero_si512();
#pragma GCC unroll 4
    for (int64_t quad = 0; quad < quads; quad++) {
        const __m512i x = _mm512_load_si512(f->keys + quad * LANES);
        for (int half = 0; half < 2; half++)
            for (int i = 0; i < rows; i++)
                dot[half][i] = _mm512_dpbusd_epi32(dot[half][i], x, _mm512_set1_epi32(q[half][i * f->quads + quad]));
    }
    for (int i = 0; i < rows; i++) {
        const __m512i both = _mm512_add_epi32(_mm512_slli_epi32(dot[0][i], 8), dot[1][i]);
        const __m512i sum = _mm512_sub_epi32(both, _mm512_set1_epi32(f->offset[r + i]));
        const __m512 s = _mm512_scalef_ps(_mm512_cvtepi32_ps(sum), _mm512_set1_ps(f->back[r + i]));
        _mm512_store_ps(score + (r + i) * KEYS_MOST, _mm512_mul_ps(s, scales));
    }
}

static inline void score_keys(const row_job *job, const few_rows *f, int64_t rows, int64_t first, int64_t count)
{
    const int64_t d = job->problem->d;
    for (int64_t j = 0; j < count; j += LANES) {
        const char *from[LANES];
        float scales[LANES];
        find_rows(job, ATTN_K, first + j, first + count, from, scales);
        for (int64_t c = 0; c < d; c += 64) {
            __m512 x[LANES];
            load_key_quads(from, c, d, x);
            for (int64_t i = 0; i < LANES; i++) _mm512_store_ps(f->keys + (c / 4 + i) * LANES, x[i]);
        }
        int64_t r = 0;
        for (; r + 4 <= rows; r += 4) score_16(job, f, r, _mm512_loadu_ps(scales), f->scores + j, 4);
        for (; r < rows; r++) score_16(job, f, r, _mm512_loadu_ps(scales), f->scores + j, 1);
    }
}

/* Four rows of V as quads, 64 channels in four vectors: quarter l of vector i has channels 16 l + 4 i .. + 3. Returns
 * which of the rows are not all 0. */
static inline int turn_4(const char *const from[4], int64_t dv, int8_t *to)
{
    __m512i any[4] = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512()};
    for (int64_t c = 0; c < dv; c += 64, to += 256) {
        __m512i x[4];
        for (int64_t i = 0; i < 4; i++) {
            x[i] = _mm512_maskz_loadu_epi8(bytes_before(dv - c), from[i] + c);
            any[i] = _mm512_or_si512(any[i], x[i]);
        }
        const __m512i low01 = _mm512_unpacklo_epi8(x[0], x[1]), high01 = _mm512_unpackhi_epi8(x[0], x[1]),
                      low23 = _mm512_unpacklo_epi8(x[2], x[3]), high23 = _mm512_unpackhi_epi8(x[2], x[3]);
        _mm512_store_si512(to, _mm512_unpacklo_epi16(low01, low23));
        _mm512_store_si512(to + 64, _mm512_unpackhi_epi16(low01, low23));
        _mm512_store_si512(to + 128, _mm512_unpacklo_epi16(high01, high23));
        _mm512_store_si512(to + 192, _mm512_unpackhi_epi16(high01, high23));
    }
    int not_zero = 0;
    for (int i = 0; i < 4; i++) not_zero |= (_mm512_test_epi8_mask(any[i], any[i]) != 0) << i;
    return not_zero;
}

/* All values of the block. Returns whether none is odd. */
static inline int turn_values(const row_job *job, const few_rows *f, int64_t first, int64_t count)
{
    const int64_t dv = job->problem->dv;
    float sign = 0;
    int all_plain = 1;
    for (int64_t j = 0; j < count; j += LANES) {
        const char *from[LANES];
        float scale[LANES];
        __mmask16 not_zero = 0;
        find_rows(job, ATTN_V, first + j, first + count, from, scale);
        for (int64_t i = 0; i < LANES; i += 4)
            not_zero |= (__mmask16)(turn_4(from + i, dv, f->values + (j + i) * f->dv_padded) << i);
        all_plain &= note_value_scales(job, j, _mm512_loadu_ps(scale), first_lanes(count - j), not_zero, &sign);
    }
    *value_sign(job) = sign;
    return all_plain;
}

/* The products of odd values with a row's weights, in fp32. */
static __attribute__((noinline)) void few_odd_values(const row_job *job, few_rows *f, int64_t row, int64_t first,
                                                     int64_t begin, int64_t end)
{
    float *o = f->o + row * f->dv_padded;
    for (int64_t c = 0; c < f->dv_padded; c++) o[c] *= f->factor[row];
    f->factor[row] = 1;
    for (int64_t j = begin; j < end; j++) {
        const float scale = odd_scales(job)[j];
        if (scale == 0) continue;
        const int8_t *v = (const int8_t *)attn_row(job->stored[ATTN_V], job->b, job->kv_head, first + j);
        const __m512 x = _mm512_set1_ps(f->scores[row * KEYS_MOST + j] - f->max[row]);
        const float weight = _mm512_cvtss_f32(avx512_exp2(x));
        for (int64_t c = 0; c < job->problem->dv; c++)
            o[c / 64 * 64 + c % 16 / 4 * 16 + c % 64 / 16 * 4 + c % 4] += weight * (scale * (float)v[c]);
    }
}

/* Scores of a row, which sees begin .. end - 1 of the block's keys, become integers; its maximum and sum follow. */
static inline void weigh_row(const row_job *job, few_rows *f, int64_t row, int64_t first, int64_t begin, int64_t end,
                             int64_t count, int all_plain)
{
    float *score = f->scores + row * KEYS_MOST;
    const __m512 cap = _mm512_set1_ps(job->cap2);
    __m512 high = _mm512_set1_ps(f->max[row]), total = _mm512_setzero_ps(), largest = _mm512_set1_ps(0x1p-126f);
    for (int64_t j = 0; j < count; j += LANES) {
        const __mmask16 seen = first_lanes(end - j) & (__mmask16)~first_lanes(begin - j);
        __m512 x = _mm512_load_ps(score + j);
        if (job->cap2 > 0) x = _mm512_mul_ps(cap, avx512_tanh(x));
        _mm512_store_ps(score + j, x);
        high = _mm512_mask_max_ps(high, seen, x, high); /* `high` where x is NaN */
    }
    const float max = _mm512_reduce_max_ps(high);
    f->factor[row] = _mm512_cvtss_f32(avx512_exp2(_mm512_set1_ps(f->max[row] - max)));
    f->sum[row] *= f->factor[row];
    f->max[row] = max;
    if (!all_plain) few_odd_values(job, f, row, first, begin, end);
    for (int64_t j = 0; j < count; j += LANES) {
        const __mmask16 seen = first_lanes(end - j) & (__mmask16)~first_lanes(begin - j);
        const __m512 x = _mm512_sub_ps(_mm512_load_ps(score + j), _mm512_set1_ps(max));
        const __m512 weight = _mm512_maskz_mov_ps(seen, avx512_exp2(x));
        const __m512 product = _mm512_mul_ps(weight, _mm512_loadu_ps(value_scales(job) + j));
        total = _mm512_add_ps(total, weight);
        largest = _mm512_max_ps(product, largest);
        _mm512_store_ps(score + j, product);
    }
    f->sum[row] += _mm512_reduce_add_ps(total);
    const __m512 exponent = exponent_of_weights(_mm512_set1_ps(_mm512_reduce_max_ps(largest)));
    f->exponent[row] = _mm512_cvtss_f32(exponent);
    for (int64_t j = 0; j < count; j += LANES) {
        const __m512i n = _mm512_cvtps_epi32(_mm512_scalef_ps(_mm512_load_ps(score + j), exponent));
        int8_t *to = f->high_weights + row * KEYS_MOST + j;
        _mm_store_si128((__m128i *)(void *)to, _mm512_cvtepi32_epi8(_mm512_srli_epi32(n, 8)));
        _mm_store_si128((__m128i *)(void *)(to + FEW * KEYS_MOST), _mm512_cvtepi32_epi8(n));
    }
}

/* o += weights x values for `rows` rows and the chunk of channels from c. */
ALWAYS_INLINE void value_chunk(const row_job *job, const few_rows *f, int64_t r, int64_t c, int64_t count,
                               const int rows)
{
    const __m512 sign = _mm512_set1_ps(*value_sign(job));
    const int64_t quads = KEYS_MOST / 4;
    __m512i sum[4][4];
    for (int i = 0; i < rows; i++)
        for (int n = 0; n < 4; n++) sum[i][n] = _mm512_setzero_si512();
    for (int low = 0; low < 2; low++) {
        const int32_t *weights = (const int32_t *)(const void *)(low ? f->low_weights : f->high_weights) + r * quads;
        const int8_t *at = f->values + 4 * c;
#pragma GCC unroll 2
        for (int64_t quad = 0; quad < quads_of(count); quad++, at += 4 * f->dv_padded) {
            __m512i x[4];
            for (int n = 0; n < 4; n++) x[n] = _mm512_load_si512(at + 64 * n);
            for (int i = 0; i < rows; i++) {
                const __m512i w = _mm512_set1_epi32(weights[i * quads + quad]);
                for (int n = 0; n < 4; n++) sum[i][n] = _mm512_dpbusd_epi32(sum[i][n], w, x[n]);
            }
        }
        for (int i = 0; low == 0 && i < rows; i++)
            for (int n = 0; n < 4; n++) sum[i][n] = _mm512_slli_epi32(sum[i][n], 8);
    }
    for (int i = 0; i < rows; i++) {
        const __m512 back = _mm512_set1_ps(-f->exponent[r + i]), factor = _mm512_set1_ps(f->factor[r + i]);
        for (int n = 0; n < 4; n++) {
            float *to = f->o + (r + i) * f->dv_padded + c + LANES * n;
            const __m512 o = _mm512_mul_ps(_mm512_load_ps(to), factor);
            _mm512_store_ps(to, _mm512_fmadd_ps(_mm512_scalef_ps(_mm512_cvtepi32_ps(sum[i][n]), back), sign, o));
        }
    }
}

static inline void store_few(const row_job *job, const few_rows *f, int64_t row, int64_t r, int sees)
{
    const int64_t dv = job->problem->dv;
    float *to = query_row(job, job->o, row + r);
    const __m512 inverse = _mm512_set1_ps(1 / f->sum[r]);
    for (int64_t c = 0; c < dv; c += 64) {
        __m512 x[4];
        for (int n = 0; n < 4; n++) x[n] = _mm512_load_ps(f->o + r * f->dv_padded + c + LANES * n);
        const __m512 even01 = _mm512_shuffle_f32x4(x[0], x[1], 0x88), odd01 = _mm512_shuffle_f32x4(x[0], x[1], 0xdd),
                     even23 = _mm512_shuffle_f32x4(x[2], x[3], 0x88), odd23 = _mm512_shuffle_f32x4(x[2], x[3], 0xdd);
        const __m512 quarter[4] = {_mm512_shuffle_f32x4(even01, even23, 0x88), _mm512_shuffle_f32x4(odd01, odd23, 0x88),
                                   _mm512_shuffle_f32x4(even01, even23, 0xdd),
                                   _mm512_shuffle_f32x4(odd01, odd23, 0xdd)};
        for (int l = 0; l < 4; l++)
            _mm512_mask_storeu_ps(to + c + LANES * l, first_lanes(dv - c - LANES * l),
                                  sees ? _mm512_mul_ps(quarter[l], inverse) : _mm512_setzero_ps());
    }
    store_lse(job, row + r, f->max[r], f->sum[r]);
}

static void absorb_few(const row_job *job, int64_t row, int64_t rows, const attn_span *span)
{
    few_rows f;
    start_few(job, &f, row, rows);
    int64_t begin = INT64_MAX, end = 0;
    for (int64_t r = 0; r < rows; r++)
        if (span[r].begin < span[r].end) begin = smaller(begin, span[r].begin), end = larger(end, span[r].end);
    for (int64_t first = begin; first < end; first += job->keys) {
        const int64_t count = smaller(job->keys, end - first);
        score_keys(job, &f, rows, first, count);
        const int all_plain = turn_values(job, &f, first, count);
        for (int64_t r = 0; r < rows; r++) {
            const int64_t low = smaller(larger(span[r].begin - first, 0), count);
            const int64_t high = smaller(larger(span[r].end - first, low), count);
            weigh_row(job, &f, r, first, low, high, count, all_plain);
        }
        for (int64_t c = 0; c < job->problem->dv; c += 64) {
            int64_t r = 0;
            for (; r + 4 <= rows; r += 4) value_chunk(job, &f, r, c, count, 4);
            for (; r < rows; r++) value_chunk(job, &f, r, c, count, 1);
        }
    }
    for (int64_t r = 0; r < rows; r++) store_few(job, &f, row, r, span[r].begin < span[r].end);
}

#endif
