/* avx512_group_impl.h: code on a group of rows that kernels of 512-bit tiles share: which rows see a key, and storing
 * results from fp32 tiles. */
#ifndef ATTN_AVX512_GROUP_IMPL_H
#define ATTN_AVX512_GROUP_IMPL_H

#include <immintrin.h>

#include "avx512_transpose_impl.h"
#include "vector/transposed_impl.h"

/* Rows of a vector of the group that see a key of the block. */
ALWAYS_INLINE __mmask16 sees(const row_job *job, int vector, int64_t key)
{
    const __m512i j = _mm512_set1_epi32((int)key);
    const __mmask16 begun = _mm512_cmple_epi32_mask(_mm512_load_si512(job->begin + LANES * vector), j);
    return _mm512_mask_cmpgt_epi32_mask(begun, _mm512_load_si512(job->end + LANES * vector), j);
}

static void store_group(const row_job *job, const row_group *g, int64_t row)
{
    const int64_t dv = job->problem->dv;
    for (int64_t lane = 0; lane < g->rows; lane += LANES) {
        const int64_t rows = smaller(LANES, g->rows - lane);
        float *to[LANES], *from[LANES], inverse[LANES];
        __mmask16 seen[LANES];
        query_rows(job, job->o, row + lane, rows, LANES, to);
        _mm512_storeu_ps(inverse, _mm512_div_ps(_mm512_set1_ps(1.0f), _mm512_load_ps(g->sum + lane)));
        for (int64_t i = 0; i < rows; i++) {
            const int some =
                g->begin[lane + i] < g->end[lane + i] && g->sum[lane + i] != 0; /* 0: biases of -infinity */
            seen[i] = some ? 0xffff : 0;
            store_lse(job, row + lane + i, g->max[lane + i], g->sum[lane + i]);
        }
        for (int64_t c = 0; c < dv; c += LANES) {
            const __mmask16 channels = first_lanes(dv - c);
            __m512 x[LANES];
            for (int64_t i = 0; i < LANES; i++) from[i] = g->o + smaller(c + i, dv - 1) * GROUP;
            load_columns_16x16(from, lane, x);
            for (int64_t i = 0; i < rows; i++)
                _mm512_mask_storeu_ps(to[i] + c, channels,
                                      _mm512_maskz_mul_ps(seen[i], x[i], _mm512_set1_ps(inverse[i])));
        }
    }
}

#endif
