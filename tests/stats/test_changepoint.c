/* test_changepoint.c: levels that changed are found where they did, noise alone seldom, and never by a few values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>
#include <gsl/gsl_statistics_double.h>

#include "stats/changepoint.h"
#include "util/npy.h"

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

/* The same over what a real machine makes of one and the same code: points of a history are medians of nine slices from
 * random places of a trace. Their moods are 15 % up and down, so a step must be larger than that to be seen surely:
 * half as long again in the last ten. (Smaller ones want ratios to an anchor.) */
static void recorded_noise(void **state)
{
    (void)state;
    static const char *const traces[] = {TEST_DATA "/traces/compute.npy", TEST_DATA "/traces/memory.npy",
                                         TEST_DATA "/traces/neighbours.npy"};
    gsl_rng *r = gsl_rng_alloc(gsl_rng_mt19937);
    changepoint found[MOST];
    int alarms = 0, seen = 0, near_it = 0;
    for (int t = 0; t < 3; t++) {
        npy_array trace;
        char reason[256];
        double x[30], slices[9];
        if (!npy_read(traces[t], &trace, reason, sizeof reason)) fail_msg("%s", reason);
        for (unsigned long seed = 1; seed <= 100; seed++) {
            gsl_rng_set(r, seed);
            for (int i = 0; i < 30; i++) {
                const size_t at = gsl_rng_uniform_int(r, (unsigned long)trace.count - 9);
                for (size_t k = 0; k < 9; k++) slices[k] = ((const int32_t *)trace.data)[at + k];
                x[i] = gsl_stats_median(slices, 1, 9);
            }
            alarms += changepoints(x, 30, 0.01, seed, found, MOST) > 0;
            for (int i = 20; i < 30; i++) x[i] *= 1.5;
            const size_t count = changepoints(x, 30, 0.01, seed, found, MOST);
            seen += count > 0;
            near_it += count > 0 && found[0].at >= 18 && found[0].at <= 22;
        }
        npy_free(&trace);
    }
    assert_true(alarms <= 10);
    assert_true(seen >= 285 && near_it >= 270);
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
        cmocka_unit_test(recorded_noise),
        cmocka_unit_test(few_or_equal_values_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
