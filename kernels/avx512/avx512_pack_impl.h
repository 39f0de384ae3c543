/* avx512_pack_impl.h: queries, keys and values into tiles, and results out of them. Rows and channels that do not exist are never
 * read or written: masks cut them off, and packed tiles hold zeros there. */
#ifndef ATTN_AVX512_PACK_IMPL_H
#define ATTN_AVX512_PACK_IMPL_H

#include <immintrin.h>

#include "avx512_elements_impl.h"
#include "transposed_impl.h"

static inline __mmask16 first_lanes(int64_t n) { return n >= 16 ? 0xffff : n <= 0 ? 0 : (__mmask16)((1u << n) - 1); }

/* Transposes 16 x 16 in place: pairs, then fours, then 128-bit quarters twice. */
static inline void transpose_16x16(__m512 x[16])
{
    __m512 y[16];
    for (int i = 0; i < 16; i += 2) {
        y[i] = _mm512_unpacklo_ps(x[i], x[i + 1]);
        y[i + 1] = _mm512_unpackhi_ps(x[i], x[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
        for (int half = 0; half < 2; half++) {
            const __m512d a = _mm512_castps_pd(y[i + half]), b = _mm512_castps_pd(y[i + 2 + half]);
            x[i + 2 * half] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b));
            x[i + 2 * half + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
        }
    }
    for (int i = 0; i < 4; i++) {
        const __m512 even01 = _mm512_shuffle_f32x4(x[i], x[i + 4], 0x88),
                     odd01 = _mm512_shuffle_f32x4(x[i], x[i + 4], 0xdd);
        const __m512 even23 = _mm512_shuffle_f32x4(x[i + 8], x[i + 12], 0x88),
                     odd23 = _mm512_shuffle_f32x4(x[i + 8], x[i + 12], 0xdd);
        y[i] = _mm512_shuffle_f32x4(even01, even23, 0x88);
        y[i + 8] = _mm512_shuffle_f32x4(even01, even23, 0xdd);
        y[i + 4] = _mm512_shuffle_f32x4(odd01, odd23, 0x88);
        y[i + 12] = _mm512_shuffle_f32x4(odd01, odd23, 0xdd);
    }
    for (int i = 0; i < 16; i++) x[i] = y[i];
}

/* Four rows of four floats, in each quarter of x: columns become rows. */
static inline void transpose_quarters(__m512 x[4])
{
    const __m512d low01 = _mm512_castps_pd(_mm512_unpacklo_ps(x[0], x[1])),
                  high01 = _mm512_castps_pd(_mm512_unpackhi_ps(x[0], x[1])),
                  low23 = _mm512_castps_pd(_mm512_unpacklo_ps(x[2], x[3])),
                  high23 = _mm512_castps_pd(_mm512_unpackhi_ps(x[2], x[3]));
    x[0] = _mm512_castpd_ps(_mm512_unpacklo_pd(low01, low23));
    x[1] = _mm512_castpd_ps(_mm512_unpackhi_pd(low01, low23));
    x[2] = _mm512_castpd_ps(_mm512_unpacklo_pd(high01, high23));
    x[3] = _mm512_castpd_ps(_mm512_unpackhi_pd(high01, high23));
}

/* Four quarters from memory: no shuffle, where joining vectors of whole rows would need three. */
static inline __m512 load_quarters(const float *a, const float *b, const float *c, const float *d)
{
    __m512 x = _mm512_castps128_ps512(_mm_loadu_ps(a));
    x = _mm512_insertf32x4(x, _mm_loadu_ps(b), 1);
    x = _mm512_insertf32x4(x, _mm_loadu_ps(c), 2);
    return _mm512_insertf32x4(x, _mm_loadu_ps(d), 3);
}

/* x[i] = column i of 16 rows. */
static inline void load_columns_16x16(float *const from[16], int64_t at, __m512 x[16])
{
    for (int64_t i = 0; i < 16; i += 4) {
        for (int n = 0; n < 4; n++)
            x[i + n] =
                load_quarters(from[n] + at + i, from[n + 4] + at + i, from[n + 8] + at + i, from[n + 12] + at + i);
        transpose_quarters(x + i);
    }
}

static void pack_queries(const row_job *job, const row_group *g, int64_t row)
{
    const int64_t d = job->problem->d;
    const __m512 factor = _mm512_set1_ps(job->q_factor);
    for (int64_t lane = 0; lane < g->rows; lane += LANES) {
        float *from[LANES], *to = g->q + lane;
        query_rows(job, job->q, row + lane, smaller(LANES, g->rows - lane), LANES, from);
        int64_t c = 0;
        for (; c + LANES <= d; c += LANES, to += LANES * GROUP) {
            __m512 x[LANES];
            load_columns_16x16(from, c, x);
            for (int i = 0; i < LANES; i++) _mm512_store_ps(to + i * GROUP, _mm512_mul_ps(x[i], factor));
        }
        if (c == d) continue;
        __m512 x[LANES];
        for (int i = 0; i < LANES; i++) x[i] = _mm512_maskz_loadu_ps(first_lanes(d - c), from[i] + c);
        transpose_16x16(x);
        for (int64_t i = 0; i < d - c; i++) _mm512_store_ps(to + i * GROUP, _mm512_mul_ps(x[i], factor));
    }
}

/* Eight keys, eight channels at a time: x[i] becomes channels i and i + 4 of the eight keys. */
static inline void pack_key_tile(const row_job *job, int64_t first, int64_t count, float *to)
{
    const int64_t d = job->problem->d;
    const float *from[TILE];
    for (int64_t j = 0; j < TILE; j++)
        from[j] = attn_f32_row(job->k, job->b, job->kv_head, first + smaller(j, count - 1));
    int64_t c = 0;
    for (; c + 8 <= d; c += 8, to += 8 * TILE) {
        __m512 x[4];
        for (int j = 0; j < 4; j++)
            x[j] = load_quarters(from[j] + c, from[j + 4] + c, from[j] + c + 4, from[j + 4] + c + 4);
        transpose_quarters(x);
        for (int i = 0; i < 4; i++) {
            _mm256_store_ps(to + i * TILE, _mm512_castps512_ps256(x[i]));
            _mm256_store_ps(to + (i + 4) * TILE, _mm512_extractf32x8_ps(x[i], 1));
        }
    }
    if (c == d) return;
    const __mmask8 low = (__mmask8)(first_lanes(d - c) & 0xf), high = (__mmask8)(first_lanes(d - c) >> 4);
    __m512 x[4];
    for (int j = 0; j < 4; j++) {
        x[j] = _mm512_castps128_ps512(_mm_maskz_loadu_ps(low, from[j] + c));
        x[j] = _mm512_insertf32x4(x[j], _mm_maskz_loadu_ps(low, from[j + 4] + c), 1);
        x[j] = _mm512_insertf32x4(x[j], _mm_maskz_loadu_ps(high, from[j] + c + 4), 2);
        x[j] = _mm512_insertf32x4(x[j], _mm_maskz_loadu_ps(high, from[j + 4] + c + 4), 3);
    }
    transpose_quarters(x);
    for (int64_t i = 0; i < smaller(4, d - c); i++) _mm256_store_ps(to + i * TILE, _mm512_castps512_ps256(x[i]));
    for (int64_t i = 4; i < d - c; i++) _mm256_store_ps(to + i * TILE, _mm512_extractf32x8_ps(x[i - 4], 1));
}

static void pack_keys(const row_job *job, int64_t first, int64_t count)
{
    for (int64_t j = 0; j < count; j += TILE)
        pack_key_tile(job, first + j, count - j, job->k_tiles + j * job->problem->d);
}

/* Two keys at a time fill a line of each tile. */
static int pack_values(const row_job *job, int64_t first, int64_t count)
{
    const int64_t dv = job->problem->dv, tile = job->keys * TILE;
    __m512 odd = _mm512_setzero_ps(); /* NaN where a value is not finite: its product with 0 is */
    for (int64_t j = 0; j < count; j += 2) {
        const float *a = attn_f32_row(job->v, job->b, job->kv_head, first + j);
        const float *b = attn_f32_row(job->v, job->b, job->kv_head, first + smaller(j + 1, count - 1));
        float *to = job->v_tiles + j * TILE;
        for (int64_t c = 0; c < dv; c += LANES, to += 2 * tile) {
            const __mmask16 channels = first_lanes(dv - c);
            const __m512 x = _mm512_maskz_loadu_ps(channels, a + c), y = _mm512_maskz_loadu_ps(channels, b + c);
            odd = _mm512_or_ps(odd, _mm512_mul_ps(x, _mm512_setzero_ps()));
            odd = _mm512_or_ps(odd, _mm512_mul_ps(y, _mm512_setzero_ps()));
            _mm512_store_ps(to, _mm512_shuffle_f32x4(x, y, 0x44));
            if (c + TILE < dv) _mm512_store_ps(to + tile, _mm512_shuffle_f32x4(x, y, 0xee));
        }
    }
    return _mm512_cmp_ps_mask(odd, odd, _CMP_UNORD_Q) == 0;
}

static void store_group(const row_job *job, const row_group *g, int64_t row)
{
    const int64_t dv = job->problem->dv;
    for (int64_t lane = 0; lane < g->rows; lane += LANES) {
        const int64_t rows = smaller(LANES, g->rows - lane);
        float *to[LANES], *from[LANES], inverse[LANES];
        __mmask16 sees[LANES];
        query_rows(job, job->o, row + lane, rows, LANES, to);
        _mm512_storeu_ps(inverse, _mm512_div_ps(_mm512_set1_ps(1.0f), _mm512_load_ps(g->sum + lane)));
        for (int64_t i = 0; i < rows; i++) {
            const int some = g->begin[lane + i] < g->end[lane + i];
            sees[i] = some ? 0xffff : 0;
            store_lse(job, row + lane + i, g->max[lane + i], g->sum[lane + i]);
        }
        for (int64_t c = 0; c < dv; c += LANES) {
            const __mmask16 channels = first_lanes(dv - c);
            __m512 x[LANES];
            for (int64_t i = 0; i < LANES; i++) from[i] = g->o + smaller(c + i, dv - 1) * GROUP;
            load_columns_16x16(from, lane, x);
            for (int64_t i = 0; i < rows; i++)
                _mm512_mask_storeu_ps(to[i] + c, channels,
                                      _mm512_maskz_mul_ps(sees[i], x[i], _mm512_set1_ps(inverse[i])));
        }
    }
}

#endif
