/* cmd_run.c: attnbench run: the main job: doctor, verify, time, report. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/budget.h"
#include "commands.h"
#include "record/context.h"
#include "record/record.h"
#include "util/console.h"
#include "bench/timing.h"
#include "util/atomic_file.h"
#include "output/terminal_table.h"

const command command_run = {
    .name = "run",
    .about = "verify, bench and report: the main job",
    .run = cmd_run,
    .bit = BY_RUN,
    .usage = {{"[SELECT] [OUTPUT] [-o DIR] [--time-budget S]", "the main job"}},
    .text = "Looks at the machine (doctor), verifies every kernel (suites smoke and edge on plain inputs), times every "
            "kernel (suites models and sweep, or what SELECT names), prints the table, and writes results.json, "
            "charts and report.html. Within the time budget the cheapest cases come first; what does not fit is "
            "listed with its cost. A slow kernel on a huge workload runs fewer heads, under that workload's own name.",
    .example = "run --kernel 'blocked*' --time-budget 60 -o out",
    .suites = {"models", "sweep"},
    .threads = "1,all",
};

enum { REPETITIONS = 3 };
static const double min_time = 0.1, call_limit = 1.0; /* seconds */
static const double report_seconds = 15,
                    report_part = 0.2; /* kept for charts and page: seconds, or of a small budget */
static const double whole_verification =
    200; /* of time budget, for suites smoke and edge, which take up to 60 s of it, and for all of the doctor */
static const double caution = 0.8; /* of an estimate is what a case really takes (0.76 seen over a run) */

typedef struct main_job {
    const options *o;
    const selection *s;
    const char *folder;
    double start, budget;
    int code;
} main_job;

static double left(const main_job *j)
{
    return j->budget - (clock_seconds() - j->start) - fmin(report_seconds, report_part * j->budget);
}

/* The default suites of `verify` on plain inputs, of which every check can say something, unless workloads were named:
 * those are verified as they are timed. Of a small budget timing must get its part, so then the small suite does. */
static void verify_first(main_job *j, json_t *record)
{
    static const char *const both[] = {"smoke", "edge", NULL}, *const small[] = {"smoke", NULL};
    static const char *plain[] = {"normal"};
    const bool all = j->budget >= whole_verification;
    const char *const *suites = all ? both : small;
    options o = *j->o;
    selection s;
    char reason[1024];
    if (o.workloads.count + o.suites.count) return;
    o.workloads.count = o.suites.count = 0;
    o.classes = (word_list){plain, 1};
    if (!selection_make(&o, suites, &s, reason, sizeof reason)) {
        complain("%s", reason);
        j->code = worse_exit(j->code, EXIT_USAGE);
        return;
    }
    printf("verify: %s, input class normal ('attnbench verify' takes all)\n",
           all ? "suites smoke and edge" : "suite smoke");
    j->code = worse_exit(j->code, verify_selection(&o, &s, true, record));
    selection_free(&s);
}

static void skip_group(const main_job *j, budget *b, const budget_group *g)
{
    char name[2048], why[128];
    snprintf(why, sizeof why, "the workload would take about %.1f s; %.1f s of the time budget are left", g->seconds,
             fmax(left(j), 0));
    for (int i = 0; i < g->jobs; i++) {
        timing_name(j->s, &g->job[i], &g->w, name, sizeof name);
        budget_skip(b, name, why);
    }
}

/* Groups in ascending order of cost; the clock has the last word over the estimates. */
static void time_groups(main_job *j, timing *t, budget *b)
{
    double ahead = caution * b->seconds;
    for (int i = 0; i < b->groups && !interrupted; i++) {
        budget_group *g = &b->group[i];
        if (g->jobs == 0) continue;
        progress("bench %d of %d: %s, about %.0f s left", i + 1, b->groups, g->w.name, fmin(ahead, fmax(left(j), 0)));
        if (caution * g->seconds > left(j))
            skip_group(j, b, g);
        else
            timing_workload(t, &g->w, g->job, g->jobs);
        ahead -= caution * g->seconds;
    }
    progress_clear();
}

/* Before anything is timed: warnings for people, all of it for the record. NULL where it could not be done. */
static json_t *examine(main_job *j)
{
    doctor_facts facts;
    doctor_report report;
    char reason[512];
    progress("looking at this machine");
    if (!doctor_examine(j->s->isa, j->budget < whole_verification, &facts, reason, sizeof reason)) {
        complain("doctor: %s", reason);
        return NULL;
    }
    progress_clear();
    doctor_diagnose(&facts, &report);
    printf("doctor: %d warning%s%s\n", report.warnings, report.warnings == 1 ? "" : "s",
           report.measurable ? "" : "; NO TIME TAKEN ON THIS MACHINE WOULD MEAN ANYTHING");
    print_doctor(&report, false);
    return doctor_json(&facts, &report);
}

