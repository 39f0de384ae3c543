/* avx512_pack_impl.h: queries, keys and values into tiles. Rows and channels that do not exist are never read: masks
 * cut them off, and packed tiles hold zeros there. */
#ifndef ATTN_AVX512_PACK_IMPL_H
#define ATTN_AVX512_PACK_IMPL_H

#include <immintrin.h>

#include "avx512_elements_impl.h"
#include "avx512_group_impl.h"
#include "avx512_transpose_impl.h"
#include "vector/transposed_impl.h"

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
static inline void pack_key_tile(const char *const row[], int64_t count, int64_t d, float *to)
{
    const float *from[TILE];
    for (int64_t j = 0; j < TILE; j++) from[j] = (const float *)(const void *)row[smaller(j, count - 1)];
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

static void pack_keys(const row_job *job, const char *const row[], int64_t at, int64_t count)
{
    const int64_t d = job->problem->d;
    for (int64_t j = 0; j < count; j += TILE) pack_key_tile(row + j, count - j, d, job->block.k + (at + j) * d);
}

/* Two keys at a time fill a line of each tile. */
static int pack_values(const row_job *job, const char *const row[], int64_t at, int64_t count)
{
    const int64_t dv = job->problem->dv, tile = job->keys * TILE;
    __m512 odd = _mm512_setzero_ps(); /* NaN where a value is not finite: its product with 0 is */
    for (int64_t j = 0; j < count; j += 2) {
        const float *a = (const float *)(const void *)row[j];
        const float *b = (const float *)(const void *)row[smaller(j + 1, count - 1)];
        float *to = job->block.v + (at + j) * TILE;
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

#endif
