/* The registry is the folders: every kernel file is in it under its stem, and every descriptor is whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu.h"
#include "problem.h"
#include "registry.h"

static void every_file_is_a_kernel(void **state)
{
    (void)state;
    glob_t files;
    int count;
    const attn_kernel *const *kernels = attn_kernels(&count);
    assert_int_equal(glob(ATTNBENCH_SOURCE "/kernels/*/*.c", 0, NULL, &files), 0);
    int found = 0;
    for (size_t i = 0; i < files.gl_pathc; i++) {
        char stem[128];
        snprintf(stem, sizeof stem, "%s", strrchr(files.gl_pathv[i], '/') + 1);
        *strrchr(stem, '.') = 0;
        found += attn_kernel_find(stem) != NULL;
    }
    assert_int_equal(found, count); /* files of ISA folders that this compiler cannot build may be missing */
    assert_true(count >= 3);
    globfree(&files);
    for (int i = 1; i < count; i++) assert_true(strcmp(kernels[i - 1]->name, kernels[i]->name) < 0);
    assert_null(attn_kernel_find("no such kernel"));
}

static void every_descriptor_is_whole(void **state)
{
    (void)state;
    int count, baselines = 0;
    const attn_kernel *const *kernels = attn_kernels(&count);
    for (int i = 0; i < count; i++) {
        const attn_kernel *k = kernels[i];
        assert_int_equal(k->size, sizeof *k);
        assert_int_equal(k->abi, ATTN_ABI);
        assert_true(k->idea && strlen(k->idea) > 10);
        assert_true(k->role >= ATTN_ROLE_BASELINE && k->role <= ATTN_ROLE_PRODUCT);
        assert_true((k->caps[1] & ATTN_SLOTS_QKVO) == ATTN_SLOTS_QKVO);
        assert_non_null(k->plan);
        assert_non_null(k->run);
        baselines += k->role == ATTN_ROLE_BASELINE;
        if (k->improves_on)
            assert_non_null(attn_kernel_find(k->improves_on));
        else
            assert_int_equal(k->role, ATTN_ROLE_BASELINE);
    }
    assert_true(baselines >= 1);
}

/* Memory of a kernel that keeps no score row does not grow with the keys; and no kernel's plan is too large to
 * trust. */
static void online_kernels_need_no_more_memory_for_more_keys(void **state)
{
    (void)state;
    int count, checked = 0;
    const attn_kernel *const *kernels = attn_kernels(&count);
    for (int i = 0; i < count; i++) {
        int64_t bytes[2], keys[2] = {1024, 65536};
        if (kernels[i]->role == ATTN_ROLE_BASELINE) continue;
        for (int n = 0; n < 2; n++) {
            const attn_problem p = {
                .size = sizeof p, .scale = 1, .b = 1, .h = 1, .hkv = 1, .q = 64, .k = keys[n], .d = 64, .dv = 64};
            attn_tensor slot[ATTN_SLOTS] = {{0}};
            for (int s = ATTN_Q; s <= ATTN_O; s++) {
                const int64_t rows = s == ATTN_K || s == ATTN_V ? p.k : p.q;
                slot[s] = (attn_tensor){NULL, ATTN_F32, 0, {1, 1, rows, 64}, {rows * 64, rows * 64, 64, 1}};
            }
            const attn_args args = {sizeof args, ATTN_SLOTS, slot};
            const attn_machine machine = {.size = sizeof machine, .threads = 1, .isa = attn_cpu_isa()};
            const attn_exec exec = {.size = sizeof exec, .threads = 1};
            attn_plan plan = {.size = sizeof plan};
            char reason[128];
            if (!attn_supports(kernels[i], &p, &args, machine.isa, reason, sizeof reason)) break;
            assert_int_equal(kernels[i]->plan(&p, &args, &machine, &exec, &plan), ATTN_OK);
            bytes[n] = plan.workspace_bytes;
            assert_true(bytes[n] < 2 << 20);
            checked += n;
            if (n) assert_int_equal(bytes[0], bytes[1]);
        }
    }
    assert_true(checked >= 2);
}

static void isa_levels_are_nested(void **state)
{
    (void)state;
    static const char *const levels[] = {"portable",   "avx2",       "avx512", "avx512vnni", "avx512vbmi",
                                         "avx512bf16", "avx512fp16", "amx",    "native"};
    uint64_t below = 0, mask;
    char names[160], reason[256];
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        assert_int_equal(attn_isa_level(levels[i], &mask), 1);
        assert_true((mask & below) == below);
        assert_true(i == 0 || mask != below);
        below = mask;
        setenv("ATTNBENCH_ISA", levels[i], 1);
        assert_true(attn_cpu_isa() == (attn_cpu_detected() & mask));
        assert_int_equal(attn_cpu_check(reason, sizeof reason), 1);
    }
    assert_int_equal(attn_isa_level("sse9", &mask), 0);
    setenv("ATTNBENCH_ISA", "sse9", 1);
    assert_int_equal(attn_cpu_check(reason, sizeof reason), 0);
    assert_non_null(strstr(reason, "sse9"));
    unsetenv("ATTNBENCH_ISA");
    attn_isa_names(0, names, sizeof names);
    assert_string_equal(names, "portable");
    attn_isa_names(ATTN_ISA_AVX2 | ATTN_ISA_AVX512, names, sizeof names);
    assert_string_equal(names, "avx2,avx512");
    attn_isa_names(ATTN_ISA_AVX2 | UINT64_C(1) << 63, names, sizeof names);
    assert_string_equal(names, "avx2,unknown to this version");
}

static void broken_lists_are_refused(void **state)
{
    (void)state;
    char reason[256] = "";
    int count;
    const attn_kernel *const *built_in = attn_kernels(&count);
    assert_true(attn_kernels_check(built_in, count, reason, sizeof reason));
    attn_kernel other = *built_in[0];
    const attn_kernel *list[] = {built_in[0], &other};
    assert_false(attn_kernels_check(list, 2, reason, sizeof reason));
    assert_non_null(strstr(reason, "two kernels are named"));
    other.name = "another";
    assert_true(attn_kernels_check(list, 2, reason, sizeof reason));
    other.abi = ATTN_ABI + 1;
    assert_false(attn_kernels_check(list, 2, reason, sizeof reason));
    assert_non_null(strstr(reason, "another attention.h"));
    other.abi = ATTN_ABI, other.run = NULL;
    assert_false(attn_kernels_check(list, 2, reason, sizeof reason));
    assert_non_null(strstr(reason, "has no run"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(broken_lists_are_refused),  cmocka_unit_test(every_file_is_a_kernel),
        cmocka_unit_test(every_descriptor_is_whole), cmocka_unit_test(online_kernels_need_no_more_memory_for_more_keys),
        cmocka_unit_test(isa_levels_are_nested),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
