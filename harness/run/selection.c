/* selection.c: freed, and made into jobs. */
#include "selection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void selection_free(selection *s)
{
    for (int i = 0; i < s->workloads; i++) workload_free(&s->workload[i]);
    free(s->workload);
    free(s->suite);
    free(s->kernel);
    plugins_close(&s->plugins);
    free(s->threads);
    if (s->set) workload_set_free(s->set);
    memset(s, 0, sizeof *s);
}

static bool same_path(const char *a, const char *b) { return a && b ? strcmp(a, b) == 0 : a == b; }

static bool same_files(const workload *a, const workload *b)
{
    return same_path(a->q_file, b->q_file) && same_path(a->k_file, b->k_file) && same_path(a->v_file, b->v_file);
}

int selection_names_differ(const selection *s, char *reason, size_t reason_size)
{
    for (int i = 1; i < s->workloads; i++)
        for (int k = 0; k < i; k++)
            if (strcmp(s->workload[i].name, s->workload[k].name) == 0 &&
                !same_files(&s->workload[i], &s->workload[k])) {
                snprintf(reason, reason_size,
                         "two workloads would be timed as '%.200s': give them names of their own in a --workloads file",
                         s->workload[i].name);
                return 0;
            }
    return 1;
}

trial_job *trial_jobs(const selection *s, int *count)
{
    trial_job *job = calloc((size_t)(s->kernels * s->thread_counts) + 1, sizeof *job);
    *count = 0;
    for (int k = 0; job && k < s->kernels; k++)
        for (int t = 0; t < s->thread_counts; t++) {
            const uint64_t threaded = s->kernel[k]->traits & (ATTN_TRAIT_THREADED | ATTN_TRAIT_OWN_THREADS);
            if (threaded || s->threads[t] == 1) job[(*count)++] = (trial_job){s->kernel[k], s->threads[t]};
        }
    return job;
}
