/* cmd_bench_layout.c: attnbench bench --layout: the job and its record. */
#include "compare/alignment_sweep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "verify/case_report.h"
#include "machine/ceilings.h"
#include "commands.h"
#include "record/context.h"
#include "record/record.h"
#include "output/record_markdown_layout.h"
#include "util/console.h"
#include "verify/trial_run.h"

/* ---- the job ----------------------------------------------------------------------------------------------------- */

typedef struct job {
    const options *o;
    const selection *s;
    attn_machine machine;
    alignment_links links;
    json_t *record;
    int swept, failed, unsupported, refused;
} job;

static void sweep_group(job *j, const trial_group *g)
{
    for (int i = 0; i < g->count && !interrupted; i++) {
        const trial *const judged = &g->trial[i];
        const alignment_settings settings = {&j->machine, &j->links, j->s->seed};
        alignment_sweep out;
        if (judged->status != TRIAL_PASS && judged->status != TRIAL_UNSUPPORTED) case_print(stderr, g, judged);
        json_array_append_new(json_object_get(j->record, "cases"), case_json(g, judged));
        j->unsupported += judged->status == TRIAL_UNSUPPORTED;
        j->failed += judged->status != TRIAL_UNSUPPORTED && judged->status != TRIAL_PASS;
        if (judged->status != TRIAL_PASS) continue;
        progress("moving the buffers of %s, %s", judged->kernel->name, g->in.w->name);
        alignment_sweep_run(&out, g, judged, &settings);
        progress_clear();
        if (interrupted && out.cells == 0) return;
        if (out.reason[0] && !interrupted) complain("%s, %s: %s", judged->kernel->name, g->in.w->name, out.reason);
        j->failed += out.reason[0] && !interrupted;
        j->swept++;
        json_array_append_new(json_object_get(j->record, "layout"), alignment_json(&out));
    }
}

static void sweep_workload(job *j, const workload *w, const trial_job *list, int jobs)
{
    const trial_settings judged = {.machine = &j->machine, .isa = j->s->isa, .budget = TRIAL_TIMED_BUDGET};
    trial_group g = {.count = 0};
    char reason[512];
    if (trial_group_run(w, w->has_class ? w->input : INPUT_NORMAL, j->s->seed, list, jobs, &judged, &g, reason,
                        sizeof reason)) {
        sweep_group(j, &g);
        trial_group_free(&g);
    } else {
        complain("%s: %s", w->name, reason);
        j->refused++;
    }
}

static int exit_of_sweeps(const job *j)
{
    if (interrupted) return EXIT_INTERRUPTED;
    if (j->refused) return EXIT_USAGE;
    if (j->failed) return EXIT_FINDING;
    if (j->swept == 0) complain("nothing was timed: no selected kernel supports a selected workload here");
    return j->swept ? EXIT_WELL : EXIT_UNDECIDED;
}

int bench_layout(const options *o, const selection *s, int argc, char **argv)
{
    job j = {.o = o, .s = s, .machine = ceilings_machine(NULL, s->isa, s->threads[s->thread_counts - 1])};
    int jobs;
    trial_job *list = trial_jobs(s, &jobs);
    j.record = record_new();
    json_object_set_new(j.record, "layout", json_array());
    alignment_links_open(&j.links, s->isa);
    watch_interrupts();
    for (int w = 0; list && w < s->workloads && !interrupted && !command_unread(o); w++)
        sweep_workload(&j, &s->workload[w], list, jobs);
    record_markdown_layout(stdout, j.record);
    const context_facts facts = {argc,      argv,       s->isa,     s->threads[s->thread_counts - 1], -1, NULL,
                                 s->kernel, s->kernels, &s->plugins};
    context_put(j.record, context_new(&facts));
    const int code = worse_exit(exit_of_sweeps(&j), command_outputs(o, j.record));
    command_interrupted(o);
    alignment_links_close(&j.links);
    json_decref(j.record);
    free(list);
    return code;
}
