/* avx2_elements_impl.h: loads 8 elements of a row of any type as floats, and stores floats as such elements. Widening
 * is exact; narrowing rounds to nearest even, and a NaN stays one. */
#ifndef ATTN_AVX2_ELEMENTS_IMPL_H
#define ATTN_AVX2_ELEMENTS_IMPL_H

#include <immintrin.h>
#include <string.h>

#include "attention.h"

/* All bits set in the first n of 8 lanes. */
static inline __m256i first_lanes(int64_t n)
{
    static const int32_t window[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};
    return _mm256_loadu_si256((const __m256i *)(const void *)(window + 8 - (n < 0 ? 0 : n > 8 ? 8 : n)));
}

/* The first n of 8 elements of 16 bits; the others are not read and are 0. */
static inline __m128i load_halves(const char *from, int64_t n)
{
    if (n >= 8) return _mm_loadu_si128((const __m128i *)(const void *)from);
    uint16_t some[8] = {0};
    if (n > 0) memcpy(some, from, (size_t)n * sizeof *some);
    return _mm_loadu_si128((const __m128i *)(const void *)some);
}

/* The first n of 8 bytes; the others are not read and are 0. */
static inline __m128i load_bytes(const char *from, int64_t n)
{
    int64_t some = 0;
    if (n > 0) memcpy(&some, from, (size_t)(n < 8 ? n : 8));
    return _mm_cvtsi64_si128(some);
}

static inline void store_halves(char *to, int64_t n, __m128i x)
{
    if (n >= 8) {
        _mm_storeu_si128((__m128i *)(void *)to, x);
    } else {
        uint16_t all[8];
        _mm_storeu_si128((__m128i *)(void *)all, x);
        memcpy(to, all, (size_t)n * sizeof *all);
    }
}

/* A bf16 is the upper half of a float. */
static inline __m256 widen_bf16(__m128i x)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(x), 16));
}

/* Half of a step less one, and one more where the kept half is odd: a carry out of the dropped half rounds up. */
static inline __m128i narrow_bf16(__m256 x)
{
    const __m256i bits = _mm256_castps_si256(x), kept = _mm256_srli_epi32(bits, 16);
    const __m256i odd = _mm256_and_si256(kept, _mm256_set1_epi32(1));
    const __m256i rounded =
        _mm256_srli_epi32(_mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff))), 16);
    const __m256i quiet = _mm256_or_si256(kept, _mm256_set1_epi32(0x40));
    const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q));
    const __m256i both = _mm256_blendv_epi8(rounded, quiet, nan);
    return _mm_packus_epi32(_mm256_castsi256_si128(both), _mm256_extracti128_si256(both, 1));
}

/* The first n of elements c .. c + 7 of a row; the others are not read and are 0. */
static inline __attribute__((always_inline)) __m256 load_elements(const char *row, int64_t c, const uint32_t type,
                                                                  int64_t n)
{
    switch (type) {
    case ATTN_F16: return _mm256_cvtph_ps(load_halves(row + 2 * c, n));
    case ATTN_BF16: return widen_bf16(load_halves(row + 2 * c, n));
    case ATTN_I8: return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(load_bytes(row + c, n)));
    default: break;
    }
    const float *at = (const float *)(const void *)(row + 4 * c);
    return n >= 8 ? _mm256_loadu_ps(at) : _mm256_maskload_ps(at, first_lanes(n));
}

/* The first n of 16 bf16; the others are not read and are 0. */
static inline __attribute__((always_inline)) __m256i load_bf16_pairs(const char *row, int64_t c, int64_t n)
{
    if (n >= 16) return _mm256_loadu_si256((const __m256i *)(const void *)(row + 2 * c));
    const __m128i low = load_halves(row + 2 * c, n), high = load_halves(row + 2 * c + 16, n - 8);
    return _mm256_set_m128i(high, low);
}

/* Those of them with even or odd indices, as floats: a shift or a mask, where widening them in order takes a shuffle
 * too. */
static inline __attribute__((always_inline)) __m256 bf16_of_pairs(__m256i pairs, const int odd)
{
    return _mm256_castsi256_ps(odd ? _mm256_and_si256(pairs, _mm256_set1_epi32((int)0xffff0000))
                                   : _mm256_slli_epi32(pairs, 16));
}

/* 16 floats in order to evens and odds, and back. */
static inline void part_pairs(__m256 *a, __m256 *b)
{
    enum { EVEN = 0x88, ODD = 0xdd, INNER_LAST = 0xd8 };
    const __m256 even = _mm256_shuffle_ps(*a, *b, EVEN), odd = _mm256_shuffle_ps(*a, *b, ODD);
    *a = _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(even), INNER_LAST));
    *b = _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(odd), INNER_LAST));
}

static inline void join_pairs(__m256 *even, __m256 *odd)
{
    const __m256 low = _mm256_unpacklo_ps(*even, *odd), high = _mm256_unpackhi_ps(*even, *odd);
    *even = _mm256_permute2f128_ps(low, high, 0x20);
    *odd = _mm256_permute2f128_ps(low, high, 0x31);
}

/* load_elements of 8 that all exist. */
static inline __attribute__((always_inline)) __m256 load_8(const char *row, int64_t c, const uint32_t type)
{
    return type == ATTN_F32 ? _mm256_loadu_ps((const float *)(const void *)(row + 4 * c))
                            : load_elements(row, c, type, 8);
}

/* Writes the first n of 8 elements. */
static inline void store_elements(char *row, int64_t c, uint32_t type, int64_t n, __m256 x)
{
    float *const at = (float *)(void *)(row + 4 * c);
    switch (type) {
    case ATTN_F16: store_halves(row + 2 * c, n, _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT)); break;
    case ATTN_BF16: store_halves(row + 2 * c, n, narrow_bf16(x)); break;
    default:
        if (n >= 8)
            _mm256_storeu_ps(at, x);
        else
            _mm256_maskstore_ps(at, first_lanes(n), x);
        break;
    }
}

static inline __attribute__((always_inline)) void widen_row_of(const char *row, float scale, int64_t n, float *to,
                                                               const uint32_t type)
{
    const __m256 factor = _mm256_set1_ps(scale);
    int64_t c = 0;
    for (; c + 8 <= n; c += 8) _mm256_storeu_ps(to + c, _mm256_mul_ps(load_8(row, c, type), factor));
    if (c < n) _mm256_storeu_ps(to + c, _mm256_mul_ps(load_elements(row, c, type, n - c), factor));
}

/* n elements of a row times its scale, as floats; the 8 that the last of them fills are all written. */
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
    for (int64_t c = 0; c < n; c += 8)
        store_elements(row, c, type, n - c, _mm256_maskload_ps(from + c, first_lanes(n - c)));
}

#endif
