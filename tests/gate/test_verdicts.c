/* What compare and gate say of machines that are made up, from the first pair to the exit code: the clock's engine
 * samples them as it samples kernels, stage one concludes, launches confirm, the gate ends. Each machine's truth is
 * known; nothing here takes a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>
#include <math.h>
#include <string.h>

#include "compare/compare.h"
#include "gate/gate.h"
#include "util/console.h"

/* ---- a machine --------------------------------------------------------------------------------------------------- */

typedef struct machine {
    double truth;       /* time of NEW over that of BASE */
    double jitter;      /* spread of the logarithm of a slice */
    double interrupted; /* share of slices that take three times as long */
    double layout;      /* spread of what a launch adds to the logarithm of the ratio, for all of its slices */
    double unlike;      /* time of either side's control over its own; 0: 1 */
    /* state */
    gsl_rng *random;
    double clock, placed;
} machine;

static double slice(void *ctx, int lane)
{
    machine *m = ctx;
    const bool again = lane == LANE_BASE_AGAIN || lane == LANE_NEW_AGAIN;
    double time = 1e-4 * exp(gsl_ran_gaussian(m->random, m->jitter));
    if (paired_side(lane)) time *= m->truth * exp(m->placed);
    if (again && m->unlike > 0) time *= m->unlike;
    if (gsl_rng_uniform(m->random) < m->interrupted) time *= 3;
    m->clock += time;
    return time;
}

static double now(void *ctx) { return ((machine *)ctx)->clock; }

/* One process on it. */
static const paired_run *sample(machine *m, const paired_settings *s)
{
    static paired_run run;
    const paired_lanes lanes = {slice, now, m};
    m->placed = gsl_ran_gaussian(m->random, m->layout);
    paired_sample(&lanes, s, &run);
    return &run;
}

/* ---- what is said of it ------------------------------------------------------------------------------------------ */

static const attn_kernel base = {.name = "a:rows"}, fresh = {.name = "b:rows"};
static workload shape = {.name = (char *)"h=1,q=8,d=8", .spec = (char *)"h=1,q=8,d=8"};

static compare_settings of_gate(void)
{
    compare_settings s = compare_defaults;
    s.delta = 0.01;
    s.only_slower = true;
    s.seed = 1;
    return s;
}

static comparison stage_one(machine *m, const compare_settings *s)
{
    comparison c = {.kernel = {&base, &fresh}, .w = &shape, .threads = 1};
    const paired_settings sampling = compare_sampling(s, NULL);
    compare_conclude(&c, sample(m, &sampling), s);
    json_decref(c.samples);
    c.samples = NULL;
    return c;
}

/* As compare_run_launches and gate do it, each launch a process of its own. */
static comparison both_stages(machine *m, const compare_settings *s)
{
    comparison c = stage_one(m, s);
    for (int i = 0; compare_wants_launches(&c, s) && i < s->launches; i++) {
        comparison one = {.kernel = {&base, &fresh}};
        const paired_settings sampling = compare_launch_sampling(s, i + 1);
        compare_conclude(&one, sample(m, &sampling), s);
        json_decref(one.samples);
        c.launch[c.launches++] = one.figures.median;
    }
    assert_int_equal(compare_stage_two(&c, 1, s), 1);
    return c;
}

static int exit_of(const comparison *c, const compare_settings *s)
{
    const compare_sides sides = {.pairs = 1};
    const gate_rule rule = {.accuracy_factor = 2, .today = "2030-06-15"};
    const waiver_list none = {NULL, 0};
    gate_result r;
    assert_true(gate_conclude(c, 1, &sides, s, &rule, &none, &r));
    const int code = gate_exit(&r, &rule);
    gate_free(&r);
    return code;
}

static machine quiet(gsl_rng *random, double truth)
{
    return (machine){.truth = truth, .jitter = 0.003, .interrupted = 0.02, .layout = 0.001, .random = random};
}

