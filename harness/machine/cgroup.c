/* cgroup.c: reads the limits of every group from the process's own up to the root, and keeps the tightest.
 *
 * In a container, the path in /proc/self/cgroup may be the host's while the mount shows only the container's own part.
 * Levels that do not exist are skipped, and the top, which then holds the container's limit, is always read. */
#include "cgroup.h"

#include "util/proc_file.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Version 1 writes 'no limit' as the largest number of whole pages. */
#define NO_LIMIT (INT64_C(1) << 60)

typedef struct level {
    const char *root;
    char path[PATH_MAX]; /* of the group's folder */
} level;

static int read_number(const level *l, const char *file, int64_t *value)
{
    char path[PATH_MAX + 64], text[64], *end;
    snprintf(path, sizeof path, "%s/%s", l->path, file);
    if (!proc_file_read(l->root, path, text, sizeof text)) return 0;
    *value = strtoll(text, &end, 10);
    return end != text && *end == '\0'; /* "max" is no number: no limit */
}

static void limit_cpus(cgroup_limits *limits, double quota, double period)
{
    if (quota <= 0 || period <= 0) return;
    const double cpus = quota / period;
    if (limits->cpus == 0 || cpus < limits->cpus) limits->cpus = cpus;
}

static void count_throttling(cgroup_limits *limits, const level *l)
{
    char path[PATH_MAX + 64], stat[4096], value[32];
    snprintf(path, sizeof path, "%s/cpu.stat", l->path);
    if (!proc_file_read(l->root, path, stat, sizeof stat) ||
        !proc_file_value(stat, "nr_throttled", ' ', value, sizeof value))
        return;
    const int64_t times = strtoll(value, NULL, 10);
    if (times > limits->throttled) limits->throttled = times;
}

static void limit_memory(cgroup_limits *limits, const level *l, int64_t limit, const char *usage_file,
                         const char *cache_key)
{
    if (limit <= 0 || limit >= NO_LIMIT) return;
    if (limits->memory == 0 || limit < limits->memory) limits->memory = limit;
    int64_t used = 0;
    if (!read_number(l, usage_file, &used)) return;
    char path[PATH_MAX + 64], stat[8192], value[32];
    snprintf(path, sizeof path, "%s/memory.stat", l->path);
    if (proc_file_read(l->root, path, stat, sizeof stat) && proc_file_value(stat, cache_key, ' ', value, sizeof value))
        used -= strtoll(value, NULL, 10);
    if (used < 0) used = 0;
    const int64_t available = used < limit ? limit - used : 0;
    if (limits->memory_available < 0 || available < limits->memory_available) limits->memory_available = available;
}

static void read_version2(const level *l, cgroup_limits *limits)
{
    char path[PATH_MAX + 64], text[64];
    double quota, period;
    int64_t bytes;
    snprintf(path, sizeof path, "%s/cpu.max", l->path);
    if (proc_file_read(l->root, path, text, sizeof text) && sscanf(text, "%lf %lf", &quota, &period) == 2)
        limit_cpus(limits, quota, period);
    count_throttling(limits, l);
    if (read_number(l, "memory.max", &bytes)) limit_memory(limits, l, bytes, "memory.current", "inactive_file");
}

static void read_version1(const level *l, cgroup_limits *limits)
{
    int64_t quota, period, bytes;
    if (read_number(l, "cpu.cfs_quota_us", &quota) && read_number(l, "cpu.cfs_period_us", &period))
        limit_cpus(limits, (double)quota, (double)period);
    count_throttling(limits, l);
    if (read_number(l, "memory.limit_in_bytes", &bytes))
        limit_memory(limits, l, bytes, "memory.usage_in_bytes", "total_inactive_file");
}

/* Reads mount + path and every folder above it down to the mount itself. */
static void walk(const char *root, const char *mount, const char *path, void (*read)(const level *, cgroup_limits *),
                 cgroup_limits *limits)
{
    level l = {.root = root};
    const int length = snprintf(l.path, sizeof l.path, "%s%s", mount, path);
    if (length < 0 || (size_t)length >= sizeof l.path) return;
    for (;;) {
        read(&l, limits);
        char *const slash = strrchr(l.path, '/');
        if (!slash || (size_t)(slash - l.path) < strlen(mount)) return;
        *slash = '\0';
    }
}

static int lists(const char *controllers, const char *name)
{
    const size_t length = strlen(name);
    for (const char *at = controllers; *at; at += strcspn(at, ","), at += *at == ',')
        if (strncmp(at, name, length) == 0 && (at[length] == ',' || at[length] == '\0')) return 1;
    return 0;
}

cgroup_limits cgroup_limits_read(const char *root)
{
    cgroup_limits limits = {.memory_available = -1, .throttled = -1};
    char groups[8192], *rest = groups;
    if (!proc_file_read(root, "/proc/self/cgroup", groups, sizeof groups)) return limits;
    /* A line: hierarchy:controllers:path; version 2 has hierarchy 0 and no controllers. */
    for (char *line; (line = strsep(&rest, "\n"));) {
        char *const controllers = strchr(line, ':');
        char *const path = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!path) continue;
        *path = '\0';
        if (controllers[1] == '\0') {
            walk(root, "/sys/fs/cgroup", path + 1, read_version2, &limits);
            walk(root, "/sys/fs/cgroup/unified", path + 1, read_version2, &limits);
        } else if (lists(controllers + 1, "cpu") || lists(controllers + 1, "memory")) {
            char mount[PATH_MAX];
            snprintf(mount, sizeof mount, "/sys/fs/cgroup/%s", controllers + 1);
            walk(root, mount, path + 1, read_version1, &limits);
            snprintf(mount, sizeof mount, "/sys/fs/cgroup/%s", lists(controllers + 1, "cpu") ? "cpu" : "memory");
            walk(root, mount, path + 1, read_version1, &limits);
        }
    }
    return limits;
}
