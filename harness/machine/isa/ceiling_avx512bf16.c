/* ceiling_avx512bf16.c: dot products of pairs of bfloat16, added to 16 sums in fp32 (vdpbf16ps). */
#include "machine/ceilings_impl.h"

#include <immintrin.h>

static __m512 load_seeds_avx512bf16(const ceiling_input *in, int index)
{
    return _mm512_loadu_ps(in->seed + 16 * index);
}

/* 12 accumulators, as in the fp32 loop: the latency is at most the same. */
double ceiling_avx512bf16_compute(const ceiling_input *in, int64_t rounds, float *sink)
{
    const __m512 factor = _mm512_set1_ps(in->factor), term = _mm512_set1_ps(in->term);
    const __m512bh x = _mm512_cvtne2ps_pbh(factor, factor), y = _mm512_cvtne2ps_pbh(term, term);
    __m512 a = load_seeds_avx512bf16(in, 0), b = load_seeds_avx512bf16(in, 1), c = load_seeds_avx512bf16(in, 2),
           d = load_seeds_avx512bf16(in, 3);
    __m512 e = load_seeds_avx512bf16(in, 4), f = load_seeds_avx512bf16(in, 5), g = load_seeds_avx512bf16(in, 6),
           h = load_seeds_avx512bf16(in, 7);
    __m512 i = load_seeds_avx512bf16(in, 8), j = load_seeds_avx512bf16(in, 9), k = load_seeds_avx512bf16(in, 10),
           l = load_seeds_avx512bf16(in, 11);
    for (int64_t r = 0; r < rounds; r++) {
        a = _mm512_dpbf16_ps(a, x, y), b = _mm512_dpbf16_ps(b, x, y);
        c = _mm512_dpbf16_ps(c, x, y), d = _mm512_dpbf16_ps(d, x, y);
        e = _mm512_dpbf16_ps(e, x, y), f = _mm512_dpbf16_ps(f, x, y);
        g = _mm512_dpbf16_ps(g, x, y), h = _mm512_dpbf16_ps(h, x, y);
        i = _mm512_dpbf16_ps(i, x, y), j = _mm512_dpbf16_ps(j, x, y);
        k = _mm512_dpbf16_ps(k, x, y), l = _mm512_dpbf16_ps(l, x, y);
    }
    *sink = _mm512_reduce_add_ps((a + b + c + d) + (e + f + g + h) + (i + j + k + l));
    return 2.0 * 2 * 16 * 12 * (double)rounds;
}
