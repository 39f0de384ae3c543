/* cgroup.h: the limits of this process's control groups (version 1 or 2), own group and ancestors. machine.c lowers the
 * usable processors and memory by them; the doctor reports throttling. */
#ifndef ATTNBENCH_CGROUP_H
#define ATTNBENCH_CGROUP_H

#include <stdint.h>

typedef struct cgroup_limits {
    double cpus;              /* processors' worth of time; 0: no limit */
    int64_t memory;           /* bytes; 0: no limit */
    int64_t memory_available; /* unused bytes below the limit (file cache counts as unused); -1: no limit */
    int64_t throttled;        /* how often the group was throttled since it exists; -1: unknown */
} cgroup_limits;

/* `root` stands in front of every path; "": this machine. */
cgroup_limits cgroup_limits_read(const char *root);

#endif
