/* The Google Benchmark shim: exact names, counters, filters, repetitions, checks, errors, interruption. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "bench/gbench.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define CALLS 65536

/* What a case's call does, and a log of who was called. */
typedef struct toy {
    int id;
    double returns; /* nanoseconds of packing, or negative */
    int stop_after; /* raise `stop` at this call; 0: never */
    int calls;
    const char *objection; /* what its check says */
    int checks, calls_before_check;
} toy;

static int log_of_calls[CALLS];
static int logged;
static volatile int stop;

static double call(void *ctx)
{
    toy *const t = ctx;
    if (logged < CALLS) log_of_calls[logged++] = t->id;
    if (++t->calls == t->stop_after) stop = 1;
    struct timespec begin, now;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    do clock_gettime(CLOCK_MONOTONIC, &now);
    while ((now.tv_sec - begin.tv_sec) * 1000000000L + now.tv_nsec - begin.tv_nsec < 20000);
    return t->returns;
}

static const char *check(void *ctx)
{
    toy *const t = ctx;
    t->checks++;
    t->calls_before_check = t->calls;
    return t->objection;
}

static gbench_case case_of(const char *name, toy *t)
{
    return (gbench_case){
        .name = name, .label = "b=1,h=2", .threads = 1, .call = call, .ctx = t, .operations = 4e6, .bytes = 2e6};
}

static gbench *open_with(int count, const char *const *flags, bool quiet)
{
    char *mine[16], reason[256] = "";
    char *preset[] = {(char *)"--benchmark_min_time=0.002", (char *)"--benchmark_display_aggregates_only=true"};
    for (int i = 0; i < count; i++) mine[i] = (char *)flags[i];
    gbench *const g = gbench_open(count, mine, 2, preset, quiet, reason, sizeof reason);
    assert_string_equal(reason, "");
    assert_non_null(g);
    return g;
}

#define OPEN(...) open_with((int)COUNT(((const char *const[]){__VA_ARGS__})), (const char *const[]){__VA_ARGS__}, true)

static json_t *parsed(gbench *g)
{
    json_error_t error;
    json_t *const document = json_loads(gbench_json(g), 0, &error);
    if (!document) fail_msg("not JSON: %s, line %d", error.text, error.line);
    return document;
}

/* The n-th entry of that name, or NULL. */
static const json_t *entry_of(const json_t *document, const char *name, int n)
{
    size_t i;
    json_t *entry;
    json_array_foreach(json_object_get(document, "benchmarks"), i, entry)
    {
        if (strcmp(json_string_value(json_object_get(entry, "name")), name) == 0 && n-- == 0) return entry;
    }
    return NULL;
}

static double number(const json_t *entry, const char *key)
{
    const json_t *const value = json_object_get(entry, key);
    if (!json_is_number(value)) fail_msg("no number '%s'", key);
    return json_number_value(value);
}

static size_t entries(const json_t *document) { return json_array_size(json_object_get(document, "benchmarks")); }

static void assert_close(double got, double wanted)
{
    if (!(fabs(got - wanted) <= 1e-6 * fabs(wanted))) fail_msg("got %.9g, wanted %.9g", got, wanted);
}

