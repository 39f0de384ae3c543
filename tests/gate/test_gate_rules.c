/* What follows from comparisons: outcomes, waivers, accuracy, exit codes; and when a baseline fits. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gate/baseline.h"
#include "gate/gate.h"
#include "gate/gate_advice.h"
#include "util/console.h"

static const attn_kernel quick = {.name = "module:quick"}, gone = {.name = "module:gone"};
static workload shape = {.name = (char *)"h=1,q=8,d=8"};
static const compare_settings settings = {.delta = 0.01, .family_alpha = 0.01, .beta = 0.001, .cases = 1};
static const waiver_list none = {NULL, 0};

static comparison compared(compare_verdict v)
{
    return (comparison){.kernel = {&quick, &quick}, .w = &shape, .threads = 1, .verdict = v};
}

static comparison slower(double low, double ratio, double high)
{
    comparison c = compared(COMPARE_SLOWER);
    c.timed = true;
    c.launches = 12;
    c.over_launches = (launch_figures){log1p(ratio), 0.001, {log1p(low), log1p(high)}};
    return c;
}

static gate_rule rule_of_today(void) { return (gate_rule){.accuracy_factor = 2, .today = "2030-06-15"}; }

/* The outcome of one comparison. */
static gate_outcome outcome(comparison c, const waiver_list *waivers)
{
    const compare_sides sides = {.pairs = 1};
    const gate_rule rule = rule_of_today();
    gate_result r;
    assert_true(gate_conclude(&c, 1, &sides, &settings, &rule, waivers, &r));
    const gate_outcome o = r.item[0].outcome;
    gate_free(&r);
    return o;
}

/* ---- waivers ----------------------------------------------------------------------------------------------------- */

static void refuse(const char *text, const char *word)
{
    waiver_list list;
    char reason[512] = "";
    assert_false(waivers_parse(text, "file", &list, reason, sizeof reason));
    assert_non_null(strstr(reason, word));
    assert_non_null(strstr(reason, "file, line "));
    assert_int_equal(0, list.count);
}

static void lines_that_are_no_waivers(void **state)
{
    (void)state;
    refuse("a/b/threads:1 3%", "CASE LIMIT% UNTIL REASON");
    refuse("# fine\n\na 3 2031-01-01 why", "limit such as");
    refuse("a 0% 2031-01-01 why", "limit such as");
    refuse("a -3% 2031-01-01 why", "limit such as");
    refuse("a nan% 2031-01-01 why", "limit such as");
    refuse("a 3%% 2031-01-01 why", "limit such as");
    refuse("a 3% 31.01.2031 why", "last day");
    refuse("a 3% 2031-02-30 why", "last day");
    refuse("a 3% 2031-1-1 why", "last day");
    refuse("a 3% 2031-01-01", "no reason");
    refuse("a 3% 2031-01-01 \t", "no reason");
}

static void waivers_are_found_by_pattern(void **state)
{
    (void)state;
    static const char text[] = "# comment\n\n"
                               "quick/*/threads:1 3% 2030-06-15 the last day counts\r\n"
                               "  *\t5%  2030-06-14   expired yesterday\n"
                               "quick/h=1* 4% 2030-07-01 higher\n"
                               "slow/* 50% 2031-01-01 another kernel";
    waiver_list list;
    char reason[512];
    assert_true(waivers_parse(text, "file", &list, reason, sizeof reason));
    assert_int_equal(4, list.count);
    assert_string_equal("the last day counts", list.item[0].reason);
    assert_string_equal("expired yesterday", list.item[1].reason);
    assert_ptr_equal(&list.item[2], waivers_find(&list, "quick/h=1,q=8/threads:1", "2030-06-15"));
    assert_ptr_equal(&list.item[0], waivers_find(&list, "quick/q=8/threads:1", "2030-06-15"));
    assert_ptr_equal(&list.item[1], waivers_find(&list, "other/q=8/threads:2", "2030-06-15"));
    assert_true(waiver_expired(&list.item[1], "2030-06-15"));
    assert_false(waiver_expired(&list.item[0], "2030-06-15"));
    list.count = 1;
    assert_null(waivers_find(&list, "other/q=8/threads:1", "2030-06-15"));
    list.count = 4;
    waivers_free(&list);
}

