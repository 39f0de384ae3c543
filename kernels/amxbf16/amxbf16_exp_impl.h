/* amxbf16_exp_impl.h: weights of 32 keys out of scores in fixed point, and 2^x that only just feeds a bf16.
 *
 * Accumulators of scores begin with a number, `start`, that is so large that sums of it and of scores keep to one binade: their
 * mantissas are then fixed-point numbers. Their upper 16 bits times `multiplier` are x = log2 of the weight in steps of 1/512, which as
 * a float's bits would be 1 + fraction instead of 2^fraction: a table of 64 corrections mends that, and rounds to the 7 bits of a bf16.
 * Eight instructions make 32 weights; 17 would by a polynomial (cubic) in fp32.
 *
 * Errors: truncation to 16 bits and of the product, rounding to bf16 and the table together at most 2^-8 + (20700 + 11400 p) u, where
 * p = multiplier / 2^16 are steps of a bit, u = 2^-24; rms 0.19%, where rounding alone has 0.17% (tests/test_tile_exp.c walks all). The
 * rounded multiplier bends log2 e by less than 1/multiplier, which counts with the largest score. Rounding of the sums: below 64 p u for
 * each 32 channels. A cap of 2^-9 for the error before rounding (reference/accuracy.c) limits the scores. */
#ifndef ATTN_AMXBF16_EXP_IMPL_H
#define ATTN_AMXBF16_EXP_IMPL_H

#include <immintrin.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

static const double FIXED_KAPPA_MOST = 32768; /* u: half of a bf16's own rounding */
static const double FIXED_BOUND_MOST = 46;    /* so that weights and their sums stay far below 2^128 */

/* weight = 2^(log2(e) logit + raised) */
typedef struct fixed_point {
    float start;         /* of an accumulator; 0: scores cannot be taken so */
    uint16_t multiplier; /* of 16 bits of it, in 1/65536 */
    int16_t raised;
    float bound;  /* of log2(e) |logit| */
    double kappa; /* as in attn_plan */
} fixed_point;

/* Scores whose steps are 2^-binade, of products with q, times `factor` are in base 2. */
static inline fixed_point fixed_point_with(double factor, int binade, int64_t channel_steps)
{
    const double exact = ldexp(factor, 32 - binade);
    fixed_point f = {.multiplier = (uint16_t)lrint(exact)};
    const double p = f.multiplier / 65536.0, bend = fabs(f.multiplier / exact - 1);
    const double rounding = 20700 + 11400 * p + 64 * p * (double)channel_steps;
    f.raised = (int16_t)lrint(64 * p + 1);                       /* a score of 0 is amid the 16 bits */
    const double steps = 512 * (f.raised - 1) - 64 + 2.89 + p / 2; /* at 0: the table adds 64, and half of what is cut off */
    const double low = steps / 512, high = (65535 * p - steps) / 512;
    const double by_bend = (FIXED_KAPPA_MOST - rounding) / (bend * 0.6931471805599453 * 16777216);
    f.bound = (float)(fmin(fmin(fmin(low, high), by_bend), FIXED_BOUND_MOST) - 0.05);
    f.kappa = rounding + bend * 0.6931471805599453 * (double)f.bound * 16777216;
    f.start = (float)ldexp(8388608 + 128 * (steps / p), -binade);
    return f;
}

/* The finer of two steps halves the range and what truncation costs: the one that takes the larger scores. */
static inline fixed_point fixed_point_of(double factor, int64_t channel_steps)
{
    int exponent;
    if (!(factor > 0x1p-90 && factor < 0x1p90)) return (fixed_point){0};
    frexp(factor, &exponent);
    const fixed_point coarse = fixed_point_with(factor, exponent + 16, channel_steps),
                      fine = fixed_point_with(factor, exponent + 17, channel_steps);
    return fine.bound >= coarse.bound ? fine : coarse;
}

typedef struct fixed_exp {
    __m512i bits, multiplier, table, raised;
} fixed_exp;

static inline fixed_exp fixed_exp_of(uint16_t multiplier)
{
    /* 64 - 512 (1 + f - 2^f), f = (i + 8.5) / 64 less its whole part, adjusted by 1 or 2 so that the largest error of the weights is least */
    static const _Alignas(64) uint8_t table[64] = {
        45, 44, 41, 40, 38, 36, 35, 33, 32, 31, 29, 28, 27, 26, 25, 24, 23, 22, 22, 21, 20, 20,
        20, 19, 19, 19, 19, 19, 19, 19, 20, 20, 21, 21, 22, 23, 24, 25, 26, 27, 29, 30, 31, 33,
        34, 37, 38, 41, 42, 45, 47, 50, 53, 55, 58, 61, 62, 60, 58, 56, 53, 52, 49, 48};
    return (fixed_exp){
        .bits = _mm512_set1_epi64(0x2f272f270f070f07), /* from bits 7 and 15 of each of two floats, twice */
        .multiplier = _mm512_set1_epi16((int16_t)multiplier),
        .table = _mm512_load_si512(table),
        .raised = _mm512_set1_epi16(1), /* 2^14 when it comes in from above: the highest bit but one of an exponent */
    };
}

/* bf16 weights of 32 keys, in order, out of the scores of even and odd ones. */
static inline __attribute__((always_inline)) __m512i fixed_weights(const fixed_exp *e, const char *even, const char *odd)
{
    __m512i x = _mm512_multishift_epi64_epi8(e->bits, _mm512_load_si512(even));
    x = _mm512_mask_multishift_epi64_epi8(x, 0xccccccccccccccccu, e->bits, _mm512_load_si512(odd));
    x = _mm512_mulhi_epu16(x, e->multiplier);
    const __m512i correction = _mm512_maskz_permutexvar_epi8(0x5555555555555555u, _mm512_srli_epi16(x, 3), e->table);
    return _mm512_shrdi_epi16(_mm512_add_epi16(x, correction), e->raised, 2);
}

/* 2^x for weights of 16 keys, as the upper half of a float, ready to be cut off there: half a step of bf16 is in the polynomial's constant.
 * Degree 3: 7.5e-5 = 1255 u. */
#define CUBIC_KAPPA 1260
static inline __attribute__((always_inline)) __m512 cubic_weight(__m512 x)
{
    enum { DOWN_QUIET = 0x09 };
    const __m512 r = _mm512_reduce_ps(x, DOWN_QUIET);
    __m512 p = _mm512_set1_ps(7.80245227e-2f);
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(2.26067155e-1f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(6.95833540e-1f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.999925219f + 0x1p-8f));
    return _mm512_scalef_ps(p, x);
}

#endif