static void names_and_counters_are_exact(void **state)
{
    (void)state;
    toy packing = {.returns = 1e6}, plain = {0};
    gbench_case cases[2] = {case_of("toy/w=1/threads:3", &packing), case_of("toy/cold/threads:1", &plain)};
    cases[0].threads = 3;
    cases[0].peak = 5e12;
    cases[0].bandwidth = 3e11;
    cases[0].packs = true;
    cases[1].peak = 7e11;
    cases[1].by_bandwidth = true;

    gbench *const g = OPEN("--benchmark_time_unit=us");
    gbench_run(g, cases, 2, &stop);
    json_t *const document = parsed(g);
    assert_int_equal(entries(document), 2);
    const json_t *const first = entry_of(document, cases[0].name, 0), *const second =
                                                                          entry_of(document, cases[1].name, 0);
    assert_non_null(first);
    assert_non_null(second);
    assert_string_equal(json_string_value(json_object_get(first, "run_name")), cases[0].name);
    assert_string_equal(json_string_value(json_object_get(first, "label")), "b=1,h=2");
    assert_string_equal(json_string_value(json_object_get(first, "run_type")), "iteration");
    assert_string_equal(json_string_value(json_object_get(first, "time_unit")), "us");
    assert_int_equal(number(first, "threads"), 3);
    assert_int_equal(number(second, "threads"), 1);

    const double seconds = number(first, "real_time") * 1e-6;
    assert_true(seconds >= 20e-6);
    assert_true(number(first, "cpu_time") > 0);
    assert_close(number(first, "gflops") * seconds, 4e-3);
    assert_close(number(first, "gbytes") * seconds, 2e-3);
    assert_close(number(first, "share") * seconds, 4e6 / 5e12);
    assert_close(number(first, "share_bw") * seconds, 2e6 / 3e11);
    assert_close(number(first, "pack_ms"), 1.0);
    assert_close(number(second, "share") * number(second, "real_time") * 1e-6, 2e6 / 7e11);
    assert_null(json_object_get(second, "share_bw"));
    assert_null(json_object_get(second, "pack_ms"));

    assert_true(json_is_object(json_object_get(document, "context")));
    assert_non_null(json_object_get(json_object_get(document, "context"), "num_cpus"));
    json_decref(document);
    gbench_close(g);
}

static void unknown_peak_gives_no_share(void **state)
{
    (void)state;
    toy t = {0};
    const gbench_case c = case_of("toy/w/threads:1", &t);
    gbench *const g = OPEN("--benchmark_min_time=0.001s");
    gbench_run(g, &c, 1, NULL);
    json_t *const document = parsed(g);
    assert_null(json_object_get(entry_of(document, c.name, 0), "share"));
    assert_string_equal(json_string_value(json_object_get(entry_of(document, c.name, 0), "time_unit")), "ns");
    json_decref(document);
    gbench_close(g);
}

static void repetitions_are_aggregated(void **state)
{
    (void)state;
    static const char *const aggregates[] = {"toy/w/threads:1_mean", "toy/w/threads:1_median", "toy/w/threads:1_stddev",
                                             "toy/w/threads:1_cv"};
    toy t = {0};
    gbench_case c = case_of("toy/w/threads:1", &t);
    c.packs = true; /* always 0: its coefficient of variation is no number and must not reach the JSON */
    gbench *g = OPEN("--benchmark_repetitions=3", "--benchmark_display_aggregates_only=true");
    gbench_run(g, &c, 1, &stop);
    json_t *document = parsed(g);
    assert_int_equal(entries(document), 3 + COUNT(aggregates));
    for (int i = 0; i < 3; i++) assert_int_equal(number(entry_of(document, c.name, i), "repetition_index"), i);
    for (size_t i = 0; i < COUNT(aggregates); i++) {
        const json_t *const entry = entry_of(document, aggregates[i], 0);
        assert_non_null(entry);
        assert_string_equal(json_string_value(json_object_get(entry, "run_name")), c.name);
        assert_string_equal(json_string_value(json_object_get(entry, "run_type")), "aggregate");
    }
    json_decref(document);
    gbench_close(g);

    g = OPEN("--benchmark_repetitions=3", "--benchmark_report_aggregates_only");
    gbench_run(g, &c, 1, &stop);
    document = parsed(g);
    assert_int_equal(entries(document), COUNT(aggregates));
    assert_null(entry_of(document, c.name, 0));
    json_decref(document);
    gbench_close(g);
}

static int switches_of_caller(const char *interleaving)
{
    toy a = {.id = 1}, b = {.id = 2};
    const gbench_case cases[2] = {case_of("a/w/threads:1", &a), case_of("b/w/threads:1", &b)};
    gbench *const g = OPEN("--benchmark_min_time=0", "--benchmark_repetitions=20", interleaving);
    logged = 0;
    gbench_run(g, cases, 2, &stop);
    gbench_close(g);
    int switches = 0;
    for (int i = 1; i < logged; i++) switches += log_of_calls[i] != log_of_calls[i - 1];
    assert_in_range(logged, 40, CALLS - 1);
    return switches;
}

