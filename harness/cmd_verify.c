/* cmd_verify.c: attnbench verify: every selected kernel, workload, input class and thread count, judged. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"
#include "ceilings.h"
#include "child.h"
#include "commands.h"
#include "context.h"
#include "debugger.h"
#include "results.h"
#include "status.h"

const char help_verify[] =
    "attnbench verify [SELECT] [OUTPUT]: is it right?\n\n"
    "Runs each case in a process of its own and holds output, log-sum-exp and weights against a double-precision\n"
    "reference, within an error bound derived from what the kernel declares of its arithmetic. Small cases are "
    "checked\n"
    "whole, large ones at the rows where mistakes show. Exit 1 if anything is wrong, each failure with the command "
    "that\n"
    "repeats it.\n\n"
    "SELECT (each may be given again)\n"
    "  --kernel GLOB          kernels (all)\n"
    "  --plugin FILE.so       kernels of your own, named FILE:kernel\n"
    "  --workload NAME[,key=value...]|SPEC\n"
    "  --suite NAME           suites (smoke and edge, if no workload is given)\n"
    "  --workloads FILE       your own workloads and suites\n"
    "  --class LIST           input classes, with commas: normal,outliers,... (all; large cases: normal)\n"
    "  --threads LIST         such as 1,2,all (1,all); serial kernels run at 1 only\n"
    "  --seed N               of the inputs (1)\n"
    "  --time-limit S         seconds a case may take (20 s and more for more work)\n"
    "  --gdb                  runs the first failing case again in gdb, which stops at the failing call\n"
    "  --in-process           no child processes: for debuggers and sanitizers; a crash ends the run\n"
    "OUTPUT\n"
    "  --json FILE --csv FILE --junit FILE --markdown FILE\n"
    "  --dump DIR             q, k, v, output, expected, bound, lse as .npy, one folder a case\n\n"
    "example: attnbench verify --kernel 'blocked*' --workload b=1,h=2,q=100,d=64,mask=causal --class outliers\n";

static const double whole_budget = 3e7; /* element visits of the reference a workload: about 0.3 s */

typedef struct tally {
    int count[TRIAL_HANG + 1];
    int refused; /* workloads that could not be made */
    double worst;
    char worst_case[256];
} tally;

typedef struct verification {
    const options *o;
    const selection *s;
    trial_settings settings;
    trial_job *job;
    int jobs;
    json_t *record;
    tally tally;
    int groups, done;
    bool quiet;  /* lines for findings only */
    bool single; /* one case in all: --dump writes straight into its folder */
    int exit_code;
} verification;

static void note_worst(tally *t, const trial_group *g, const trial *c)
{
    if (c->status != TRIAL_PASS) return;
    double ratio = c->verdict.output.ratio;
    if (c->verdict.lse.judged && c->verdict.lse.ratio > ratio) ratio = c->verdict.lse.ratio;
    if (ratio <= t->worst) return;
    t->worst = ratio;
    snprintf(t->worst_case, sizeof t->worst_case, "%s, %s, %s", c->kernel->name, g->in.w->name,
             input_class_name((int)g->in.input));
}

static void dump_case(verification *v, const trial_group *g, const trial *t)
{
    char folder[4096], name[1024], reason[512];
    if (t->status == TRIAL_UNSUPPORTED) return;
    case_folder(g, t, name, sizeof name);
    if (v->single)
        snprintf(folder, sizeof folder, "%s", v->o->dump);
    else
        snprintf(folder, sizeof folder, "%.2000s/%.1000s", v->o->dump, name);
    if (case_dump(g, t, folder, reason, sizeof reason)) return;
    complain("%s", reason);
    v->exit_code = worse_exit(v->exit_code, EXIT_NOT_WRITTEN);
}

/* --gdb: the first failure is the last thing that this process does. */
static void debug(verification *v, const trial_group *g, const trial *t)
{
    char reason[160];
    if (!v->o->gdb || t->status == TRIAL_PASS || t->status == TRIAL_UNSUPPORTED) return;
    case_print(stdout, g, t);
    debugger_become(g, t, reason, sizeof reason);
    complain("%s", reason);
    v->exit_code = worse_exit(v->exit_code, EXIT_USAGE);
}

/* Returns false where no kernel supports the workload: other input classes would say the same again. */
static bool verify_group(verification *v, const workload *w, input_class input)
{
    bool supported = false;
    const selection *s = v->s;
    trial_group g;
    char reason[512];
    progress("verify %d of %d: %s %s", v->done, v->groups, w->name, input_class_name((int)input));
    if (!trial_group_run(w, input, s->seed, v->job, v->jobs, &v->settings, &g, reason, sizeof reason)) {
        complain("%s (%s): %s", w->name, input_class_name((int)input), reason);
        v->tally.refused++;
        return false;
    }
    progress_clear();
    for (int i = 0; i < g.count; i++) {
        v->tally.count[g.trial[i].status]++;
        supported |= g.trial[i].status != TRIAL_UNSUPPORTED;
        note_worst(&v->tally, &g, &g.trial[i]);
        debug(v, &g, &g.trial[i]);
        if (!v->quiet || (g.trial[i].status != TRIAL_PASS && g.trial[i].status != TRIAL_UNSUPPORTED))
            case_print(stdout, &g, &g.trial[i]);
        json_array_append_new(json_object_get(v->record, "cases"), case_json(&g, &g.trial[i]));
        if (v->o->dump) dump_case(v, &g, &g.trial[i]);
    }
    trial_group_free(&g);
    return supported;
}

