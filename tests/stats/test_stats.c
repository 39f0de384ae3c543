/* Statistics against values known from elsewhere, against their own defining properties, and against simulation:
 * false alarms under the null, power, coverage of intervals. Simulations have fixed seeds; their margins are four
 * standard deviations of a share. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>
#include <gsl/gsl_sort.h>
#include <math.h>
#include <string.h>

#include "stats/sequential_test.h"
#include "stats/stats_launches.h"
#include "stats/multiple_testing.h"
#include "stats/stats_pairs.h"
#include "stats/stats_sign.h"

static void near(double got, double wanted, double tolerance)
{
    if (!(fabs(got - wanted) <= tolerance)) fail_msg("got %.17g, wanted %.17g", got, wanted);
}

/* How far a share of n trials may be from p. */
static double margin(double p, double n) { return 4 * sqrt(p * (1 - p) / n); }

/* ---- the sequential sign test ------------------------------------------------------------------------------------ */

/* By hand: B(3/2, 1/2) = pi/2, B(1/2, 1/2) = pi, I_{1/2}(3/2, 1/2) = 1/2 - 1/pi. */
static void e_after_one_observation(void **state)
{
    (void)state;
    near(sign_log_e(0, 0), 0, 1e-14);
    near(exp(sign_log_e(1, 0)), 1 + 2 / M_PI, 1e-14);
    near(exp(sign_log_e(0, 1)), 1 - 2 / M_PI, 1e-14);
}

/* Under a fair coin the expectation of the next E is this one: exactly what makes it valid at every look. */
static void e_is_a_martingale(void **state)
{
    (void)state;
    for (int64_t s = 0; s <= 400; s += 7)
        for (int64_t f = 0; f <= 400; f += 9) {
            const double now = sign_log_e(s, f);
            near((exp(sign_log_e(s + 1, f) - now) + exp(sign_log_e(s, f + 1) - now)) / 2, 1, 1e-11);
        }
}

/* The tail must be small where the signs speak against the claim: 1 - P there gave alarms. */
static void the_tail_is_small_where_it_should_be(void **state)
{
    (void)state;
    for (int64_t f = 10; f <= 1000000; f *= 10) {
        assert_true(sign_log_e(f / 10, f) < -1);
        assert_true(sign_log_e(0, f) < -1);
        near(isnan(sign_log_e(0, f)), 0, 0);
    }
    assert_true(sign_log_e(1000, 1000) < 0);
    assert_true(sign_log_e(500000, 500000) < 0);
    assert_true(sign_log_e(505000, 495000) > 40); /* 10 deviations: exp(50) without the price of the prior */
    assert_true(sign_log_e(505000, 495000) < 50);
}

/* Of `runs` sequences of `looks` observations, how many ever reach 1/alpha. */
static int alarms(double p, double alpha, int runs, int looks, gsl_rng *random)
{
    int count = 0;
    for (int r = 0; r < runs; r++) {
        int64_t s = 0, f = 0;
        for (int i = 0; i < looks; i++) {
            if (gsl_rng_uniform(random) < p)
                s++;
            else
                f++;
            if (s <= f || sign_log_e(s, f) < -log(alpha)) continue;
            count++;
            break;
        }
    }
    return count;
}

static void false_alarms_stay_below_alpha_however_often_one_looks(void **state)
{
    gsl_rng *random = *state;
    const int runs = 2000;
    assert_true(alarms(0.5, 0.1, runs, 500, random) <= (0.1 + margin(0.1, runs)) * runs);
    assert_true(alarms(0.5, 0.01, runs, 500, random) <= (0.01 + margin(0.01, runs)) * runs);
    assert_true(alarms(0.45, 0.1, runs, 500, random) <= 0.05 * runs);
    assert_true(alarms(0.5, 0.1, runs, 500, random) > 0.02 * runs); /* and it is no test that never speaks */
}

/* With a share of 0.8, 200 observations are 8.5 deviations: enough for any alpha in use. */
static void power(void **state)
{
    gsl_rng *random = *state;
    assert_true(alarms(0.8, 0.01 / 200, 500, 200, random) >= 497);
}

