/* amxbf16_exp_impl.h: bf16 weights 2^x of scores in fixed point, 32 at a time; and 2^x in fp32, only as accurate as
 * bf16 needs.
 *
 * Accumulators of scores begin with a number, `start`, so large that adding scores to it never changes its exponent.
 * The mantissas are then fixed-point numbers: the scores plus a constant. With a = the upper 16 bits of a mantissa,
 *
 *   y = a * multiplier / 2^16         truncated: log2 of the weight, in steps of 1/512
 *   y + table[fraction of y]          the bits of a float mean 2^n (1 + f); the table makes (1 + f) of 2^f
 *   (y + table[...]) / 4              truncated to the 7 bits of a bf16's mantissa; `start` holds the half step that
 *                                     rounds
 *
 * are the bits of the weight but for the highest of the exponent, which is set. So all weights are 2 or more: a score
 * of 0 has the weight 2^raised. Eight instructions make 32 weights, where a polynomial of degree 3 takes 17.
 *
 * Errors, as parts of a weight; p = multiplier / 2^16; u = 2^-24. tests/kernels/test_tile_exp.c walks all inputs.
 *
 *   2^-8              rounding to bf16, which the plan declares as the weights' type
 *   20850 u           truncation of y (half a step after centring, ln 2 / 1024 = 11357 u), and the table
 *   11400 p u         truncation to 16 bits (half of their step after centring)
 *   89 p u            for each 32 channels: the sum in a tile is rounded to its last bit, p / 2^16 steps of log2; half
 *                     of it is ln 2 p / 2^17
 *   bend ln 2 |x|     bend: by how much the whole-number multiplier misses the exact one, relative
 *
 * All but the first together are `kappa`. The judge caps it at half of a bf16's own rounding, which limits |x| where
 * the bend is large.
 */
#ifndef ATTN_AMXBF16_EXP_IMPL_H
#define ATTN_AMXBF16_EXP_IMPL_H

#include <immintrin.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

static const double FIXED_KAPPA_MOST = 32768; /* u: the cap in reference/accuracy.c */
static const double FIXED_BOUND_MOST = 46;    /* weights up to 2^(raised + 46) leave room for their sums below 2^128 */
static const double FIXED_MARGIN =
    0.05; /* of the bound: for the rounding of lengths and of `most` in take_as_bounded */

/* weight = 2^(log2(e) logit + raised). multiplier 0: these scores cannot be taken in fixed point. */
typedef struct fixed_point {
    float start; /* of an accumulator */
    uint16_t multiplier;
    int16_t raised;
    float bound;  /* of log2(e) |logit| */
    double kappa; /* as in attn_plan */
} fixed_point;

/* For scores whose last bit is 2^-binade; x = factor * score. channel_steps: 32 channels each. */
static inline fixed_point fixed_point_with(double factor, int binade, int64_t channel_steps)
{
    const double u = 0x1p-24, ln2 = 0.6931471805599453, exact = ldexp(factor, 32 - binade);
    const long multiplier = lrint(exact);
    if (multiplier < 1 || multiplier > UINT16_MAX) return (fixed_point){0};
    const double p = (double)multiplier / 65536, bend = fabs((double)multiplier / exact - 1);
    const double rounding = 20850 + 11400 * p + 89 * p * (double)channel_steps;
    fixed_point f = {.multiplier = (uint16_t)multiplier};
    f.raised = (int16_t)lrint(64 * p + 1); /* a score of 0 lies amid the 16 bits */
    /* y of a score of 0. The table adds 64; 2.89 makes the largest error least (0.04 less adds 600 u to it, 0.06 more
     * 1400): the half steps that truncation takes, 1/2 and 3/2, and what the table's whole numbers leave. p / 2: half a
     * step of the 16 bits. */
    const double zero = 512 * (f.raised - 1) - 64 + 2.89 + p / 2;
    const double below = zero / 512, above = (65535 * p - zero) / 512; /* room for x on both sides */
    const double by_bend = (FIXED_KAPPA_MOST - rounding) * u / (bend * ln2);
    const double bound = fmin(fmin(below, above), fmin(by_bend, FIXED_BOUND_MOST)) - FIXED_MARGIN;
    if (!(bound > 0)) return (fixed_point){0};
    f.bound = (float)bound;
    f.kappa = rounding + bend * ln2 * bound / u;
    f.start = (float)ldexp(8388608 + 128 * (zero / p), -binade); /* 2^23, and bit 7 of the mantissa is a's lowest */
    return f;
}