/* Classes of a workload: its own if it names one; else those asked for; else all of them where it is small. Files are what they are. */
static bool takes_class(const verification *v, const workload *w, input_class input)
{
    if (w->has_class) return input == w->input;
    if (w->q_file || w->k_file || w->v_file) return input == INPUT_NORMAL;
    if (v->s->classes_given) return v->s->input[input];
    return input == INPUT_NORMAL || w->cost * 0.5 <= whole_budget;
}

static void each_group(verification *v, bool run)
{
    for (int i = 0; i < v->s->workloads; i++)
        for (int c = 0; c < INPUT_CLASSES && !interrupted && !command_unread(v->o); c++) {
            if (!takes_class(v, &v->s->workload[i], (input_class)c)) continue;
            v->groups += !run;
            v->done += run;
            if (run && !verify_group(v, &v->s->workload[i], (input_class)c)) break;
        }
}

static void print_summary(const tally *t)
{
    const int failed = t->count[TRIAL_FAIL] + t->count[TRIAL_CRASH] + t->count[TRIAL_HANG];
    printf("\n%d passed, %d failed (%d wrong, %d crashed, %d hung), %d unsupported", t->count[TRIAL_PASS], failed,
           t->count[TRIAL_FAIL], t->count[TRIAL_CRASH], t->count[TRIAL_HANG], t->count[TRIAL_UNSUPPORTED]);
    if (t->refused) printf(", %d workloads not made", t->refused);
    putchar('\n');
    if (t->worst > 0) printf("largest error of a passing case: %.2g of its bound (%s)\n", t->worst, t->worst_case);
}

static int verdict_exit(const verification *v)
{
    const int *n = v->tally.count;
    if (interrupted) return EXIT_INTERRUPTED;
    if (v->tally.refused && n[TRIAL_PASS] + n[TRIAL_FAIL] + n[TRIAL_CRASH] + n[TRIAL_HANG] == 0) return EXIT_USAGE;
    if (n[TRIAL_FAIL] + n[TRIAL_CRASH] + n[TRIAL_HANG]) return EXIT_FINDING;
    if (v->tally.refused) return EXIT_USAGE;
    if (n[TRIAL_PASS] == 0) return EXIT_UNDECIDED;
    return EXIT_WELL;
}

int verify_selection(const options *o, const selection *s, bool quiet, json_t *record)
{
    verification v = {.o = o, .s = s, .record = record, .quiet = quiet};
    const attn_machine machine = ceilings_machine(NULL, s->isa, s->threads[s->thread_counts - 1]);
    v.settings = (trial_settings){&machine, s->isa, whole_budget, o->time_limit};
    char missing[160];
    if (o->gdb && !debugger_found(missing, sizeof missing)) {
        complain("%s", missing);
        return EXIT_USAGE;
    }
    if (o->in_process) children_in_process();
    if (o->dump && !command_folder("--dump", o->dump)) return EXIT_USAGE;
    v.job = trial_jobs(s, &v.jobs);
    if (!v.job) {
        complain("out of memory");
        return EXIT_BUG;
    }
    each_group(&v, false);
    v.single = v.groups == 1 && v.jobs == 1;
    each_group(&v, true);
    print_summary(&v.tally);
    free(v.job);
    v.exit_code = worse_exit(v.exit_code, verdict_exit(&v));
    if (verdict_exit(&v) == EXIT_UNDECIDED)
        complain("nothing was judged: no selected kernel supports a selected workload here; the lines above say why");
    return v.exit_code;
}

int cmd_verify(int argc, char **argv)
{
    static const char *const suites[] = {"smoke", "edge", NULL};
    options o;
    selection s;
    char reason[1024];
    int code = command_begin(argc, argv, OPTIONS_SELECT | OPTIONS_OUTPUT | OPTIONS_VERIFY, help_verify, &o);
    if (code >= 0) return code;
    if (!selection_make(&o, suites, &s, reason, sizeof reason)) {
        complain("%s", reason);
        options_free(&o);
        return EXIT_USAGE;
    }
    plugins_notes(&s.plugins);
    json_t *record = record_new();
    watch_interrupts();
    code = verify_selection(&o, &s, false, record);
    const context_facts facts = {argc + 2, argv - 2,  s.isa,     s.threads[s.thread_counts - 1], -1, NULL,
                                 s.kernel, s.kernels, &s.plugins};
    json_object_set_new(json_object_get(record, "context"), "attnbench", context_new(&facts));
    if (code != EXIT_USAGE) code = worse_exit(code, command_outputs(&o, record));
    command_interrupted(&o);
    json_decref(record);
    selection_free(&s);
    options_free(&o);
    return code;
}
