/* isa_exp_avx2.c: compiled with the flags of kernels/avx2. */
#include "isa_exp.h"

#include "avx2/avx2_exp_impl.h"

static void exp2_all(const float *x, float *y, int n)
{
    for (int i = 0; i < n; i += 8) _mm256_storeu_ps(y + i, avx2_exp2(_mm256_loadu_ps(x + i)));
}

static void tanh_all(const float *x, float *y, int n)
{
    for (int i = 0; i < n; i += 8) _mm256_storeu_ps(y + i, avx2_tanh(_mm256_loadu_ps(x + i)));
}

const isa_exp isa_exp_avx2 = {"avx2",          ATTN_ISA_AVX2,   exp2_all,     tanh_all,
                              AVX2_EXP2_KAPPA, AVX2_TANH_KAPPA, AVX2_TANH_TAU};