static void a_waiver_lets_pass_up_to_its_limit(void **state)
{
    (void)state;
    waiver_list list;
    char reason[512];
    assert_true(waivers_parse("quick/* 3% 2030-06-15 why", "file", &list, reason, sizeof reason));
    assert_int_equal(GATE_WAIVED, outcome(slower(0.015, 0.02, 0.025), &list));
    assert_int_equal(GATE_WAIVED, outcome(slower(0.025, 0.032, 0.039), &list)); /* not shown to be beyond */
    assert_int_equal(GATE_SLOWER, outcome(slower(0.031, 0.04, 0.05), &list));
    strcpy(list.item[0].until, "2030-06-14");
    assert_int_equal(GATE_SLOWER, outcome(slower(0.015, 0.02, 0.025), &list));
    waivers_free(&list);
}

static void a_wrong_kernel_cannot_be_waived(void **state)
{
    (void)state;
    waiver_list list;
    char reason[512];
    assert_true(waivers_parse("* 1000% 2099-01-01 all", "file", &list, reason, sizeof reason));
    comparison c = compared(COMPARE_WRONG);
    c.wrong = 1;
    assert_int_equal(GATE_WRONG, outcome(c, &list));
    waivers_free(&list);
}

/* ---- outcomes and exit codes ------------------------------------------------------------------------------------- */

static void each_verdict_has_its_outcome(void **state)
{
    (void)state;
    assert_int_equal(GATE_SLOWER, outcome(slower(0.015, 0.02, 0.025), &none));
    assert_int_equal(GATE_FASTER, outcome(compared(COMPARE_FASTER), &none));
    assert_int_equal(GATE_WELL, outcome(compared(COMPARE_NO_DIFFERENCE), &none));
    assert_int_equal(GATE_WELL, outcome(compared(COMPARE_NOT_SLOWER), &none));
    assert_int_equal(GATE_SAME, outcome(compared(COMPARE_IDENTICAL), &none));
    assert_int_equal(GATE_UNDECIDED, outcome(compared(COMPARE_COULD_NOT_TELL), &none));
}

static comparison judged(compare_verdict v, int wrong, trial_status base, trial_status fresh)
{
    comparison c = compared(v);
    c.wrong = wrong;
    c.judged[0].status = base;
    c.judged[1].status = fresh;
    return c;
}

static void what_one_side_lacks_is_new_or_removed(void **state)
{
    (void)state;
    const trial_status pass = TRIAL_PASS, fail = TRIAL_FAIL, unable = TRIAL_UNSUPPORTED;
    assert_int_equal(GATE_UNABLE, outcome(judged(COMPARE_UNSUPPORTED, 1, unable, unable), &none));
    assert_int_equal(GATE_ADDED, outcome(judged(COMPARE_UNSUPPORTED, 0, unable, pass), &none));
    assert_int_equal(GATE_REMOVED, outcome(judged(COMPARE_UNSUPPORTED, 1, pass, unable), &none));
    assert_int_equal(GATE_ADDED, outcome(judged(COMPARE_WRONG, 0, fail, pass), &none)); /* mended */
    assert_int_equal(GATE_WRONG, outcome(judged(COMPARE_WRONG, 1, unable, fail), &none));
    assert_int_equal(GATE_WRONG, outcome(judged(COMPARE_WRONG, 1, fail, fail), &none));
}

