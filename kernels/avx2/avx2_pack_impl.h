/* avx2_pack_impl.h: packs queries, keys and values into tiles, and stores results from tiles. Rows and channels that do
 * not exist are never read or written: masks exclude them, and packed tiles hold zeros there. */
#ifndef ATTN_AVX2_PACK_IMPL_H
#define ATTN_AVX2_PACK_IMPL_H

#include <immintrin.h>

#include "avx2_elements_impl.h"
#include "vector/transposed_impl.h"

/* Writes the first n of 8 lanes. */
static inline void store_first(float *to, int64_t n, __m256 x)
{
    if (n >= LANES)
        _mm256_storeu_ps(to, x);
    else
        _mm256_maskstore_ps(to, first_lanes(n), x);
}

/* Four rows of eight: in the halves of x[i], channel i and channel i + 4 of the four. */
static inline void transpose_4x8(__m256 x[4])
{
    const __m256d low01 = _mm256_castps_pd(_mm256_unpacklo_ps(x[0], x[1])),
                  high01 = _mm256_castps_pd(_mm256_unpackhi_ps(x[0], x[1])),
                  low23 = _mm256_castps_pd(_mm256_unpacklo_ps(x[2], x[3])),
                  high23 = _mm256_castps_pd(_mm256_unpackhi_ps(x[2], x[3]));
    x[0] = _mm256_castpd_ps(_mm256_unpacklo_pd(low01, low23));
    x[1] = _mm256_castpd_ps(_mm256_unpackhi_pd(low01, low23));
    x[2] = _mm256_castpd_ps(_mm256_unpacklo_pd(high01, high23));
    x[3] = _mm256_castpd_ps(_mm256_unpackhi_pd(high01, high23));
}

static inline void transpose_8x8(__m256 x[8])
{
    transpose_4x8(x);
    transpose_4x8(x + 4);
    for (int i = 0; i < 4; i++) {
        const __m256 low = _mm256_permute2f128_ps(x[i], x[i + 4], 0x20),
                     high = _mm256_permute2f128_ps(x[i], x[i + 4], 0x31);
        x[i] = low, x[i + 4] = high;
    }
}

static void pack_queries(const row_job *job, const row_group *g, int64_t row)
{
    const int64_t d = job->problem->d;
    const __m256 factor = _mm256_set1_ps(job->q_factor);
    for (int64_t lane = 0; lane < GROUP; lane += LANES) {
        const float *from[LANES];
        for (int64_t i = 0; i < LANES; i++) from[i] = query_row(job, job->q, row + smaller(lane + i, g->rows - 1));
        for (int64_t c = 0; c < d; c += LANES) {
            const __m256i channels = first_lanes(d - c);
            __m256 x[LANES];
            for (int64_t i = 0; i < LANES; i++)
                x[i] = lane + i < g->rows ? _mm256_maskload_ps(from[i] + c, channels) : _mm256_setzero_ps();
            transpose_8x8(x);
            for (int64_t i = 0; i < smaller(LANES, d - c); i++)
                _mm256_store_ps(g->q + (c + i) * GROUP + lane, _mm256_mul_ps(x[i], factor));
        }
    }
}

static inline void pack_key_tile(const char *const row[], int64_t count, int64_t d, float *to)
{
    const float *from[TILE];
    for (int64_t j = 0; j < TILE; j++) from[j] = (const float *)(const void *)row[smaller(j, count - 1)];
    for (int64_t c = 0; c < d; c += LANES) {
        const __m256i channels = first_lanes(d - c);
        __m256 x[TILE];
        for (int64_t j = 0; j < TILE; j++)
            x[j] = j < count ? _mm256_maskload_ps(from[j] + c, channels) : _mm256_setzero_ps();
        transpose_4x8(x);
        for (int64_t i = 0; i < TILE; i++) {
            if (c + i < d) _mm_store_ps(to + (c + i) * TILE, _mm256_castps256_ps128(x[i]));
            if (c + i + 4 < d) _mm_store_ps(to + (c + i + 4) * TILE, _mm256_extractf128_ps(x[i], 1));
        }
    }
}

static void pack_keys(const row_job *job, const char *const row[], int64_t at, int64_t count)
{
    const int64_t d = job->problem->d;
    for (int64_t j = 0; j < count; j += TILE) pack_key_tile(row + j, count - j, d, job->block.k + (at + j) * d);
}

static int pack_values(const row_job *job, const char *const row[], int64_t at, int64_t count)
{
    const int64_t dv = job->problem->dv, tile = job->keys * TILE;
    __m256 odd = _mm256_setzero_ps(); /* NaN where a value is not finite */
    for (int64_t j = 0; j < count; j++) {
        const float *from = (const float *)(const void *)row[j];
        float *to = job->block.v + (at + j) * TILE;
        for (int64_t c = 0; c < dv; c += LANES, to += 2 * tile) {
            const __m256 x = _mm256_maskload_ps(from + c, first_lanes(dv - c));
            odd = _mm256_fmadd_ps(x, _mm256_setzero_ps(), odd);
            _mm_store_ps(to, _mm256_castps256_ps128(x));
            if (c + TILE < dv) _mm_store_ps(to + tile, _mm256_extractf128_ps(x, 1));
        }
    }
    return _mm256_movemask_ps(_mm256_cmp_ps(odd, odd, _CMP_UNORD_Q)) == 0;
}

static void store_group(const row_job *job, const row_group *g, int64_t row)
{
    const int64_t dv = job->problem->dv;
    for (int64_t lane = 0; lane < g->rows; lane += LANES) {
        const int64_t rows = smaller(LANES, g->rows - lane);
        float *to[LANES], inverse[LANES] = {0};
        int32_t sees[LANES] = {0};
        for (int64_t i = 0; i < rows; i++) {
            to[i] = query_row(job, job->o, row + lane + i);
            const int some =
                g->begin[lane + i] < g->end[lane + i] && g->sum[lane + i] != 0; /* 0: biases of -infinity */
            sees[i] = -some;
            inverse[i] = 1 / g->sum[lane + i];
            store_lse(job, row + lane + i, g->max[lane + i], g->sum[lane + i]);
        }
        const __m256 factor = _mm256_loadu_ps(inverse);
        const __m256 kept = _mm256_castsi256_ps(_mm256_loadu_si256((const __m256i *)(const void *)sees));
        for (int64_t c = 0; c < dv; c += LANES) {
            __m256 x[LANES];
            for (int64_t i = 0; i < LANES; i++) {
                const float *from = g->o + smaller(c + i, dv - 1) * GROUP + lane;
                x[i] = _mm256_and_ps(kept, _mm256_mul_ps(_mm256_load_ps(from), factor));
            }
            transpose_8x8(x);
            for (int64_t i = 0; i < rows; i++) store_first(to[i] + c, dv - c, x[i]);
        }
    }
}

#endif
