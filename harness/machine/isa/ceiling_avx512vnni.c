/* ceiling_avx512vnni.c: dot products of four unsigned with four signed bytes, added to 16 sums of 32 bits
 * (vpdpbusd). */
#include "machine/ceilings_impl.h"

#include <immintrin.h>

/* 12 accumulators, from 0. Sums of integers do not converge, but a slice of 2 ms does not come near 2^31. */
double ceiling_avx512vnni_compute(const ceiling_input *in, int64_t rounds, float *sink)
{
    const __m512i x = _mm512_set1_epi8((char)(in->factor * CEILING_BYTE_SCALE));
    const __m512i y = _mm512_set1_epi8((char)(in->term * CEILING_BYTE_SCALE));
    __m512i a = _mm512_setzero_si512(), b = a, c = a, d = a, e = a, f = a, g = a, h = a, i = a, j = a, k = a, l = a;
    for (int64_t r = 0; r < rounds; r++) {
        a = _mm512_dpbusd_epi32(a, x, y), b = _mm512_dpbusd_epi32(b, x, y);
        c = _mm512_dpbusd_epi32(c, x, y), d = _mm512_dpbusd_epi32(d, x, y);
        e = _mm512_dpbusd_epi32(e, x, y), f = _mm512_dpbusd_epi32(f, x, y);
        g = _mm512_dpbusd_epi32(g, x, y), h = _mm512_dpbusd_epi32(h, x, y);
        i = _mm512_dpbusd_epi32(i, x, y), j = _mm512_dpbusd_epi32(j, x, y);
        k = _mm512_dpbusd_epi32(k, x, y), l = _mm512_dpbusd_epi32(l, x, y);
    }
    const __m512i all[] = {a, b, c, d, e, f, g, h, i, j, k, l};
    double total = 0;
    for (int n = 0; n < 12; n++)
        total += _mm512_reduce_add_pd(_mm512_cvtepi32_pd(_mm512_castsi512_si256(all[n]))) +
                 _mm512_reduce_add_pd(_mm512_cvtepi32_pd(_mm512_extracti64x4_epi64(all[n], 1)));
    *sink = (float)(total / (CEILING_BYTE_SCALE * CEILING_BYTE_SCALE));
    return 2.0 * 4 * 16 * 12 * (double)rounds;
}
