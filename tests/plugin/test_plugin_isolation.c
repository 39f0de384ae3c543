/* Two builds in one process: told apart where each runs its own code, 'could not tell' in each trap that the loader
 * sets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "plugin/elf_file.h"
#include "plugin/plugin_isolation.h"

/* Are these two isolated? Else `reason` says why not. */
static int isolated(const char *a, const char *b, char *reason, size_t size)
{
    char path[2][128];
    const char *const paths[] = {path[0], path[1]};
    plugin_set set;
    snprintf(path[0], sizeof path[0], "tests/plugins/%s.so", a);
    snprintf(path[1], sizeof path[1], "tests/plugins/%s.so", b);
    reason[0] = 0;
    if (!plugins_open(paths, 2, 0, &set, reason, size)) fail_msg("%s", reason);
    const int answer = plugins_isolated(&set, reason, size);
    plugins_close(&set);
    return answer;
}

static void apart(const char *a, const char *b)
{
    char reason[1024];
    if (!isolated(a, b, reason, sizeof reason)) fail_msg("%s and %s: %s", a, b, reason);
}

static void could_not_tell(const char *a, const char *b, const char *word)
{
    char reason[1024];
    assert_int_equal(isolated(a, b, reason, sizeof reason), 0);
    if (!strstr(reason, word)) fail_msg("%s and %s: '%s' does not name %s", a, b, reason, word);
}

static void builds_of_their_own_are_apart(void **state)
{
    (void)state;
    apart("well", "older");
    apart("twin_inside_a", "twin_inside_b");
}

static void a_library_of_the_same_name_in_two_folders(void **state)
{
    (void)state;
    could_not_tell("twin_a", "twin_b", "b/libhelper.so");
    could_not_tell("twin_b", "twin_a", "a/libhelper.so");
    apart("twin_a", "twin_inside_b");
}

static void one_library_for_both(void **state)
{
    (void)state;
    could_not_tell("twin_a", "twin_a_again", "one copy of");
}

static int has_unique_symbols(const char *path)
{
    elf_file f;
    char reason[128];
    int found = 0;
    assert_int_equal(elf_open(path, &f, reason, sizeof reason), 1);
    for (size_t i = 0; i < f.symbols; i++) found |= ELF64_ST_BIND(f.symbol[i].st_info) == STB_GNU_UNIQUE;
    elf_close(&f);
    return found;
}

static void statics_of_inline_functions(void **state)
{
    (void)state;
    apart("inline_hidden_a", "inline_hidden_b");
    if (has_unique_symbols("tests/plugins/inline_a.so"))
        could_not_tell("inline_a", "inline_b", "counter");
    else
        apart("inline_a", "inline_b"); /* a compiler that does not make them unique */
}

static void a_symbol_that_the_program_has_too(void **state)
{
    (void)state;
    volatile double eight = 8;
    assert_true(cbrt(eight) > 1.9); /* so that this program has libm's */
    could_not_tell("twin_interposed", "well", "cbrt");
    could_not_tell("well", "twin_interposed", "cbrt");
    apart("twin_symbolic", "well");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(builds_of_their_own_are_apart),
        cmocka_unit_test(a_library_of_the_same_name_in_two_folders),
        cmocka_unit_test(one_library_for_both),
        cmocka_unit_test(statics_of_inline_functions),
        cmocka_unit_test(a_symbol_that_the_program_has_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
