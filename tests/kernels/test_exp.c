/* The error that kernels declare for their exp and tanh (kappa, kappa_t, tau) is what lanes_impl.h really has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lanes_impl.h"

static const double u = 0x1p-24;

/* Every 61st float of [-88, -2^-20] and of [0, 1], four at a time. */
static void exp_is_within_kappa(void **state)
{
    (void)state;
    double worst = 0;
    const float low[] = {-0x1p-20f, 0.0f}, high[] = {-88.0f, 1.0f};
    for (int half = 0; half < 2; half++) {
        uint32_t bits, last;
        memcpy(&bits, &low[half], 4);
        memcpy(&last, &high[half], 4);
        for (; bits <= last; bits += 61) {
            float x;
            memcpy(&x, &bits, 4);
            const float got = lanes_exp(lanes_all(x))[2];
            const double wanted = exp((double)x);
            if (x < -87.336544f) {
                assert_true(got == 0);
                continue;
            }
            const double error = fabs((double)got - wanted) / wanted / u;
            if (error > worst) worst = error;
        }
    }
    printf("exp: %.3f u\n", worst);
    assert_true(worst > 0.5); /* an error of nothing would mean that nothing was compared */
    assert_true(worst <= LANES_EXP_KAPPA);
}

static void exp_at_the_edges(void **state)
{
    (void)state;
    assert_true(lanes_exp(lanes_all(0))[0] == 1);
    assert_true(lanes_exp(lanes_all(-0.0f))[0] == 1);
    assert_true(lanes_exp(lanes_all(-INFINITY))[3] == 0);
    assert_true(lanes_exp(lanes_all(-FLT_MAX))[0] == 0);
    assert_true(lanes_exp(lanes_all(-87.3365f))[0] >= FLT_MIN);
    for (float x = -1000; x < -88; x += 0.37f) assert_true(lanes_exp(lanes_all(x))[1] == 0);
    assert_true(isnan(lanes_exp(lanes_all(NAN))[0]));
}

static void tanh_is_within_its_two_errors(void **state)
{
    (void)state;
    double worst = 0;
    uint32_t bits, last;
    const float low = 0x1p-30f, high = 100;
    memcpy(&bits, &low, 4);
    memcpy(&last, &high, 4);
    for (; bits <= last; bits += 173) {
        float x;
        memcpy(&x, &bits, 4);
        const double wanted = tanh((double)x), allowed = u * (3 * wanted + 3);
        const double error = fabs((double)lanes_tanh(lanes_all(x))[0] - wanted);
        if (error / allowed > worst) worst = error / allowed;
        assert_true(lanes_tanh(lanes_all(-x))[1] == -lanes_tanh(lanes_all(x))[1]);
    }
    printf("tanh: %.3f of what is declared\n", worst);
    assert_true(worst > 0.05 && worst <= 1);
    assert_true(isnan(lanes_tanh(lanes_all(NAN))[0]));
    assert_true(lanes_tanh(lanes_all(-INFINITY))[0] == -1);
}

static void helpers_do_tails(void **state)
{
    (void)state;
    for (int n = 0; n < 40; n++) {
        float x[40], y[40];
        double sum = 0;
        for (int i = 0; i < n; i++) x[i] = (float)(i + 1), y[i] = (float)(2 * i - 5), sum += (double)x[i] * y[i];
        assert_true(lanes_dot(x, y, n) == (float)sum); /* small integers: exact */
        lanes_axpy(y, 2, x, n);
        for (int i = 0; i < n; i++) assert_true(y[i] == (float)(2 * i - 5 + 2 * (i + 1)));
        lanes_scale(y, 0.5f, n);
        for (int i = 0; i < n; i++) assert_true(y[i] == 0.5f * (float)(2 * i - 5 + 2 * (i + 1)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exp_is_within_kappa),
        cmocka_unit_test(exp_at_the_edges),
        cmocka_unit_test(tanh_is_within_its_two_errors),
        cmocka_unit_test(helpers_do_tails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
