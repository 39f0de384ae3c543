/* narrow_impl.h: narrows floats to elements of 16 bits, rounded to nearest, ties to even. It computes in integers, so
 * that results are the same on any CPU and in any rounding mode. tests/kernels/test_elements.c compares every 16-bit
 * value and what lies between them. */
#ifndef ATTN_NARROW_IMPL_H
#define ATTN_NARROW_IMPL_H

#include <string.h>

#include "attention.h"

static inline uint32_t attn_float_bits(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* Drops the lowest n bits of x, 1 <= n <= 31. */
static inline uint32_t attn_round_bits(uint32_t x, uint32_t n)
{
    const uint32_t odd = x >> n & 1;
    return (x + (UINT32_C(1) << (n - 1)) - 1 + odd) >> n;
}

static inline uint16_t attn_bf16_of(float x)
{
    const uint32_t bits = attn_float_bits(x);
    return (uint16_t)(x != x ? bits >> 16 | 0x40 : attn_round_bits(bits, 16));
}

/* A carry out of the mantissa raises the exponent, as it should, up to infinity. Below 2^-14 steps are 2^-24: the
 * leading 1 becomes a bit of the mantissa, which is then shifted. */
static inline uint16_t attn_f16_of(float x)
{
    enum { SMALLEST_NORMAL = 113, DROPPED = 13, INFINITE = 0x7c00, QUIET = 0x7e00 };
    const uint32_t bits = attn_float_bits(x), sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
    const uint32_t exponent = magnitude >> 23, mantissa = (magnitude & 0x7fffff) | 0x800000;
    uint32_t half;
    if (x != x)
        half = QUIET | (magnitude >> DROPPED & 0x3ff);
    else if (exponent >= SMALLEST_NORMAL)
        half = attn_round_bits(magnitude - ((SMALLEST_NORMAL - 1) << 23), DROPPED);
    else if (exponent + 11 >= SMALLEST_NORMAL)
        half = attn_round_bits(mantissa, DROPPED + SMALLEST_NORMAL - exponent);
    else
        half = 0;
    return (uint16_t)(sign | (half > INFINITE && x == x ? INFINITE : half));
}

/* n floats to a row of type `type`. */
static inline void attn_narrow_row(const float *from, int64_t n, uint32_t type, void *row)
{
    uint16_t *const half = row;
    if (type == ATTN_F32) memcpy(row, from, (size_t)n * sizeof *from);
    for (int64_t c = 0; type == ATTN_F16 && c < n; c++) half[c] = attn_f16_of(from[c]);
    for (int64_t c = 0; type == ATTN_BF16 && c < n; c++) half[c] = attn_bf16_of(from[c]);
}

#endif