static json_t *time_selected(main_job *j, int argc, char **argv)
{
    static char repetitions[64], time_flag[64], interleave[] = "--benchmark_enable_random_interleaving=true";
    char *defaults[] = {repetitions, time_flag, interleave};
    char reason[1024];
    timing t;
    budget b;
    snprintf(repetitions, sizeof repetitions, "--benchmark_repetitions=%d", REPETITIONS);
    snprintf(time_flag, sizeof time_flag, "--benchmark_min_time=%g", min_time);
    if (!timing_open(&t, j->s, 0, NULL, 3, defaults, true, reason, sizeof reason)) {
        complain("%s", reason);
        j->code = worse_exit(j->code, EXIT_USAGE);
        return NULL;
    }
    const budget_settings settings = {&t.machine, j->s->isa, left(j) / caution, call_limit, min_time, REPETITIONS};
    if (!budget_make(j->s, &settings, &b, reason, sizeof reason)) {
        complain("%s", reason);
        j->code = worse_exit(j->code, EXIT_BUG);
        json_decref(timing_close(&t, argc, argv));
        return NULL;
    }
    printf("bench: about %.0f s%s\n", caution * b.seconds, b.skipped_count ? ", within the time budget" : "");
    time_groups(j, &t, &b);
    json_t *record = timing_close(&t, argc, argv);
    json_t *context = json_object_get(json_object_get(record, "context"), "attnbench");
    for (int i = 0; i < b.skipped_count; i++) context_skip(context, b.skipped[2 * i], b.skipped[2 * i + 1]);
    if (b.skipped_count)
        printf("skipped for want of time: %d cases (the record lists them with their cost)\n", b.skipped_count);
    const bool verified = j->o->workloads.count + j->o->suites.count == 0; /* else write_results says so */
    if (t.timed == 0 && b.skipped_count && verified && !interrupted)
        complain("nothing was timed: no case fits into what verifying left of the time budget of %g s; give more with "
                 "--time-budget, or name fewer kernels (--kernel)",
                 j->budget);
    if (t.failed)
        j->code = worse_exit(j->code, EXIT_FINDING);
    else if (t.timed == 0 && !interrupted)
        j->code = worse_exit(j->code, EXIT_UNDECIDED);
    if (t.refused) j->code = worse_exit(j->code, EXIT_USAGE);
    budget_free(&b);
    return record;
}

/* Cases of the verification before those of the timing. */
static void join_cases(json_t *record, json_t *verified)
{
    json_t *cases = json_object_get(verified, "cases");
    json_array_extend(cases, json_object_get(record, "cases"));
    json_object_set(record, "cases", cases);
}

static void write_results(main_job *j, const json_t *record)
{
    char path[4096], reason[1024];
    const char *const files[] = {path};
    snprintf(path, sizeof path, "%s/results.json", j->folder);
    if (!record_write_json(record, path, reason, sizeof reason)) {
        complain("%s", reason);
        j->code = worse_exit(j->code, EXIT_NOT_WRITTEN);
        return;
    }
    j->code = worse_exit(j->code, command_outputs(j->o, record));
    print_table(record);
    if (interrupted) {
        printf("\ninterrupted; what was measured is in %s\n", path);
        return;
    }
    if (json_array_size(json_object_get(record, "benchmarks")) + json_array_size(json_object_get(record, "cases")) ==
        0) {
        complain("nothing was timed or judged, so there is no report: --time-budget is too small for every case");
        return;
    }
    progress("drawing the report");
    const int drawn = make_report(files, 1, j->folder, true);
    progress_clear();
    j->code = worse_exit(j->code, drawn);
    printf("\nresults: %s\n", path);
    if (drawn == EXIT_WELL)
        printf("charts:  %s/charts/*.png, .svg, .pdf, .csv\nreport:  %s/report.html\n", j->folder, j->folder);
}

static int run_all(main_job *j, int argc, char **argv)
{
    char path[4096], reason[1024];
    if (!command_folder("-o", j->folder)) return EXIT_USAGE;
    snprintf(path, sizeof path, "%s/results.json", j->folder);
    if (!file_writable(path, reason, sizeof reason)) {
        complain("%s", reason);
        return EXIT_USAGE;
    }
    json_t *verified = record_new();
    watch_interrupts();
    json_t *const doctor = examine(j);
    verify_first(j, verified);
    json_t *record = time_selected(j, argc, argv);
    if (record) {
        json_object_set(json_object_get(json_object_get(record, "context"), "attnbench"), "doctor", doctor);
        join_cases(record, verified);
        write_results(j, record);
        json_decref(record);
    }
    json_decref(doctor);
    json_decref(verified);
    return interrupted ? EXIT_INTERRUPTED : j->code;
}

int cmd_run(int argc, char **argv)
{
    options o;
    selection s;
    char reason[1024];
    int code = command_begin(argc, argv, &command_run, &o);
    if (code >= 0) return code;
    if (!selection_make(&o, command_run.suites, &s, reason, sizeof reason)) {
        complain("%s", reason);
        options_free(&o);
        return EXIT_USAGE;
    }
    plugins_notes(&s.plugins);
    main_job job = {
        &o,       &s, o.folder ? o.folder : "attnbench-out", clock_seconds(), o.time_budget > 0 ? o.time_budget : 300,
        EXIT_WELL};
    code = run_all(&job, argc + 2, argv - 2);
    selection_free(&s);
    options_free(&o);
    return code;
}