/* Beside a neighbour: every third slice is interrupted, the others differ by 5 %. */
static machine busy(gsl_rng *random, double truth)
{
    return (machine){.truth = truth, .jitter = 0.05, .interrupted = 0.3, .layout = 0.01, .random = random};
}

/* ---- verdicts ---------------------------------------------------------------------------------------------------- */

static void one_process_says_what_is_true(void **state)
{
    const struct {
        double truth;
        compare_verdict verdict;
    } known[] = {{1.05, COMPARE_SLOWER},         {1.02, COMPARE_SLOWER},     {1, COMPARE_NO_DIFFERENCE},
                 {1.001, COMPARE_NO_DIFFERENCE}, {1 / 1.05, COMPARE_FASTER}, {2, COMPARE_SLOWER}};
    const compare_settings s = of_gate();
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        for (int again = 0; again < 5; again++) {
            machine m = quiet(*state, known[i].truth);
            const comparison c = stage_one(&m, &s);
            assert_int_equal(c.verdict, known[i].verdict);
            assert_true(c.timed && c.pairs > 0 && c.controls > 0 && !c.open);
            assert_true(c.seconds >= 0.1 && c.seconds < 1); /* not before the first mood is over */
            assert_true(fabs(c.figures.median - log(known[i].truth)) < 0.004);
        }
}

static void a_border_is_left_open_when_the_time_is_up(void **state)
{
    compare_settings s = of_gate();
    s.seconds = 0.3;
    machine m = quiet(*state, 1.01);
    m.layout = 0;
    const comparison c = stage_one(&m, &s);
    assert_int_equal(c.verdict, COMPARE_COULD_NOT_TELL);
    assert_true(c.open && c.visible > 0.01 && c.visible < 0.02);
    assert_string_equal(c.why, "the time was up");
    assert_int_equal(exit_of(&c, &s), EXIT_UNDECIDED);
}

/* No two of them toss the same coins, nor lie at the same places; again they do, for the same seed. */
static void each_launch_is_another(void **state)
{
    const compare_settings s = of_gate();
    (void)state;
    for (int i = 1; i <= s.launches; i++) {
        const paired_settings one = compare_launch_sampling(&s, i);
        assert_true(one.pairs >= 50 && one.rule.delta == s.delta);
        assert_int_equal(one.seed, compare_launch_sampling(&s, i).seed);
        for (int other = 1; other < i; other++) assert_true(one.seed != compare_launch_sampling(&s, other).seed);
    }
}

/* Two pairs, all alike: no verdict on any machine. */
static void one_block_says_nothing(void **state)
{
    compare_settings s = of_gate();
    s.seconds = 1e-9;
    machine m = quiet(*state, 10);
    const comparison c = stage_one(&m, &s);
    assert_int_equal(c.pairs, 2);
    assert_int_equal(c.verdict, COMPARE_COULD_NOT_TELL);
    assert_true(c.open && isinf(c.visible));
}

/* Nor is it taken to launches, which have no control: also where the time was up as well. */
static void a_control_that_differs_is_no_verdict(void **state)
{
    compare_settings s = of_gate();
    for (int late = 0; late < 2; late++) {
        machine m = quiet(*state, late ? 1.01 : 1);
        m.layout = 0;
        m.unlike = 1.5;
        s.seconds = 0.5;
        const comparison c = both_stages(&m, &s);
        assert_int_equal(c.verdict, COMPARE_COULD_NOT_TELL);
        assert_non_null(strstr(c.why, "this run is void"));
        assert_int_equal(c.launches, 0);
    }
}

/* ---- confirmed --------------------------------------------------------------------------------------------------- */