static void repetitions_interleave_on_request(void **state)
{
    (void)state;
    assert_int_equal(switches_of_caller("--benchmark_enable_random_interleaving=false"), 1);
    assert_true(switches_of_caller("--benchmark_enable_random_interleaving=true") > 1);
}

static void errors_are_entries(void **state)
{
    (void)state;
    toy bad = {.returns = -1}, good = {0}, never = {0};
    const gbench_case cases[2] = {case_of("bad/w/threads:1", &bad), case_of("good/w/threads:1", &good)};
    const gbench_case wrong = case_of("wrong/w/threads:1", &never);
    gbench *const g = OPEN("--benchmark_repetitions=2", "--benchmark_min_warmup_time=0.001");
    gbench_report_error(g, &wrong, "output is wrong: \"row 3\"");
    gbench_run(g, cases, 2, &stop);
    json_t *const document = parsed(g);
    assert_int_equal(never.calls, 0);
    assert_int_equal(entries(document), 1 + 2 + 6);
    const json_t *entry = entry_of(document, wrong.name, 0);
    assert_true(json_is_true(json_object_get(entry, "error_occurred")));
    assert_string_equal(json_string_value(json_object_get(entry, "error_message")), "output is wrong: \"row 3\"");
    assert_string_equal(json_string_value(json_object_get(entry, "label")), "b=1,h=2");
    entry = entry_of(document, "bad/w/threads:1", 1);
    assert_true(json_is_true(json_object_get(entry, "error_occurred")));
    assert_string_equal(json_string_value(json_object_get(entry, "error_message")), "the kernel returned an error");
    entry = entry_of(document, "good/w/threads:1", 0);
    assert_null(json_object_get(entry, "error_occurred"));
    json_decref(document);
    gbench_close(g);
}

/* The check comes once, after the last call; what it objects to is an error without figures, in whatever repetition. */
static void checks_come_after_the_calls(void **state)
{
    (void)state;
    toy right = {0}, wrong = {.objection = "row 3 is wrong"}, broken = {.returns = -1};
    gbench_case cases[3] = {case_of("right/w/threads:1", &right), case_of("wrong/w/threads:1", &wrong),
                            case_of("broken/w/threads:1", &broken)};
    for (int i = 0; i < 3; i++) cases[i].check = check;
    gbench *const g = OPEN("--benchmark_repetitions=3", "--benchmark_enable_random_interleaving");
    gbench_run(g, cases, 3, &stop);
    json_t *const document = parsed(g);
    assert_int_equal(right.checks, 1);
    assert_int_equal(right.calls_before_check, right.calls);
    assert_int_equal(wrong.checks, 1);
    assert_int_equal(wrong.calls_before_check, wrong.calls);
    assert_int_equal(broken.checks, 0); /* said already that it failed */
    assert_int_equal(entries(document), 7 + 1 + 3);
    assert_null(json_object_get(entry_of(document, "right/w/threads:1", 0), "error_occurred"));
    const json_t *const entry = entry_of(document, "wrong/w/threads:1", 0);
    assert_true(json_is_true(json_object_get(entry, "error_occurred")));
    assert_string_equal(json_string_value(json_object_get(entry, "error_message")), "row 3 is wrong");
    assert_null(json_object_get(entry, "gflops"));
    assert_null(entry_of(document, "wrong/w/threads:1_mean", 0));
    json_decref(document);
    gbench_close(g);
}

