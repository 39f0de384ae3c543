/* avx2_tile_impl.h: the register tile of avx2_online, 4 x 24 sums of products, for scores (keys x rows) and for results
 * (channels x rows).
 *
 *   to (TILE, GROUP) = or += sum over n of y[i] (TILE) x[i] (GROUP)        x: queries or weights; y: keys or values
 *
 * A step is 12 multiply-adds, which two ports finish in 6 cycles, and 7 loads. Any other instruction on those ports
 * adds its full time, so the loops count with as few additions as possible; a step alone runs in 6.1 cycles (6 x 16:
 * 6.3, 8 loads). More loads, such as when a compiler reads a vector again for each multiply-add, do not cost cycles but
 * frequency: an Intel CPU (6/207) then lowers it from 3.0 to 2.8 GHz.
 *
 * While scores are in registers, a port that multiply-adds do not use checks whether they are near their row's maximum.
 * If they are, the rest of the softmax needs neither a maximum nor limits. */
#ifndef ATTN_AVX2_TILE_IMPL_H
#define ATTN_AVX2_TILE_IMPL_H

#include <immintrin.h>

#include "vector/transposed_impl.h"

/* near[v] is 12582912 + 119 - max, for rows whose maximum is a whole number, else infinite. Added to scores that are at
 * most 8.5 above it and less than 119.5 below, it gives floats that differ from NEAR, which is 12582912, in their last
 * 7 bits alone. No others do. */
enum { NEAR = 0x4b400000, NEAR_BITS = 0x7f };

typedef struct near_check {
    __m256 near[VECTORS];
    __m256i far; /* bits that scores which are not near leave */
} near_check;

ALWAYS_INLINE void check_scores(near_check *check, __m256 score[TILE][VECTORS], const int vectors)
{
    __m256i far = check->far;
#pragma GCC unroll 4
    for (int i = 0; i < TILE; i++) {
        for (int v = 0; v < vectors; v++) {
            const __m256i bits = _mm256_castps_si256(_mm256_add_ps(score[i][v], check->near[v]));
            far = _mm256_or_si256(far, _mm256_xor_si256(bits, _mm256_set1_epi32(NEAR)));
        }
    }
    check->far = far;
}

/* Are all scores that were checked near? */
static inline int are_near(const near_check *check)
{
    return _mm256_testz_si256(check->far, _mm256_set1_epi32(~NEAR_BITS));
}

/* tile[i][v] += y[i * apart] x[v] */
ALWAYS_INLINE void add_outer_product(const float *x, const float *y, int64_t apart, __m256 tile[TILE][VECTORS],
                                     const int vectors)
{
    __m256 a[VECTORS];
    for (int v = 0; v < vectors; v++) a[v] = _mm256_load_ps(x + LANES * v);
    for (int i = 0; i < TILE; i++) {
        const __m256 b = _mm256_broadcast_ss(y + i * apart);
        for (int v = 0; v < vectors; v++) tile[i][v] = _mm256_fmadd_ps(b, a[v], tile[i][v]);
    }
}

/* All of them: x in rows GROUP apart, the elements of y[i] `apart`, y[i] and y[i + 1] `step`. With `check`, the sums
 * are scores and begin with 0; those of values are added in the order of keys, whichever of them are masked. */
ALWAYS_INLINE void add_outer_products(const float *x, const float *y, int64_t apart, int64_t step, int64_t n, float *to,
                                      near_check *check, const int vectors)
{
    __m256 tile[TILE][VECTORS];
#pragma GCC unroll 4
    for (int i = 0; i < TILE; i++)
        for (int v = 0; v < vectors; v++)
            tile[i][v] = check ? _mm256_setzero_ps() : _mm256_load_ps(to + i * GROUP + LANES * v);
    if (vectors == 1 && check) { /* four sums wait for each other: every other step has sums of its own */
        __m256 odd[TILE][VECTORS];
#pragma GCC unroll 4
        for (int i = 0; i < TILE; i++) odd[i][0] = _mm256_setzero_ps();
#pragma GCC unroll 4
        for (; n > 1; n -= 2, x += 2 * GROUP, y += 2 * step) {
            add_outer_product(x, y, apart, tile, vectors);
            add_outer_product(x + GROUP, y + step, apart, odd, vectors);
        }
#pragma GCC unroll 4
        for (int i = 0; i < TILE; i++) tile[i][0] = _mm256_add_ps(tile[i][0], odd[i][0]);
    }
#pragma GCC unroll 4
    for (int64_t i = 0; i < n; i++, x += GROUP, y += step) add_outer_product(x, y, apart, tile, vectors);
    if (check) check_scores(check, tile, vectors);
#pragma GCC unroll 4
    for (int i = 0; i < TILE; i++)
        for (int v = 0; v < vectors; v++) _mm256_store_ps(to + i * GROUP + LANES * v, tile[i][v]);
}

/* Packed tiles, keys in place and values in place have loops of their own, in which distances are constants. */
ALWAYS_INLINE void multiply(const float *x, const float *y, int64_t apart, int64_t step, int64_t n, float *to,
                            near_check *check, const int vectors)
{
    if (apart == 1 && step == TILE)
        add_outer_products(x, y, 1, TILE, n, to, check, vectors);
    else if (step == 1)
        add_outer_products(x, y, apart, 1, n, to, check, vectors);
    else
        add_outer_products(x, y, 1, step, n, to, check, vectors);
}

/* Functions of their own: inlined side by side, tiles take registers from each other. */
typedef void multiplier(const float *x, const float *y, int64_t apart, int64_t step, int64_t n, float *to,
                        near_check *check);

static __attribute__((noinline)) void multiply_1(const float *x, const float *y, int64_t apart, int64_t step, int64_t n,
                                                 float *to, near_check *check)
{
    multiply(x, y, apart, step, n, to, check, 1);
}

static __attribute__((noinline)) void multiply_2(const float *x, const float *y, int64_t apart, int64_t step, int64_t n,
                                                 float *to, near_check *check)
{
    multiply(x, y, apart, step, n, to, check, 2);
}

static __attribute__((noinline)) void multiply_3(const float *x, const float *y, int64_t apart, int64_t step, int64_t n,
                                                 float *to, near_check *check)
{
    multiply(x, y, apart, step, n, to, check, 3);
}

/* One vector of rows, whose four sums wait for each other: the values of two tiles of channels, `second` apart, at
 * once. */
ALWAYS_INLINE void add_two_tiles(const float *x, const float *y, int64_t second, int64_t step, int64_t n, float *to)
{
    __m256 low[TILE][VECTORS], high[TILE][VECTORS];
#pragma GCC unroll 4
    for (int i = 0; i < TILE; i++) {
        low[i][0] = _mm256_load_ps(to + i * GROUP);
        high[i][0] = _mm256_load_ps(to + (TILE + i) * GROUP);
    }
#pragma GCC unroll 4
    for (int64_t i = 0; i < n; i++, x += GROUP, y += step) {
        add_outer_product(x, y, 1, low, 1);
        add_outer_product(x, y + second, 1, high, 1);
    }
#pragma GCC unroll 4
    for (int i = 0; i < TILE; i++) {
        _mm256_store_ps(to + i * GROUP, low[i][0]);
        _mm256_store_ps(to + (TILE + i) * GROUP, high[i][0]);
    }
}

static __attribute__((noinline)) void multiply_two_tiles(const float *x, const float *y, int64_t second, int64_t step,
                                                         int64_t n, float *to)
{
    if (step == TILE)
        add_two_tiles(x, y, second, TILE, n, to);
    else
        add_two_tiles(x, y, TILE, step, n, to);
}

#endif