/* Of two steps, the one that takes the larger scores: the finer one halves the range and what truncation costs. No
 * negative or zero factors: the multiplier has no sign. The limits keep `start` a normal number. */
static inline fixed_point fixed_point_of(double factor, int64_t channel_steps)
{
    int exponent;
    if (!(factor > 0x1p-90 && factor < 0x1p90)) return (fixed_point){0};
    frexp(factor, &exponent);
    const fixed_point coarse = fixed_point_with(factor, exponent + 16, channel_steps),
                      fine = fixed_point_with(factor, exponent + 17, channel_steps);
    return fine.bound >= coarse.bound ? fine : coarse;
}

/* The constants of fixed_weights, in registers. */
typedef struct fixed_exp {
    __m512i bits, multiplier, table, top;
} fixed_exp;

static inline fixed_exp fixed_exp_of(uint16_t multiplier)
{
    /* 64 - 512 (1 + f - 2^f) at f = (i + 8.5) / 64 less its whole part (`start` shifts y by an eighth), moved by 1 or 2
     * where that makes the largest error of the weights less. */
    static const _Alignas(64)
        uint8_t table[64] = {45, 44, 41, 40, 38, 36, 35, 33, 32, 31, 29, 28, 27, 26, 25, 24, 23, 22, 22, 21, 20, 20,
                             20, 19, 19, 19, 19, 19, 19, 19, 20, 20, 21, 21, 22, 23, 24, 25, 26, 27, 29, 30, 31, 33,
                             34, 37, 38, 41, 42, 45, 47, 50, 53, 55, 58, 61, 62, 60, 58, 56, 53, 52, 49, 48};
    return (fixed_exp){
        .bits = _mm512_set1_epi64(
            0x2f272f270f070f07), /* a: 8 bits from bit 7 and from bit 15, of each of two floats, twice */
        .multiplier = _mm512_set1_epi16((int16_t)multiplier),
        .table = _mm512_load_si512(table),
        .top = _mm512_set1_epi16(1), /* shifted in from above by two bits: bit 14, the highest of the exponent */
    };
}

/* bf16 weights of 32 keys, in order, out of the scores of 16 even and 16 odd ones. Reads 64 aligned bytes of each. */
static inline __attribute__((always_inline)) __m512i fixed_weights(const fixed_exp *e, const char *even,
                                                                   const char *odd)
{
    __m512i y = _mm512_multishift_epi64_epi8(e->bits, _mm512_load_si512(even));
    y = _mm512_mask_multishift_epi64_epi8(y, 0xccccccccccccccccu, e->bits, _mm512_load_si512(odd));
    y = _mm512_mulhi_epu16(y, e->multiplier);
    const __m512i correction = _mm512_maskz_permutexvar_epi8(0x5555555555555555u, _mm512_srli_epi16(y, 3), e->table);
    return _mm512_shrdi_epi16(_mm512_add_epi16(y, correction), e->top, 2);
}

/* 2^x of 16 floats whose upper halves, cut off, are bf16 weights: the polynomial's constant holds the half step that
 * rounds. Degree 3, minimax on [0, 1): up to 1255 u by itself, but not where half a step is most of a weight; together
 * 743 u beyond half a step at 1. Infinities have r = 0, so -inf gives 0 once cut off; NaN gives NaN. */
#define CUBIC_KAPPA 750
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
