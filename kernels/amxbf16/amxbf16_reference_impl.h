/* amxbf16_reference_impl.h: the references of the weights: weight = 2^(x - reference). They are 0 as long as all scores are known to be
 * small, and else follow the rows' maxima. */
#ifndef ATTN_AMXBF16_REFERENCE_IMPL_H
#define ATTN_AMXBF16_REFERENCE_IMPL_H

#include "amxbf16_pack_impl.h"

static const float LAZY = 8;              /* weights are at most 2^8, but where scores are bounded */
static const float BOUND = 60;            /* of scores, base 2: weights from 2^-60 to 2^60 */
static const float BOUND_VALUE = 1 << 20; /* so that sums of 2^47 such products are finite */

static inline char *weights_at(const row_job *job, int64_t key, int64_t r)
{
    return bytes_of(job->weights) + (key + r) * TILE_ROW_BYTES;
}

/* Can the block's scores be taken with references of 0? They must have been so from the first block on. */
static int take_as_bounded(const row_job *job, row_group *g)
{
    __m512 longest = _mm512_setzero_ps();
    __mmask16 other = 0;
    for (int64_t r = 0; r < GROUP; r += LANES) {
        const __m512 max = _mm512_load_ps(g->max + r);
        longest = _mm512_max_ps(longest, _mm512_load_ps(g->factor + r));
        other |= _mm512_cmp_ps_mask(max, _mm512_setzero_ps(), _CMP_NEQ_UQ) &
                 _mm512_cmp_ps_mask(max, _mm512_set1_ps(-FLT_MAX), _CMP_NEQ_UQ);
    }
    const float most = _mm512_reduce_max_ps(longest) * job->block.notes->longest_key * fabsf(job->q_factor);
    if (other || !(most <= BOUND) || !(job->block.notes->largest_value <= BOUND_VALUE)) return 0;
    for (int64_t r = 0; r < GROUP; r += LANES) _mm512_store_ps(g->max + r, _mm512_setzero_ps());
    return 1;
}

/* Raises a row's reference above all scores in `high`; its sum, results and weights of the block's steps so far follow. */
static __attribute__((noinline)) float raise_reference(const row_job *job, row_group *g, int64_t r, int64_t first,
                                                       int64_t key, __m512 high)
{
    const float old = g->max[r], new = ceilf(_mm512_reduce_max_ps(high));
    const __m512 factor = avx512_exp2(_mm512_set1_ps(old - new));
    g->max[r] = new;
    g->sum[r] *= _mm512_cvtss_f32(factor);
    for (int64_t c = 0; c < job->dv_padded && !g->empty; c += 16) {
        float *o = result_at(g, r, c);
        _mm512_store_ps(o, _mm512_mul_ps(_mm512_load_ps(o), factor));
    }
    for (int64_t j = first; j < key; j += WIDTH)
        for (int64_t half = 0; half < 2; half++) {
            char *at = weights_at(job, j, r) + half * TILE_ROW_BYTES / 2;
            store_elements(at, 0, ATTN_BF16, 0xffff, _mm512_mul_ps(load_elements(at, 0, ATTN_BF16, 0xffff), factor));
        }
    return new;
}

#endif
