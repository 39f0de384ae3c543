/* cgroup.h: what the control groups of this process leave it, version 1 or 2, own group and ancestors. */
#ifndef ATTNBENCH_CGROUP_H
#define ATTNBENCH_CGROUP_H

#include <stdint.h>

typedef struct cgroup_limits {
    double cpus;    /* processors' worth of time; 0: no limit */
    int64_t memory; /* bytes; 0: no limit */
    int64_t
        memory_available; /* bytes below the limit that are not in use (file cache counts as unused); -1: no limit */
    int64_t throttled;    /* times that the processor was taken away at the limit, since the group exists; -1 unknown */
} cgroup_limits;

/* `root` stands in front of every path; "": this machine. */
cgroup_limits cgroup_limits_read(const char *root);

#endif
