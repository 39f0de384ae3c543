/* The weights of kernels/amxbf16 are as good as amxbf16_exp_impl.h declares, for every input: fixed point against 2^x
 * in double, for the scales of common head sizes and odd ones, and the cubic 2^x over all floats of its range. By the
 * CPU's own instructions where it has them, and emulated where that is built. Skipped (77) where there is neither. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cpu.h"
#include "isa_tile_exp.h"

static const double u = 0x1p-24, half_ulp = 0x1p-8; /* of fp32; of bf16, relative to the power of two below */

static const isa_tile_exp *usable[2];
static int usable_count;

static const struct scale_case {
    double scale; /* 0: 1 / sqrt(d) */
    int64_t d;
    int fits; /* can be taken in fixed point */
} cases[] = {
    {0, 16, 1},        {0, 32, 1},      {0, 64, 1},       {0, 72, 1},         {0, 80, 1},
    {0, 96, 1},        {0, 128, 1},     {0, 192, 1},      {0, 256, 1},        {0, 576, 1},
    {0.1, 64, 1},      {1, 64, 1},      {3, 64, 1},       {1e-6, 64, 1},      {1e25, 64, 1},
    {0.1, 576, 1},     {3, 16, 1},      {0.69314, 32, 1}, {0.6931473, 32, 1}, /* multipliers about 2^16 and 2^15 */
    {0.34657, 128, 1}, {0.5198, 64, 1}, {0.6065, 64, 1},  {0.25, 64, 1},      {0.0721687824, 576, 1},
    {1e30, 64, 0},     {-0.125, 64, 0}, {0, -1, 0},       {1e-30, 64, 0},     {NAN, 64, 0},
    {INFINITY, 64, 0}, {-1e-6, 64, 0},
};
enum { CASES = sizeof cases / sizeof *cases };

static double scale_of(const struct scale_case *c)
{
    return c->scale != 0 || c->d < 0 ? c->scale : (double)(float)(1 / sqrt((double)c->d));
}

static double of_bf16(uint16_t bits)
{
    const uint32_t wide = (uint32_t)bits << 16;
    float x;
    memcpy(&x, &wide, sizeof x);
    return (double)x;
}

static float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* The weight of each of the 65536 upper halves of a mantissa, given to both the even and the odd keys; they must
 * agree. */
static void all_weights(const isa_tile_exp *isa, const tile_fixed *f, enum tile_mistake mistake, uint16_t weight[65536])
{
    uint32_t exponent;
    memcpy(&exponent, &f->start, sizeof exponent);
    exponent &= 0xff800000;
    for (uint32_t a = 0; a < 65536; a += 32) {
        float even[16], odd[16];
        for (uint32_t i = 0; i < 16; i++) { /* what lies below the 16 bits must not matter */
            even[i] = float_of(exponent | (a + 2 * i) << 7 | (a + i) % 128);
            odd[i] = float_of(exponent | (a + 2 * i + 1) << 7 | (127 - i));
        }
        isa->weights(f->multiplier, mistake, even, odd, weight + a);
    }
}

/* The largest error of a weight beyond a bf16's own rounding, in u. Scores x = log2(e) logit are those of the
 * accumulators whose upper halves are a: any in between, and moved by the rounding of sums in a tile, half of the last
 * bit for each 32 channels. */
static double largest_error(const isa_tile_exp *isa, const struct scale_case *c, const tile_fixed *f,
                            enum tile_mistake mistake)
{
    static uint16_t weight[65536];
    int exponent;
    all_weights(isa, f, mistake, weight);
    frexp((double)f->start, &exponent);
    const double last_bit = ldexp(1, exponent - 24), factor = scale_of(c) * 1.4426950408889634; /* x of a score of 1 */
    const double moved = 0.5 * (double)((c->d + 31) / 32) * last_bit * factor;
    const double zero = ldexp(1, exponent - 1) - (double)f->start; /* score of an accumulator whose mantissa is 0 */
    double worst = -INFINITY;
    int walked = 0;
    for (int a = 0; a < 65536; a++) {
        const double least = (zero + a * 128.0 * last_bit) * factor, most = least + 127 * last_bit * factor;
        const double ends[2] = {fmax(least - moved, -f->bound), fmin(most + moved, f->bound)};
        if (ends[0] > ends[1]) continue;
        walked++;
        for (int end = 0; end < 2; end++) {
            const double wanted = exp2(f->raised + ends[end]);
            worst = fmax(worst, (fabs(of_bf16(weight[a]) - wanted) / wanted - half_ulp) / u);
        }
    }
    /* A bound that let nothing in would show no error. */
    assert_true(walked > 1000);
    return worst;
}

