/* machine.h: facts of this machine: CPU, caches, usable processors, governor, memory. */
#ifndef ATTNBENCH_MACHINE_H
#define ATTNBENCH_MACHINE_H

#include "attention.h"

typedef struct machine_facts {
    char cpu[96];              /* model name */
    char cpu_id[48];           /* vendor family/model/stepping */
    char kernel[96];           /* uname -sr */
    char hypervisor[32];       /* "none", "kvm", ... or "unknown" */
    char governor[64];         /* "performance", or "unknown: <why>" */
    int threads;               /* processors usable: affinity mask, lowered by the cgroup's cpu.max (rounded up) */
    int processors;            /* online */
    int64_t l1d, l2, l3, line; /* bytes, 0 unknown */
    int64_t memory;            /* bytes that may be used: physical, lowered by the cgroup */
} machine_facts;

/* Read once, cached. The first call must come before threads are pinned: it counts the processors that it may use. */
const machine_facts *machine_facts_get(void);

/* The same, uncached, with `root` in front of every path ("": this machine). What the files do not say is asked of the
 * system only where root is ""; else it is 0 or "unknown". */
void machine_facts_read(const char *root, machine_facts *out);

/* Bytes that could be allocated now without swapping, as system and cgroup say; 0 unknown. */
int64_t machine_memory_available(void);

/* Numbers in a list such as "0-3,8", as in /proc and sysfs; 0 for what is not such a list. */
int machine_list_count(const char *list);

#endif
