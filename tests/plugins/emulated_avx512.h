/* emulated_avx512.h: the AVX-512 intrinsics of kernels/amxbf16 for compilers that are not told to use AVX-512, so that
 * these kernels are judged on CPUs without it. Included before all else (-include). Most come from SIMDe
 * (libsimde-dev); what its version 0.7.4 lacks is written out here, one lane at a time, as the instruction's manual
 * defines it. */
#ifndef EMULATED_AVX512_H
#define EMULATED_AVX512_H

#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>
#include <simde/x86/f16c.h>
#include <simde/x86/fma.h>

#include <immintrin.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#define __m512 simde__m512
#define __m512i simde__m512i
#define __m512bh simde__m512bh

typedef union emulated_lanes {
    __m512 f;
    __m512i i;
    float f32[16];
    int32_t i32[16];
    uint32_t u32[16];
    uint16_t u16[32];
} emulated_lanes;

typedef union emulated_half {
    __m256i i;
    __m256 f;
    float f32[8];
    int16_t i16[16];
    uint16_t u16[16];
} emulated_half;

#define EMULATED static inline __attribute__((unused))

EMULATED emulated_lanes lanes_of_ps(__m512 x) { return (emulated_lanes){.f = x}; }
EMULATED emulated_lanes lanes_of_si512(__m512i x) { return (emulated_lanes){.i = x}; }

/* ---- memory: lanes whose bit is not set are neither read nor written --------------------------------------------- */

#define EMULATED_COPY(to, lanes, mask, from, size)                                                                     \
    for (int i = 0; i < (lanes); i++)                                                                                  \
        if ((mask) >> i & 1) memcpy((char *)(to) + i * (size), (const char *)(from) + i * (size), size)

EMULATED __m512 emulated_maskz_loadu_ps(__mmask16 k, const void *from)
{
    emulated_lanes x = {.f32 = {0}};
    EMULATED_COPY(x.f32, 16, k, from, 4);
    return x.f;
}

EMULATED __m512i emulated_maskz_loadu_epi16(uint32_t k, const void *from)
{
    emulated_lanes x = {.f32 = {0}};
    EMULATED_COPY(x.u16, 32, k, from, 2);
    return x.i;
}

EMULATED __m256i emulated_256_maskz_loadu_epi16(uint32_t k, const void *from)
{
    emulated_half x = {.f32 = {0}};
    EMULATED_COPY(x.u16, 16, k, from, 2);
    return x.i;
}

EMULATED __m128i emulated_128_maskz_loadu_epi8(uint32_t k, const void *from)
{
    int8_t x[16] = {0};
    EMULATED_COPY(x, 16, k, from, 1);
    return _mm_loadu_si128((const __m128i *)(const void *)x);
}

EMULATED __m128 emulated_128_maskz_loadu_ps(uint32_t k, const void *from)
{
    float x[4] = {0};
    EMULATED_COPY(x, 4, k, from, 4);
    return _mm_loadu_ps(x);
}

EMULATED void emulated_mask_storeu_ps(void *to, __mmask16 k, __m512 value)
{
    const emulated_lanes x = lanes_of_ps(value);
    EMULATED_COPY(to, 16, k, x.f32, 4);
}

EMULATED void emulated_256_mask_storeu_epi16(void *to, uint32_t k, __m256i value)
{
    const emulated_half x = {.i = value};
    EMULATED_COPY(to, 16, k, x.u16, 2);
}

/* ---- conversions ------------------------------------------------------------------------------------------------- */

EMULATED __m512i emulated_cvtepu16_epi32(__m256i value)
{
    const emulated_half x = {.i = value};
    emulated_lanes y;
    for (int i = 0; i < 16; i++) y.u32[i] = x.u16[i];
    return y.i;
}

EMULATED __m512i emulated_cvtepi8_epi32(__m128i value)
{
    int8_t x[16];
    emulated_lanes y;
    memcpy(x, &value, sizeof x);
    for (int i = 0; i < 16; i++) y.i32[i] = x[i];
    return y.i;
}

EMULATED __m256i emulated_cvtepi32_epi16(__m512i value)
{
    const emulated_lanes x = lanes_of_si512(value);
    emulated_half y;
    for (int i = 0; i < 16; i++) y.u16[i] = (uint16_t)x.u32[i];
    return y.i;
}

EMULATED __m512 emulated_cvtepi32_ps(__m512i value)
{
    const emulated_lanes x = lanes_of_si512(value);
    emulated_lanes y;
    for (int i = 0; i < 16; i++) y.f32[i] = (float)x.i32[i];
    return y.f;
}

