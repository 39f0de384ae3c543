/* machine.c: reads the facts of this machine from /proc and /sys, and by system calls where those lack them. */
#include "machine.h"

#include "cgroup.h"
#include "util/proc_file.h"

#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/utsname.h>
#include <unistd.h>

#define CPUINFO_BYTES (64 << 10) /* the first processors of /proc/cpuinfo suffice */

static int64_t system_number(const char *root, int name)
{
    const long value = *root ? 0 : sysconf(name);
    return value > 0 ? value : 0;
}

int machine_list_count(const char *list)
{
    int count = 0;
    while (*list) {
        char *end;
        const long first = strtol(list, &end, 10);
        if (end == list || first < 0) return 0;
        long last = first;
        if (*end == '-') {
            list = end + 1;
            last = strtol(list, &end, 10);
            if (end == list || last < first || last > 1 << 20) return 0;
        }
        if (*end != ',' && *end != '\0') return 0;
        count += (int)(last - first + 1);
        list = end + (*end == ',');
    }
    return count;
}

static void read_cpu(const char *cpuinfo, machine_facts *out)
{
    char vendor[32], family[16], model[16], stepping[16];
    if (proc_file_value(cpuinfo, "vendor_id", ':', vendor, sizeof vendor)) {
        proc_file_value(cpuinfo, "cpu family", ':', family, sizeof family);
        proc_file_value(cpuinfo, "model", ':', model, sizeof model);
        proc_file_value(cpuinfo, "stepping", ':', stepping, sizeof stepping);
        snprintf(out->cpu_id, sizeof out->cpu_id, "%.14s %.8s/%.8s/%.8s", vendor, family, model, stepping);
    } else if (proc_file_value(cpuinfo, "CPU implementer", ':', vendor, sizeof vendor)) {
        char revision[16];
        proc_file_value(cpuinfo, "CPU architecture", ':', family, sizeof family);
        proc_file_value(cpuinfo, "CPU part", ':', model, sizeof model);
        proc_file_value(cpuinfo, "CPU variant", ':', stepping, sizeof stepping);
        proc_file_value(cpuinfo, "CPU revision", ':', revision, sizeof revision);
        snprintf(out->cpu_id, sizeof out->cpu_id, "%.8s %.8s/%.8s/%.6s.%.6s", vendor, family, model, stepping,
                 revision);
    } else {
        snprintf(out->cpu_id, sizeof out->cpu_id, "unknown");
    }
    if (!proc_file_value(cpuinfo, "model name", ':', out->cpu, sizeof out->cpu))
        snprintf(out->cpu, sizeof out->cpu, "%s", out->cpu_id);
}

/* The vendor of the virtual machine's board, and the short name of its hypervisor. */
static void read_hypervisor(const char *root, const char *cpuinfo, machine_facts *out)
{
    static const char *const makers[][2] = {
        {"QEMU", "kvm"},
        {"KVM", "kvm"},
        {"Google Compute Engine", "kvm"},
        {"Amazon EC2", "kvm"},
        {"OpenStack", "kvm"},
        {"VMware", "vmware"},
        {"Virtual Machine", "hyper-v"},
        {"VirtualBox", "virtualbox"},
        {"Xen", "xen"},
        {"Parallels", "parallels"},
    };
    char flags[8192], text[64], board[160], product[64];
    const int has_flags = proc_file_value(cpuinfo, "flags", ':', flags, sizeof flags);
    const char *const flag = strstr(flags, "hypervisor");
    const char *name = has_flags ? (flag ? "yes" : "none") : "unknown";

    proc_file_read(root, "/sys/class/dmi/id/product_name", product, sizeof product);
    proc_file_read(root, "/sys/class/dmi/id/sys_vendor", text, sizeof text);
    snprintf(board, sizeof board, "%s %s", text, product);
    /* Some vendors offer virtual machines and bare metal under one name. If the CPU has the flag, the flag decides. */
    if (!has_flags || flag)
        for (size_t i = 0; i < sizeof makers / sizeof makers[0]; i++)
            if (strstr(board, makers[i][0])) {
                name = makers[i][1];
                break;
            }
    if (proc_file_read(root, "/sys/hypervisor/type", text, sizeof text) && *text) name = text;
    snprintf(out->hypervisor, sizeof out->hypervisor, "%.31s", name);
}

static void read_governor(const char *root, machine_facts *out)
{
    char first[48] = "", path[96], text[48];
    for (int cpu = 0; cpu == 0 || cpu < out->processors; cpu++) {
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/cpufreq/scaling_governor", cpu);
        if (!proc_file_read(root, path, text, sizeof text)) continue;
        if (*first && strcmp(first, text) != 0) {
            snprintf(out->governor, sizeof out->governor, "mixed: %.24s and %.24s", first, text);
            return;
        }
        snprintf(first, sizeof first, "%s", text);
    }
    snprintf(out->governor, sizeof out->governor, "%s", *first ? first : "unknown: no cpufreq here");
}

