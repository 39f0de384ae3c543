/* ceiling_avx512.c: fused multiply-adds and reads of 512 bits. */
#include "machine/ceilings_impl.h"

#include <immintrin.h>

static __m512 load_seeds_avx512(const ceiling_input *in, int index) { return _mm512_loadu_ps(in->seed + 16 * index); }

/* 12 accumulators. With two multiply-adds a cycle and a latency of four, 8 are needed. */
double ceiling_avx512_compute(const ceiling_input *in, int64_t rounds, float *sink)
{
    const __m512 x = _mm512_set1_ps(in->factor), y = _mm512_set1_ps(in->term);
    __m512 a = load_seeds_avx512(in, 0), b = load_seeds_avx512(in, 1), c = load_seeds_avx512(in, 2),
           d = load_seeds_avx512(in, 3);
    __m512 e = load_seeds_avx512(in, 4), f = load_seeds_avx512(in, 5), g = load_seeds_avx512(in, 6),
           h = load_seeds_avx512(in, 7);
    __m512 i = load_seeds_avx512(in, 8), j = load_seeds_avx512(in, 9), k = load_seeds_avx512(in, 10),
           l = load_seeds_avx512(in, 11);
    for (int64_t r = 0; r < rounds; r++) {
        a = _mm512_fmadd_ps(a, x, y), b = _mm512_fmadd_ps(b, x, y);
        c = _mm512_fmadd_ps(c, x, y), d = _mm512_fmadd_ps(d, x, y);
        e = _mm512_fmadd_ps(e, x, y), f = _mm512_fmadd_ps(f, x, y);
        g = _mm512_fmadd_ps(g, x, y), h = _mm512_fmadd_ps(h, x, y);
        i = _mm512_fmadd_ps(i, x, y), j = _mm512_fmadd_ps(j, x, y);
        k = _mm512_fmadd_ps(k, x, y), l = _mm512_fmadd_ps(l, x, y);
    }
    const __m512 all = (a + b + c + d) + (e + f + g + h) + (i + j + k + l);
    *sink = _mm512_reduce_add_ps(all);
    return 2.0 * 16 * 12 * (double)rounds;
}

static __m512i absorb(__m512i sum, const __m512i *at)
{
    enum { XOR_OF_THREE = 0x96 };
    return _mm512_ternarylogic_epi64(sum, _mm512_load_si512(at), _mm512_load_si512(at + 1), XOR_OF_THREE);
}

/* One instruction for two vectors: with one for each, the two ports of 512-bit arithmetic would be the limit, not the
 * loads. */
uint64_t ceiling_avx512_read(const void *buffer, size_t bytes, int64_t passes)
{
    enum { STEP = 16 * sizeof(__m512i) };
    __m512i a = _mm512_setzero_si512(), b = a, c = a, d = a, e = a, f = a, g = a, h = a;
    const size_t steps = bytes / STEP * (size_t)passes;
    for (size_t step = 0, offset = 0; step < steps; step++, offset = offset + STEP < bytes ? offset + STEP : 0) {
        const __m512i *const at = (const void *)((const char *)buffer + offset);
        a = absorb(a, at), b = absorb(b, at + 2), c = absorb(c, at + 4), d = absorb(d, at + 6);
        e = absorb(e, at + 8), f = absorb(f, at + 10), g = absorb(g, at + 12), h = absorb(h, at + 14);
    }
    uint64_t lane[8], all = 0;
    _mm512_storeu_si512(lane, a ^ b ^ c ^ d ^ e ^ f ^ g ^ h);
    for (int i = 0; i < 8; i++) all ^= lane[i];
    return all;
}