static void kernels_of_one_side_are_listed(void **state)
{
    (void)state;
    const attn_kernel *alone[] = {&gone};
    const compare_sides sides = {.pairs = 1, .alone = {alone, alone}, .alone_count = {1, 1}};
    const comparison one = compared(COMPARE_NO_DIFFERENCE);
    gate_rule rule = rule_of_today();
    gate_result r;
    assert_true(gate_conclude(&one, 1, &sides, &settings, &rule, &none, &r));
    assert_int_equal(3, r.count);
    assert_int_equal(1, r.outcomes[GATE_REMOVED]);
    assert_int_equal(1, r.outcomes[GATE_ADDED]);
    assert_int_equal(EXIT_WELL, gate_exit(&r, &rule));
    rule.require_all = true;
    assert_int_equal(EXIT_FINDING, gate_exit(&r, &rule));
    gate_free(&r);
}

static int exit_with(gate_outcome a, gate_outcome b, bool undecided_fails)
{
    gate_result r = {.outcomes = {0}};
    gate_rule rule = rule_of_today();
    rule.undecided_fails = undecided_fails;
    r.outcomes[a]++;
    r.outcomes[b]++;
    return gate_exit(&r, &rule);
}

static void exit_codes(void **state)
{
    (void)state;
    assert_int_equal(EXIT_FINDING, exit_with(GATE_WELL, GATE_SLOWER, false));
    assert_int_equal(EXIT_FINDING, exit_with(GATE_UNDECIDED, GATE_WRONG, true));
    assert_int_equal(EXIT_WELL, exit_with(GATE_WELL, GATE_UNDECIDED, false));
    assert_int_equal(EXIT_UNDECIDED, exit_with(GATE_WELL, GATE_UNDECIDED, true));
    assert_int_equal(EXIT_WELL, exit_with(GATE_WAIVED, GATE_ADDED, true));
    assert_int_equal(EXIT_WELL, exit_with(GATE_SAME, GATE_SAME, true));
    /* Nothing was compared. */
    assert_int_equal(EXIT_UNDECIDED, exit_with(GATE_UNDECIDED, GATE_ADDED, false));
    assert_int_equal(EXIT_UNDECIDED, exit_with(GATE_UNABLE, GATE_REMOVED, false));
}

static void the_headline_says_what_was_not_done(void **state)
{
    (void)state;
    gate_result r = {.count = 100, .outcomes = {[GATE_WELL] = 80, [GATE_SAME] = 8, [GATE_UNABLE] = 12}};
    char text[256];
    gate_headline(&r, text, sizeof text);
    assert_string_equal("compared 88 of 100; 12 not supported here", text);
}

/* ---- accuracy ---------------------------------------------------------------------------------------------------- */

static comparison with_errors(double base, double fresh, double base_z, double fresh_z)
{
    json_t *const entry = json_null();
    comparison c = compared(COMPARE_NO_DIFFERENCE);
    c.judged[0] = (judged_side){TRIAL_PASS, base, {.rows = 10, .squares = 10 * base_z * base_z}, entry};
    c.judged[1] = (judged_side){TRIAL_PASS, fresh, {.rows = 10, .squares = 10 * fresh_z * fresh_z}, entry};
    return c;
}

static int worse(const comparison *list, size_t count)
{
    const compare_sides sides = {.pairs = 1};
    const gate_rule rule = rule_of_today();
    gate_result r;
    assert_true(gate_conclude(list, count, &sides, &settings, &rule, &none, &r));
    assert_int_equal(1, r.kernels);
    assert_string_equal("quick", r.accuracy[0].kernel);
    const int n = r.worse;
    assert_int_equal(n ? EXIT_FINDING : EXIT_WELL, gate_exit(&r, &rule));
    gate_free(&r);
    return n;
}

static void errors_that_double_are_a_finding(void **state)
{
    (void)state;
    assert_int_equal(0, worse((comparison[]){with_errors(0.1, 0.19, 1, 1)}, 1));
    assert_int_equal(1, worse((comparison[]){with_errors(0.1, 0.21, 1, 1)}, 1));
    assert_int_equal(1, worse((comparison[]){with_errors(0.1, 0.1, 0.5, 1.1)}, 1));
    assert_int_equal(0, worse((comparison[]){with_errors(0, 0.0005, 0.01, 0.05)}, 1)); /* both as good as none */
    assert_int_equal(0, worse((comparison[]){with_errors(0.2, 0.1, 1, 0.5)}, 1));
}

