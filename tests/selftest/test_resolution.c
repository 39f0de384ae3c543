/* What replays of a recording say, held against decisions on fresh pairs of the same made-up machine, whose noise is
 * known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>
#include <gsl/gsl_sort.h>
#include <math.h>
#include <stdlib.h>

#include "selftest/resolution.h"

enum { PAIRS = 4000, RUNS = 200 };
static const double pair_seconds = 250e-6;
static const replay_rule gate = {{0.005, 5e-5, 0.001}, 0.1, 5, 1};

static sampled_pair made(gsl_rng *random, double noise)
{
    return (sampled_pair){1e-4, 1e-4 * exp(gsl_ran_gaussian(random, noise)), gsl_rng_uniform_int(random, 2) == 1};
}

static recording record(gsl_rng *random, double noise)
{
    recording r = {malloc(PAIRS * sizeof *r.pair), PAIRS, PAIRS * pair_seconds};
    assert_non_null(r.pair);
    for (int i = 0; i < PAIRS; i++) r.pair[i] = made(random, noise);
    return r;
}

/* The clock itself on pairs that were never recorded. */
static double decided_95(gsl_rng *random, double noise, double effect)
{
    double seconds[RUNS];
    for (int i = 0; i < RUNS; i++) {
        decision d = {.rule = gate.rule};
        double passed = 0;
        while (!d.slower && passed <= gate.limit) {
            const sampled_pair p = made(random, noise);
            decision_add(&d, log(p.fresh / p.base) + log1p(effect));
            passed += pair_seconds;
            if (passed >= gate.least_seconds) decision_look(&d);
        }
        seconds[i] = passed;
    }
    gsl_sort(seconds, 1, RUNS);
    return seconds[(int)(0.95 * RUNS) - 1];
}

static void replays_tell_what_the_clock_would_do(void **state)
{
    const struct {
        double noise, effect;
    } made_up[] = {{0.01, 0.01}, {0.02, 0.01}, {0.04, 0.02}, {0.1, 0.05}};
    for (size_t i = 0; i < sizeof made_up / sizeof *made_up; i++) {
        const double noise = made_up[i].noise, effect = made_up[i].effect;
        recording r[2] = {record(*state, noise), record(*state, noise)};
        const double told = resolution_seconds(r, 2, effect, &gate), true_seconds = decided_95(*state, noise, effect);
        /* Replays of one recording share its sampling error: some tenths, at 95 % of 4000 pairs. */
        assert_true(told > 0.6 * true_seconds && told < 1.7 * true_seconds);
        for (int k = 0; k < 2; k++) free(r[k].pair);
    }
}

static void large_effects_wait_for_the_first_look_alone(void **state)
{
    recording r = record(*state, 0.002);
    const double told = resolution_seconds(&r, 1, 0.05, &gate);
    assert_true(told >= gate.least_seconds && told < gate.least_seconds + 2 * pair_seconds);
    free(r.pair);
}

static void what_is_below_the_threshold_is_never_seen(void **state)
{
    recording r = record(*state, 0.002);
    assert_true(isinf(resolution_seconds(&r, 1, 0.004, &gate)));
    assert_true(isinf(resolution_seconds(&r, 1, 0, &gate)));
    assert_true(isinf(resolution_seconds(&r, 0, 0.05, &gate)));
    free(r.pair);
}

/* Four times less noise, squared, in four times the time: as long. But interruptions, which spoil one sign of a short
 * pair, spoil that of nearly every long one. */
static void longer_slices_average_noise_and_gather_interruptions(void **state)
{
    replay_rule longer = gate;
    longer.together = 4;
    recording r = record(*state, 0.05);
    const double one = resolution_seconds(&r, 1, 0.02, &gate), four = resolution_seconds(&r, 1, 0.02, &longer);
    assert_true(four > 0.4 * one && four < 2.5 * one);
    for (int i = 0; i < PAIRS; i += 10) {
        r.pair[i].base *= 1.5;
        r.pair[i + 5].fresh *= 1.5;
    }
    assert_true(resolution_seconds(&r, 1, 0.02, &longer) > 3 * resolution_seconds(&r, 1, 0.02, &gate));
    free(r.pair);
}

static void the_spread_is_the_median_deviation(void **state)
{
    recording r = record(*state, 0.02);
    const double quartile = 0.6744897501960817; /* of the normal distribution */
    assert_true(fabs(resolution_spread(&r, 1) / (0.02 * quartile) - 1) < 0.06);
    assert_true(resolution_spread(&r, 0) == 0);
    free(r.pair);
}

static int setup(void **state)
{
    *state = gsl_rng_alloc(gsl_rng_mt19937);
    return *state == NULL;
}

static int teardown(void **state)
{
    gsl_rng_free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replays_tell_what_the_clock_would_do),
        cmocka_unit_test(large_effects_wait_for_the_first_look_alone),
        cmocka_unit_test(what_is_below_the_threshold_is_never_seen),
        cmocka_unit_test(longer_slices_average_noise_and_gather_interruptions),
        cmocka_unit_test(the_spread_is_the_median_deviation),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
