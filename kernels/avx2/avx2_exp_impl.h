/* avx2_exp_impl.h: 2^x and tanh of 8 floats. tests/kernels/test_vector_exp.c checks the errors that are declared here.
 */
#ifndef ATTN_AVX2_EXP_IMPL_H
#define ATTN_AVX2_EXP_IMPL_H

#include <immintrin.h>

/* 2^(x - m), -127.5 <= x - m < 127.5, for a whole number m, |m| <= 2^21: `magic` is AVX2_EXP2_MAGIC - m. n = x - m
 * rounded, by adding a number so large that n + 127 is left in the low bits, which shifted are the float 2^n, or 0 for
 * n = -127; nothing else is lost, so that the difference x - m is never formed. A polynomial of degree 5 for 2^(x - m -
 * n) on [-1/2, 1/2], minimax in relative error with p(0) = 1 and float coefficients: 2.51 u with its roundings. */
#define AVX2_EXP2_KAPPA 3
static const float AVX2_EXP2_MAGIC = 12582912.0f + 127.0f; /* 1.5 * 2^23 + the exponent's bias */
static inline __m256 avx2_exp2_less(__m256 x, __m256 magic)
{
    const __m256 shifted = _mm256_add_ps(x, magic);
    const __m256 r = _mm256_sub_ps(x, _mm256_sub_ps(shifted, magic));
    const __m256 power = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(shifted), 23));
    __m256 p = _mm256_set1_ps(1.32647261e-3f);
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(9.67150647e-3f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(5.55072166e-2f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(2.40222424e-1f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(6.93147004e-1f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f));
    return _mm256_mul_ps(p, power);
}

/* 2^x for x < 127.5, 0 where it would be below 2^-126.5. max keeps its second operand where that is NaN, so NaN gives
 * NaN. */
static inline __m256 avx2_exp2(__m256 x)
{
    x = _mm256_max_ps(_mm256_set1_ps(-127.0f), x);
    return avx2_exp2_less(x, _mm256_set1_ps(AVX2_EXP2_MAGIC));
}

/* tanh(x) = sign(x) (1 - e) / (1 + e), e = exp(-2|x|): errors of at most 3u relative and 3u absolute together. */
#define AVX2_TANH_KAPPA 3
#define AVX2_TANH_TAU 3
static inline __m256 avx2_tanh(__m256 x)
{
    const __m256 one = _mm256_set1_ps(1.0f), sign = _mm256_and_ps(x, _mm256_set1_ps(-0.0f));
    const __m256 e = avx2_exp2(_mm256_mul_ps(_mm256_xor_ps(x, sign), _mm256_set1_ps(-2.88539008f)));
    const __m256 magnitude = _mm256_div_ps(_mm256_sub_ps(one, e), _mm256_add_ps(one, e));
    return _mm256_or_ps(magnitude, sign);
}

#endif