static void read_caches(const char *root, machine_facts *out)
{
    char path[96], text[32];
    for (int index = 0; index < 16; index++) {
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/type", index);
        if (!proc_file_read(root, path, text, sizeof text)) break;
        if (strcmp(text, "Instruction") == 0) continue;

        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/level", index);
        proc_file_read(root, path, text, sizeof text);
        const int level = atoi(text);

        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/size", index);
        proc_file_read(root, path, text, sizeof text);
        char *unit;
        int64_t bytes = strtoll(text, &unit, 10);
        if (*unit == 'K') bytes <<= 10;
        if (*unit == 'M') bytes <<= 20;
        if (level == 1) out->l1d = bytes;
        if (level == 2) out->l2 = bytes;
        if (level == 3) out->l3 = bytes;

        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/coherency_line_size", index);
        if (proc_file_read(root, path, text, sizeof text) && out->line == 0) out->line = strtoll(text, NULL, 10);
    }
    if (out->l1d == 0) out->l1d = system_number(root, _SC_LEVEL1_DCACHE_SIZE);
    if (out->l2 == 0) out->l2 = system_number(root, _SC_LEVEL2_CACHE_SIZE);
    if (out->l3 == 0) out->l3 = system_number(root, _SC_LEVEL3_CACHE_SIZE);
    if (out->line == 0) out->line = system_number(root, _SC_LEVEL1_DCACHE_LINESIZE);
}

/* Processors in this process's affinity mask, from a file, since cpu_set_t limits their number. */
static int affinity(const char *root)
{
    char status[8192], list[4096];
    if (proc_file_read(root, "/proc/self/status", status, sizeof status) &&
        proc_file_value(status, "Cpus_allowed_list", ':', list, sizeof list)) {
        const int count = machine_list_count(list);
        if (count > 0) return count;
    }
    cpu_set_t set;
    return !*root && sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 0;
}

static int64_t read_meminfo(const char *root, const char *key)
{
    char text[4096], value[64];
    if (!proc_file_read(root, "/proc/meminfo", text, sizeof text) ||
        !proc_file_value(text, key, ':', value, sizeof value))
        return 0;
    return strtoll(value, NULL, 10) * 1024;
}

void machine_facts_read(const char *root, machine_facts *out)
{
    memset(out, 0, sizeof *out);

    struct utsname system;
    if (uname(&system) == 0) snprintf(out->kernel, sizeof out->kernel, "%.31s %.63s", system.sysname, system.release);

    char online[4096];
    if (proc_file_read(root, "/sys/devices/system/cpu/online", online, sizeof online))
        out->processors = machine_list_count(online);
    if (out->processors == 0) out->processors = (int)system_number(root, _SC_NPROCESSORS_ONLN);
    if (out->processors == 0) out->processors = 1;

    char *const cpuinfo = malloc(CPUINFO_BYTES);
    if (cpuinfo) proc_file_read(root, "/proc/cpuinfo", cpuinfo, CPUINFO_BYTES);
    read_cpu(cpuinfo ? cpuinfo : "", out);
    read_hypervisor(root, cpuinfo ? cpuinfo : "", out);
    free(cpuinfo);
    read_governor(root, out);
    read_caches(root, out);

    const cgroup_limits limits = cgroup_limits_read(root);
    out->threads = affinity(root);
    if (out->threads == 0) out->threads = out->processors;
    if (limits.cpus > 0 && ceil(limits.cpus) < out->threads) out->threads = (int)ceil(limits.cpus);

    out->memory = read_meminfo(root, "MemTotal");
    if (out->memory == 0) out->memory = system_number(root, _SC_PHYS_PAGES) * system_number(root, _SC_PAGESIZE);
    if (limits.memory > 0 && (out->memory == 0 || limits.memory < out->memory)) out->memory = limits.memory;
}

int64_t machine_memory_available(void)
{
    const cgroup_limits limits = cgroup_limits_read("");
    int64_t available = read_meminfo("", "MemAvailable");
    if (available == 0) available = system_number("", _SC_AVPHYS_PAGES) * system_number("", _SC_PAGESIZE);
    if (limits.memory_available >= 0 && limits.memory_available < available) available = limits.memory_available;
    return available;
}

static machine_facts cached;

static void read_cached(void) { machine_facts_read("", &cached); }

const machine_facts *machine_facts_get(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, read_cached);
    return &cached;
}
