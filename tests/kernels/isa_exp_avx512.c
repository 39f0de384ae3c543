/* isa_exp_avx512.c: compiled with the flags of kernels/avx512. */
#include "isa_exp.h"

#include "avx512/avx512_exp_impl.h"

static void exp2_all(const float *x, float *y, int n)
{
    for (int i = 0; i < n; i += 16) _mm512_storeu_ps(y + i, avx512_exp2(_mm512_loadu_ps(x + i)));
}

static void exp2_short_all(const float *x, float *y, int n)
{
    for (int i = 0; i < n; i += 16) _mm512_storeu_ps(y + i, avx512_exp2_short(_mm512_loadu_ps(x + i)));
}

static void tanh_all(const float *x, float *y, int n)
{
    for (int i = 0; i < n; i += 16) _mm512_storeu_ps(y + i, avx512_tanh(_mm512_loadu_ps(x + i)));
}

const isa_exp isa_exp_avx512 = {"avx512",          ATTN_ISA_AVX512,   exp2_all,       tanh_all,
                                AVX512_EXP2_KAPPA, AVX512_TANH_KAPPA, AVX512_TANH_TAU};

const isa_exp isa_exp_avx512_short = {"avx512 short",          ATTN_ISA_AVX512,   exp2_short_all, tanh_all,
                                      AVX512_EXP2_SHORT_KAPPA, AVX512_TANH_KAPPA, AVX512_TANH_TAU};
