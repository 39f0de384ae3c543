/* What launches make of the verdicts of one process, and the words for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "compare/compare.h"

static const compare_settings settings = {
    .delta = 0.005, .family_alpha = 0.01, .beta = 0.001, .cases = 1, .launches = 12};
static const attn_kernel base = {.name = "a:old"}, fresh = {.name = "b:new"};

/* Medians spread evenly about `percent`, `spread` between the first and the last. */
static comparison with_launches(compare_verdict first, double percent, double spread)
{
    comparison c = {.kernel = {&base, &fresh}, .verdict = first, .timed = true, .launches = 12};
    c.open = first == COMPARE_COULD_NOT_TELL;
    c.figures.median = log1p(0.02);
    for (int i = 0; i < 12; i++) c.launch[i] = log1p((percent + spread * (i / 11.0 - 0.5)) / 100);
    return c;
}

static compare_verdict after(compare_verdict first, double percent, double spread)
{
    comparison c = with_launches(first, percent, spread);
    assert_int_equal(compare_stage_two(&c, 1, &settings), 1);
    return c.verdict;
}

/* A spread of 0.2 gives a deviation of 0.066 and a bound 0.05 away from the mean. */
static void launches_confirm_or_take_back(void **state)
{
    (void)state;
    assert_int_equal(after(COMPARE_SLOWER, 2, 0.2), COMPARE_SLOWER);
    assert_int_equal(after(COMPARE_SLOWER, 0.6, 0.2), COMPARE_SLOWER);
    assert_int_equal(after(COMPARE_SLOWER, 0.52, 0.2), COMPARE_COULD_NOT_TELL);
    assert_int_equal(after(COMPARE_SLOWER, 0.1, 0.2), COMPARE_NO_DIFFERENCE);
    assert_int_equal(after(COMPARE_SLOWER, 0.6, 2), COMPARE_COULD_NOT_TELL);
    assert_int_equal(after(COMPARE_FASTER, -2, 0.2), COMPARE_FASTER);
    assert_int_equal(after(COMPARE_FASTER, -0.5, 0.2), COMPARE_NOT_SLOWER);
    assert_int_equal(after(COMPARE_FASTER, 2, 0.2), COMPARE_SLOWER);
    assert_int_equal(after(COMPARE_COULD_NOT_TELL, 2, 0.2), COMPARE_SLOWER);
    assert_int_equal(after(COMPARE_COULD_NOT_TELL, 0, 0.2), COMPARE_NO_DIFFERENCE);
}

/* The same launches are less evidence among many cases: mean 0.6, deviation 0.1 gives p of 0.3 %. */
static void cases_are_one_family(void **state)
{
    (void)state;
    comparison list[40];
    for (size_t i = 0; i < 40; i++)
        list[i] = (comparison){.kernel = {&base, &fresh}, .verdict = COMPARE_NO_DIFFERENCE, .timed = true};
    list[0] = with_launches(COMPARE_SLOWER, 0.6, 0.32);
    assert_int_equal(compare_stage_two(list, 1, &settings), 1);
    assert_int_equal(list[0].verdict, COMPARE_SLOWER);
    list[0] = with_launches(COMPARE_SLOWER, 0.6, 0.32);
    assert_int_equal(compare_stage_two(list, 40, &settings), 1);
    assert_int_equal(list[0].verdict, COMPARE_COULD_NOT_TELL);
    for (size_t i = 1; i < 40; i++) assert_int_equal(list[i].verdict, COMPARE_NO_DIFFERENCE);
}

static void cut_short_is_no_verdict(void **state)
{
    (void)state;
    comparison c = with_launches(COMPARE_SLOWER, 2, 0.2);
    c.launches = 5;
    assert_int_equal(compare_stage_two(&c, 1, &settings), 1);
    assert_int_equal(c.verdict, COMPARE_COULD_NOT_TELL);
    assert_string_equal(c.why, "+2 % in one process, not confirmed: interrupted");
    assert_int_equal(c.launches, 5);
}

/* Interrupted before the first pair, or by a clock that stands still: nobody's fault. */
static void no_pairs_are_no_verdict(void **state)
{
    (void)state;
    static paired_run run;
    comparison c = {.kernel = {&base, &fresh}};
    run.end = PAIRED_STOPPED;
    compare_conclude(&c, &run, &settings);
    assert_int_equal(c.verdict, COMPARE_COULD_NOT_TELL);
    assert_string_equal(c.why, "interrupted");
    assert_false(c.open);
    json_decref(c.samples);
    run.end = PAIRED_CLOCK_FAILED;
    compare_conclude(&c, &run, &settings);
    assert_int_equal(c.verdict, COMPARE_COULD_NOT_TELL);
    json_decref(c.samples);
    run.end = PAIRED_CALL_FAILED;
    run.failed_lane = LANE_NEW_AGAIN;
    compare_conclude(&c, &run, &settings);
    assert_int_equal(c.verdict, COMPARE_WRONG);
    assert_int_equal(c.wrong, 1);
    json_decref(c.samples);
}

static void said(const comparison *c, const char *wanted)
{
    char text[1024];
    compare_words(c, &settings, text, sizeof text);
    assert_string_equal(text, wanted);
}

static comparison measured(compare_verdict said_to_be, double ratio, double low, double high)
{
    comparison c = {.kernel = {&base, &fresh}, .verdict = said_to_be, .timed = true, .visible = 0.013};
    c.figures.median = log(ratio);
    c.figures.median_interval = (interval){log(low), log(high)};
    return c;
}

static void words(void **state)
{
    (void)state;
    comparison c = measured(COMPARE_SLOWER, 1.018, 1.015, 1.021);
    said(&c, "NEW is 1.8 % slower than BASE [1.5, 2.1]");
    c = measured(COMPARE_SLOWER, 2.5, 2.4, 2.6);
    said(&c, "NEW takes 2.5 times as long as BASE [2.4, 2.6]");
    c = measured(COMPARE_FASTER, 0.54, 0.52, 0.57);
    said(&c, "NEW is 46 % faster than BASE [43, 48]"); /* as the table has it: -46 % */
    c = measured(COMPARE_FASTER, 0.1, 0.09, 0.125);
    said(&c, "NEW is 10 times as fast as BASE [8, 11.1]");
    c = measured(COMPARE_SLOWER, 1.9, 1.8, 2.0);
    said(&c, "NEW is 90 % slower than BASE [80, 100]");
    c = measured(COMPARE_NO_DIFFERENCE, 1.001, 0.999, 1.003);
    said(&c, "no difference beyond 0.5 % [-0.1, +0.3]");
    c = measured(COMPARE_COULD_NOT_TELL, 1.005, 0.995, 1.015);
    strcpy(c.why, "the time was up");
    said(&c, "could not tell: the time was up; [-0.5, +1.5]; a slowdown of 1.3 % would have shown");
    c.visible = INFINITY;
    c.pairs = 4;
    said(&c, "could not tell: the time was up; 4 pairs are too few for a slowdown of any size to show");
    c = (comparison){.kernel = {&base, &fresh}, .verdict = COMPARE_IDENTICAL};
    said(&c, "identical code, not timed");
    c.verdict = COMPARE_WRONG;
    strcpy(c.why, "NEW, b:new: fail: wrong");
    said(&c, "wrong, not timed: NEW, b:new: fail: wrong");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(launches_confirm_or_take_back),
        cmocka_unit_test(cases_are_one_family),
        cmocka_unit_test(cut_short_is_no_verdict),
        cmocka_unit_test(no_pairs_are_no_verdict),
        cmocka_unit_test(words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