static int slower_of(machine like, int runs, const compare_settings *s)
{
    int slower = 0;
    for (int i = 0; i < runs; i++) {
        machine m = like;
        compare_settings own = *s;
        own.seed = (uint64_t)i + 1;
        const comparison c = both_stages(&m, &own);
        slower += c.verdict == COMPARE_SLOWER;
        assert_int_equal(exit_of(&c, &own), c.verdict == COMPARE_SLOWER           ? EXIT_FINDING
                                            : c.verdict == COMPARE_COULD_NOT_TELL ? EXIT_UNDECIDED
                                                                                  : EXIT_WELL);
    }
    return slower;
}

/* What is 5 % slower is red on a quiet machine every time, and beside a neighbour too; what takes twice as long,
 * wherever it runs. */
static void a_slower_build_is_red(void **state)
{
    compare_settings s = of_gate();
    assert_int_equal(slower_of(quiet(*state, 1.05), 20, &s), 20);
    assert_in_range(slower_of(busy(*state, 1.05), 20, &s), 18, 20);
    machine worse = busy(*state, 2);
    worse.jitter = 0.2;
    worse.layout = 0.05;
    s.launches = 8;
    assert_int_equal(slower_of(worse, 20, &s), 20);
}

/* Launches that lie apart by 3 % take back what one of them called slower: its layout was unlucky. */
static void the_luck_of_a_layout_is_not_red(void **state)
{
    const compare_settings s = of_gate();
    machine m = quiet(*state, 1);
    int flagged = 0;
    m.layout = 0.03;
    for (int i = 0; i < 100; i++) {
        machine one = m;
        flagged += stage_one(&one, &s).verdict == COMPARE_SLOWER;
    }
    assert_in_range(flagged, 20, 60);             /* beyond +1 %: 37 % of them */
    assert_in_range(slower_of(m, 100, &s), 0, 4); /* 1 %: five would come by chance once in 300 times */
}

/* That it is 4.8 % slower in one process and 3.3 % over launches that differ by as much is no verdict, and is said. */
static void launches_that_differ_leave_it_open(void **state)
{
    const compare_settings s = of_gate();
    char said[1024];
    comparison c = {.kernel = {&base, &fresh}, .w = &shape, .threads = 1, .verdict = COMPARE_SLOWER, .timed = true};
    (void)state;
    c.figures.median = log(1.048);
    for (c.launches = 0; c.launches < s.launches; c.launches++)
        c.launch[c.launches] = log(1.033) + (c.launches % 2 ? 0.045 : -0.045);
    assert_int_equal(compare_stage_two(&c, 1, &s), 1);
    assert_int_equal(c.verdict, COMPARE_COULD_NOT_TELL);
    compare_words(&c, &s, said, sizeof said);
    assert_non_null(strstr(said, "could not tell: +4.8 % in one process, +3.3 % over 12 launches"));
    assert_int_equal(exit_of(&c, &s), EXIT_UNDECIDED);
}

/* What is as fast is never red, and green wherever that can be told: against 40 % also beside a neighbour. */
static void an_equal_build_is_green(void **state)
{
    compare_settings s = of_gate();
    assert_int_equal(slower_of(quiet(*state, 1), 50, &s), 0);
    s.delta = 0.4;
    for (int i = 0; i < 20; i++) {
        machine m = busy(*state, 1);
        m.jitter = 0.2;
        m.layout = 0.05;
        const comparison c = both_stages(&m, &s);
        assert_int_equal(c.verdict, COMPARE_NO_DIFFERENCE);
        assert_int_equal(exit_of(&c, &s), EXIT_WELL);
        assert_int_equal(c.launches, 0);
    }
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
        cmocka_unit_test(one_process_says_what_is_true),
        cmocka_unit_test(a_border_is_left_open_when_the_time_is_up),
        cmocka_unit_test(one_block_says_nothing),
        cmocka_unit_test(each_launch_is_another),
        cmocka_unit_test(a_control_that_differs_is_no_verdict),
        cmocka_unit_test(a_slower_build_is_red),
        cmocka_unit_test(the_luck_of_a_layout_is_not_red),
        cmocka_unit_test(launches_that_differ_leave_it_open),
        cmocka_unit_test(an_equal_build_is_green),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
