/* test_markdown.c: pages for a pipeline: a line a failure, the rest folded, and nothing of it lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gate/gate_record.h"
#include "output/record_markdown_failures.h"

static json_t *failed(const char *kernel, const char *name)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:[{s:s, s:s}, {s:s, s:s}]}", "kernel", kernel, "workload", name,
                     "class", "normal", "status", "fail", "pattern", "rows >= 4", "reproducer",
                     "attnbench verify --workload <q=1>", "findings", "check", "output-bound", "reason",
                     "O is off by 41.3 times its bound at (0, 3, 0, 511)", "check", "lse-bound", "reason",
                     "LSE is *NaN*");
}

/* The caller frees. */
static char *failures_of(const json_t *record)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    failures_put(out, record);
    assert_int_equal(fclose(out), 0);
    return text;
}

static int count(const char *text, const char *part)
{
    int n = 0;
    for (const char *at = text; (at = strstr(at, part)); at += strlen(part)) n++;
    return n;
}

/* Trips over: findings in one paragraph, a reproducer in prose, a crash without its reason. */
static void a_failure_is_a_line_and_the_rest_is_folded(void **state)
{
    (void)state;
    json_t *record = json_pack("{s:[o, {s:s, s:s, s:s, s:s}, {s:s, s:s, s:s}]}", "cases", failed("k", "w"), "kernel",
                               "other", "workload", "x", "status", "crash", "reason", "signal 11", "kernel", "k",
                               "workload", "y", "status", "pass");
    char *text = failures_of(record);
    const char *folded = strstr(text, "\n<details><summary>all findings");
    assert_non_null(folded);
    assert_memory_equal(text,
                        "\n## Failures\n\n- **fail** k on w, class normal: output-bound: O is off by 41.3 times its "
                        "bound at (0, 3, 0, 511) (and 1 more)\n- **crash** other on x: signal 11\n",
                        (size_t)(folded - text));
    assert_non_null(strstr(folded, "\n- lse-bound: LSE is \\*NaN\\*\n- pattern: rows \\>= 4\n\n      attnbench verify "
                                   "--workload <q=1>\n"));
    assert_non_null(strstr(folded, "\n- signal 11\n"));
    assert_int_equal(count(text, "\n</details>\n"), 1);
    free(text);
    json_decref(record);
    record = json_pack("{s:[{s:s, s:s, s:s}]}", "cases", "kernel", "k", "workload", "y", "status", "pass");
    text = failures_of(record);
    assert_string_equal(text, "");
    free(text);
    json_decref(record);
}

/* Trips over: a page of one kernel's failures that hides another's; a case that is in neither list. */
static void failures_of_a_kernel_are_counted_not_repeated(void **state)
{
    (void)state;
    json_t *record = json_pack("{s:[]}", "cases"), *cases = json_object_get(record, "cases");
    for (int i = 0; i < FAILURE_LINES + 3; i++) json_array_append_new(cases, failed("many", "w"));
    for (int i = 0; i < FAILURE_LINES; i++) json_array_append_new(cases, failed("few", "w"));
    char *text = failures_of(record);
    assert_int_equal(count(text, "\n- **fail** many on"), FAILURE_LINES);
    assert_int_equal(count(text, "\n- **fail** few on"), FAILURE_LINES);
    assert_int_equal(count(text, " more of "), 1);
    assert_non_null(strstr(text, "\n- 3 more of many, below\n"));
    assert_int_equal(count(text, "      attnbench verify"), 2 * FAILURE_LINES + 3);
    free(text);
    json_decref(record);
}

static char *gate_page(int wrong)
{
    json_t *record = json_pack("{s:{s:s, s:b, s:[]}}", "gate", "headline", "compared 0", "passed", 0, "cases");
    for (int i = 0; i < wrong; i++)
        json_array_append_new(json_object_get(json_object_get(record, "gate"), "cases"),
                              json_pack("{s:s, s:s, s:s, s:s}", "case", "k/w/threads:1", "outcome", "wrong", "words",
                                        "wrong, not timed: NEW", "reproducer", "attnbench verify"));
    char path[] = "/tmp/attnbench-page-XXXXXX", reason[256];
    const int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    if (!gate_write_markdown(record, path, reason, sizeof reason)) fail_msg("%s", reason);
    FILE *in = fopen(path, "r");
    char *text = calloc(1, 1 << 16);
    assert_true(in && text);
    assert_true(fread(text, 1, (1 << 16) - 1, in) > 0);
    fclose(in);
    unlink(path);
    json_decref(record);
    return text;
}

/* Trips over: a wall of command lines between the table and what comes after it. */
static void a_gates_page_folds_many_reproducers(void **state)
{
    (void)state;
    char *one = gate_page(1), *many = gate_page(5);
    assert_int_equal(count(one, "\n      attnbench verify\n"), 1);
    assert_null(strstr(one, "<details>"));
    assert_int_equal(count(many, "      attnbench verify\n"), 5);
    const char *fold = strstr(many, "<details><summary>5 lines that repeat what is wrong</summary>");
    assert_true(fold && fold < strstr(many, "      attnbench verify"));
    free(one);
    free(many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failure_is_a_line_and_the_rest_is_folded),
        cmocka_unit_test(failures_of_a_kernel_are_counted_not_repeated),
        cmocka_unit_test(a_gates_page_folds_many_reproducers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
