/* cmd_verify.c: attnbench verify: every selected kernel, workload, input class and thread count, judged. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "verify/case_report.h"
#include "verify/verify_summary.h"
#include "machine/ceilings.h"
#include "util/child_process.h"
#include "commands.h"
#include "record/context.h"
#include "verify/debugger.h"
#include "tensors/inputs.h"
#include "machine/machine.h"
#include "verify/caveats.h"
#include "record/record.h"
#include "verify/shrink.h"
#include "util/console.h"
#include "verify/z_score_pool.h"
#include "verify/trial_run.h"

const command command_verify = {
    .name = "verify",
    .about = "is it right? every kernel against the double-precision reference",
    .run = cmd_verify,
    .bit = BY_VERIFY,
    .usage = {{"[SELECT] [OUTPUT]", "is it right?"}},
    .text = "Runs each case in a process of its own and holds output, log-sum-exp and weights against a "
            "double-precision reference, within an error bound derived from what the kernel declares of its "
            "arithmetic. Small cases are checked whole, large ones at the rows where mistakes show. Failures come "
            "first, each with the shape of the error and the command that repeats it; what passed is counted. Exit 1 "
            "if anything is wrong.",
    .example = "verify --kernel 'blocked*' --workload b=1,h=2,q=100,d=64,mask=causal\n--class outliers",
    .suites = {"smoke", "edge"},
    .threads = "1,all",
};

static const double whole_budget = 3e7; /* element visits of the reference a workload: about 0.3 s */

static const int few_cases = 64;         /* so many still fit on a screen, a line each */
static const double shrink_seconds = 30; /* a kernel */

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
    z_pool scores;
    certificates certified;
    reservations reserved;
    int groups, done;
    failure_log failures;
    bool each;   /* a line for every case */
    bool quiet;  /* no lines but failures and totals */
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

static bool is_failure(const trial *t) { return t->status != TRIAL_PASS && t->status != TRIAL_UNSUPPORTED; }

static void say_case(verification *v, const trial_group *g, const trial *t)
{
    if (is_failure(t) ? failure_log_shows(&v->failures, t) : v->each) case_print(stdout, g, t);
}

/* The smallest failing case of a kernel, once, and into the record of the case that it comes from. */
static void shrink(verification *v, const trial_group *g, const trial *t, json_t *one)
{
    char reason[512];
    shrunk s;
    if (!v->o->shrink || !is_failure(t) || !failure_log_first(&v->failures, t)) return;
    progress("shrinking %s on %s", t->kernel->name, g->in.w->name);
    const int ok = shrink_case(g, t, &v->settings, shrink_seconds, &s, reason, sizeof reason);
    progress_clear();
    if (!ok) {
        complain("%s cannot be made smaller: %s", g->in.w->name, reason);
        return;
    }
    printf("  smallest: %s\n", s.reproducer);
    if (s.kept) printf("            %s\n", s.found);
    printf("            (%d smaller cases tried, %d failed%s)\n", s.tried, s.kept,
           s.finished ? "" : "; the time was up, so a smaller one may fail");
    json_object_set_new(one, "smallest", json_string(s.reproducer));
}

/* --gdb: the first failure is the last thing that this process does. */
static void debug(verification *v, const trial_group *g, const trial *t)
{
    char reason[160];
    if (!v->o->gdb || !is_failure(t)) return;
    case_print(stdout, g, t);
    debugger_become(g, t, reason, sizeof reason);
    complain("%s", reason);
    v->exit_code = worse_exit(v->exit_code, EXIT_USAGE);
}

/* Returns false where no kernel supports the workload: other input classes would say the same again. */
static bool verify_group(verification *v, const workload *w, const char *suite, input_class input)
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
    certificates_add(&v->certified, w, input, &g.certificate);
    for (int i = 0; i < g.count; i++) {
        v->tally.count[g.trial[i].status]++;
        supported |= g.trial[i].status != TRIAL_UNSUPPORTED;
        note_worst(&v->tally, &g, &g.trial[i]);
        debug(v, &g, &g.trial[i]);
        say_case(v, &g, &g.trial[i]);
        json_t *one = case_json(&g, &g.trial[i]);
        if (*suite) json_object_set_new(one, "suite", json_string(suite));
        shrink(v, &g, &g.trial[i], one);
        json_array_append_new(json_object_get(v->record, "cases"), one);
        z_pool_add(&v->scores, &g.trial[i], input);
        reservations_add(&v->reserved, &g.trial[i]);
        if (v->o->dump) dump_case(v, &g, &g.trial[i]);
    }
    trial_group_free(&g);
    return supported;
}

