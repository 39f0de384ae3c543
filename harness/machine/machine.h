/* machine.h: facts of this machine: CPU, caches, usable processors, governor, memory. Records, the doctor and the
 * choice of thread counts use them. */
#ifndef ATTNBENCH_MACHINE_H
#define ATTNBENCH_MACHINE_H

#include "attention.h"

typedef struct machine_facts {
    char cpu[96];              /* model name */
    char cpu_id[48];           /* vendor family/model/stepping */
    char kernel[96];           /* uname -sr */
    char hypervisor[32];       /* "none", "kvm", ... or "unknown" */
    char governor[64];         /* "performance", or "unknown: <why>" */
    int threads;               /* usable processors: affinity mask, at most the cgroup's cpu.max (rounded up) */
    int processors;            /* online */
    int64_t l1d, l2, l3, line; /* bytes; 0 unknown */
    int64_t memory;            /* usable bytes: physical, at most the cgroup's limit */
} machine_facts;

/* Read once and cached. The first call must come before threads are pinned, since it counts the usable processors. */
const machine_facts *machine_facts_get(void);

/* The same, uncached, with `root` in front of every path ("": this machine). Facts that the files lack come from system
 * calls if root is ""; else they are 0 or "unknown". */
void machine_facts_read(const char *root, machine_facts *out);

/* Bytes that could be allocated now without swapping, by system and cgroup; 0 unknown. */
int64_t machine_memory_available(void);

/* How many numbers a list such as "0-3,8" of /proc or sysfs has; 0 if it is no such list. */
int machine_list_count(const char *list);

#endif
