/* test_counter_names.c: names and groups become events, and counts become the figures that follow from them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "counters/counters_groups.h"
#include "record/record.h"

#include <math.h>

static counter_event event_of(const char *name)
{
    counter_event e = {.user = true};
    snprintf(e.name, sizeof e.name, "%s", name);
    return e;
}

/* ---- names ----------------------------------------------------------------------------------------------------- */

static int parse(const char *list, counter_event *event, char *reason, size_t size)
{
    reason[0] = 0;
    const int count = counters_parse(list, event, reason, size);
    assert_int_equal(count == 0, reason[0] != 0);
    assert_null(strchr(reason, '\n'));
    return count;
}

static void names_become_events(void **state)
{
    (void)state;
    counter_event e[COUNTER_EVENTS];
    char reason[1024];
    assert_int_equal(parse("cycles,instructions,perf::TASK-CLOCK,context-switches", e, reason, sizeof reason), 4);
    assert_string_equal(e[2].name, "perf::TASK-CLOCK");
    assert_int_equal(e[0].type, 0); /* PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES */
    assert_int_equal(e[0].config, 0);
    assert_int_equal(e[1].config, 1);
    assert_int_equal(e[2].type, 1); /* PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK */
    assert_int_equal(e[2].config, 1);
    for (int i = 0; i < 4; i++) assert_true(e[i].user);
    assert_false(e[0].system);
    assert_true(e[3].system); /* switches happen in the kernel: outside of it they would read as 0 */
    for (int i = 0; i < counters_generic_count(); i++) {
        const counter_event g = counters_generic(i);
        assert_int_equal(parse(g.name, e, reason, sizeof reason), 1);
        assert_int_equal(e[0].type, g.type);
        assert_int_equal(e[0].config, g.config);
        assert_int_equal(e[0].system, g.system);
    }
}

static void groups_become_events(void **state)
{
    (void)state;
    counter_event e[COUNTER_EVENTS];
    char reason[1024];
    assert_int_equal(parse("pipeline", e, reason, sizeof reason), 4);
    assert_string_equal(e[0].name, "cycles");
    assert_string_equal(e[3].name, "branch-misses");
    int sum = 0;
    for (int g = 0; g < counters_group_count(); g++) {
        const int count = parse(counters_group_name(g), e, reason, sizeof reason);
        assert_true(count > 0);
        for (int i = 0; i < count; i++) assert_true(e[i].name[0]);
        sum += count;
    }
    assert_int_equal(parse("all", e, reason, sizeof reason), sum);
    assert_int_equal(parse("TLB,minor-faults", e, reason, sizeof reason), 3);
    assert_int_equal(e[0].type, 3);         /* PERF_TYPE_HW_CACHE */
    assert_int_equal(e[1].config, 0x10003); /* PERF_COUNT_HW_CACHE_DTLB, a read that missed */
    assert_int_equal(parse("pipeline,cycles", e, reason, sizeof reason), 0);
    assert_non_null(strstr(reason, "'cycles' is there twice"));
    assert_int_equal(parse("all,ref-cycles,cache-references,cache-misses,stalled-cycles-frontend,minor-faults,"
                           "major-faults,stalled-cycles-backend,perf::CYCLES,perf::INSTRUCTIONS,perf::BRANCHES,"
                           "perf::BRANCH-MISSES,perf::TASK-CLOCK,perf::PAGE-FAULTS,perf::MINOR-FAULTS",
                           e, reason, sizeof reason),
                     0);
    assert_non_null(strstr(reason, "more than 32"));
}

static void wrong_names_are_refused_with_the_nearest(void **state)
{
    (void)state;
    counter_event e[COUNTER_EVENTS];
    char reason[1024], many[512] = "cycles";
    assert_int_equal(parse("cycels", e, reason, sizeof reason), 0);
    assert_non_null(strstr(reason, "'cycels'"));
    assert_non_null(strstr(reason, "nearest: cycles"));
    assert_int_equal(parse("cycles,page-fault", e, reason, sizeof reason), 0);
    assert_non_null(strstr(reason, "nearest: page-faults"));
    assert_int_equal(parse("cycles,,instructions", e, reason, sizeof reason), 0);
    assert_int_equal(parse("", e, reason, sizeof reason), 0);
    assert_int_equal(parse("cycles,", e, reason, sizeof reason), 0);
    assert_int_equal(parse("cycles,instructions,cycles", e, reason, sizeof reason), 0);
    assert_non_null(strstr(reason, "twice"));
    memset(many + 6, 'x', 400); /* longer than any name */
    many[406] = 0;
    assert_int_equal(parse(many, e, reason, sizeof reason), 0);
}