static void errors_are_pooled_over_a_kernel(void **state)
{
    (void)state;
    const comparison cases[] = {with_errors(0.01, 0.03, 1, 1), with_errors(0.2, 0.2, 1, 1)};
    assert_int_equal(0, worse(cases, 2));
    const comparison all[] = {with_errors(0.01, 0.1, 0.2, 0.9), with_errors(0.2, 0.1, 0.2, 0.9)};
    assert_int_equal(1, worse(all, 2));
}

/* ---- yardsticks -------------------------------------------------------------------------------------------------- */

/* Worked out by hand: variances 2.5 and 10 of five values each, so s^2/n = 0.5 and 2, and (0.5 + 2)^2 / (0.5^2/4 +
 * 2^2/4) = 5.882 degrees of freedom. */
static void the_interval_is_of_welch(void **state)
{
    (void)state;
    const double base[] = {1, 2, 3, 4, 5}, fresh[] = {2, 4, 6, 8, 10};
    interval at;
    assert_true(fabs(yardstick_ratio(base, 5, fresh, 5, 0.025, &at) - 3) < 1e-12);
    const double reach = 2.458933 * sqrt(2.5); /* Student's t, 97.5 % */
    assert_true(fabs(at.low - (3 - reach)) < 1e-3 && fabs(at.high - (3 + reach)) < 1e-3);
    const double same[] = {1, 1, 1};
    assert_true(fabs(yardstick_ratio(same, 3, same, 3, 0.01, &at)) <= 0 && at.low >= 0 && at.high <= 0);
}

/* ---- the key of a baseline --------------------------------------------------------------------------------------- */

static void any_field_of_the_key_counts(void **state)
{
    (void)state;
    const baseline_key here = {"c0ffee", "GCC 12", "-O3", "Debian 12", "x86_64 avx2", 0x10000};
    char was[256], is[256];
    baseline_key saved = here, any_commit = here;
    any_commit.commit[0] = 0;
    assert_null(baseline_differs(&saved, &here, was, is, sizeof was));
    strcpy(saved.commit, "beef");
    assert_string_equal("commit", baseline_differs(&saved, &here, was, is, sizeof was));
    assert_string_equal("beef", was);
    assert_string_equal("c0ffee", is);
    assert_null(baseline_differs(&saved, &any_commit, was, is, sizeof was));
    char *const text[] = {saved.compiler, saved.flags, saved.image, saved.isa};
    for (int i = 0; i < 4; i++) {
        saved = here;
        strcpy(text[i], "other");
        assert_non_null(baseline_differs(&saved, &any_commit, was, is, sizeof was));
        assert_string_equal("other", was);
    }
    saved = here;
    saved.abi++;
    assert_string_equal("ABI", baseline_differs(&saved, &here, was, is, sizeof was));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_that_are_no_waivers),           cmocka_unit_test(waivers_are_found_by_pattern),
        cmocka_unit_test(a_waiver_lets_pass_up_to_its_limit),  cmocka_unit_test(a_wrong_kernel_cannot_be_waived),
        cmocka_unit_test(each_verdict_has_its_outcome),        cmocka_unit_test(what_one_side_lacks_is_new_or_removed),
        cmocka_unit_test(kernels_of_one_side_are_listed),      cmocka_unit_test(exit_codes),
        cmocka_unit_test(the_headline_says_what_was_not_done), cmocka_unit_test(errors_that_double_are_a_finding),
        cmocka_unit_test(errors_are_pooled_over_a_kernel),     cmocka_unit_test(the_interval_is_of_welch),
        cmocka_unit_test(any_field_of_the_key_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