static void interrupted_cases_are_not_reported(void **state)
{
    (void)state;
    toy before = {0}, hit = {.stop_after = 5}, after = {0};
    const gbench_case cases[3] = {case_of("a/w/threads:1", &before), case_of("b/w/threads:1", &hit),
                                  case_of("c/w/threads:1", &after)};
    gbench *const g = OPEN("--benchmark_repetitions=2");
    stop = 0;
    gbench_run(g, cases, 3, &stop);
    gbench_run(g, cases + 2, 1, &stop);
    json_t *const document = parsed(g);
    assert_int_equal(hit.calls, 5);
    assert_int_equal(after.calls, 0);
    assert_non_null(entry_of(document, "a/w/threads:1_mean", 0));
    assert_int_equal(entries(document), 6);
    stop = 0;
    json_decref(document);
    gbench_close(g);
}

static void groups_share_a_session_and_sessions_share_nothing(void **state)
{
    (void)state;
    toy t = {0};
    const gbench_case first = case_of("a/w1/threads:1", &t), second = case_of("a/w2/threads:1", &t);
    gbench *g = OPEN("--benchmark_context=build=this,why=test");
    gbench_run(g, &first, 1, &stop);
    gbench_run(g, &second, 1, &stop);
    json_t *document = parsed(g);
    assert_int_equal(entries(document), 2);
    assert_int_equal(number(entry_of(document, first.name, 0), "family_index"), 0);
    assert_int_equal(number(entry_of(document, second.name, 0), "family_index"), 1);
    assert_string_equal(json_string_value(json_object_get(json_object_get(document, "context"), "why")), "test");
    json_decref(document);
    gbench_close(g);

    g = OPEN("--benchmark_time_unit=ms");
    gbench_run(g, &second, 1, &stop);
    document = parsed(g);
    assert_int_equal(entries(document), 1);
    json_decref(document);
    gbench_close(g);

    g = OPEN("--benchmark_filter=all");
    document = parsed(g);
    assert_int_equal(entries(document), 0);
    json_decref(document);
    gbench_close(g);
}

static void filters_select_by_our_names(void **state)
{
    (void)state;
    static const struct {
        const char *flag, *name;
        bool selected;
    } rows[] = {
        {"--benchmark_filter=^a/.*:1$", "a/w/threads:1", true},
        {"--benchmark_filter=^a/.*:1$", "a/w/threads:12", false},
        {"--benchmark_filter=w[12]|x", "b/w2/threads:1", true},
        {"--benchmark_filter=w[12]|x", "b/w3/threads:1", false},
        {"--benchmark_filter=-w1", "a/w1/threads:1", false},
        {"--benchmark_filter=-w1", "a/w2/threads:1", true},
        {"--benchmark_filter=all", "b/w/threads:1", true},
        {"--benchmark_filter=", "b/w/threads:1", true},
        {"--benchmark_filter=real_time", "b/w/threads:1", false},
        {"--benchmark_list_tests", "anything", true},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        gbench *const g = OPEN(rows[i].flag);
        if (gbench_selects(g, rows[i].name) != rows[i].selected) fail_msg("%s and %s", rows[i].flag, rows[i].name);
        assert_int_equal(gbench_lists_only(g), strcmp(rows[i].flag, "--benchmark_list_tests") == 0);
        gbench_close(g);
    }
}

/* Runs two groups, the second with other counters and an error, and returns what came on stdout; to be freed. */
static char *shown(const char *flag, const char *more, bool quiet)
{
    toy t = {0}, bad = {.returns = -1};
    const gbench_case error = case_of("wrong/w/threads:1", &t);
    gbench_case cases[3] = {case_of("a/w/threads:1", &t), case_of("b/long-name-of-a-workload/threads:1", &t),
                            case_of("bad/w/threads:1", &bad)};
    cases[1].packs = true;

    FILE *const file = tmpfile();
    assert_non_null(file);
    fflush(stdout);
    const int old = dup(STDOUT_FILENO), old_error = dup(STDERR_FILENO);
    dup2(fileno(file), STDOUT_FILENO);
    FILE *const null = fopen("/dev/null", "w");
    assert_non_null(null);
    dup2(fileno(null), STDERR_FILENO);
    gbench *const g = open_with(2, (const char *const[]){flag, more}, quiet);
    gbench_report_error(g, &error, "crashed");
    gbench_run(g, cases, 1, &stop);
    gbench_run(g, cases + 1, 2, &stop);
    gbench_close(g);
    fflush(stdout);
    dup2(old, STDOUT_FILENO);
    dup2(old_error, STDERR_FILENO);
    close(old);
    close(old_error);
    fclose(null);

    const long size = lseek(fileno(file), 0, SEEK_END);
    char *const text = calloc((size_t)size + 1, 1);
    assert_non_null(text);
    assert_int_equal(pread(fileno(file), text, (size_t)size, 0), size);
    fclose(file);
    return text;
}

