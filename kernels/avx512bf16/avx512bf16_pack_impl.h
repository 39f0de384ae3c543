/* avx512bf16_pack_impl.h: packs bf16 queries, keys and values into the pairs that vdpbf16ps takes. A pair is a dword:
 * two channels of a query or of a key, or one channel of two keys. Elements that do not exist are not read, and are 0
 * in a pair. */
#ifndef ATTN_AVX512BF16_PACK_IMPL_H
#define ATTN_AVX512BF16_PACK_IMPL_H

#include "avx512/avx512_bf16_impl.h"
#include "avx512/avx512_elements_impl.h"
#include "avx512/avx512_group_impl.h"
#include "avx512/avx512_transpose_impl.h"
#include "vector/transposed_impl.h"

static inline int64_t channel_pairs(int64_t channels) { return (channels + 1) / 2; }

/* Sixteen rows' channels c .. c + 31, of which `count` rows exist: x[i] becomes pair c / 2 + i of all. */
static inline void load_pairs(const char *const from[16], int64_t count, int64_t c, int64_t d, __m512 x[16])
{
    for (int64_t i = 0; i < 16; i++)
        x[i] = _mm512_castsi512_ps(_mm512_maskz_loadu_epi16(i < count ? elements_before(d - c) : 0, from[i] + 2 * c));
    transpose_16x16(x);
}

static void pack_queries(const row_job *job, const row_group *g, int64_t row)
{
    const int64_t d = job->problem->d, pairs = channel_pairs(d);
    for (int64_t lane = 0; lane < GROUP; lane += LANES) {
        const char *from[LANES];
        for (int64_t i = 0; i < LANES; i++)
            from[i] = stored_query_row(job, ATTN_Q, row + smaller(lane + i, g->rows - 1));
        for (int64_t p = 0; p < pairs; p += LANES) {
            __m512 x[LANES];
            load_pairs(from, g->rows - lane, 2 * p, d, x);
            for (int64_t i = 0; i < smaller(LANES, pairs - p); i++)
                _mm512_store_ps(g->q + (p + i) * GROUP + lane, x[i]);
        }
    }
}

/* Two tiles of keys at a time. */
static void pack_keys(const row_job *job, const char *const row[], int64_t at, int64_t count)
{
    const int64_t d = job->problem->d, pairs = channel_pairs(d);
    for (int64_t j = 0; j < count; j += 2 * TILE) {
        const char *from[2 * TILE];
        float *to = job->block.k + (at + j) * pairs;
        for (int64_t i = 0; i < 2 * TILE; i++) from[i] = row[smaller(j + i, count - 1)];
        for (int64_t p = 0; p < pairs; p += LANES) {
            __m512 x[LANES];
            load_pairs(from, count - j, 2 * p, d, x);
            for (int64_t i = 0; i < smaller(LANES, pairs - p); i++) {
                _mm256_store_ps(to + (p + i) * TILE, _mm512_castps512_ps256(x[i]));
                _mm256_store_ps(to + (pairs + p + i) * TILE, _mm512_extractf32x8_ps(x[i], 1));
            }
        }
    }
}

static int pack_values(const row_job *job, const char *const row[], int64_t at, int64_t count)
{
    const int64_t dv = job->problem->dv, tile = job->keys / 2 * TILE;
    __m512i most = _mm512_setzero_si512();
    for (int64_t j = 0; j < count; j += 2) {
        const char *const from[2] = {row[j], row[smaller(j + 1, count - 1)]};
        float *to = job->block.v + (at + j) / 2 * TILE;
        for (int64_t c = 0; c < dv; c += LANES, to += 2 * tile) {
            const __mmask16 channels = lanes_before(dv - c);
            const __m256i x = _mm256_maskz_loadu_epi16(channels, from[0] + 2 * c),
                          y = _mm256_maskz_loadu_epi16(j + 1 < count ? channels : 0, from[1] + 2 * c);
            const __m512i pairs = pairs_of(x, y);
            most = larger_magnitudes(most, pairs);
            _mm256_store_si256((__m256i *)(void *)to, _mm512_castsi512_si256(pairs));
            if (c + TILE < dv) _mm256_store_si256((__m256i *)(void *)(to + tile), _mm512_extracti64x4_epi64(pairs, 1));
        }
    }
    return largest_magnitude(most) <= FLT_MAX;
}

#endif
