/* test_changepoint.c: levels that changed are found where they did, noise alone seldom, and never by a few values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>

#include "changepoint.h"

enum { MOST = 8 };

static double noise(gsl_rng *r)
{
    return gsl_ran_gaussian(r, 0.01) + (gsl_rng_uniform(r) < 0.1 ? 0.3 : 0);
} /* interruptions */

static void a_step_is_found_where_it_is(void **state)
{
    (void)state;
    gsl_rng *r = gsl_rng_alloc(gsl_rng_mt19937);
    changepoint found[MOST];
    double x[40];
    int hits = 0;
    for (unsigned long seed = 1; seed <= 50; seed++) {
        gsl_rng_set(r, seed);
        for (int i = 0; i < 40; i++) x[i] = 1 + (i >= 25 ? 0.08 : 0) + noise(r);
        const size_t count = changepoints(x, 40, 0.01, seed, found, MOST);
        for (size_t i = 0; i < count; i++) {
            const double step = found[i].after / found[i].before;
            hits += found[i].at >= 22 && found[i].at <= 28 && step > 1.04 && step < 1.12;
        }
    }
    assert_true(hits >= 45);
    gsl_rng_free(r);
}

static void two_steps_are_two(void **state)
{
    (void)state;
    changepoint found[MOST];
    double x[36];
    for (int i = 0; i < 36; i++) x[i] = (i < 12 ? 1 : i < 24 ? 2 : 1.5) + 0.001 * ((i * 7919) % 13);
    assert_int_equal(changepoints(x, 36, 0.01, 1, found, MOST), 2);
    assert_int_equal(found[0].at, 12);
    assert_int_equal(found[1].at, 24);
    assert_true(found[1].before > 1.99 && found[1].after < 1.6);
}

/* At alpha 1% at most 3.3% of 300 series of noise may say so: above by chance once in 1e4. */
static void noise_alone_is_seldom_taken_for_a_change(void **state)
{
    (void)state;
    gsl_rng *r = gsl_rng_alloc(gsl_rng_mt19937);
    changepoint found[MOST];
    double x[30];
    int alarms = 0;
    for (unsigned long seed = 1; seed <= 300; seed++) {
        gsl_rng_set(r, seed);
        for (int i = 0; i < 30; i++) x[i] = 1 + noise(r);
        alarms += changepoints(x, 30, 0.01, seed, found, MOST) > 0;
    }
    assert_true(alarms <= 10);
    gsl_rng_free(r);
}

static void few_or_equal_values_change_nothing(void **state)
{
    (void)state;
    changepoint found[MOST];
    const double few[] = {1, 1, 1, 9, 9, 9, 9}, equal[20] = {0};
    assert_int_equal(changepoints(few, 7, 0.5, 1, found, MOST), 0);
    assert_int_equal(changepoints(equal, 20, 0.5, 1, found, MOST), 0);
    assert_int_equal(changepoints(few, 0, 0.5, 1, found, MOST), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_is_found_where_it_is),
        cmocka_unit_test(two_steps_are_two),
        cmocka_unit_test(noise_alone_is_seldom_taken_for_a_change),
        cmocka_unit_test(few_or_equal_values_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
