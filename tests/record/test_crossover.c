/* test_crossover.c: on a record with made-up times, the size from which on one curve stays below the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "record/crossover.h"
#include "record/record.h"

static void add(json_t *record, const char *kernel, const char *spec, int threads, double ms)
{
    char name[256];
    snprintf(name, sizeof name, "%s/%s/threads:%d", kernel, spec, threads);
    json_array_append_new(json_object_get(record, "benchmarks"),
                          json_pack("{s:s, s:s, s:s, s:f, s:s, s:s}", "name", name, "run_name", name, "run_type",
                                    "iteration", "real_time", ms, "time_unit", "ms", "label", spec));
}

static json_t *record_with_kernels(void)
{
    json_t *record = record_new();
    json_object_set_new(
        json_object_get(record, "context"), "attnbench",
        json_pack("{s:[{s:s}, {s:s, s:s}]}", "kernels", "name", "plain", "name", "clever", "improves_on", "plain"));
    return record;
}

static const char *const sizes[] = {"h=1,q=128,d=64", "h=1,q=256,d=64", "h=1,q=512,d=64", "h=1,q=1024,d=64"};

static json_t *only(const json_t *found)
{
    assert_int_equal(json_array_size(found), 1);
    return json_array_get(found, 0);
}

static void the_crossing_is_behind_the_last_size_that_lost(void **state)
{
    (void)state;
    static const double plain[] = {1, 2, 4, 8}, clever[] = {0.5, 2.5, 3, 5};
    json_t *record = record_with_kernels();
    for (int i = 3; i >= 0; i--) { /* in any order */
        add(record, "plain", sizes[i], 1, plain[i]);
        add(record, "clever", sizes[i], 1, clever[i]);
    }
    json_t *found = crossovers_of(record), *one = only(found);
    assert_int_equal(json_integer_value(json_object_get(one, "from")), 512);
    assert_true(json_is_false(json_object_get(one, "always")));
    assert_string_equal(json_string_value(json_object_get(one, "faster")), "clever");
    assert_string_equal(json_string_value(json_object_get(one, "slower")), "plain");
    assert_int_equal(json_array_size(json_object_get(one, "sizes")), 4);
    json_decref(found);
    json_decref(record);
}

static void a_win_within_the_noise_is_none(void **state)
{
    (void)state;
    json_t *record = record_with_kernels();
    for (int i = 0; i < 4; i++) {
        add(record, "plain", sizes[i], 1, 1 + i);
        add(record, "clever", sizes[i], 1, (1 + i) * (i == 3 ? 0.99 : 0.5));
    }
    json_t *found = crossovers_of(record);
    assert_true(json_is_null(json_object_get(only(found), "from")));
    json_decref(found);
    json_decref(record);
}

static void threads_are_held_against_one_thread(void **state)
{
    (void)state;
    json_t *record = record_with_kernels();
    for (int i = 0; i < 4; i++) {
        add(record, "clever", sizes[i], 1, 1 + i);
        add(record, "clever", sizes[i], 4, i == 0 ? 2 : 0.3 * (1 + i));
    }
    json_t *found = crossovers_of(record), *one = only(found);
    assert_string_equal(json_string_value(json_object_get(one, "faster")), "clever, 4 threads");
    assert_int_equal(json_integer_value(json_object_get(one, "from")), 256);
    json_decref(found);
    json_decref(record);
}

/* Two sizes are no curve, and other families lend none. */
static void families_are_kept_apart(void **state)
{
    (void)state;
    static const char *const others[] = {"h=1,q=128,d=64", "h=1,q=256,d=64", "h=1,q=512,d=128", "h=2,q=1024,d=64"};
    json_t *record = record_with_kernels();
    for (int i = 0; i < 4; i++) {
        add(record, "plain", others[i], 1, 1 + i);
        add(record, "clever", others[i], 1, 0.5);
    }
    json_t *found = crossovers_of(record);
    assert_int_equal(json_array_size(found), 0);
    json_decref(found);
    json_decref(record);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_crossing_is_behind_the_last_size_that_lost),
        cmocka_unit_test(a_win_within_the_noise_is_none),
        cmocka_unit_test(threads_are_held_against_one_thread),
        cmocka_unit_test(families_are_kept_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
