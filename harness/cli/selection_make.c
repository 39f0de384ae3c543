/* selection_make.c: from names and patterns to kernels, workloads, classes and thread counts. */
#include <ctype.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "workload/workload_files.h"
#include "cpu.h"
#include "tensors/inputs.h"
#include "machine/machine.h"
#include "options.h"
#include "registry.h"
#include "judge/trial.h"

enum { MOST_THREADS = 1024 };

/* Built-in kernels, then those of each plugin in the order given. */
static int all_kernels(selection *s, const attn_kernel ***all, int *count)
{
    int built_in;
    const attn_kernel *const *kernels = attn_kernels(&built_in);
    *count = built_in;
    for (int p = 0; p < s->plugins.count; p++) *count += s->plugins.plugin[p]->kernels;
    *all = calloc((size_t)*count, sizeof **all);
    s->kernel = calloc((size_t)*count, sizeof *s->kernel);
    if (!*all || !s->kernel) return 0;
    int n = 0;
    for (; n < built_in; n++) (*all)[n] = kernels[n];
    for (int p = 0; p < s->plugins.count; p++)
        for (int i = 0; i < s->plugins.plugin[p]->kernels; i++) (*all)[n++] = s->plugins.plugin[p]->kernel[i];
    return 1;
}

static int choose_kernels(const options *o, selection *s, const attn_kernel *const *all, int count, char *reason,
                          size_t size)
{
    for (int p = 0; p < o->kernels.count; p++) {
        int matched = 0;
        for (int i = 0; i < count; i++) matched |= fnmatch(o->kernels.word[p], all[i]->name, 0) == 0;
        if (matched) continue;
        size_t used = (size_t)snprintf(reason, size, "no kernel matches '%.60s'; kernels:", o->kernels.word[p]);
        for (int i = 0; i < count && used < size; i++)
            used += (size_t)snprintf(reason + used, size - used, " %s", all[i]->name);
        return 0;
    }
    for (int i = 0; i < count; i++) {
        int wanted = o->kernels.count == 0;
        for (int p = 0; p < o->kernels.count; p++) wanted |= fnmatch(o->kernels.word[p], all[i]->name, 0) == 0;
        if (wanted) s->kernel[s->kernels++] = all[i];
    }
    return 1;
}

static int select_kernels(const options *o, selection *s, char *reason, size_t size)
{
    const attn_kernel **all = NULL;
    int count;
    if (!plugins_open(o->plugins.word, o->plugins.count, s->isa, &s->plugins, reason, size)) return 0;
    const int ok = all_kernels(s, &all, &count) && choose_kernels(o, s, all, count, reason, size);
    free(all);
    return ok;
}

static int add_workload(selection *s, const char *suite, const char *line, char *reason, size_t size)
{
    const size_t count = (size_t)s->workloads + 1;
    workload *grown = realloc(s->workload, count * sizeof *grown);
    if (grown) s->workload = grown;
    const char **grown_suite = realloc(s->suite, count * sizeof *grown_suite);
    if (grown_suite) s->suite = grown_suite;
    if (!grown || !grown_suite) return 0;
    s->suite[s->workloads] = suite;
    if (!workload_parse(line, s->set, &s->workload[s->workloads], reason, size)) return 0;
    for (int i = 0; i < s->workloads; i++) { /* named twice (by two suites, say): once is enough */
        if (strcmp(s->workload[i].name, s->workload[s->workloads].name) ||
            strcmp(s->workload[i].spec, s->workload[s->workloads].spec))
            continue;
        workload_free(&s->workload[s->workloads]);
        return 1;
    }
    s->workloads++;
    return 1;
}

static int add_suite(selection *s, const char *name, char *reason, size_t size)
{
    const char *const *members = suite_members(s->set, name);
    if (!members) {
        size_t used = (size_t)snprintf(reason, size, "no suite '%.60s'; suites:", name);
        for (int i = 0; i < suite_count(s->set) && used < size; i++)
            used += (size_t)snprintf(reason + used, size - used, " %s", suite_name(s->set, i));
        return 0;
    }
    for (; *members; members++)
        if (!add_workload(s, name, *members, reason, size)) return 0;
    return 1;
}

