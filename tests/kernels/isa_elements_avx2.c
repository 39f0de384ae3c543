/* isa_elements_avx2.c: compiled with the flags of kernels/avx2. */
#include "isa_elements.h"

#include "avx2/avx2_elements_impl.h"

static void load(const void *row, int64_t c, uint32_t type, int n, float *to)
{
    _mm256_storeu_ps(to, load_elements(row, c, type, n));
}

static void store(void *row, int64_t c, uint32_t type, int n, const float *from)
{
    store_elements(row, c, type, n, _mm256_loadu_ps(from));
}

const isa_elements isa_elements_avx2 = {"avx2", ATTN_ISA_AVX2, 8, load, store};