EMULATED __m512 emulated_cvtph_ps(__m256i value)
{
    emulated_half low, high;
    emulated_lanes y;
    low.f = _mm256_cvtph_ps(_mm256_castsi256_si128(value)),
    high.f = _mm256_cvtph_ps(_mm256_extracti128_si256(value, 1));
    memcpy(y.f32, low.f32, sizeof low), memcpy(y.f32 + 8, high.f32, sizeof high);
    return y.f;
}

EMULATED __m256i emulated_cvtps_ph(__m512 value)
{
    const emulated_lanes x = lanes_of_ps(value);
    const __m128i low = _mm256_cvtps_ph(_mm256_loadu_ps(x.f32), _MM_FROUND_TO_NEAREST_INT);
    return _mm256_set_m128i(_mm256_cvtps_ph(_mm256_loadu_ps(x.f32 + 8), _MM_FROUND_TO_NEAREST_INT), low);
}

EMULATED __m256 emulated_extractf32x8_ps(__m512 value, int upper)
{
    const emulated_lanes x = lanes_of_ps(value);
    return _mm256_loadu_ps(x.f32 + 8 * upper);
}

/* Four lanes each: two of a, then two of b, by two bits of `which` each. */
EMULATED __m512 emulated_shuffle_f32x4(__m512 a, __m512 b, int which)
{
    const emulated_lanes x = lanes_of_ps(a), y = lanes_of_ps(b);
    emulated_lanes z;
    for (int i = 0; i < 4; i++)
        memcpy(z.f32 + 4 * i, (i < 2 ? x.f32 : y.f32) + 4 * (which >> 2 * i & 3), 4 * sizeof(float));
    return z.f;
}

/* ---- arithmetic -------------------------------------------------------------------------------------------------- */

/* Of vreduceps with immediate 0x09: x - floor(x), of infinities 0. */
EMULATED __m512 emulated_reduce_down_ps(__m512 value)
{
    const emulated_lanes x = lanes_of_ps(value);
    emulated_lanes y;
    for (int i = 0; i < 16; i++) y.f32[i] = isinf(x.f32[i]) ? 0 : x.f32[i] - floorf(x.f32[i]);
    return y.f;
}

/* x * 2^floor(n): SIMDe's multiplies by a power that may be out of range although the result is not. */
EMULATED __m512 emulated_scalef_ps(__m512 value, __m512 power)
{
    const emulated_lanes x = lanes_of_ps(value), n = lanes_of_ps(power);
    emulated_lanes y;
    for (int i = 0; i < 16; i++) {
        const float whole = floorf(n.f32[i]);
        const double product = isnan(whole) ? NAN : (double)x.f32[i] * exp2(fmax(fmin((double)whole, 1000), -1000));
        y.f32[i] = fabsf(x.f32[i]) == INFINITY && whole == -INFINITY ? NAN : (float)product;
    }
    return y.f;
}

/* A product that is rounded and not fused: SIMDe's and C's may be. */
EMULATED __m512 emulated_mul_ps(__m512 a, __m512 b)
{
    __m512 product = a * b;
    __asm__("" : "+m"(product));
    return product;
}

/* The second operand where one is NaN, as the instruction has it. */
EMULATED __m512 emulated_max_ps(__m512 a, __m512 b)
{
    const emulated_lanes x = lanes_of_ps(a), y = lanes_of_ps(b);
    emulated_lanes z;
    for (int i = 0; i < 16; i++) z.f32[i] = x.f32[i] > y.f32[i] ? x.f32[i] : y.f32[i];
    return z.f;
}

EMULATED float emulated_reduce_max_ps(__m512 value)
{
    const emulated_lanes x = lanes_of_ps(value);
    float most = x.f32[0];
    for (int i = 1; i < 16; i++) most = most > x.f32[i] ? most : x.f32[i];
    return most;
}

EMULATED float emulated_reduce_add_ps(__m512 value)
{
    emulated_lanes x = lanes_of_ps(value);
    for (int n = 8; n; n /= 2)
        for (int i = 0; i < n; i++) x.f32[i] += x.f32[i + n];
    return x.f32[0];
}

EMULATED uint32_t emulated_reduce_max_epu32(__m512i value)
{
    const emulated_lanes x = lanes_of_si512(value);
    uint32_t most = 0;
    for (int i = 0; i < 16; i++) most = most > x.u32[i] ? most : x.u32[i];
    return most;
}

EMULATED __m512i emulated_mulhi_epu16(__m512i a, __m512i b)
{
    emulated_lanes x = lanes_of_si512(a);
    const emulated_lanes y = lanes_of_si512(b);
    for (int i = 0; i < 32; i++) x.u16[i] = (uint16_t)((uint32_t)x.u16[i] * y.u16[i] >> 16);
    return x.i;
}

