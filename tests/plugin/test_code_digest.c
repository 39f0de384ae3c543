/* Identical code: every byte that a plugin loads counts, callees in libraries included; names of builds do not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plugin/code_digest.h"
#include "plugin/elf_file.h"

#define PLUGINS "tests/plugins/"

static uint64_t digest(const char *path, const char *libraries)
{
    char file[256], loaded[1024];
    uint64_t found;
    snprintf(file, sizeof file, "%s", path);
    snprintf(loaded, sizeof loaded, "%s%s", path, libraries);
    const plugin p = {.path = file, .libraries = loaded};
    if (!code_digest(&p, &found)) fail_msg("%s cannot be read", path);
    return found;
}

/* The kernel's function is the same, byte for byte; what it calls is not. */
static void helpers_in_libraries_count(void **state)
{
    (void)state;
    const char *const twin = PLUGINS "twin_a.so";
    const uint64_t with_a = digest(twin, "\n" PLUGINS "a/libhelper.so");
    assert_true(with_a == digest(twin, "\n" PLUGINS "a/libhelper.so"));
    assert_true(with_a != digest(twin, "\n" PLUGINS "b/libhelper.so"));
    assert_true(with_a != digest(twin, ""));
    assert_true(digest(twin, "\n/usr/lib/none.so") == digest(twin, "")); /* the system's are the same for both sides */
}

/* Digest of a copy whose byte at `at` is another. */
static uint64_t digest_changed(const elf_file *f, size_t at)
{
    char path[] = "code-digest-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *out = fdopen(fd, "wb");
    assert_true(fwrite(f->data, 1, f->bytes, out) == f->bytes);
    fseek(out, (long)at, SEEK_SET);
    fputc(f->data[at] ^ 1, out);
    assert_int_equal(fclose(out), 0);
    const uint64_t found = digest(path, "");
    unlink(path);
    return found;
}

/* In a helper as well as in a kernel: the executable segment, in steps that no function is short enough to hide
 * between. Its first half may hold headers and symbols, without which a file cannot be read: there is one segment for
 * all on some machines. */
static void helpers_in_the_same_file_count(void **state)
{
    (void)state;
    const char *const path = PLUGINS "twin_inside_a.so";
    char reason[256];
    elf_file f;
    if (!elf_open(path, &f, reason, sizeof reason)) fail_msg("%s", reason);
    const uint64_t whole = digest(path, "");
    int changed = 0, notes = 0;
    for (size_t s = 0; s < f.segments; s++) {
        const ElfW(Phdr) *p = &f.segment[s];
        const size_t end = p->p_offset + p->p_filesz, code = p->p_offset ? p->p_offset : p->p_filesz / 2;
        for (size_t at = code; p->p_type == PT_LOAD && p->p_flags & PF_X && at < end; at += 97, changed++)
            assert_true(digest_changed(&f, at) != whole);
        if (p->p_type == PT_NOTE && p->p_filesz > 0) {
            assert_true(digest_changed(&f, p->p_offset + p->p_filesz - 1) == whole);
            notes++;
        }
    }
    assert_true(changed > 10 && notes > 0);
    elf_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(helpers_in_libraries_count),
        cmocka_unit_test(helpers_in_the_same_file_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
