/* elements: one element of a typed, strided tensor as a double.
 *
 * Every type is widened exactly, so that the reference sees the values that a kernel sees. f16 and bf16 are decoded
 * from their bits, because not all compilers have half types. */
#include <math.h>
#include <string.h>

#include "reference.h"

/* IEEE binary16: 1 sign, 5 exponent (bias 15), 10 fraction bits. */
static double widen_f16(uint16_t bits)
{
    const int exponent = (bits >> 10) & 31;
    const int fraction = bits & 1023;
    const double sign = bits >> 15 ? -1.0 : 1.0;
    if (exponent == 31) return fraction ? (double)NAN : sign * (double)INFINITY;
    if (exponent == 0) return sign * ldexp(fraction, -24);
    return sign * ldexp(1024 + fraction, exponent - 25);
}

/* The upper half of a binary32. */
static double widen_bf16(uint16_t bits)
{
    const uint32_t wide = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &wide, sizeof value);
    return (double)value;
}

double ref_element(const attn_tensor *t, int64_t b, int64_t h, int64_t r, int64_t c)
{
    const int64_t at = b * t->stride[0] + h * t->stride[1] + r * t->stride[2] + c * t->stride[3];
    switch (t->type) {
    case ATTN_F32: return (double)((const float *)t->data)[at];
    case ATTN_F16: return widen_f16(((const uint16_t *)t->data)[at]);
    case ATTN_BF16: return widen_bf16(((const uint16_t *)t->data)[at]);
    case ATTN_I8: return (double)((const int8_t *)t->data)[at];
    case ATTN_I64: return (double)((const int64_t *)t->data)[at];
    default: return (double)NAN;
    }
}