/* Is a class that is not for every workload looked at with this one? A quarter of them are, other ones for each
 * workload. */
static bool among_few(const workload *w, input_class input)
{
    unsigned sum = 0;
    for (const char *c = w->spec; *c; c++) sum = 31 * sum + (unsigned char)*c;
    return (sum + (unsigned)input) % 4 == 0;
}

/* Classes of a workload: its own if it names one; else those asked for; else where it is small those that are for every
 * workload, and some of the others. */
static bool takes_class(const verification *v, const workload *w, input_class input)
{
    char reason[256];
    if (w->has_class) return input == w->input;
    if (!input_class_fits(w, input, reason, sizeof reason)) return false;
    if (v->s->classes_given) return v->s->input[input];
    if (input == INPUT_NORMAL) return true;
    return w->cost * 0.5 <= whole_budget && (input_class_everywhere(input) || among_few(w, input));
}

static void each_group(verification *v, bool run)
{
    for (int i = 0; i < v->s->workloads; i++)
        for (int c = 0; c < INPUT_CLASSES && !interrupted && !command_unread(v->o); c++) {
            if (!takes_class(v, &v->s->workload[i], (input_class)c)) continue;
            v->groups += !run;
            v->done += run;
            if (run && !verify_group(v, &v->s->workload[i], v->s->suite[i], (input_class)c)) break;
        }
}

static void print_tally(const tally *t)
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
    const attn_machine machine = ceilings_machine(NULL, s->isa, machine_facts_get()->threads);
    const check_list only = {o->checks.word, o->checks.count};
    v.settings = (trial_settings){.machine = &machine,
                                  .isa = s->isa,
                                  .budget = whole_budget,
                                  .time_limit = o->time_limit,
                                  .certify = o->certify,
                                  .only = &only};
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
    if (v.groups == 0) {
        complain("no input class that is asked for fits a selected workload: attnbench list classes");
        free(v.job);
        return EXIT_USAGE;
    }
    v.each = !quiet && (o->verbose || v.groups * v.jobs <= few_cases);
    v.failures.all = o->all_failures;
    each_group(&v, true);
    failure_log_print_rest(stdout, &v.failures);
    cases_print_shared(stdout, json_object_get(record, "cases"));
    if (!quiet && !v.each) {
        cases_print_unsupported(stdout, json_object_get(record, "cases"));
        cases_print_counts(stdout, json_object_get(record, "cases"));
    }
    print_tally(&v.tally);
    if (!quiet && !v.each) quantisation_print_usual(stdout, json_object_get(record, "cases"));
    failure_log_free(&v.failures);
    reservations_print(stdout, &v.reserved);
    z_pool_print(stdout, &v.scores);
    json_object_set_new(record, "deviations", z_pool_json(&v.scores));
    z_pool_free(&v.scores);
    certificates_print(stdout, &v.certified);
    json_object_set_new(record, "reference", certificates_json(&v.certified));
    free(v.job);
    v.exit_code = worse_exit(v.exit_code, verdict_exit(&v));
    if (v.certified.failures) v.exit_code = worse_exit(v.exit_code, EXIT_REFERENCE);
    certificates_free(&v.certified);
    if (verdict_exit(&v) == EXIT_UNDECIDED)
        complain("nothing was judged: no selected kernel supports a selected workload here; the lines above say why");
    return v.exit_code;
}

/* The record of --check says which: a verdict by one of them is not one by all. */
static void note_checks(const options *o, json_t *record)
{
    if (o->checks.count == 0) return;
    json_t *names = json_array();
    for (int i = 0; i < o->checks.count; i++) json_array_append_new(names, json_string(o->checks.word[i]));
    json_object_set_new(json_object_get(json_object_get(record, "context"), "attnbench"), "checks", names);
}

int cmd_verify(int argc, char **argv)
{
    options o;
    selection s;
    char reason[1024];
    int code = command_begin(argc, argv, &command_verify, &o);
    if (code >= 0) return code;
    if (!selection_make(&o, command_verify.suites, &s, reason, sizeof reason)) {
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
    context_put(record, context_new(&facts));
    note_checks(&o, record);
    if (code != EXIT_USAGE) code = worse_exit(code, command_outputs(&o, record));
    command_interrupted(&o);
    json_decref(record);
    selection_free(&s);
    options_free(&o);
    return code;
}
