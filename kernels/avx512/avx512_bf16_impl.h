/* avx512_bf16_impl.h: code that kernels with bf16 weights share: rows of bf16 in vectors, and references of weights.
 * References are whole numbers (base 2): a change of one is a power of 2, which multiplies sums, results and rounded
 * weights without rounding again. */
#ifndef ATTN_AVX512_BF16_IMPL_H
#define ATTN_AVX512_BF16_IMPL_H

#include <immintrin.h>

#include "avx512_exp_impl.h"
#include "vector/transposed_impl.h"

/* The first n of 32 elements. */
static inline __mmask32 elements_before(int64_t n) { return n >= 32 ? UINT32_MAX : n <= 0 ? 0 : (1u << n) - 1; }

/* Elements of two rows side by side, the second's in the upper halves: 16 of the 32 that x and y hold. */
static inline __m512i pairs_of(__m256i x, __m256i y)
{
    return _mm512_or_si512(_mm512_cvtepu16_epi32(x), _mm512_slli_epi32(_mm512_cvtepu16_epi32(y), 16));
}

/* The larger magnitudes of 32 elements, as bits: they order as the numbers do, and infinity and NaN come last. */
static inline __m512i larger_magnitudes(__m512i most, __m512i x)
{
    return _mm512_max_epu16(most, _mm512_and_si512(x, _mm512_set1_epi16(0x7fff)));
}

static inline float largest_magnitude(__m512i most)
{
    const __m512i high = _mm512_slli_epi32(_mm512_srli_epi32(most, 16), 16);
    const uint32_t bits = _mm512_reduce_max_epu32(_mm512_max_epu32(_mm512_slli_epi32(most, 16), high));
    float largest;
    memcpy(&largest, &bits, sizeof largest);
    return largest;
}

/* Makes the references whole: a sink's is not. */
static inline void round_references(row_group *g)
{
    for (int64_t r = 0; r < GROUP; r += LANES) {
        const __m512 old = _mm512_load_ps(g->max + r), new = _mm512_ceil_ps(old);
        const __m512 factor = avx512_exp2(_mm512_sub_ps(old, new));
        _mm512_store_ps(g->max + r, new);
        _mm512_store_ps(g->sum + r, _mm512_mul_ps(_mm512_load_ps(g->sum + r), factor));
    }
}

#endif
