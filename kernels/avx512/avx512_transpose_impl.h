/* avx512_transpose_impl.h: vectors of 16 floats turned and summed across their lanes. */
#ifndef ATTN_AVX512_TRANSPOSE_IMPL_H
#define ATTN_AVX512_TRANSPOSE_IMPL_H

#include <immintrin.h>
#include <stdint.h>

static inline __mmask16 first_lanes(int64_t n) { return (__mmask16)(n >= 16 ? 0xffff : n <= 0 ? 0 : (1u << n) - 1); }

/* Transposes 16 x 16 in place: pairs, then fours, then 128-bit quarters twice. */
static inline void transpose_16x16(__m512 x[16])
{
    __m512 y[16];
    for (int i = 0; i < 16; i += 2) {
        y[i] = _mm512_unpacklo_ps(x[i], x[i + 1]);
        y[i + 1] = _mm512_unpackhi_ps(x[i], x[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
        for (int half = 0; half < 2; half++) {
            const __m512d a = _mm512_castps_pd(y[i + half]), b = _mm512_castps_pd(y[i + 2 + half]);
            x[i + 2 * half] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b));
            x[i + 2 * half + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
        }
    }
    for (int i = 0; i < 4; i++) {
        const __m512 even01 = _mm512_shuffle_f32x4(x[i], x[i + 4], 0x88),
                     odd01 = _mm512_shuffle_f32x4(x[i], x[i + 4], 0xdd);
        const __m512 even23 = _mm512_shuffle_f32x4(x[i + 8], x[i + 12], 0x88),
                     odd23 = _mm512_shuffle_f32x4(x[i + 8], x[i + 12], 0xdd);
        y[i] = _mm512_shuffle_f32x4(even01, even23, 0x88);
        y[i + 8] = _mm512_shuffle_f32x4(even01, even23, 0xdd);
        y[i + 4] = _mm512_shuffle_f32x4(odd01, odd23, 0x88);
        y[i + 12] = _mm512_shuffle_f32x4(odd01, odd23, 0xdd);
    }
    for (int i = 0; i < 16; i++) x[i] = y[i];
}

/* Four rows of four floats, in each quarter of x: columns become rows. */
static inline void transpose_quarters(__m512 x[4])
{
    const __m512d low01 = _mm512_castps_pd(_mm512_unpacklo_ps(x[0], x[1])),
                  high01 = _mm512_castps_pd(_mm512_unpackhi_ps(x[0], x[1])),
                  low23 = _mm512_castps_pd(_mm512_unpacklo_ps(x[2], x[3])),
                  high23 = _mm512_castps_pd(_mm512_unpackhi_ps(x[2], x[3]));
    x[0] = _mm512_castpd_ps(_mm512_unpacklo_pd(low01, low23));
    x[1] = _mm512_castpd_ps(_mm512_unpackhi_pd(low01, low23));
    x[2] = _mm512_castpd_ps(_mm512_unpacklo_pd(high01, high23));
    x[3] = _mm512_castpd_ps(_mm512_unpackhi_pd(high01, high23));
}

/* Four quarters from memory: no shuffle, where joining vectors of whole rows would need three. */
static inline __m512 load_quarters(const float *a, const float *b, const float *c, const float *d)
{
    __m512 x = _mm512_castps128_ps512(_mm_loadu_ps(a));
    x = _mm512_insertf32x4(x, _mm_loadu_ps(b), 1);
    x = _mm512_insertf32x4(x, _mm_loadu_ps(c), 2);
    return _mm512_insertf32x4(x, _mm_loadu_ps(d), 3);
}

/* x[i] = column i of 16 rows. */
static inline void load_columns_16x16(float *const from[16], int64_t at, __m512 x[16])
{
    for (int64_t i = 0; i < 16; i += 4) {
        for (int n = 0; n < 4; n++)
            x[i + n] =
                load_quarters(from[n] + at + i, from[n + 4] + at + i, from[n + 8] + at + i, from[n + 12] + at + i);
        transpose_quarters(x + i);
    }
}

/* Each of a and b to half as many sums: the lanes where `second` is set become b's. `swapped` pairs the other lanes
 * with those. */
static inline __m512 add_halves(__m512 a, __m512 b, __m512 swapped, __mmask16 second)
{
    return _mm512_add_ps(_mm512_mask_blend_ps(second, a, b), swapped);
}

/* Sums of 16 vectors, lane i that of x[i]: four times two vectors become one, by shuffles that cross lanes first where
 * blends do half of the work. `order` undoes in which lanes that leaves the sums. */
static inline __m512 sums_of_16(const __m512 x[16])
{
    enum { FAR_HALVES = 0x4e, EVEN = 0x88, ODD = 0xdd };
    static const int order[16] = {0, 8, 2, 10, 1, 9, 3, 11, 4, 12, 6, 14, 5, 13, 7, 15};
    __m512 y[8], z[4], w[2];
    for (int i = 0; i < 8; i++) {
        const __m512 a = x[order[i]], b = x[order[i + 8]];
        y[i] = add_halves(a, b, _mm512_shuffle_f32x4(a, b, FAR_HALVES), 0xff00);
    }
    for (int i = 0; i < 4; i++)
        z[i] = add_halves(y[i], y[i + 4], _mm512_shuffle_ps(y[i], y[i + 4], FAR_HALVES), 0xcccc);
    for (int i = 0; i < 2; i++)
        w[i] = _mm512_add_ps(_mm512_shuffle_ps(z[i], z[i + 2], EVEN), _mm512_shuffle_ps(z[i], z[i + 2], ODD));
    return _mm512_add_ps(_mm512_shuffle_f32x4(w[0], w[1], EVEN), _mm512_shuffle_f32x4(w[0], w[1], ODD));
}

#endif
