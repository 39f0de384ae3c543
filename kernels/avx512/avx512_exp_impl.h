/* avx512_exp_impl.h: 2^x and tanh of 16 floats. tests/kernels/test_vector_exp.c checks the errors that are declared
 * here. */
#ifndef ATTN_AVX512_EXP_IMPL_H
#define ATTN_AVX512_EXP_IMPL_H

#include <immintrin.h>

/* 2^x in seven instructions: r = x - floor(x); a polynomial of degree 5 for 2^r on [0, 1), minimax in relative error
 * with p(0) = 1 and float coefficients: 2.84 u with its roundings; times 2^floor(x). Infinities have r = 0, so -inf
 * gives 0; NaN gives NaN; results below the normal range are right too. */
#define AVX512_EXP2_KAPPA 3
static inline __m512 avx512_exp2(__m512 x)
{
    enum { DOWN_QUIET = 0x09 };
    const __m512 r = _mm512_reduce_ps(x, DOWN_QUIET);
    __m512 p = _mm512_set1_ps(1.86719687e-3f);
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(9.01703071e-3f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(5.57997376e-2f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(2.40164578e-1f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(6.93151295e-1f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f));
    return _mm512_scalef_ps(p, x);
}

/* 2^x is a normal number from here on. Multiply-adds of smaller ones take some hundred cycles each. */
static const float AVX512_EXP2_NORMAL = -126;

/* The same with degree 4, for weights that bf16 rounds: 48.7 u, and 49.9 u with its roundings, where bf16 has 65536
 * u. */
#define AVX512_EXP2_SHORT_KAPPA 51
static inline __m512 avx512_exp2_short(__m512 x)
{
    enum { DOWN_QUIET = 0x09 };
    const __m512 r = _mm512_reduce_ps(x, DOWN_QUIET);
    __m512 p = _mm512_set1_ps(1.34266838e-2f);
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(5.22424728e-2f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(2.41280198e-1f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(6.93044841e-1f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f));
    return _mm512_scalef_ps(p, x);
}

/* tanh(x) = sign(x) (1 - e) / (1 + e), e = exp(-2|x|): errors of at most 3u relative and 3u absolute together. */
#define AVX512_TANH_KAPPA 3
#define AVX512_TANH_TAU 3
static inline __m512 avx512_tanh(__m512 x)
{
    const __m512 one = _mm512_set1_ps(1.0f), sign = _mm512_set1_ps(-0.0f);
    const __m512 e = avx512_exp2(_mm512_mul_ps(_mm512_abs_ps(x), _mm512_set1_ps(-2.88539008f)));
    const __m512 magnitude = _mm512_div_ps(_mm512_sub_ps(one, e), _mm512_add_ps(one, e));
    return _mm512_or_ps(magnitude, _mm512_and_ps(x, sign));
}

#endif
