/* Which failures are shown, and how cases are counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "verify/verify_summary.h"

static bool shown(failure_log *log, const attn_kernel *kernel, const char *by)
{
    trial t = {.kernel = kernel, .status = TRIAL_FAIL};
    findings_add(&t.found, by, "wrong");
    return failure_log_shows(log, &t);
}

static void test_failures(void **state)
{
    (void)state;
    static const attn_kernel one = {.name = "one"}, two = {.name = "two"};
    failure_log log = {0};
    for (int i = 0; i < 10; i++) assert_int_equal(shown(&log, &one, "output-bound"), i < 3);
    assert_true(shown(&log, &one, "no-crash"));
    assert_false(shown(&log, &one, "no-crash"));
    assert_true(shown(&log, &two, "no-crash"));
    assert_true(failure_log_first(&log, &(trial){.kernel = &two}));
    assert_false(failure_log_first(&log, &(trial){.kernel = &one}));
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    failure_log_print_rest(out, &log);
    fclose(out);
    assert_string_equal(text, "8 more of one: --all-failures shows them\n");
    free(text);
    failure_log_free(&log);
    log.all = true;
    for (int i = 0; i < 10; i++) assert_true(shown(&log, &one, "output-bound"));
    failure_log_free(&log);
}

static json_t *some_cases(void)
{
    static const char text[] = "[{'kernel':'one','suite':'smoke','status':'pass','reason':'','output':{'ratio':0.25}},"
                               "{'kernel':'one','suite':'smoke','status':'fail','reason':'x','output':{'ratio':7}},"
                               "{'kernel':'one','suite':'edge','status':'pass','reason':'','lse':{'ratio':0.5}},"
                               "{'kernel':'two','suite':'edge','status':'hang','reason':'y'},"
                               "{'kernel':'two','suite':'smoke','status':'unsupported','reason':'no PAGES'},"
                               "{'kernel':'two','suite':'smoke','status':'unsupported','reason':'no GQA'},"
                               "{'kernel':'one','suite':'smoke','status':'unsupported','reason':'no GQA'},"
                               "{'kernel':'two','status':'pass','reason':''}]";
    char json[sizeof text];
    for (size_t i = 0; i < sizeof text; i++) json[i] = text[i] == '\'' ? '"' : text[i];
    return json_loads(json, 0, NULL);
}

static json_t *cases_with_features(void)
{
    static const char text[] = "[{'kernel':'one','class':'normal','status':'fail','features':['softcap','ALiBi']},"
                               "{'kernel':'one','class':'normal','status':'crash','features':['softcap'],'threads':2},"
                               "{'kernel':'one','class':'normal','status':'pass','features':['ALiBi']},"
                               "{'kernel':'one','class':'large','status':'pass','features':[]},"
                               "{'kernel':'two','class':'large','status':'fail','features':['softcap']},"
                               "{'kernel':'two','class':'large','status':'pass','features':[]},"
                               "{'kernel':'three','class':'large','status':'pass','features':['softcap']}]";
    char json[sizeof text];
    for (size_t i = 0; i < sizeof text; i++) json[i] = text[i] == '\'' ? '"' : text[i];
    return json_loads(json, 0, NULL);
}

static void printed(json_t *cases, void (*print)(FILE *, const json_t *), const char *wanted)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(cases);
    print(out, cases);
    fclose(out);
    assert_string_equal(text, wanted);
    free(text);
    json_decref(cases);
}

static void test_counts(void **state)
{
    (void)state;
    printed(
        some_cases(), cases_print_counts,
        "\npassed (unsupported)  smoke               edge                named workloads     largest error / bound\n"
        "one                   1 FAILED, 1 (1)     1                   0                   0.5\n"
        "two                   0 (2)               1 FAILED            1                   -\n");
    printed(some_cases(), cases_print_unsupported,
            "\nunsupported, by reason\n  no PAGES: two\n  no GQA: all of the kernels\n");
}

static void test_shared(void **state)
{
    (void)state;
    printed(cases_with_features(), cases_print_shared,
            "all 2 failures of one have: softcap; no case that passes has it\n"
            "all 2 failures of one have: class normal; 1 of 2 cases that pass have it too\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_failures), cmocka_unit_test(test_counts),
                                       cmocka_unit_test(test_shared)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
