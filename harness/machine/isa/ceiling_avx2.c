/* ceiling_avx2.c: fused multiply-adds and reads of 256 bits. */
#include "machine/ceilings_impl.h"

#include <immintrin.h>

static __m256 load_seeds_avx2(const ceiling_input *in, int index) { return _mm256_loadu_ps(in->seed + 8 * index); }

/* 12 accumulators. With two multiply-adds a cycle and a latency of four, 8 are needed; 14 of 16 registers are used. */
double ceiling_avx2_compute(const ceiling_input *in, int64_t rounds, float *sink)
{
    const __m256 x = _mm256_set1_ps(in->factor), y = _mm256_set1_ps(in->term);
    __m256 a = load_seeds_avx2(in, 0), b = load_seeds_avx2(in, 1), c = load_seeds_avx2(in, 2),
           d = load_seeds_avx2(in, 3);
    __m256 e = load_seeds_avx2(in, 4), f = load_seeds_avx2(in, 5), g = load_seeds_avx2(in, 6),
           h = load_seeds_avx2(in, 7);
    __m256 i = load_seeds_avx2(in, 8), j = load_seeds_avx2(in, 9), k = load_seeds_avx2(in, 10),
           l = load_seeds_avx2(in, 11);
    for (int64_t r = 0; r < rounds; r++) {
        a = _mm256_fmadd_ps(a, x, y), b = _mm256_fmadd_ps(b, x, y);
        c = _mm256_fmadd_ps(c, x, y), d = _mm256_fmadd_ps(d, x, y);
        e = _mm256_fmadd_ps(e, x, y), f = _mm256_fmadd_ps(f, x, y);
        g = _mm256_fmadd_ps(g, x, y), h = _mm256_fmadd_ps(h, x, y);
        i = _mm256_fmadd_ps(i, x, y), j = _mm256_fmadd_ps(j, x, y);
        k = _mm256_fmadd_ps(k, x, y), l = _mm256_fmadd_ps(l, x, y);
    }
    const __m256 all = (a + b + c + d) + (e + f + g + h) + (i + j + k + l);
    float lane[8], total = 0;
    _mm256_storeu_ps(lane, all);
    for (int n = 0; n < 8; n++) total += lane[n];
    *sink = total;
    return 2.0 * 8 * 12 * (double)rounds;
}

uint64_t ceiling_avx2_read(const void *buffer, size_t bytes, int64_t passes)
{
    enum { STEP = 8 * sizeof(__m256i) };
    __m256i a = _mm256_setzero_si256(), b = a, c = a, d = a, e = a, f = a, g = a, h = a;
    const size_t steps = bytes / STEP * (size_t)passes;
    for (size_t step = 0, offset = 0; step < steps; step++, offset = offset + STEP < bytes ? offset + STEP : 0) {
        const __m256i *const at = (const void *)((const char *)buffer + offset);
        a = _mm256_xor_si256(a, _mm256_load_si256(at)), b = _mm256_xor_si256(b, _mm256_load_si256(at + 1));
        c = _mm256_xor_si256(c, _mm256_load_si256(at + 2)), d = _mm256_xor_si256(d, _mm256_load_si256(at + 3));
        e = _mm256_xor_si256(e, _mm256_load_si256(at + 4)), f = _mm256_xor_si256(f, _mm256_load_si256(at + 5));
        g = _mm256_xor_si256(g, _mm256_load_si256(at + 6)), h = _mm256_xor_si256(h, _mm256_load_si256(at + 7));
    }
    uint64_t lane[4], all = 0;
    _mm256_storeu_si256((__m256i *)lane, a ^ b ^ c ^ d ^ e ^ f ^ g ^ h);
    for (int i = 0; i < 4; i++) all ^= lane[i];
    return all;
}