/* Low 16 bits of high:low shifted right. */
EMULATED __m512i emulated_shrdi_epi16(__m512i low, __m512i high, int bits)
{
    emulated_lanes x = lanes_of_si512(low);
    const emulated_lanes y = lanes_of_si512(high);
    for (int i = 0; i < 32; i++) x.u16[i] = (uint16_t)(((uint32_t)y.u16[i] << 16 | x.u16[i]) >> bits);
    return x.i;
}

EMULATED uint32_t emulated_cmpneq_epi16_mask(__m512i a, __m512i b)
{
    const emulated_lanes x = lanes_of_si512(a), y = lanes_of_si512(b);
    uint32_t k = 0;
    for (int i = 0; i < 32; i++) k |= (uint32_t)(x.u16[i] != y.u16[i]) << i;
    return k;
}

/* Newer versions may have what is written out here. */
#undef _mm512_maskz_loadu_ps
#undef _mm512_maskz_loadu_epi16
#undef _mm256_maskz_loadu_epi16
#undef _mm_maskz_loadu_epi8
#undef _mm_maskz_loadu_ps
#undef _mm512_mask_storeu_ps
#undef _mm512_mask_store_ps
#undef _mm256_mask_storeu_epi16
#undef _mm512_cvtepu16_epi32
#undef _mm512_cvtepi8_epi32
#undef _mm512_cvtepi32_epi16
#undef _mm512_cvtepi32_ps
#undef _mm512_cvtph_ps
#undef _mm512_cvtps_ph
#undef _mm512_extractf32x8_ps
#undef _mm512_cvtss_f32
#undef _mm512_shuffle_f32x4
#undef _mm512_reduce_ps
#undef _mm512_scalef_ps
#undef _mm512_mul_round_ps
#undef _mm512_max_ps
#undef _mm512_reduce_max_ps
#undef _mm512_reduce_add_ps
#undef _mm512_reduce_max_epu32
#undef _mm512_mulhi_epu16
#undef _mm512_shrdi_epi16
#undef _mm512_cmpneq_epi16_mask
#undef _mm512_mask_cmp_ps_mask

#define _mm512_maskz_loadu_ps(k, from) emulated_maskz_loadu_ps(k, from)
#define _mm512_maskz_loadu_epi16(k, from) emulated_maskz_loadu_epi16(k, from)
#define _mm256_maskz_loadu_epi16(k, from) emulated_256_maskz_loadu_epi16(k, from)
#define _mm_maskz_loadu_epi8(k, from) emulated_128_maskz_loadu_epi8(k, from)
#define _mm_maskz_loadu_ps(k, from) emulated_128_maskz_loadu_ps(k, from)
#define _mm512_mask_storeu_ps(to, k, x) emulated_mask_storeu_ps(to, k, x)
#define _mm512_mask_store_ps(to, k, x) emulated_mask_storeu_ps(to, k, x)
#define _mm256_mask_storeu_epi16(to, k, x) emulated_256_mask_storeu_epi16(to, k, x)
#define _mm512_cvtepu16_epi32(x) emulated_cvtepu16_epi32(x)
#define _mm512_cvtepi8_epi32(x) emulated_cvtepi8_epi32(x)
#define _mm512_cvtepi32_epi16(x) emulated_cvtepi32_epi16(x)
#define _mm512_cvtepi32_ps(x) emulated_cvtepi32_ps(x)
#define _mm512_cvtph_ps(x) emulated_cvtph_ps(x)
#define _mm512_cvtps_ph(x, rounding) emulated_cvtps_ph(x)
#define _mm512_extractf32x8_ps(x, upper) emulated_extractf32x8_ps(x, upper)
#define _mm512_cvtss_f32(x) lanes_of_ps(x).f32[0]
#define _mm512_shuffle_f32x4(a, b, which) emulated_shuffle_f32x4(a, b, which)
#define _mm512_reduce_ps(x, down_quiet) ((void)sizeof(down_quiet), emulated_reduce_down_ps(x))
#define _mm512_scalef_ps(x, n) emulated_scalef_ps(x, n)
#define _mm512_mul_round_ps(a, b, rounding) emulated_mul_ps(a, b)
#define _mm512_max_ps(a, b) emulated_max_ps(a, b)
#define _mm512_reduce_max_ps(x) emulated_reduce_max_ps(x)
#define _mm512_reduce_add_ps(x) emulated_reduce_add_ps(x)
#define _mm512_reduce_max_epu32(x) emulated_reduce_max_epu32(x)
#define _mm512_mulhi_epu16(a, b) emulated_mulhi_epu16(a, b)
#define _mm512_shrdi_epi16(low, high, bits) emulated_shrdi_epi16(low, high, bits)
#define _mm512_cmpneq_epi16_mask(a, b) emulated_cmpneq_epi16_mask(a, b)
#define _mm512_mask_cmp_ps_mask(k, a, b, how) ((__mmask16)((k)&_mm512_cmp_ps_mask(a, b, how)))

#endif
