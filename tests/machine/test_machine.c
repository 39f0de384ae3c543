/* Machine facts: parsers on trees of files made here, this machine for plausibility, and the record's context. */
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "machine/cgroup.h"
#include "record/context.h"
#include "cpu.h"
#include "machine/machine.h"
#include "registry.h"
#include "util/proc_file.h"

static char root[PATH_MAX / 4];

static int make_root(void **state)
{
    (void)state;
    snprintf(root, sizeof root, "%s/attnbench-machine-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    return mkdtemp(root) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info, (void)kind, (void)where;
    return remove(path);
}

static int remove_root(void **state)
{
    (void)state;
    return nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void put(const char *path, const char *text)
{
    char name[PATH_MAX];
    snprintf(name, sizeof name, "%s%s", root, path);
    for (char *at = name + strlen(root) + 1; (at = strchr(at, '/')); at++) {
        *at = '\0';
        if (mkdir(name, 0777) != 0) assert_int_equal(errno, EEXIST);
        *at = '/';
    }
    FILE *const file = fopen(name, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static machine_facts facts(void)
{
    machine_facts m;
    machine_facts_read(root, &m);
    return m;
}

static void lists_are_counted(void **state)
{
    (void)state;
    assert_int_equal(machine_list_count("0"), 1);
    assert_int_equal(machine_list_count("0-3"), 4);
    assert_int_equal(machine_list_count("0-3,8,10-11"), 7);
    assert_int_equal(machine_list_count(""), 0);
    assert_int_equal(machine_list_count("3-1"), 0);
    assert_int_equal(machine_list_count("a"), 0);
    assert_int_equal(machine_list_count("1;2"), 0);
}

static void values_are_found_by_their_whole_key(void **state)
{
    (void)state;
    static const char text[] = "model name\t: A B  \nmodel\t\t: 7\nempty:\nfile 12\nfile_x 13\n";
    char value[16];
    assert_int_equal(proc_file_value(text, "model", ':', value, sizeof value), 1);
    assert_string_equal(value, "7");
    assert_int_equal(proc_file_value(text, "model name", ':', value, sizeof value), 1);
    assert_string_equal(value, "A B");
    assert_int_equal(proc_file_value(text, "empty", ':', value, sizeof value), 1);
    assert_string_equal(value, "");
    assert_int_equal(proc_file_value(text, "file", ' ', value, sizeof value), 1);
    assert_string_equal(value, "12");
    assert_int_equal(proc_file_value(text, "name", ':', value, sizeof value), 0);
    char small[3];
    assert_int_equal(proc_file_value(text, "model name", ':', small, sizeof small), 1);
    assert_string_equal(small, "A ");
}

static void an_empty_tree_is_unknown(void **state)
{
    (void)state;
    const machine_facts m = facts();
    assert_string_equal(m.cpu, "unknown");
    assert_string_equal(m.cpu_id, "unknown");
    assert_string_equal(m.hypervisor, "unknown");
    assert_string_equal(m.governor, "unknown: no cpufreq here");
    assert_int_equal(m.processors, 1);
    assert_int_equal(m.threads, 1);
    assert_int_equal(m.l1d + m.l2 + m.l3 + m.line + m.memory, 0);
}

static void x86_is_read(void **state)
{
    (void)state;
    put("/proc/cpuinfo", "processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 26\nmodel\t\t: 2\n"
                         "model name\t: AMD EPYC 9R45\nstepping\t: 1\nflags\t\t: fpu avx2\n\nprocessor\t: 1\n");
    put("/proc/meminfo", "MemTotal:       16000 kB\nMemFree:        1 kB\n");
    put("/proc/self/status", "Name:\tx\nCpus_allowed:\tff\nCpus_allowed_list:\t0-2,6\n");
    put("/sys/devices/system/cpu/online", "0-7\n");
    put("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance\n");
    static const char *const caches[][4] = {{"Data", "1", "48K", "64"},
                                            {"Instruction", "1", "32K", "64"},
                                            {"Unified", "2", "1024K", "64"},
                                            {"Unified", "3", "32M", "64"}};
    for (int i = 0; i < 4; i++) {
        static const char *const file[] = {"type", "level", "size", "coherency_line_size"};
        for (int f = 0; f < 4; f++) {
            char path[128];
            snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/%s", i, file[f]);
            put(path, caches[i][f]);
        }
    }
    machine_facts m = facts();
    assert_string_equal(m.cpu, "AMD EPYC 9R45");
    assert_string_equal(m.cpu_id, "AuthenticAMD 26/2/1");
    assert_string_equal(m.hypervisor, "none");
    assert_string_equal(m.governor, "performance");
    assert_int_equal(m.processors, 8);
    assert_int_equal(m.threads, 4);
    assert_int_equal(m.l1d, 48 << 10);
    assert_int_equal(m.l2, 1 << 20);
    assert_int_equal(m.l3, 32 << 20);
    assert_int_equal(m.line, 64);
    assert_int_equal(m.memory, 16000 * 1024);

    put("/sys/devices/system/cpu/cpu5/cpufreq/scaling_governor", "powersave\n");
    m = facts();
    assert_string_equal(m.governor, "mixed: performance and powersave");
}

static void hypervisors_are_named(void **state)
{
    (void)state;
    /* Bare metal is sold under the same names: without the CPU's flag there is none. */
    put("/sys/class/dmi/id/sys_vendor", "Amazon EC2\n");
    put("/proc/cpuinfo", "vendor_id\t: GenuineIntel\nflags\t\t: fpu avx2\n");
    assert_string_equal(facts().hypervisor, "none");
    put("/proc/cpuinfo", "vendor_id\t: GenuineIntel\nflags\t\t: fpu hypervisor avx2\n");
    assert_string_equal(facts().hypervisor, "kvm");
    put("/sys/class/dmi/id/sys_vendor", "VMware, Inc.\n");
    assert_string_equal(facts().hypervisor, "vmware");
    put("/sys/class/dmi/id/sys_vendor", "Somebody\n");
    put("/sys/class/dmi/id/product_name", "Virtual Machine\n");
    assert_string_equal(facts().hypervisor, "hyper-v");
    put("/sys/class/dmi/id/product_name", "Box\n");
    assert_string_equal(facts().hypervisor, "yes");
    put("/sys/hypervisor/type", "xen\n");
    assert_string_equal(facts().hypervisor, "xen");
}

static void arm_is_read(void **state)
{
    (void)state;
    put("/proc/cpuinfo", "processor\t: 0\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\nCPU architecture: 8\n"
                         "CPU variant\t: 0x1\nCPU part\t: 0xd40\nCPU revision\t: 1\n");
    const machine_facts m = facts();
    assert_string_equal(m.cpu_id, "0x41 8/0xd40/0x1.1");
    assert_string_equal(m.cpu, m.cpu_id);
    assert_string_equal(m.hypervisor, "unknown");
}

/* The tightest level counts, be it an ancestor, and a quota of 1.5 processors keeps two threads busy. */
static void cgroup_version_2(void **state)
{
    (void)state;
    put("/proc/meminfo", "MemTotal:       1000000 kB\n");
    put("/proc/self/status", "Cpus_allowed_list:\t0-7\n");
    put("/sys/devices/system/cpu/online", "0-7\n");
    put("/proc/self/cgroup", "0::/a/b\n");
    assert_int_equal(facts().threads, 8);
    put("/sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
    put("/sys/fs/cgroup/a/b/memory.max", "max\n");
    cgroup_limits limits = cgroup_limits_read(root);
    assert_true(limits.cpus == 0);
    assert_int_equal(limits.memory, 0);
    assert_int_equal(limits.memory_available, -1);

    put("/sys/fs/cgroup/a/b/cpu.max", "400000 100000\n");
    put("/sys/fs/cgroup/a/cpu.max", "150000 100000\n");
    put("/sys/fs/cgroup/a/b/memory.max", "1000000\n");
    put("/sys/fs/cgroup/a/b/memory.current", "700000\n");
    put("/sys/fs/cgroup/a/b/memory.stat", "anon 1\nactive_file 5\ninactive_file 100000\n");
    put("/sys/fs/cgroup/memory.max", "5000000\n");
    limits = cgroup_limits_read(root);
    assert_true(limits.cpus == 1.5);
    assert_int_equal(limits.memory, 1000000);
    assert_int_equal(limits.memory_available, 400000);
    const machine_facts m = facts();
    assert_int_equal(m.threads, 2);
    assert_int_equal(m.memory, 1000000);
}

/* In a container: the path is the host's, the mount has only the container's own part. */
static void cgroup_version_1(void **state)
{
    (void)state;
    put("/proc/self/cgroup", "4:memory:/docker/123\n3:cpuset:/x\n2:cpu,cpuacct:/docker/123\n1:name=systemd:/\n");
    put("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
    put("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
    put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    cgroup_limits limits = cgroup_limits_read(root);
    assert_true(limits.cpus == 0);
    assert_int_equal(limits.memory, 0);
    put("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "250000\n");
    put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "2000000\n");
    put("/sys/fs/cgroup/memory/memory.usage_in_bytes", "3000000\n");
    put("/sys/fs/cgroup/memory/memory.stat", "cache 5\ntotal_inactive_file 200000\n");
    limits = cgroup_limits_read(root);
    assert_true(limits.cpus == 2.5);
    assert_int_equal(limits.memory, 2000000);
    assert_int_equal(limits.memory_available, 0);
}

static void this_machine_is_plausible(void **state)
{
    (void)state;
    const machine_facts *const m = machine_facts_get();
    assert_ptr_equal(m, machine_facts_get());
    assert_true(*m->cpu && *m->cpu_id && *m->hypervisor && *m->governor);
    assert_int_equal(strncmp(m->kernel, "Linux ", 6), 0);
    assert_true(m->threads >= 1 && m->threads <= m->processors);
    assert_true(m->memory > 16 << 20);
    assert_true(machine_memory_available() > 0);
    assert_true(machine_memory_available() <= m->memory);
}

static const char *text_of(const json_t *context, const char *key)
{
    const char *const text = json_string_value(json_object_get(context, key));
    if (!text) fail_msg("no text '%s'", key);
    return text;
}

static void context_has_every_key_of_the_schema(void **state)
{
    (void)state;
    static const char *const texts[] = {"version",    "commit",   "cpu",        "cpu_id",       "kernel",
                                        "hypervisor", "governor", "isa",        "isa_detected", "pinning",
                                        "compiler",   "flags",    "build_type", "library"};
    char *argv[] = {(char *)"attnbench",  (char *)"bench",   (char *)"it's here",
                    (char *)"--workload", (char *)"a=1,b=2", (char *)""};
    const ceilings c = {.rate = {[ATTN_CEILING_FP32_PORTABLE] = 4.5e10}, .bandwidth = {{32768, 4e11}, {1 << 20, 0}}};
    const context_facts given = {.argc = 6, .argv = argv, .isa = 0, .threads = 2, .pinned = 1, .ceilings = &c};
    json_t *context = context_new(&given);
    assert_non_null(context);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) assert_true(*text_of(context, texts[i]));
    assert_int_equal(json_integer_value(json_object_get(context, "schema")), 1);
    assert_string_equal(text_of(context, "command"), "attnbench bench 'it'\\''s here' --workload a=1,b=2 ''");
    assert_string_equal(text_of(context, "isa"), "portable");
    assert_non_null(strstr(text_of(context, "pinning"), "1 of 2"));
    assert_non_null(strstr(text_of(context, "library"), "GSL "));
    assert_int_equal(json_integer_value(json_object_get(context, "threads")), 2);
    assert_int_equal(json_integer_value(json_object_get(context, "memory")), machine_facts_get()->memory);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(context, "caches"), "l2")),
                     machine_facts_get()->l2);

    const json_t *const rates = json_object_get(context, "ceilings");
    assert_int_equal(json_object_size(rates), 1); /* what was not measured is absent */
    assert_true(json_real_value(json_object_get(rates, "fp32_portable")) == 45.0);
    const json_t *const bandwidth = json_object_get(context, "bandwidth");
    assert_int_equal(json_array_size(bandwidth), 1);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(bandwidth, 0), "footprint")), 32768);
    assert_true(json_real_value(json_object_get(json_array_get(bandwidth, 0), "gbytes")) == 400.0);

    int count;
    const attn_kernel *const *const kernels = attn_kernels(&count);
    const json_t *const listed = json_object_get(context, "kernels");
    assert_int_equal(json_array_size(listed), count);
    for (int i = 0; i < count; i++) {
        const json_t *const k = json_array_get(listed, (size_t)i);
        assert_string_equal(text_of(k, "name"), kernels[i]->name);
        assert_true(*text_of(k, "idea") && *text_of(k, "role") && *text_of(k, "isa"));
        assert_int_equal(json_is_true(json_object_get(k, "threaded")), (kernels[i]->traits & ATTN_TRAIT_THREADED) != 0);
    }

    assert_int_equal(json_array_size(json_object_get(context, "skipped")), 0);
    assert_int_equal(context_skip(context, "x/y/threads:1", "time budget"), 0);
    assert_string_equal(text_of(json_array_get(json_object_get(context, "skipped"), 0), "reason"), "time budget");
    json_decref(context);

    context = context_new(&(context_facts){.argv = argv, .pinned = -1, .kernels = kernels, .kernel_count = 1});
    assert_non_null(context);
    assert_null(json_object_get(context, "ceilings"));
    assert_string_equal(text_of(context, "pinning"), "none");
    assert_int_equal(json_array_size(json_object_get(context, "kernels")), 1);
    json_decref(context);
}

