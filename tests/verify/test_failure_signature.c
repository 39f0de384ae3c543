/* What failures are compared by. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "verify/failure_signature.h"

static void signs(const char *pattern, const char *wanted)
{
    char text[256];
    trial t = {0};
    findings_add(&t.found, "output-bound", "x");
    findings_add(&t.found, "lse-bound", "x");
    snprintf(t.pattern, sizeof t.pattern, "%s", pattern);
    signature_of(&t, text, sizeof text);
    assert_string_equal(text, wanted);
}

static void test_failure_signature(void **state)
{
    (void)state;
    char text[256];
    signs("", "lse-bound output-bound");
    signs("everywhere", "lse-bound output-bound: everywhere");
    signs("head 3 only; rows 16i + 15 (4 of 12)", "lse-bound output-bound: head # only, rows #i + # (# of #)");
    signs("columns >= 56; LSE is right; output as if the last key were missing or positions were one too low",
          "lse-bound output-bound: output as if the last key were missing");
    signs("rows <= 3; the wrong values are 0", "lse-bound output-bound: the wrong values are 0");
    signature_of(&(trial){0}, text, sizeof text);
    assert_string_equal(text, "");
}

static void alike(const char *signature, const char *wanted)
{
    static const known_bug bugs[] = {
        {"tail", "a key is lost", "lse-bound output-bound: output and LSE as if the last key were missing"},
        {"tail_2", "a key is lost again", "output-bound: output and LSE as if the last key were missing"},
        {"first", "the first key is lost", "output-bound: output and LSE as if the first key were missing"},
        {"crash", "it reads past the end", "no-crash"},
        {NULL, NULL, NULL},
    };
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    signature_print_alike(out, signature, bugs);
    fclose(out);
    assert_string_equal(text, wanted);
    free(text);
}

static void test_alike(void **state)
{
    (void)state;
    alike("no-crash", "            looks like: it reads past the end (planted bug crash)\n");
    alike("output-bound: output and LSE as if the last key were missing",
          "            looks like: a key is lost again (planted bug tail_2)\n");
    alike("identity output-bound: output and LSE as if the last key were missing",
          "            looks like: a key is lost (planted bug tail)\n"
          "            looks like: a key is lost again (planted bug tail_2)\n");
    alike("no-hang", "");
    alike("output-bound: everywhere", "");
    alike("", "");
}

/* The table that the build makes from the heads of the planted bugs. */
static void test_known(void **state)
{
    (void)state;
    int count = 0;
    for (const known_bug *bug = known_bugs; bug->name; bug++, count++) {
        assert_true(*bug->name && *bug->what && *bug->signature);
        assert_null(strstr(bug->signature, "signature:"));
    }
    assert_true(count > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_failure_signature), cmocka_unit_test(test_alike),
                                       cmocka_unit_test(test_known)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
