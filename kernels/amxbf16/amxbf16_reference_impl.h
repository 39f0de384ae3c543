/* amxbf16_reference_impl.h: the references of the weights: weight = 2^(x - reference), kept as the row's `max`. While
 * all scores are known to fit fixed point, all rows have the reference -raised; else each row's reference follows its
 * maximum. */
#ifndef ATTN_AMXBF16_REFERENCE_IMPL_H
#define ATTN_AMXBF16_REFERENCE_IMPL_H

#include "amxbf16_exp_impl.h"
#include "amxbf16_pack_impl.h"

static const float LAZY = 8; /* a reference that follows maxima is raised where a weight would exceed 2^8 */

/* Weights of row r of the group for the 32 keys from `key` of the block on: 64 bytes. */
static inline char *weights_at(const row_job *job, int64_t key, int64_t r)
{
    return bytes_of(job->weights) + (key + r) * TILE_ROW_BYTES;
}

enum { FIXED_STATE = 4 }; /* transposed_plan has the words before it */

static inline void keep_fixed_point(attn_plan *plan, fixed_point fixed)
{
    _Static_assert(sizeof fixed <= sizeof plan->state - FIXED_STATE * sizeof plan->state[0], "fits into the plan");
    memcpy(&plan->state[FIXED_STATE], &fixed, sizeof fixed);
}

static inline fixed_point fixed_point_kept(const attn_plan *plan)
{
    fixed_point fixed;
    memcpy(&fixed, &plan->state[FIXED_STATE], sizeof fixed);
    return fixed;
}

/* May a row with this reference begin, or go on, with the reference of fixed point? */
static inline __mmask16 can_refer_to(const row_group *g, __m512 max, __m512 reference, __m512 bound)
{
    if (!g->empty) return _mm512_cmp_ps_mask(max, reference, _CMP_EQ_OQ);
    const __mmask16 sink = _mm512_cmp_ps_mask(_mm512_abs_ps(max), bound, _CMP_LE_OQ);
    return sink | _mm512_cmp_ps_mask(max, _mm512_set1_ps(-FLT_MAX), _CMP_EQ_OQ);
}

/* Can the block's scores be taken in fixed point? By |q| |k| they must keep to its bound, the group must have begun so,
 * and sums of weights and of their products with values must be finite. Then the group's references are set. */
static int take_as_bounded(const row_job *job, row_group *g, const fixed_point *fixed)
{
    const __m512 reference = _mm512_set1_ps(-(float)fixed->raised), bound = _mm512_set1_ps(fixed->bound);
    const block_notes *notes = job->block.notes;
    __m512 longest = _mm512_setzero_ps();
    __mmask16 fits = 0xffff;
    if (fixed->multiplier == 0) return 0;
    for (int64_t r = 0; r < GROUP; r += LANES) {
        longest = larger_lengths(longest, _mm512_load_ps(g->factor + r));
        fits &= can_refer_to(g, _mm512_load_ps(g->max + r), reference, bound);
    }
    if (fits != 0xffff) return 0;
    const float most = largest_length(longest) * notes->longest_key * job->q_factor;
    if (!(most <= fixed->bound) || !(notes->largest_value <= FLT_MAX)) return 0;
    const int keys_bits = 64 - __builtin_clzll((unsigned long long)job->problem->k); /* k < 2^keys_bits */
    const float room = (float)(125 - fixed->raised - keys_bits); /* ilogb takes up to 1 off a value's logarithm */
    if (!(most + (float)ilogbf(notes->largest_value + 1) <= room)) return 0;
    for (int64_t r = 0; g->empty && r < GROUP; r += LANES) {
        const __m512 max = _mm512_load_ps(g->max + r), sum = _mm512_load_ps(g->sum + r); /* of a sink, or none */
        _mm512_store_ps(g->sum + r, _mm512_mul_ps(sum, avx512_exp2(_mm512_sub_ps(max, reference))));
        _mm512_store_ps(g->max + r, reference);
    }
    return 1;
}

/* Before a block that is not bounded: a row whose sum is 0 has seen nothing yet, whatever its group has, so its
 * reference is none; that of fixed point would make 0 of scores far below it. */
static void forget_unseen_references(row_group *g)
{
    for (int64_t r = 0; r < GROUP; r += LANES) {
        const __mmask16 unseen = _mm512_cmp_ps_mask(_mm512_load_ps(g->sum + r), _mm512_setzero_ps(), _CMP_EQ_OQ);
        _mm512_mask_store_ps(g->max + r, unseen, _mm512_set1_ps(-FLT_MAX));
    }
}

/* Raises a row's reference above all scores in `high`; its sum, results and weights of the block's steps so far
 * follow. */
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