static int select_workloads(const options *o, const char *const *default_suites, selection *s, char *reason,
                            size_t size)
{
    s->set = workload_set_new(reason, size);
    if (!s->set) return 0;
    for (int i = 0; i < o->files.count; i++)
        if (!workload_set_read(s->set, o->files.word[i], reason, size)) return 0;
    for (int i = 0; i < o->workloads.count; i++)
        if (!add_workload(s, "", o->workloads.word[i], reason, size) ||
            !workload_check_files(&s->workload[s->workloads - 1], reason, size))
            return 0;
    for (int i = 0; i < o->suites.count; i++)
        if (!add_suite(s, o->suites.word[i], reason, size)) return 0;
    if (o->workloads.count + o->suites.count == 0)
        for (; *default_suites; default_suites++)
            if (!add_suite(s, *default_suites, reason, size)) return 0;
    if (s->workloads) return 1;
    snprintf(reason, size, "no workload is selected: suite '%.60s' is empty", o->suites.count ? o->suites.word[0] : "");
    return 0;
}

static int by_value(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }

static int add_threads(selection *s, int threads)
{
    for (int i = 0; i < s->thread_counts; i++)
        if (s->threads[i] == threads) return 1;
    int *grown = realloc(s->threads, (size_t)(s->thread_counts + 1) * sizeof *grown);
    if (!grown) return 0;
    s->threads = grown;
    s->threads[s->thread_counts++] = threads;
    return 1;
}

/* LIST: numbers and 'all', with commas. */
static int read_threads(const char *list, selection *s, char *reason, size_t size)
{
    for (const char *at = list;;) {
        const size_t length = strcspn(at, ",");
        long threads = 0;
        if (length == 3 && strncmp(at, "all", 3) == 0)
            threads = machine_facts_get()->threads;
        else if (length > 0 && length < 6 && isdigit((unsigned char)*at) && strspn(at, "0123456789") == length)
            threads = strtol(at, NULL, 10);
        if (threads < 1 || threads > MOST_THREADS) {
            snprintf(reason, size, "--threads %.60s: must be numbers from 1 to %d, or 'all', with commas", list,
                     MOST_THREADS);
            return 0;
        }
        if (!add_threads(s, (int)threads)) return 0;
        if (!at[length]) return 1;
        at += length + 1;
    }
}

static int select_threads(const options *o, selection *s, char *reason, size_t size)
{
    if (o->threads.count == 0 && !read_threads("1,all", s, reason, size)) return 0;
    for (int i = 0; i < o->threads.count; i++)
        if (!read_threads(o->threads.word[i], s, reason, size)) return 0;
    qsort(s->threads, (size_t)s->thread_counts, sizeof *s->threads, by_value);
    return 1;
}

static int read_classes(const char *list, selection *s, char *reason, size_t size)
{
    for (const char *at = list;;) {
        char name[32];
        const size_t length = strcspn(at, ",");
        snprintf(name, sizeof name, "%.*s", (int)(length < sizeof name ? length : sizeof name - 1), at);
        const int found = input_class_find(name);
        if (strcmp(name, "all") == 0)
            for (int i = 0; i < INPUT_CLASSES; i++) s->input[i] = true;
        else if (found >= 0)
            s->input[found] = true;
        else {
            size_t used = (size_t)snprintf(reason, size, "no input class '%s'; classes: all", name);
            for (int i = 0; i < INPUT_CLASSES && used < size; i++)
                used += (size_t)snprintf(reason + used, size - used, " %s", input_class_name(i));
            return 0;
        }
        if (!at[length]) return 1;
        at += length + 1;
    }
}

static int select_classes(const options *o, selection *s, char *reason, size_t size)
{
    s->classes_given = o->classes.count > 0;
    if (!s->classes_given) return read_classes("all", s, reason, size);
    for (int i = 0; i < o->classes.count; i++)
        if (!read_classes(o->classes.word[i], s, reason, size)) return 0;
    return 1;
}

static int has_jobs(const selection *s, char *reason, size_t size)
{
    int jobs;
    trial_job *job = trial_jobs(s, &jobs);
    if (job && jobs == 0)
        snprintf(reason, size, "nothing is selected: serial kernels run at 1 thread only; add 1 to --threads");
    free(job);
    return job && jobs > 0;
}

int selection_make(const options *o, const char *const *default_suites, selection *out, char *reason, size_t size)
{
    memset(out, 0, sizeof *out);
    snprintf(reason, size, "out of memory");
    out->seed = o->seed;
    out->residency = o->residency;
    out->isa = attn_cpu_isa();
    if (attn_cpu_check(reason, size) && select_kernels(o, out, reason, size) && select_threads(o, out, reason, size) &&
        select_classes(o, out, reason, size) && select_workloads(o, default_suites, out, reason, size) &&
        has_jobs(out, reason, size))
        return 1;
    selection_free(out);
    return 0;
}
