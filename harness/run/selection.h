/* selection.h: what a command works on: workloads, kernels, numbers of threads. */
#ifndef ATTNBENCH_SELECTION_H
#define ATTNBENCH_SELECTION_H

#include "plugin/plugin.h"
#include "cache_state.h"
#include "workload/workload.h"

/* Workloads are parsed; kernels come from the registry and from plugins. */
typedef struct selection {
    workload_set *set;
    workload *workload;
    const char **suite; /* [workloads] the suite that named it first; "" where a flag did */
    int workloads;
    plugin_set plugins;
    const attn_kernel **kernel;
    int kernels;
    int *threads; /* ascending, no repeats */
    int thread_counts;
    bool input[INPUT_CLASSES]; /* classes asked for by --class */
    bool classes_given;
    uint64_t seed;
    uint64_t isa;
    residency residency;
} selection;

void selection_free(selection *s);

/* Entries of a record are told apart by their workloads' names, in which the folders of files have no part. 0 and one
 * line where two workloads of different files have the same. */
int selection_names_differ(const selection *s, char *reason, size_t reason_size);

/* What to run: a kernel at a number of threads. */
typedef struct trial_job {
    const attn_kernel *kernel;
    int threads;
} trial_job;

/* Every selected kernel at every selected number of threads; serial kernels at 1 only. The caller frees the list; NULL
 * where memory is short. */
trial_job *trial_jobs(const selection *s, int *count);

#endif
