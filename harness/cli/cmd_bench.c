/* cmd_bench.c: attnbench bench: times of checked kernels. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/child_process.h"
#include "commands.h"
#include "record/context.h"
#include "bench/instructions.h"
#include "compare/alignment_sweep.h"
#include "bench/profile.h"
#include "record/record.h"
#include "util/console.h"
#include "bench/timing.h"
#include "util/atomic_file.h"
#include "output/terminal_table.h"

const command command_bench = {
    .name = "bench",
    .about = "how fast? times of checked kernels, by Google Benchmark",
    .run = cmd_bench,
    .bit = BY_BENCH,
    .takes_rest = true,
    .usage = {{"[SELECT] [OUTPUT] [-- Google Benchmark's flags]", "how fast?"}},
    .text = "Every kernel is checked first, in a process of its own, and again after its timing: no number is shown "
            "for an output that was not checked. The time is pack + run; counters: gflops (2 * pairs * (d + dv) a "
            "second), share of the measured ceiling that limits the kernel, gbytes (compulsory GB/s), share_bw of the "
            "measured bandwidth, pack_ms.",
    .after = "Defaults for Google Benchmark: --benchmark_repetitions=5 --benchmark_min_time=0.1 "
             "--benchmark_enable_random_interleaving=true --benchmark_display_aggregates_only=true; the filter "
             "matches names such as KERNEL/gpt2-1k/threads:1.",
    .example = "bench --workload b=1,h=8,q=1024,d=64 -- --benchmark_repetitions=9",
    .suites = {"models"},
    .threads = "1,all",
};

static void list_names(const timing *t, const selection *s)
{
    int jobs;
    trial_job *job = trial_jobs(s, &jobs);
    for (int w = 0; job && w < s->workloads; w++)
        for (int i = 0; i < jobs; i++) {
            char name[2048];
            timing_name(s, &job[i], &s->workload[w], name, sizeof name);
            if (gbench_selects(t->g, name)) puts(name);
        }
    free(job);
}

static int time_all(timing *t, const selection *s, const options *o)
{
    int jobs;
    trial_job *job = trial_jobs(s, &jobs);
    for (int w = 0; job && w < s->workloads && !interrupted && !command_unread(o); w++)
        timing_workload(t, &s->workload[w], job, jobs);
    free(job);
    if (interrupted) return EXIT_INTERRUPTED;
    if (t->failed) return EXIT_FINDING;
    const json_t *one = json_array_get(json_object_get(t->record, "cases"), 0);
    const char *why = json_string_value(json_object_get(one, "reason")), *const first = why ? why : "";
    if (t->timed == 0)
        complain("nothing was timed: no selected kernel supports a selected workload here%s%s", first[0] ? ": " : "",
                 first);
    else if (t->unsupported)
        complain("timed %d of %d; %d unsupported (the record's cases say why)", t->timed, t->timed + t->unsupported,
                 t->unsupported);
    if (t->refused) return EXIT_USAGE;
    return t->timed ? EXIT_WELL : EXIT_UNDECIDED;
}

/* Google Benchmark's own output flags mean the same as ours. */
static int merge_outputs(const timing *t, options *o, char *reason, size_t size)
{
    const char *path = gbench_flag_out(t->g);
    if (!path) return 1;
    if (strcmp(path, "-") == 0) {
        snprintf(reason, size, "--benchmark_out=-: name a file; --json - and --csv - write to standard output");
        return 0;
    }
    const char **ours = strcmp(gbench_flag_out_format(t->g), "csv") == 0 ? &o->csv : &o->json;
    if (*ours) {
        snprintf(reason, size, "--benchmark_out and %s name the same output twice; leave one out",
                 ours == &o->csv ? "--csv" : "--json");
        return 0;
    }
    *ours = path;
    return file_writable(path, reason, size);
}

/* What has loops of its own instead of Google Benchmark's: --layout and --profile. */
static int bench_apart(options *o, int argc, char **argv)
{
    static const char *const suites[] = {"places", NULL};
    static const char *one[] = {"1"};
    char reason[1024];
    selection s;
    if (o->rest_count || o->counters || o->instructions || o->residency != RESIDENCY_HOT || (o->layout && o->profile)) {
        complain("--layout and --profile make hot calls of their own, one or the other: leave out --counters, "
                 "--instructions, --cold, --rotate and what follows --");
        return EXIT_USAGE;
    }
    const word_list threads = o->threads;
    if (threads.count == 0) o->threads = (word_list){one, 1};
    const int made = selection_make(o, suites, &s, reason, sizeof reason);
    o->threads = threads;
    if (!made) {
        complain("%s", reason);
        return EXIT_USAGE;
    }
    plugins_notes(&s.plugins);
    const int code = o->profile ? profile_bench(&s, o->profile) : bench_layout(o, &s, argc, argv);
    selection_free(&s);
    return code;
}

int cmd_bench(int argc, char **argv)
{
    static char repetitions[] = "--benchmark_repetitions=5", min_time[] = "--benchmark_min_time=0.1",
                interleave[] = "--benchmark_enable_random_interleaving=true",
                aggregates[] = "--benchmark_display_aggregates_only=true";
    char *defaults[] = {repetitions, min_time, interleave, aggregates};
    options o;
    selection s;
    timing t;
    char reason[1024] = "out of memory";
    int code = command_begin(argc, argv, &command_bench, &o);
    if (code >= 0) return code;
    if (o.layout || o.profile) {
        code = bench_apart(&o, argc + 2, argv - 2);
        options_free(&o);
        return code;
    }
    counter_run *counted = shared_new(sizeof *counted); /* children count, and say once what they cannot */
    if (!counted || (o.counters && !counter_run_open(counted, counters_perf(), o.counters, reason, sizeof reason)) ||
        !selection_make(&o, command_bench.suites, &s, reason, sizeof reason)) {
        complain("%s", reason);
        options_free(&o);
        return EXIT_USAGE;
    }
    plugins_notes(&s.plugins);
    code = EXIT_USAGE;
    watch_interrupts();
    if (!timing_open(&t, &s, o.rest_count, o.rest, sizeof defaults / sizeof *defaults, defaults, false, reason,
                     sizeof reason)) {
        complain("%s", reason);
    } else if (gbench_lists_only(t.g)) {
        list_names(&t, &s);
        json_decref(timing_close(&t, argc + 2, argv - 2));
        code = EXIT_WELL;
    } else if (!merge_outputs(&t, &o, reason, sizeof reason)) {
        complain("%s", reason);
        json_decref(timing_close(&t, argc + 2, argv - 2));
    } else {
        char *out = o.json && o.json == gbench_flag_out(t.g) ? strdup(o.json) : NULL;
        if (out) o.json = out;
        if (o.counters) {
            t.counting = counted;
            counter_run_complain(counted);
        }
        code = time_all(&t, &s, &o);
        const bool table = gbench_prints_table(t.g);
        json_t *record = timing_close(&t, argc + 2, argv - 2);
        if (o.instructions && !interrupted) instructions_add(record, &s);
        context_note_interruption(json_object_get(json_object_get(record, "context"), "attnbench"));
        if (table) {
            print_table(record);
            print_counters(record);
        }
        code = worse_exit(code, command_outputs(&o, record));
        command_interrupted(&o);
        json_decref(record);
        free(out);
    }
    shared_free(counted, sizeof *counted);
    selection_free(&s);
    options_free(&o);
    return code;
}