static void fixed_point_is_within_kappa(void **state)
{
    (void)state;
    for (int s = 0; s < usable_count; s++)
        for (int n = 0; n < CASES; n++) {
            const tile_fixed f = usable[s]->fixed(scale_of(&cases[n]), cases[n].d);
            assert_int_equal(f.multiplier != 0, cases[n].fits);
            if (!cases[n].fits) continue;
            const double error = largest_error(usable[s], &cases[n], &f, TILE_RIGHT);
            printf("%s scale %-9.4g d %3d: bound %5.2f, error %5.0f u of %5.0f\n", usable[s]->name, scale_of(&cases[n]),
                   (int)cases[n].d, f.bound, error, f.kappa);
            assert_true(error <= f.kappa);
            assert_true(error > 0.9 * f.kappa); /* declared figures are no larger than they need to be */
            assert_true(f.kappa <= 32768);      /* half of a bf16's rounding: the cap */
            assert_true(f.bound > 8);           /* a range of use: e^5.5 up and down */
        }
}

static void mistakes_are_seen(void **state)
{
    (void)state;
    for (int s = 0; s < usable_count; s++)
        for (int mistake = TILE_RIGHT + 1; mistake < TILE_MISTAKES; mistake++) {
            const struct scale_case *const c = &cases[2];
            const tile_fixed f = usable[s]->fixed(scale_of(c), c->d);
            const double error = largest_error(usable[s], c, &f, (enum tile_mistake)mistake);
            printf("%s mistake %d: error %.0f u of %.0f\n", usable[s]->name, mistake, error, f.kappa);
            assert_true(error > f.kappa);
        }
}

/* All floats from 8 down to -126, below which weights are 0: the upper half of each is the weight. */
static void cubic_is_within_kappa(void **state)
{
    (void)state;
    enum { BATCH = 4096 };
    static float x[BATCH], y[BATCH];
    static const float ends[2] = {8, -126};
    for (int s = 0; s < usable_count; s++) {
        const uint32_t stride =
            s == 0 ? 1 : 257; /* all by the first, and enough of the second to know that it is the same */
        double worst = -INFINITY;
        for (int sign = 0; sign < 2; sign++) {
            uint32_t last, bits = 0x33000000; /* 2^-25: all below have the weight of 0 */
            memcpy(&last, &ends[sign], sizeof last);
            bits |= sign ? 0x80000000 : 0;
            while (bits <= last) {
                for (int i = 0; i < BATCH; i++, bits += stride) x[i] = bits <= last ? float_of(bits) : ends[sign];
                usable[s]->cubic(x, y, BATCH);
                for (int i = 0; i < BATCH; i++) {
                    uint32_t weight;
                    memcpy(&weight, &y[i], sizeof weight);
                    const double wanted = exp2((double)x[i]);
                    worst = fmax(worst, fabs(of_bf16((uint16_t)(weight >> 16)) - wanted) / wanted - half_ulp);
                }
            }
        }
        printf("%s cubic: error %.1f u of %.0f\n", usable[s]->name, worst / u, usable[s]->cubic_kappa);
        assert_true(worst / u <= usable[s]->cubic_kappa && worst / u > 0.9 * usable[s]->cubic_kappa);
    }
}

static void cubic_takes_what_is_not_finite(void **state)
{
    (void)state;
    float x[16] = {-INFINITY, NAN, 0, -1e30f}, y[16];
    for (int s = 0; s < usable_count; s++) {
        usable[s]->cubic(x, y, 16);
        uint32_t bits[16];
        memcpy(bits, y, sizeof bits);
        assert_int_equal(bits[0] >> 16, 0);
        assert_true(isnan(of_bf16((uint16_t)(bits[1] >> 16))));
        assert_int_equal(bits[2] >> 16, 0x3f80);
        assert_int_equal(bits[3] >> 16, 0);
    }
}

int main(void)
{
#ifdef TEST_TILE_EXP_NATIVE
    if (!(isa_tile_exp_native.isa & ~attn_cpu_isa())) usable[usable_count++] = &isa_tile_exp_native;
#endif
#ifdef TEST_TILE_EXP_EMULATED
    if (!(isa_tile_exp_emulated.isa & ~attn_cpu_isa())) usable[usable_count++] = &isa_tile_exp_emulated;
#endif
    if (usable_count == 0) {
        printf("skipped: neither AVX-512 with VBMI and BF16 here, nor an emulation of it\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fixed_point_is_within_kappa),
        cmocka_unit_test(mistakes_are_seen),
        cmocka_unit_test(cubic_is_within_kappa),
        cmocka_unit_test(cubic_takes_what_is_not_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
