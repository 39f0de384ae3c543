/* A module that was moved is the same module, at another offset in its pages. */
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "plugin/elf_file.h"
#include "plugin/elf_move.h"
#include "plugin/plugin_read.h"

enum { PAGE = 4096 };
static const char whole[] = "attnbench_kernels.so", single[] = "slowed/slowed_0.so"; /* in the build */

static int offsets_of(const char *path, int most, int *offset)
{
    char reason[256] = "";
    const int count = elf_move_offsets(path, most, offset, reason, sizeof reason);
    if (count == 0) print_message("%s: %s\n", path, reason);
#if !defined(__x86_64__)
    assert_int_equal(0, count);
    skip();
#endif
    return count;
}

static void offsets_are_lines_within_a_page(void **state)
{
    (void)state;
    int offset[8];
    const int count = offsets_of(single, 8, offset);
    assert_true(count > 0);
    for (int i = 0; i < count; i++) {
        assert_true(offset[i] > 0 && offset[i] < PAGE && offset[i] % ELF_MOVE_STEP == 0);
        if (i) assert_true(offset[i] > offset[i - 1]);
    }
    assert_int_equal(1, offsets_of(single, 1, offset));
}

/* In this process: where its entry lies, and whether its data still point to each other. */
static void moved_module_works(const char *path)
{
    char reason[256], name[] = "moved-XXXXXX.so";
    int offset[3];
    const int count = offsets_of(path, 3, offset), file = mkstemps(name, 3);
    assert_true(file >= 0 && count > 0);
    close(file);
    plugin *const before = plugin_read(path, reason, sizeof reason);
    assert_non_null(before);
    for (int i = 0; i < count; i++) {
        assert_true(elf_move(path, name, offset[i], reason, sizeof reason));
        plugin *const after = plugin_read(name, reason, sizeof reason);
        assert_non_null(after);
        assert_int_equal(before->kernels, after->kernels);
        assert_string_equal(before->build_id, after->build_id);
        char beside[64];
        snprintf(beside, sizeof beside, "./%s", name);
        void *const module = dlopen(beside, RTLD_NOW | RTLD_LOCAL);
        if (!module) fail_msg("%s", dlerror());
        const attn_plugin *entry = dlsym(module, ATTN_PLUGIN_ENTRY);
        assert_int_equal(before->kernels, entry->count);
        elf_file f;
        assert_true(elf_open(path, &f, reason, sizeof reason));
        const uint64_t linked = elf_symbol_find(&f, ATTN_PLUGIN_ENTRY)->st_value;
        elf_close(&f);
        assert_int_equal((linked + (uint64_t)offset[i]) % PAGE, (uintptr_t)entry % PAGE);
        for (uint32_t k = 0; k < entry->count; k++) {
            assert_string_equal(strchr(after->kernel[k]->name, ':') + 1, entry->kernels[k]->name);
            assert_true(strlen(entry->kernels[k]->idea) > 0);
        }
        dlclose(module);
        plugin_free(after);
    }
    plugin_free(before);
    unlink(name);
}

static void one_kernel(void **state)
{
    (void)state;
    moved_module_works(single);
}

static void all_built_in_kernels(void **state)
{
    (void)state;
    moved_module_works(whole);
}

static void what_cannot_be_moved(void **state)
{
    (void)state;
    char reason[256];
    int offset[1];
    assert_int_equal(0, elf_move_offsets("/etc/passwd", 1, offset, reason, sizeof reason));
    assert_non_null(strstr(reason, "no shared library"));
    assert_false(elf_move("/none", "moved.so", ELF_MOVE_STEP, reason, sizeof reason));
    offsets_of(single, 1, offset);
    assert_false(elf_move(single, "/none/moved.so", offset[0], reason, sizeof reason));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offsets_are_lines_within_a_page),
        cmocka_unit_test(one_kernel),
        cmocka_unit_test(all_built_in_kernels),
        cmocka_unit_test(what_cannot_be_moved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