/* ---- intervals --------------------------------------------------------------------------------------------------- */

/* n = 9: 2 (1 + 9) / 512 = 3.9 % lie outside of the second smallest and largest; n = 8 with 1 %: 2/256 outside of
 * the extremes. */
static void exact_interval_by_hand(void **state)
{
    (void)state;
    const double x[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    const interval nine = sign_interval_exact(x, 9, 0.05), eight = sign_interval_exact(x, 8, 0.01);
    near(nine.low, 2, 0);
    near(nine.high, 8, 0);
    near(eight.low, 1, 0);
    near(eight.high, 8, 0);
    assert_true(isinf(sign_interval_exact(x, 7, 0.01).low));
    assert_true(isinf(sign_interval_exact(x, 0, 0.01).high));
}

/* Lower bound above m exactly where the sequential test refuses m. */
static void sequential_interval_is_the_test_turned_around(void **state)
{
    (void)state;
    double x[300];
    for (size_t i = 0; i < 300; i++) x[i] = (double)i;
    for (size_t n = 1; n <= 300; n += 13) {
        const interval at = sign_interval_sequential(x, n, 0.005);
        if (isinf(at.low)) {
            assert_true(sign_log_e((int64_t)n, 0) < log(200));
            continue;
        }
        const int64_t below = (int64_t)at.low;
        assert_true(sign_log_e((int64_t)n - below, below) >= log(200));
        assert_true(sign_log_e((int64_t)n - below - 1, below + 1) < log(200));
        near(at.high, (double)(n - 1) - at.low, 0);
    }
    assert_true(isinf(sign_interval_sequential(x, 0, 0.005).low));
}

/* Skewed observations with a known median, ln 2. Exact: at least 95 % and not much more; sequential: never left at
 * any look. */
static void coverage(void **state)
{
    gsl_rng *random = *state;
    enum { RUNS = 1500, N = 120 };
    int inside = 0, left = 0;
    for (int r = 0; r < RUNS; r++) {
        double x[N], sorted[N];
        int ever = 0;
        for (size_t i = 0; i < N; i++) {
            x[i] = gsl_ran_exponential(random, 1);
            memcpy(sorted, x, (i + 1) * sizeof *x);
            gsl_sort(sorted, 1, i + 1);
            const interval at = sign_interval_sequential(sorted, i + 1, 0.025);
            ever |= at.low > M_LN2 || at.high < M_LN2;
        }
        left += ever;
        const interval exact = sign_interval_exact(sorted, N, 0.05);
        inside += exact.low <= M_LN2 && M_LN2 <= exact.high;
    }
    assert_true(inside >= (0.95 - margin(0.95, RUNS)) * RUNS);
    assert_true(inside <= 0.985 * RUNS);
    assert_true(left <= (0.05 + margin(0.05, RUNS)) * RUNS);
}

static void figures_of_pairs(void **state)
{
    (void)state;
    double base[100], fresh[100];
    pair_figures f;
    for (size_t i = 0; i < 100; i++) {
        base[i] = 1 + 0.001 * (double)i;
        fresh[i] = 1.02 * base[i];
    }
    base[50] *= 40; /* an interruption */
    assert_int_equal(pair_figures_of(base, fresh, 100, 0.01, &f), 1);
    near(f.median, log(1.02), 1e-12);
    near(f.trimmed_mean, log(1.02), 1e-12);
    near(f.median_interval.low, log(1.02), 1e-12);
    for (size_t i = 0; i < 20; i++) fresh[5 * i] *= 2; /* a slower tail, of which the median knows nothing */
    assert_int_equal(pair_figures_of(base, fresh, 100, 0.01, &f), 1);
    near(f.median, log(1.02), 1e-12);
    assert_true(f.tail > 1.9);
    assert_int_equal(pair_figures_of(base, fresh, 0, 0.01, &f), 0);
}

/* ---- launches and families --------------------------------------------------------------------------------------- */

/* t of 11 degrees at 1 % is 2.7181 (tables). Twelve launches, six at 1 and six at 3: mean 2, deviation sqrt(12/11). */
static void bounds_of_twelve_launches(void **state)
{
    (void)state;
    double x[12];
    for (int i = 0; i < 12; i++) x[i] = i % 2 ? 1 : 3;
    const launch_figures f = launch_figures_of(x, 12, 0.01);
    near(f.mean, 2, 1e-15);
    near(f.deviation, sqrt(12.0 / 11), 1e-15);
    near(f.bounds.low, 2 - 2.7181 / sqrt(11), 2e-5);
    near(f.bounds.high, 2 + 2.7181 / sqrt(11), 2e-5);
    near(launches_above(x, 12, f.bounds.low), 0.01, 1e-9);
    near(launches_above(x, 12, 2), 0.5, 1e-12);
    assert_true(isinf(launch_figures_of(x, 1, 0.01).bounds.low));
    near(launches_above(x, 1, -100), 1, 0);
}

static void coverage_of_launches(void **state)
{
    gsl_rng *random = *state;
    const int runs = 20000;
    int wrong = 0;
    for (int r = 0; r < runs; r++) {
        double x[12];
        for (int i = 0; i < 12; i++) x[i] = gsl_ran_gaussian(random, 0.02);
        wrong += launch_figures_of(x, 12, 0.01).bounds.low > 0;
    }
    near((double)wrong / runs, 0.01, margin(0.01, runs));
}

/* The p-value at the true mean is below x in a share x of all twelve launches, and where the mean is 2 deviations of
 * one launch above, the claim is made at 1 % almost always: 2 sqrt(12) = 6.9 against 2.7 of t. */
static void p_values_of_launches(void **state)
{
    gsl_rng *random = *state;
    const int runs = 10000;
    int below[2] = {0}, claimed = 0;
    for (int r = 0; r < runs; r++) {
        double x[12];
        for (int i = 0; i < 12; i++) x[i] = gsl_ran_gaussian(random, 0.01);
        const double p = launches_above(x, 12, 0);
        below[0] += p < 0.01;
        below[1] += p < 0.3;
        claimed += launches_above(x, 12, -0.02) < 0.01;
    }
    near((double)below[0] / runs, 0.01, margin(0.01, runs));
    near((double)below[1] / runs, 0.3, margin(0.3, runs));
    assert_true(claimed >= 0.99 * runs);
}

static void gates_of_holm(void **state)
{
    (void)state;
    const double p[] = {0.01, 0.04, 0.03, 0.005}; /* Holm's gates at 5 %: 0.0125, 0.0167, 0.025, 0.05 */
    bool refused[4];
    double level[4];
    assert_int_equal(holm_gates(p, 4, 0.05, refused, level), 1);
    near(level[3], 0.0125, 1e-15);
    near(level[1], 0.05, 1e-15);
    assert_true(refused[3] && refused[0]);
    assert_false(refused[2] || refused[1]); /* 0.04 would pass its own gate, but one before it is shut */
    assert_int_equal(holm_gates(p, 0, 0.05, refused, level), 1);
}

/* Twenty cases of which none is slower: any accusation at all in 5 % of families at most. Ten of them hopelessly slow
 * besides: all are found, and the ten others are accused as seldom. */
static void families_are_accused_falsely_as_seldom_as_said(void **state)
{
    gsl_rng *random = *state;
    enum { FAMILIES = 4000, N = 20 };
    for (int slow = 0; slow <= 10; slow += 10) {
        int accused = 0;
        for (int f = 0; f < FAMILIES; f++) {
            double p[N], level[N];
            bool refused[N], any = false;
            for (int i = 0; i < N; i++) p[i] = i < slow ? 1e-12 : gsl_rng_uniform_pos(random);
            assert_int_equal(holm_gates(p, N, 0.05, refused, level), 1);
            for (int i = 0; i < N; i++) {
                if (i < slow) assert_true(refused[i]);
                any |= i >= slow && refused[i];
            }
            accused += any;
        }
        assert_true(accused <= (0.05 + margin(0.05, FAMILIES)) * FAMILIES);
        assert_true(accused >= 0.03 * FAMILIES); /* and the level is used */
    }
}

/* E-values of two-sided coins: of what is named at a rate of 10 %, the share that is false is 10 % at most on average,
 * although all cases of a family share half of their coins. */
static void discoveries_are_false_as_seldom_as_said(void **state)
{
    gsl_rng *random = *state;
    enum { FAMILIES = 400, N = 20, TRUE = 5, COINS = 200 };
    double false_share = 0;
    int found = 0;
    for (int f = 0; f < FAMILIES; f++) {
        double log_e[N];
        size_t order[N], named;
        const int64_t common = gsl_ran_binomial(random, 0.5, COINS / 2);
        for (int i = 0; i < N; i++) {
            const int64_t s =
                i < TRUE ? gsl_ran_binomial(random, 0.75, COINS) : common + gsl_ran_binomial(random, 0.5, COINS / 2);
            log_e[i] = sign_log_e(s, COINS - s);
        }
        assert_int_equal(e_bh_order(log_e, N, 0.1, order, &named), 1);
        int wrong = 0;
        for (size_t i = 0; i < named; i++) wrong += order[i] >= TRUE;
        false_share += named ? (double)wrong / (double)named : 0;
        found += (int)named - wrong;
    }
    assert_true(false_share <= 0.1 * FAMILIES);
    assert_true(found >= 0.95 * TRUE * FAMILIES);
}

static void order_of_evidence(void **state)
{
    (void)state;
    const double log_e[] = {0, log(250), log(100), log(1.1)}; /* gates at 2 %: 4/0.02 = 200, 100, 67, 50 */
    size_t order[4], discoveries;
    assert_int_equal(e_bh_order(log_e, 4, 0.02, order, &discoveries), 1);
    assert_int_equal(order[0], 1);
    assert_int_equal(order[1], 2);
    assert_int_equal(order[2], 3);
    assert_int_equal(discoveries, 2);
    assert_int_equal(e_bh_order(log_e, 4, 0.01, order, &discoveries), 1);
    assert_int_equal(discoveries, 0);
}

/* ---- the decision ------------------------------------------------------------------------------------------------ */

static decision decide(double ratio, double spread, int pairs, gsl_rng *random)
{
    decision d = {.rule = {0.005, 0.01, 0.001}};
    for (int i = 0; i < pairs && !decision_made(&d); i++) {
        decision_add(&d, log(ratio) + gsl_ran_laplace(random, spread));
        decision_look(&d);
    }
    return d;
}

static void decisions(void **state)
{
    gsl_rng *random = *state;
    decision d = decide(1.02, 0.01, 1000, random);
    assert_true(d.slower && decision_made(&d) && !d.not_slower && !d.faster);
    d = decide(1 / 1.02, 0.01, 1000, random);
    assert_true(d.faster && d.not_slower && !d.slower);
    d = decide(1, 0.01, 1000, random);
    assert_true(d.not_slower && d.not_faster && !d.slower && !d.faster);
    d = decide(1.005, 0.01, 300, random);
    assert_false(decision_made(&d));
    d = decide(1.02, 0.01, 1000, random);
    assert_true(decision_log_e(&d) >= log(100));
}

static int begin(void **state)
{
    *state = gsl_rng_alloc(gsl_rng_mt19937);
    return *state == NULL;
}

static int end(void **state)
{
    gsl_rng_free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(e_after_one_observation),
        cmocka_unit_test(e_is_a_martingale),
        cmocka_unit_test(the_tail_is_small_where_it_should_be),
        cmocka_unit_test(false_alarms_stay_below_alpha_however_often_one_looks),
        cmocka_unit_test(power),
        cmocka_unit_test(exact_interval_by_hand),
        cmocka_unit_test(sequential_interval_is_the_test_turned_around),
        cmocka_unit_test(coverage),
        cmocka_unit_test(figures_of_pairs),
        cmocka_unit_test(bounds_of_twelve_launches),
        cmocka_unit_test(coverage_of_launches),
        cmocka_unit_test(p_values_of_launches),
        cmocka_unit_test(gates_of_holm),
        cmocka_unit_test(families_are_accused_falsely_as_seldom_as_said),
        cmocka_unit_test(discoveries_are_false_as_seldom_as_said),
        cmocka_unit_test(order_of_evidence),
        cmocka_unit_test(decisions),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
