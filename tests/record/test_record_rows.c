/* test_record_rows.c: figures have three digits, rows an order in which they can be compared, and the console's table
 * stays within 100 columns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "util/format_number.h"
#include "record/record_rows.h"
#include "output/terminal_table.h"

/* Trips over: exponents from 1000 on, lost zeros, a digit more where rounding carries. */
static void figures_have_three_digits(void **state)
{
    (void)state;
    static const struct {
        double x;
        int decimals;
        const char *text, *aligned; /* the second with 4 columns before the point */
    } cases[] = {
        {2.4, 3, "2.40", "   2.40 "},      {12, 3, "12.0", "  12.0  "},
        {482.4, 3, "482", " 482    "},     {9901.7, 3, "9902", "9902    "},
        {99.96, 3, "100", " 100    "},     {9.996, 3, "10.0", "  10.0  "},
        {0.9996, 3, "1.00", "   1.00 "},   {0.0123, 5, "0.0123", "   0.0123 "},
        {0.0123, 3, "0.012", "   0.012"},  {0, 3, "0.00", "   0.00 "},
        {2e-6, 3, "2e-06", "   2e-06"},    {-3.14159, 3, "-3.14", "  -3.14 "},
        {(double)NAN, 3, "-", "   -    "}, {(double)INFINITY, 3, "inf", " inf    "},
        {123456, 3, "123456", "123456  "},
    };
    char text[DIGITS_TEXT];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_string_equal(three_digits(cases[i].x, cases[i].decimals, text), cases[i].text);
        assert_string_equal(three_digits_aligned(cases[i].x, 4, cases[i].decimals, text), cases[i].aligned);
    }
}

static void add(json_t *record, const char *name, double ms, const char *error)
{
    json_t *entry = json_pack("{s:s, s:s, s:s, s:f, s:s}", "name", name, "run_name", name, "run_type", "iteration",
                              "real_time", ms, "time_unit", "ms");
    if (error) {
        json_object_set_new(entry, "error_occurred", json_true());
        json_object_set_new(entry, "error_message", json_string(error));
    }
    json_array_append_new(json_object_get(record, "benchmarks"), entry);
}

static const char message[] =
    "the kernel returned an error in the third call, after two that were right, on a workload "
    "whose name is not short, and so its reason is not either";

static json_t *mixed(void)
{
    json_t *record = json_pack("{s:{}, s:[], s:[]}", "context", "benchmarks", "cases");
    add(record, "a/second/threads:2", 3, NULL);
    add(record, "a/first/threads:1", 9, NULL);
    add(record, "a/second/threads:1", 5, NULL);
    add(record, "broken/second/threads:1", 0, message);
    add(record, "a/first/cold/threads:1", 1, NULL);
    add(record, "b/second/threads:1", 4, NULL);
    add(record, "b/first/threads:1", 10.5, NULL);
    add(record, "a_plugin_with_a_long_name:and_a_kernel_with_one/second/threads:1", 123456, NULL);
    return record;
}

/* Trips over: rows by name or in order of their ends, threads mixed, a failure on top for its time of zero. */
static void rows_that_compare_stand_together(void **state)
{
    (void)state;
    static const char *const wanted[] = {
        "b second 1",      "a second 1",    "a_plugin_with_a_long_name:and_a_kernel_with_one second 1",
        "broken second 1", "a second 2",    "a first 1",
        "b first 1",       "a first 1 cold"};
    json_t *record = mixed();
    record_table table;
    assert_int_equal(record_table_make(record, &table), 1);
    assert_int_equal(table.rows, sizeof wanted / sizeof *wanted);
    for (size_t i = 0; i < table.rows; i++) {
        char got[128];
        const entry_id *id = &table.row[i].id;
        snprintf(got, sizeof got, "%.*s %.*s %d%s%.*s", VIEW(id->kernel), VIEW(id->workload), (int)id->threads,
                 id->variant.size ? " " : "", VIEW(id->variant));
        assert_string_equal(got, wanted[i]);
    }
    record_table_free(&table);
    json_decref(record);
}

static char *shown(const json_t *record)
{
    FILE *const file = tmpfile();
    assert_non_null(file);
    fflush(stdout);
    const int old = dup(STDOUT_FILENO);
    dup2(fileno(file), STDOUT_FILENO);
    print_table(record);
    fflush(stdout);
    dup2(old, STDOUT_FILENO);
    close(old);
    const long size = lseek(fileno(file), 0, SEEK_END);
    char *const text = calloc((size_t)size + 1, 1);
    assert_non_null(text);
    assert_int_equal(pread(fileno(file), text, (size_t)size, 0), size);
    fclose(file);
    return text;
}

static long column_of(const char *text, const char *line, char c)
{
    const char *at = strstr(text, line);
    assert_non_null(at);
    return (long)strcspn(at, (char[]){c, 0});
}

/* Trips over: a long name that moves its figures, a message that leaves the page or loses its end. */
static void console_fits_a_hundred_columns(void **state)
{
    (void)state;
    json_t *record = mixed();
    char *text = shown(record), flat[sizeof message] = "";
    size_t rows = 0;
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1, rows++)
        assert_true(strcspn(line, "\n") <= 100);
    assert_true(rows > 10);
    assert_int_equal(column_of(text, "  a   ", '.'), column_of(text, "  b   ", '.'));
    assert_non_null(strstr(text, "\n  a_plugin_with_a_long_name:and_a_kernel_with_one\n  "));
    const char *from = strstr(text, "the kernel returned");
    assert_non_null(from);
    for (size_t n = 0; n + 1 < sizeof flat && *from; n++) {
        flat[n] = *from == '\n' ? ' ' : *from;
        while (flat[n] == ' ' && (from[1] == ' ' || from[1] == '\n')) from++;
        from++;
    }
    assert_string_equal(flat, message);
    free(text);
    json_decref(record);
}

/* Trips over: a mark on every repetition, on another kernel's, or where the process's first touch explains it. */
static void slow_beginnings_are_marked_once(void **state)
{
    (void)state;
    json_t *record = json_pack("{s:{}, s:[], s:[]}", "context", "benchmarks", "cases");
    const struct {
        const char *name;
        double ms, first;
    } entries[] = {{"slow/w/threads:1", 4, 9},
                   {"slow/w/threads:1", 6, 0},
                   {"slow/w/threads:1", 5, 0},
                   {"even/w/threads:1", 4, 4.2},
                   {"tiny/w/threads:1", 0.01, 0.05}};
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
        add(record, entries[i].name, entries[i].ms, NULL);
        json_t *entry = json_array_get(json_object_get(record, "benchmarks"), i);
        if (entries[i].first > 0) json_object_set_new(entry, "first_call_ms", json_real(entries[i].first));
    }
    record_mark_slow_beginnings(record);
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
        const json_t *mark =
            json_object_get(json_array_get(json_object_get(record, "benchmarks"), i), "slow_first_call");
        assert_true(i == 0 ? fabs(json_number_value(mark) - 1.8) < 1e-9 : mark == NULL);
    }
    json_decref(record);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_have_three_digits),
        cmocka_unit_test(rows_that_compare_stand_together),
        cmocka_unit_test(slow_beginnings_are_marked_once),
        cmocka_unit_test(console_fits_a_hundred_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
