/* avx512_elements_impl.h: loads 16 elements of a row of any type as floats, and stores floats as such elements.
 * Widening is exact; narrowing rounds to nearest even, and a NaN stays one. */
#ifndef ATTN_AVX512_ELEMENTS_IMPL_H
#define ATTN_AVX512_ELEMENTS_IMPL_H

#include <immintrin.h>

#include "attention.h"

static inline __mmask16 lanes_before(int64_t n) { return (__mmask16)(n >= 16 ? 0xffff : (1u << n) - 1); }

/* A bf16 is the upper half of a float. */
static inline __m512 widen_bf16(__m256i x)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(x), 16));
}

/* Half of a step less one, and one more where the kept half is odd: a carry out of the dropped half rounds up. */
static inline __m256i narrow_bf16(__m512 x)
{
    const __m512i bits = _mm512_castps_si512(x), kept = _mm512_srli_epi32(bits, 16);
    const __m512i odd = _mm512_and_si512(kept, _mm512_set1_epi32(1));
    const __m512i rounded =
        _mm512_srli_epi32(_mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff))), 16);
    const __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
    return _mm512_cvtepi32_epi16(_mm512_mask_or_epi32(rounded, nan, kept, _mm512_set1_epi32(0x40)));
}

/* Elements c and on of a row; those of lanes that are not set are not read and are 0. */
static inline __attribute__((always_inline)) __m512 load_elements(const char *row, int64_t c, const uint32_t type,
                                                                  __mmask16 lanes)
{
    switch (type) {
    case ATTN_F16: return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(lanes, row + 2 * c));
    case ATTN_BF16: return widen_bf16(_mm256_maskz_loadu_epi16(lanes, row + 2 * c));
    case ATTN_I8: return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_maskz_loadu_epi8(lanes, row + c)));
    default: return _mm512_maskz_loadu_ps(lanes, row + 4 * c);
    }
}

/* 32 bf16 as floats, those with even and those with odd indices apart: one load, a shift and a mask, where two loads
 * with widening keep the shuffle port busy. */
static inline __attribute__((always_inline)) void load_bf16_pairs(const char *row, int64_t c, __mmask32 lanes,
                                                                  __m512 *even, __m512 *odd)
{
    const __m512i pairs = _mm512_maskz_loadu_epi16(lanes, row + 2 * c);
    *even = _mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16));
    *odd = _mm512_castsi512_ps(_mm512_and_si512(pairs, _mm512_set1_epi32((int)0xffff0000)));
}

/* 32 floats in order to evens and odds, and back. */
static inline void part_pairs(__m512 *a, __m512 *b)
{
    const __m512i lane = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    const __m512i twice = _mm512_add_epi32(lane, lane), next = _mm512_add_epi32(twice, _mm512_set1_epi32(1));
    const __m512 even = _mm512_permutex2var_ps(*a, twice, *b), odd = _mm512_permutex2var_ps(*a, next, *b);
    *a = even, *b = odd;
}

static inline void join_pairs(__m512 *even, __m512 *odd)
{
    const __m512i low = _mm512_set_epi32(23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    const __m512 a = _mm512_permutex2var_ps(*even, low, *odd);
    *odd = _mm512_permutex2var_ps(*even, _mm512_add_epi32(low, _mm512_set1_epi32(8)), *odd);
    *even = a;
}

static inline void store_elements(char *row, int64_t c, uint32_t type, __mmask16 lanes, __m512 x)
{
    switch (type) {
    case ATTN_F16:
        _mm256_mask_storeu_epi16(row + 2 * c, lanes, _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
        break;
    case ATTN_BF16: _mm256_mask_storeu_epi16(row + 2 * c, lanes, narrow_bf16(x)); break;
    default: _mm512_mask_storeu_ps(row + 4 * c, lanes, x); break;
    }
}

static inline __attribute__((always_inline)) void widen_row_of(const char *row, float scale, int64_t n, float *to,
                                                               const uint32_t type)
{
    const __m512 factor = _mm512_set1_ps(scale);
    int64_t c = 0;
    for (; c + 16 <= n; c += 16) _mm512_storeu_ps(to + c, _mm512_mul_ps(load_elements(row, c, type, 0xffff), factor));
    if (c < n) _mm512_storeu_ps(to + c, _mm512_mul_ps(load_elements(row, c, type, lanes_before(n - c)), factor));
}

/* n elements of a row times its scale, as floats; the 16 that the last of them fills are all written. */
static inline void widen_row(const char *row, uint32_t type, float scale, int64_t n, float *to)
{
    switch (type) {
    case ATTN_F16: widen_row_of(row, scale, n, to, ATTN_F16); break;
    case ATTN_BF16: widen_row_of(row, scale, n, to, ATTN_BF16); break;
    case ATTN_I8: widen_row_of(row, scale, n, to, ATTN_I8); break;
    default: widen_row_of(row, scale, n, to, ATTN_F32); break;
    }
}

static inline void narrow_row(const float *from, int64_t n, char *row, uint32_t type)
{
    for (int64_t c = 0; c < n; c += 16)
        store_elements(row, c, type, lanes_before(n - c), _mm512_maskz_loadu_ps(lanes_before(n - c), from + c));
}

#endif
