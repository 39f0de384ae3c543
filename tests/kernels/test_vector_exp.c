/* The errors that vector kernels declare for their 2^x and tanh are what they really have. Skipped (77) where the CPU
 * has none of the instruction sets, or ATTNBENCH_ISA hides them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cpu.h"
#include "isa_exp.h"

enum { BATCH = 16, SETS = 3 };

static const double u = 0x1p-24;
static const isa_exp *usable[SETS];
static int usable_count;

/* Calls check(x, got, arg) for every `stride`th float from `low` to `high`, both of one sign, `low` the smaller in
 * magnitude. */
static void walk(void (*map)(const float *, float *, int), float low, float high, uint32_t stride,
                 void (*check)(float x, float got, void *arg), void *arg)
{
    uint32_t bits, last;
    memcpy(&bits, &low, 4);
    memcpy(&last, &high, 4);
    while (bits <= last) {
        float x[BATCH], y[BATCH];
        for (int i = 0; i < BATCH; i++, bits += stride) {
            memcpy(&x[i], &bits, 4);
            if (bits > last) x[i] = high;
        }
        map(x, y, BATCH);
        for (int i = 0; i < BATCH; i++) check(x[i], y[i], arg);
    }
}

static void worst_relative(float x, float got, void *arg)
{
    double *worst = arg;
    const double wanted = exp2((double)x), error = fabs((double)got - wanted) / wanted / u;
    if (error > *worst) *worst = error;
}

static void exp2_is_within_kappa(void **state)
{
    (void)state;
    for (int s = 0; s < usable_count; s++) {
        double worst = 0;
        walk(usable[s]->exp2, -0x1p-30f, -126.0f, 31, worst_relative, &worst);
        walk(usable[s]->exp2, 0x1p-30f, 12.0f, 31, worst_relative, &worst);
        printf("%s 2^x: %.3f u\n", usable[s]->name, worst);
        assert_true(worst > 0.5); /* an error of nothing would mean that nothing was compared */
        assert_true(worst <= usable[s]->kappa);
    }
}

/* Below the normal range a weight may be lost, but never be larger than the smallest normal number. */
static void is_tiny(float x, float got, void *arg)
{
    (void)x, (void)arg;
    assert_true(got >= 0 && got <= FLT_MIN);
}

static float exp2_of(const isa_exp *e, float x)
{
    float in[BATCH] = {0}, out[BATCH];
    in[BATCH - 1] = x;
    e->exp2(in, out, BATCH);
    assert_true(out[0] == 1);
    return out[BATCH - 1];
}

static void exp2_at_the_edges(void **state)
{
    (void)state;
    for (int s = 0; s < usable_count; s++) {
        const isa_exp *e = usable[s];
        walk(e->exp2, -126.0f, -FLT_MAX, 5003, is_tiny, NULL);
        assert_true(exp2_of(e, -0.0f) == 1);
        assert_true(exp2_of(e, -INFINITY) == 0);
        assert_true(exp2_of(e, -FLT_MAX) == 0);
        assert_true(exp2_of(e, -151.0f) == 0);
        assert_true(exp2_of(e, -126.0f) >= FLT_MIN * (1 - 2e-7f));
        for (int n = -100; n <= 8; n++) assert_true(exp2_of(e, (float)n) == ldexpf(1, n));
        for (uint32_t payload = 1; payload < 0x800000; payload = 3 * payload + 1) {
            const uint32_t bits = 0x7f800000 | payload;
            float x;
            memcpy(&x, &bits, 4);
            assert_true(isnan(exp2_of(e, x)));
        }
    }
}

typedef struct tanh_check {
    const isa_exp *subject;
    double worst; /* of what is declared */
} tanh_check;

static void worst_of_declared(float x, float got, void *arg)
{
    tanh_check *check = arg;
    const double wanted = tanh((double)x), error = fabs((double)got - wanted);
    const double declared = u * (check->subject->kappa_t * fabs(wanted) + check->subject->tau);
    if (error / declared > check->worst) check->worst = error / declared;
}

static void tanh_is_within_its_two_errors(void **state)
{
    (void)state;
    for (int s = 0; s < usable_count; s++) {
        tanh_check check = {usable[s], 0};
        walk(usable[s]->tanh, 0x1p-30f, 100.0f, 173, worst_of_declared, &check);
        walk(usable[s]->tanh, -0x1p-30f, -100.0f, 173, worst_of_declared, &check);
        printf("%s tanh: %.3f of what is declared\n", usable[s]->name, check.worst);
        assert_true(check.worst > 0.05 && check.worst <= 1);
        float x[BATCH] = {INFINITY, -INFINITY, NAN, 0}, y[BATCH];
        usable[s]->tanh(x, y, BATCH);
        assert_true(y[0] == 1 && y[1] == -1 && isnan(y[2]) && y[3] == 0);
    }
}

static void find_usable(void)
{
    static const isa_exp *const built[] = {
#ifdef TEST_EXP_AVX2
        &isa_exp_avx2,
#endif
#ifdef TEST_EXP_AVX512
        &isa_exp_avx512,
        &isa_exp_avx512_short,
#endif
        NULL,
    };
    for (int i = 0; built[i]; i++)
        if ((attn_cpu_isa() & built[i]->isa) == built[i]->isa) usable[usable_count++] = built[i];
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exp2_is_within_kappa),
        cmocka_unit_test(exp2_at_the_edges),
        cmocka_unit_test(tanh_is_within_its_two_errors),
    };
    find_usable();
    if (!usable_count) {
        printf("skipped: neither AVX2 nor AVX-512 is usable here\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
