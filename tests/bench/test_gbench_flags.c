/* Google Benchmark's flags: what the library would replace, ignore or exit for is refused, with one line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/gbench.h"
#include "bench/gbench_flags.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static double count_calls(void *ctx)
{
    ++*(int *)ctx;
    return 0;
}

static gbench *opened(int count, const char *const *flags)
{
    char *mine[8], reason[256] = "";
    for (int i = 0; i < count; i++) mine[i] = (char *)flags[i];
    gbench *const g = gbench_open(count, mine, 0, NULL, true, reason, sizeof reason);
    if (!g) fail_msg("%s was refused: %s", flags[0], reason);
    return g;
}

static void bad_flags_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "--benchmark_repetitions=0",
        "--benchmark_repetitions=+3",
        "--benchmark_repetitions= 3",
        "--benchmark_repetitions=x",
        "--benchmark_repetitions=3x",
        "--benchmark_repetitions=-1",
        "--benchmark_repetitions=",
        "--benchmark_repetitions",
        "--benchmark_repetitions=1e3",
        "--benchmark_repetitions=99999999999",
        "--benchmark_min_time=abc",
        "--benchmark_min_time=-1",
        "--benchmark_min_time=",
        "--benchmark_min_time=1s2",
        "--benchmark_min_time=1.2.3",
        "--benchmark_min_time=1e",
        "--benchmark_min_time=nan",
        "--benchmark_min_time=inf",
        "--benchmark_min_time=1e999",
        "--benchmark_min_time=0x10",
        "--benchmark_min_time=0x",
        "--benchmark_min_time=1.5x",
        "--benchmark_min_time=s",
        "--benchmark_min_warmup_time=x",
        "--benchmark_min_warmup_time=-0.5",
        "--benchmark_format=xml",
        "--benchmark_format=JSON",
        "--benchmark_out=",
        "--benchmark_out_format=yaml",
        "--benchmark_color=maybe",
        "--benchmark_color=",
        "--benchmark_time_unit=m",
        "--benchmark_counters_tabular=2",
        "--benchmark_list_tests=perhaps",
        "--benchmark_context=a",
        "--benchmark_context=a=1,a=2",
        "--benchmark_context=a=1,",
        "--benchmark_context==1",
        "--benchmark_context=a=b=c",
        "--benchmark_perf_counters=CYCLES",
        "--benchmark_filter=(",
        "--benchmark_filter=-[",
        "--benchmark_filter",
        "--v=loud",
        "--v=-1",
        "--benchmark_unknown=1",
        "--benchmark_filters=a",
        "--repetitions=3",
        "benchmark_repetitions=3",
        "-benchmark_repetitions=3",
        "--help",
        "",
        "--",
        "stray",
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        char *flag[] = {(char *)bad[i]}, reason[512] = "";
        gbench *const g = gbench_open(1, flag, 0, NULL, true, reason, sizeof reason);
        if (g) fail_msg("'%s' was accepted", bad[i]);
        if (!*reason || strchr(reason, '\n') || !strstr(reason, bad[i])) fail_msg("'%s': reason '%s'", bad[i], reason);
    }
    char *near[] = {(char *)"--repetitions=3"}, reason[256];
    assert_null(gbench_open(1, near, 0, NULL, true, reason, sizeof reason));
    assert_non_null(strstr(reason, "--benchmark_repetitions"));
}

static void good_flags_are_taken(void **state)
{
    (void)state;
    static const char *const good[] = {
        "--benchmark_min_time=0.25",     "--benchmark_min_time=1e-3s",
        "--benchmark_min_time=.5",       "--benchmark_list_tests=no",
        "--benchmark_color=auto",        "--benchmark_color=TRUE",
        "--benchmark_counters_tabular",  "--v=0",
        "--benchmark_min_warmup_time=0", "--benchmark_time_unit=s",
        "--benchmark_format=csv",
    };
    for (size_t i = 0; i < COUNT(good); i++) gbench_close(opened(1, &good[i]));

    gbench *const g =
        opened(3, (const char *const[]){"--benchmark_out=a b.json", "--v=0", "--benchmark_out_format=csv"});
    assert_string_equal(gbench_flag_out(g), "a b.json");
    assert_string_equal(gbench_flag_out_format(g), "csv");
    gbench_close(g);
    assert_int_not_equal(access("a b.json", F_OK), 0); /* writing it is the caller's */
    gbench *const plain = opened(1, good);
    assert_null(gbench_flag_out(plain));
    assert_string_equal(gbench_flag_out_format(plain), "json");
    gbench_close(plain);
}

/* An exact number of iterations, which the library takes from 1.8 on: either it works or the reason says why not. */
static void iterations_work_or_are_refused_in_words(void **state)
{
    (void)state;
    char *flag[] = {(char *)"--benchmark_min_time=10x"}, reason[256] = "";
    gbench *const g = gbench_open(1, flag, 0, NULL, true, reason, sizeof reason);
    if (!g) {
        assert_non_null(strstr(reason, "1.8"));
        return;
    }
    int calls = 0;
    const gbench_case c = {.name = "toy/w/threads:1", .label = "", .threads = 1, .call = count_calls, .ctx = &calls};
    gbench_run(g, &c, 1, NULL);
    gbench_close(g);
    assert_int_equal(calls, 10);
}

/* The last one given wins; values that mean the same become the same. */
static void later_flags_win(void **state)
{
    (void)state;
    static const char *const given[] = {"--benchmark_repetitions=3", "--benchmark_repetitions=5",
                                        "--benchmark_color=YES", "--benchmark_list_tests"};
    gbench_flags values;
    char reason[128];
    gbench_flags_defaults(&values);
    assert_string_equal(values.value[GBENCH_REPETITIONS], "1");
    assert_string_equal(values.value[GBENCH_LIST_TESTS], "false");
    for (size_t i = 0; i < COUNT(given); i++)
        assert_int_equal(gbench_flags_take(&values, given[i], true, reason, sizeof reason), 1);
    assert_string_equal(values.value[GBENCH_REPETITIONS], "5");
    assert_string_equal(values.value[GBENCH_COLOR], "true");
    assert_string_equal(values.value[GBENCH_LIST_TESTS], "true");

    assert_int_equal(gbench_flags_take(&values, "--benchmark_min_time=10x", true, reason, sizeof reason), 1);
    assert_int_equal(gbench_flags_take(&values, "--benchmark_min_time=0x", true, reason, sizeof reason), 0);
    assert_int_equal(gbench_flags_take(&values, "--benchmark_min_time=10x", false, reason, sizeof reason), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_flags_are_refused),
        cmocka_unit_test(good_flags_are_taken),
        cmocka_unit_test(iterations_work_or_are_refused_in_words),
        cmocka_unit_test(later_flags_win),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