/* ---- what follows ---------------------------------------------------------------------------------------------- */

static json_t *derive(const counter_event *event, const double *counts, int count)
{
    counter_value v[COUNTER_EVENTS];
    for (int i = 0; i < count; i++)
        v[i] = (counter_value){.event = &event[i], .counted = !isnan(counts[i]), .value = counts[i], .share = 1};
    return counters_derived(v, count, 10, 500, 64); /* ten calls of 500 operations each */
}

static double figure(const json_t *derived, const char *name)
{
    return json_real_of(json_object_get(derived, name), -1);
}

static void figures_follow_from_counts(void **state)
{
    (void)state;
    counter_event e[COUNTER_EVENTS];
    char reason[1024];
    const int count = parse("all", e, reason, sizeof reason);
    double counts[COUNTER_EVENTS];
    static const struct {
        const char *name;
        double count;
    } counted[] = {{"cycles", 2000},        {"instructions", 5000},   {"branches", 100},
                   {"branch-misses", 5},    {"L1-dcache-loads", 800}, {"L1-dcache-load-misses", 200},
                   {"LLC-loads", 50},       {"LLC-load-misses", 10},  {"dTLB-loads", 800},
                   {"dTLB-load-misses", 4}, {"fp32-scalar", 100},     {"fp32-128", 0},
                   {"fp32-256", 25},        {"fp32-512", 300},        {"fp-operations", (double)NAN},
                   {"task-clock", 1000}};
    for (int i = 0; i < count; i++) {
        counts[i] = (double)NAN;
        for (size_t k = 0; k < sizeof counted / sizeof *counted; k++)
            if (strcmp(e[i].name, counted[k].name) == 0) counts[i] = counted[k].count;
    }
    json_t *d = derive(e, counts, count);
    assert_true(figure(d, "instructions_per_cycle") == 2.5);
    assert_true(figure(d, "clock_ghz") == 2);
    assert_true(figure(d, "instructions_per_operation") == 1);
    assert_true(figure(d, "branch_miss_ratio") == 0.05);
    assert_true(figure(d, "l1_miss_ratio") == 0.25);
    assert_true(figure(d, "llc_miss_ratio") == 0.2);
    assert_true(figure(d, "tlb_miss_ratio") == 0.005);
    assert_true(figure(d, "l1_bytes_per_operation") == 64 * 200 / 5000.0);
    assert_true(figure(d, "memory_bytes_per_operation") == 64 * 10 / 5000.0);
    assert_true(figure(d, "fp_operations_per_operation") == (100 + 8 * 25 + 16 * 300) / 5000.0);
    assert_true(fabs(figure(d, "fp_vector_share") - 5000.0 / 5100) < 1e-12);
    int names = 0;
    while (counters_derived_name(names)) names++;
    assert_int_equal(json_object_size(d), names);
    json_decref(d);
}

/* A ratio of which a part is missing is missing; and a division by zero is no figure. */
static void what_was_not_counted_gives_no_figure(void **state)
{
    (void)state;
    const counter_event some[] = {event_of("perf::INSTRUCTIONS"), event_of("branches"), event_of("branch-misses"),
                                  event_of("fp32-scalar")};
    const double counts[] = {5000, 0, 0, 7};
    json_t *d = derive(some, counts, 4);
    assert_true(figure(d, "instructions_per_operation") == 1);
    assert_int_equal(json_object_size(d), 1);
    json_decref(d);
    const counter_event amd[] = {event_of("fp-operations"), event_of("fp32-scalar")};
    const double by_width[] = {2500, (double)NAN};
    d = derive(amd, by_width, 2);
    assert_true(figure(d, "fp_operations_per_operation") == 0.5);
    assert_int_equal(json_object_size(d), 1);
    json_decref(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_become_events),
        cmocka_unit_test(groups_become_events),
        cmocka_unit_test(wrong_names_are_refused_with_the_nearest),
        cmocka_unit_test(figures_follow_from_counts),
        cmocka_unit_test(what_was_not_counted_gives_no_figure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