static void every_record_has_a_date(void **state)
{
    (void)state;
    struct tm parsed;
    json_t *record = json_pack("{s:{}}", "context");
    context_put(record, json_object());
    const char *const now = text_of(json_object_get(record, "context"), "date");
    const char *const rest = strptime(now, "%Y-%m-%dT%H:%M:%S%z", &parsed);
    assert_non_null(rest);
    assert_string_equal(rest, "");
    assert_non_null(json_object_get(json_object_get(record, "context"), "attnbench"));
    json_decref(record);

    record = json_pack("{s:{s:s}}", "context", "date", "2026-01-02T03:04:05+06:00"); /* Google Benchmark's own */
    context_put(record, json_object());
    assert_string_equal(text_of(json_object_get(record, "context"), "date"), "2026-01-02T03:04:05+06:00");
    json_decref(record);
}

int main(void)
{
#define WITH_TREE(test) cmocka_unit_test_setup_teardown(test, make_root, remove_root)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_are_counted),
        cmocka_unit_test(values_are_found_by_their_whole_key),
        WITH_TREE(an_empty_tree_is_unknown),
        WITH_TREE(x86_is_read),
        WITH_TREE(hypervisors_are_named),
        WITH_TREE(arm_is_read),
        WITH_TREE(cgroup_version_2),
        WITH_TREE(cgroup_version_1),
        cmocka_unit_test(this_machine_is_plausible),
        cmocka_unit_test(context_has_every_key_of_the_schema),
        cmocka_unit_test(every_record_has_a_date),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
