/* isa_elements_avx512.c: compiled with the flags of kernels/avx512. */
#include "isa_elements.h"

#include "avx512/avx512_elements_impl.h"

static void load(const void *row, int64_t c, uint32_t type, int n, float *to)
{
    _mm512_storeu_ps(to, load_elements(row, c, type, (__mmask16)((1u << n) - 1)));
}

static void store(void *row, int64_t c, uint32_t type, int n, const float *from)
{
    store_elements(row, c, type, (__mmask16)((1u << n) - 1), _mm512_loadu_ps(from));
}

const isa_elements isa_elements_avx512 = {"avx512", ATTN_ISA_AVX512, 16, load, store};