static int occurrences(const char *text, const char *word)
{
    int count = 0;
    for (const char *at = text; (at = strstr(at, word)); at += strlen(word)) count++;
    return count;
}

static void console_has_one_header_and_our_names(void **state)
{
    (void)state;
    char *text = shown("--benchmark_format=console", "--v=0", false);
    assert_int_equal(occurrences(text, "Iterations"), 1);
    assert_int_equal(occurrences(text, "real_time"), 0);
    assert_int_equal(occurrences(text, "a/w/threads:1 "), 1);
    assert_int_equal(occurrences(text, "b/long-name-of-a-workload/threads:1 "), 1);
    assert_int_equal(occurrences(text, "crashed"), 1);
    assert_int_equal(occurrences(text, "gflops="), 2);
    assert_int_equal(occurrences(text, "gbytes=") + occurrences(text, "b=1,h=2"), 0); /* lines that can be read */
    assert_int_equal(occurrences(text, "/s"), 0); /* a rate already: not 'GFLOP/s a second' */
    free(text);

    text = shown("--benchmark_format=console", "--v=0", true);
    assert_string_equal(text, "");
    free(text);

    text = shown("--benchmark_repetitions=2", "--benchmark_display_aggregates_only", false);
    assert_int_equal(occurrences(text, "a/w/threads:1 "), 0);
    assert_int_equal(occurrences(text, "a/w/threads:1_mean "), 1);
    assert_int_equal(occurrences(text, "the kernel returned an error"), 2); /* has no aggregates */
    free(text);
}

/* Where the caller's default leaves repetitions out, but not the user. */
static void a_default_shortens_the_console_alone(void **state)
{
    (void)state;
    static const struct {
        const char *flag;
        bool whole;
    } cases[] = {{"--v=0", false},
                 {"--benchmark_display_aggregates_only=false", true},
                 {"--benchmark_format=json", true},
                 {"--benchmark_format=csv", true}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *const text = shown("--benchmark_repetitions=2", cases[i].flag, false);
        assert_int_equal(occurrences(text, "repetition_index") + occurrences(text, "a/w/threads:1 ") +
                                 occurrences(text, "\"a/w/threads:1\",") >
                             0,
                         cases[i].whole);
        free(text);
    }
}

static void other_formats_are_whole_documents(void **state)
{
    (void)state;
    char *text = shown("--benchmark_format=json", "--v=0", false);
    json_error_t error;
    json_t *const document = json_loads(text, 0, &error);
    assert_non_null(document);
    assert_int_equal(entries(document), 4);
    json_decref(document);
    free(text);

    text = shown("--benchmark_format=csv", "--v=0", false);
    assert_int_equal(occurrences(text, "pack_ms"), 1);
    assert_int_equal(occurrences(text, "threads:1\""), 4);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_counters_are_exact),
        cmocka_unit_test(unknown_peak_gives_no_share),
        cmocka_unit_test(repetitions_are_aggregated),
        cmocka_unit_test(repetitions_interleave_on_request),
        cmocka_unit_test(errors_are_entries),
        cmocka_unit_test(checks_come_after_the_calls),
        cmocka_unit_test(interrupted_cases_are_not_reported),
        cmocka_unit_test(groups_share_a_session_and_sessions_share_nothing),
        cmocka_unit_test(filters_select_by_our_names),
        cmocka_unit_test(console_has_one_header_and_our_names),
        cmocka_unit_test(a_default_shortens_the_console_alone),
        cmocka_unit_test(other_formats_are_whole_documents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
