/* lanes_impl.h: vectors of four floats for portable kernels, in the vector extension that GCC and Clang share. They
 * become the compiler's baseline instructions (SSE2, NEON, or scalars where there are none); there are no intrinsics.
 */
#ifndef ATTN_LANES_IMPL_H
#define ATTN_LANES_IMPL_H

#include <stdint.h>
#include <string.h>

typedef float lanes __attribute__((vector_size(16)));
typedef int32_t lanes_int __attribute__((vector_size(16)));

static inline lanes lanes_load(const float *p)
{
    lanes x;
    memcpy(&x, p, sizeof x);
    return x;
}

static inline void lanes_store(float *p, lanes x) { memcpy(p, &x, sizeof x); }

static inline lanes lanes_all(float x) { return (lanes){x, x, x, x}; }

/* Larger of each pair; b where either is NaN. */
static inline lanes lanes_max(lanes a, lanes b)
{
    const lanes_int take_a = a > b;
    return (lanes)((take_a & (lanes_int)a) | (~take_a & (lanes_int)b));
}

static inline float lanes_sum(lanes x) { return (x[0] + x[1]) + (x[2] + x[3]); }

/* exp(x) for x <= 88. Below -87.336 the result, which would be subnormal, is 0. NaN gives NaN.
 *
 * x = n ln2 + r with |r| <= ln2 / 2; ln2 is split so that n * ln2_high is exact (its last 11 bits are 0, |n| < 2^8);
 * exp(r) by a polynomial of degree 6 (Taylor's, the last four coefficients fitted to the interval: 0.07 * 2^-24); times
 * 2^n by the exponent bits. Relative error below LANES_EXP_KAPPA * 2^-24 (tests/kernels/test_exp.c walks the range). */
#define LANES_EXP_KAPPA 2
static inline lanes lanes_exp(lanes x)
{
    const lanes magic = lanes_all(12582912.0f); /* 1.5 * 2^23: adding it rounds to an integer in the low bits */
    const lanes shifted = x * 1.44269504f + magic;
    const lanes n = shifted - magic;
    const lanes r = (x - n * 0.693145752f) - n * 1.42860677e-6f;
    lanes p = lanes_all(1.38637575e-3f);
    p = p * r + 8.36750958e-3f;
    p = p * r + 4.16672379e-2f;
    p = p * r + 1.66665345e-1f;
    p = p * r + 0.5f;
    p = p * r * r + r + 1.0f;
    const lanes_int exponent = ((lanes_int)shifted - 0x4b400000 + 127) << 23;
    const lanes result = p * (lanes)exponent;
    const lanes_int tiny = x < -87.336544f;
    return (lanes)(~tiny & (lanes_int)result);
}

/* tanh(x) by way of exp: errors of at most 3u relative and 3u absolute together (tests/kernels/test_exp.c). */
static inline lanes lanes_tanh(lanes x)
{
    const lanes_int sign = (lanes_int)x & INT32_MIN;
    const lanes magnitude = (lanes)((lanes_int)x & INT32_MAX);
    const lanes e = lanes_exp(magnitude * -2.0f);
    return (lanes)((lanes_int)((1.0f - e) / (1.0f + e)) | sign);
}

static inline float lanes_dot(const float *a, const float *b, int64_t n)
{
    lanes sum0 = lanes_all(0), sum1 = sum0, sum2 = sum0, sum3 = sum0;
    int64_t c = 0;
    for (; c + 16 <= n; c += 16) {
        sum0 += lanes_load(a + c) * lanes_load(b + c);
        sum1 += lanes_load(a + c + 4) * lanes_load(b + c + 4);
        sum2 += lanes_load(a + c + 8) * lanes_load(b + c + 8);
        sum3 += lanes_load(a + c + 12) * lanes_load(b + c + 12);
    }
    float sum = lanes_sum((sum0 + sum1) + (sum2 + sum3));
    for (; c < n; c++) sum += a[c] * b[c];
    return sum;
}

/* y += a * x */
static inline void lanes_axpy(float *y, float a, const float *x, int64_t n)
{
    int64_t c = 0;
    for (; c + 4 <= n; c += 4) lanes_store(y + c, lanes_load(y + c) + a * lanes_load(x + c));
    for (; c < n; c++) y[c] += a * x[c];
}

/* y *= a */
static inline void lanes_scale(float *y, float a, int64_t n)
{
    int64_t c = 0;
    for (; c + 4 <= n; c += 4) lanes_store(y + c, a * lanes_load(y + c));
    for (; c < n; c++) y[c] *= a;
}

/* c (4, 8) = or += a (4, n) x b (n, 8), with leading dimensions: a register tile. */
static inline void lanes_tile_4x8(int64_t n, const float *a, int64_t lda, const float *b, int64_t ldb, float *c,
                                  int64_t ldc, int add)
{
    lanes acc[4][2];
    for (int r = 0; r < 4; r++) {
        acc[r][0] = add ? lanes_load(c + r * ldc) : lanes_all(0);
        acc[r][1] = add ? lanes_load(c + r * ldc + 4) : lanes_all(0);
    }
    for (int64_t i = 0; i < n; i++) {
        const lanes b0 = lanes_load(b + i * ldb), b1 = lanes_load(b + i * ldb + 4);
        for (int r = 0; r < 4; r++) {
            const lanes x = lanes_all(a[r * lda + i]);
            acc[r][0] += x * b0;
            acc[r][1] += x * b1;
        }
    }
    for (int r = 0; r < 4; r++) {
        lanes_store(c + r * ldc, acc[r][0]);
        lanes_store(c + r * ldc + 4, acc[r][1]);
    }
}

#endif
