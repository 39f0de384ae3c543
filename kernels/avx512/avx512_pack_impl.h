/* avx512_pack_impl.h: queries, keys and values into tiles, and results out of them. Rows and channels that do not exist are never
 * read or written: masks cut them off, and packed tiles hold zeros there. */
#ifndef ATTN_AVX512_PACK_IMPL_H
#define ATTN_AVX512_PACK_IMPL_H

#include <immintrin.h>

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

static void pack_queries(const row_job *job, const row_group *g, int64_t row)
{
    const int64_t d = job->problem->d;
    const __m512 factor = _mm512_set1_ps(job->q_factor);
    for (int64_t lane = 0; lane < GROUP; lane += LANES) {
        const float *from[LANES];
        for (int64_t i = 0; i < LANES; i++) from[i] = query_row(job, job->q, row + smaller(lane + i, g->rows - 1));
        for (int64_t c = 0; c < d; c += LANES) {
            const __mmask16 channels = first_lanes(d - c);
            __m512 x[LANES];
            for (int64_t i = 0; i < LANES; i++)
                x[i] = _mm512_maskz_loadu_ps(lane + i < g->rows ? channels : 0, from[i] + c);
            transpose_16x16(x);
            for (int64_t i = 0; i < smaller(LANES, d - c); i++)
                _mm512_store_ps(g->q + (c + i) * GROUP + lane, _mm512_mul_ps(x[i], factor));
        }
    }
}

/* Eight keys: 16 channels of each become 16 runs of eight floats, two to a vector. */
static inline void pack_key_tile(const row_job *job, int64_t first, int64_t count, float *to)
{
    const int64_t d = job->problem->d;
    const float *from[TILE];
    for (int64_t j = 0; j < TILE; j++)
        from[j] = attn_f32_row(job->k, job->b, job->kv_head, first + smaller(j, count - 1));
    for (int64_t c = 0; c < d; c += LANES) {
        const __mmask16 channels = first_lanes(d - c);
        __m512 x[TILE], y[TILE];
        for (int64_t j = 0; j < TILE; j++) x[j] = _mm512_maskz_loadu_ps(j < count ? channels : 0, from[j] + c);
        for (int j = 0; j < TILE; j += 2) {
            y[j] = _mm512_unpacklo_ps(x[j], x[j + 1]);
            y[j + 1] = _mm512_unpackhi_ps(x[j], x[j + 1]);
        }
        for (int j = 0; j < TILE; j += 4) {
            for (int half = 0; half < 2; half++) {
                const __m512d a = _mm512_castps_pd(y[j + half]), b = _mm512_castps_pd(y[j + 2 + half]);
                x[j + 2 * half] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b));
                x[j + 2 * half + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
            }
        }
        /* x[i] has channels i, i + 4, i + 8, i + 12 of keys 0 .. 3, x[i + 4] those of keys 4 .. 7. */
        for (int i = 0; i < 4; i++) {
            const __m512 low = _mm512_shuffle_f32x4(x[i], x[i + 4], 0x44),
                         high = _mm512_shuffle_f32x4(x[i], x[i + 4], 0xee);
            const __m512 both[2] = {_mm512_shuffle_f32x4(low, low, 0xd8), _mm512_shuffle_f32x4(high, high, 0xd8)};
            for (int part = 0; part < 2; part++) {
                const int64_t channel = c + 8 * part + i;
                if (channel < d) _mm256_store_ps(to + channel * TILE, _mm512_castps512_ps256(both[part]));
                if (channel + 4 < d) _mm256_store_ps(to + (channel + 4) * TILE, _mm512_extractf32x8_ps(both[part], 1));
            }
        }
    }
}

static void pack_keys(const row_job *job, int64_t first, int64_t count)
{
    for (int64_t j = 0; j < count; j += TILE)
        pack_key_tile(job, first + j, count - j, job->k_tiles + j * job->problem->d);
}

static int pack_values(const row_job *job, int64_t first, int64_t count)
{
    const int64_t dv = job->problem->dv, tile = job->keys * TILE;
    __m512 odd = _mm512_setzero_ps(); /* NaN where a value is not finite */
    for (int64_t j = 0; j < count; j++) {
        const float *from = attn_f32_row(job->v, job->b, job->kv_head, first + j);
        float *to = job->v_tiles + j * TILE;
        for (int64_t c = 0; c < dv; c += LANES, to += 2 * tile) {
            const __m512 x = _mm512_maskz_loadu_ps(first_lanes(dv - c), from + c);
            odd = _mm512_fmadd_ps(x, _mm512_setzero_ps(), odd);
            _mm256_store_ps(to, _mm512_castps512_ps256(x));
            if (c + TILE < dv) _mm256_store_ps(to + tile, _mm512_extractf32x8_ps(x, 1));
        }
    }
    return _mm512_cmp_ps_mask(odd, odd, _CMP_UNORD_Q) == 0;
}

static void store_group(const row_job *job, const row_group *g, int64_t row)
{
    const int64_t dv = job->problem->dv;
    for (int64_t lane = 0; lane < g->rows; lane += LANES) {
        const int64_t rows = smaller(LANES, g->rows - lane);
        float *to[LANES];
        __mmask16 sees = 0;
        for (int64_t i = 0; i < rows; i++) {
            to[i] = query_row(job, job->o, row + lane + i);
            const int some = g->begin[lane + i] < g->end[lane + i];
            sees |= (__mmask16)(some << i);
            if (job->lse)
                *query_row(job, job->lse, row + lane + i) =
                    some ? row_lse(g->max[lane + i], g->sum[lane + i]) : -INFINITY;
        }
        const __m512 inverse = _mm512_div_ps(_mm512_set1_ps(1.0f), _mm512_load_ps(g->sum + lane));
        for (int64_t c = 0; c < dv; c += LANES) {
            const __mmask16 channels = first_lanes(dv - c);
            __m512 x[LANES];
            for (int64_t i = 0; i < LANES; i++) {
                const float *from = g->o + smaller(c + i, dv - 1) * GROUP + lane;
                x[i] = _mm512_maskz_mul_ps(sees, _mm512_load_ps(from), inverse);
            }
            transpose_16x16(x);
            for (int64_t i = 0; i < rows; i++) _mm512_mask_storeu_ps(to[i] + c, channels, x[i]);
        }
    }
}

#endif
