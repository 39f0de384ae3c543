/* cmd_gate.c: attnbench gate: for pipelines: did a change make any case slower or wrong? */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine/ceilings.h"
#include "commands.h"
#include "compare/compare_record.h"
#include "record/context.h"
#include "cpu.h"
#include "gate/gate_base.h"
#include "gate/gate_code_offsets.h"
#include "gate/gate_print.h"
#include "gate/gate_record.h"
#include "gate/gate_advice.h"
#include "util/json_util.h"
#include "problem.h"
#include "record/record.h"
#include "util/console.h"
#include "compare/error_levels.h"

const command command_gate = {
    .name = "gate",
    .about = "CI: did a change make any case slower or wrong?",
    .run = cmd_gate,
    .bit = BY_GATE,
    .takes_words = true,
    .operands = "DIR",
    .usage = {{"--base REF --build CMD", "did the change since REF make any case slower, or wrong?"},
              {"--baseline DIR", "the same with a base that was kept"}},
    .word = {{"save", "DIR", "keeps the module of this build as a base, for --baseline"},
             {"records", "BASE NEW", "advice alone, from two folders with the records of 10 launches of bench each"}},
    .text = "The kernels of both builds are judged, then called in turn in one process, as compare does it, at 1 % "
            "false alarms over all cases. What is flagged is confirmed in fresh launches, and again with the code of "
            "both builds at other offsets. Kernels that fail are never timed, nor those of modules that are equal "
            "throughout: where one kernel changed all are timed, because what a kernel reaches in its module cannot "
            "be told from outside. Exit 0 passed, 1 slower, wrong or less accurate, 2 bad usage or input, 3 nothing "
            "could be compared.",
    .after = "Where nothing could be compared, each output says why, and holds no verdict of an earlier run.",
    .example = "gate --base origin/main\n--build 'cmake -B build && cmake --build build --target attnbench'",
    .suites = {"gate"},
    .threads = "1",
};

static const double default_delta = 0.01, default_seconds = 5;
static const double accuracy_factor = 2; /* a bit lost */
static const double record_delta = 0.05; /* what records of different runs can tell apart */
enum { DEFAULT_LAUNCHES = 12 };

typedef struct job {
    const options *o;
    int argc;
    char **argv;
    const selection *s;
    gate_base base;
    compare_sides sides;
    compare_settings settings;
    gate_rule rule;
    waiver_list waivers;
    json_t *record, *notes;
    comparison *list;
    size_t listed;
    int refused;         /* workloads that could not be made */
    int lost;            /* cases that there was no memory for */
    bool unmovable;      /* code to other offsets */
    const char *changed; /* a side whose file is another now */
    bool late;           /* the time for all of it was over before the end */
    double begin;
} job;

/* ---- measured ---------------------------------------------------------------------------------------------------- */

static void add_comparison(void *ctx, const comparison *c)
{
    job *j = ctx;
    comparison *grown = realloc(j->list, (j->listed + 1) * sizeof *grown);
    if (!grown) {
        complain("out of memory for what was compared");
        json_decref(c->samples);
        j->lost++;
        return;
    }
    j->list = grown;
    j->list[j->listed++] = *c;
}

static int by_cost(const void *a, const void *b)
{
    const workload *const *x = a, *const *y = b;
    return ((*x)->cost > (*y)->cost) - ((*x)->cost < (*y)->cost);
}

__attribute__((format(printf, 2, 3))) static void note(job *j, const char *format, ...)
{
    char *line;
    va_list arguments;
    va_start(arguments, format);
    const int length = vasprintf(&line, format, arguments);
    va_end(arguments);
    if (length < 0) return;
    json_array_append_new(j->notes, json_text(line));
    free(line);
}

static bool stage_one(job *j)
{
    const selection *s = j->s;
    char reason[512];
    const workload **order = calloc((size_t)s->workloads, sizeof *order);
    for (int i = 0; order && i < s->workloads; i++) order[i] = &s->workload[i];
    if (order && j->o->max_time > 0) qsort(order, (size_t)s->workloads, sizeof *order, by_cost);
    for (int i = 0; order && i < s->workloads && !interrupted_by_user(); i++) {
        progress("comparing %d of %d: %s", i + 1, s->workloads, order[i]->name);
        if (compare_workload(&j->sides, order[i], s->threads, s->thread_counts, &j->settings,
                             json_object_get(j->record, "cases"), add_comparison, j, reason, sizeof reason))
            continue;
        complain("%s: %s", order[i]->name, reason);
        j->refused++;
    }
    progress_clear();
    free(order);
    return order != NULL;
}

/* What stage one called slower, or what it left open. Each time all cases are one family for Holm's gates, so that what
 * the first refused the second refuses too. */
static void confirm(job *j, bool flagged)
{
    char reason[512];
    for (size_t i = 0; i < j->listed && !interrupted; i++)
        if (compare_wants_launches(&j->list[i], &j->settings) && flagged == (j->list[i].verdict == COMPARE_SLOWER))
            compare_run_launches(&j->list[i], &j->sides, &j->settings);
    if (!compare_stage_two(j->list, j->listed, &j->settings)) complain("out of memory for stage two");
    if (j->unmovable || gate_moved(j->list, j->listed, &j->sides, &j->settings, reason, sizeof reason)) return;
    note(j, "what is slower was not tried at other code offsets: %s", reason);
    j->unmovable = true;
}

/* Where time is short, it is for what would fail. */
static void stage_two(job *j)
{
    confirm(j, true);
    confirm(j, false);
}

/* ---- said -------------------------------------------------------------------------------------------------------- */

static void note_unused(job *j, const gate_result *r)
{
    for (int i = 0; i < r->unused_count; i++) {
        const waiver *w = r->unused[i];
        if (gate_case_matching(r, w))
            note(j, "the waiver for %s is not needed", w->pattern);
        else
            note(j, "the waiver for %s matches no case; cases are named kernel/workload/threads:N, such as %s",
                 w->pattern, r->item[0].name);
    }
}

static void add_notes(job *j, const gate_result *r)
{
    if (!interrupted_by_user() && r->count > 0) note_unused(j, r);
    for (int i = 0; i < j->waivers.count; i++)
        if (waiver_expired(&j->waivers.item[i], j->rule.today))
            note(j, "the waiver for %s is expired", j->waivers.item[i].pattern);
    if (j->base.commit[0][0] && strcmp(j->base.commit[0], j->base.commit[1]) == 0)
        note(j, "both sides are of the same commit");
    if (j->refused) note(j, "workloads could not be made");
    if (j->changed) note(j, "%s was changed while it was compared; nothing of this holds: run it again", j->changed);
    const int each = j->settings.cases / j->s->workloads,
              left = j->settings.cases - (int)j->listed - j->lost - j->refused * each;
    if (left > 0) note(j, "%d of %d cases were not begun", left, j->settings.cases);
    if (j->late) note(j, "time is up before all was compared");
}

/* ---- the job ----------------------------------------------------------------------------------------------------- */

static int conclude(job *j)
{
    gate_result r;
    if (!gate_conclude(j->list, j->listed, &j->sides, &j->settings, &j->rule, &j->waivers, &r)) {
        complain("out of memory for the result");
        return EXIT_BUG;
    }
    int code = gate_exit(&r, &j->rule);
    if (code != EXIT_FINDING && j->refused) code = EXIT_USAGE;
    if (j->changed) code = EXIT_UNDECIDED;
    if (j->lost) code = EXIT_BUG;
    if (interrupted_by_user()) code = EXIT_INTERRUPTED;
    add_notes(j, &r);
    const gate_about about = {j->base.commit[0], j->base.commit[1], code, j->notes};
    json_t *gate = gate_json(&r, &j->rule, &j->settings, &about);
    gate_print(&j->sides, &r, gate, clock_seconds() - j->begin);
    json_object_set_new(j->record, "gate", gate);
    gate_free(&r);
    return code;
}

static void add_gate_context(job *j)
{
    const selection *s = j->s;
    const attn_kernel **kernel = calloc(2 * (size_t)j->sides.pairs, sizeof *kernel);
    int kernels = 0;
    for (int p = 0; kernel && p < j->sides.pairs; p++)
        for (int i = 0; i < 2; i++) kernel[kernels++] = j->sides.pair[p].kernel[i];
    const context_facts facts = {j->argc + 2, j->argv - 2, s->isa, s->threads[s->thread_counts - 1], -1, NULL,
                                 kernel,      kernels,     NULL};
    json_t *context = context_new(&facts);
    free(kernel);
    json_object_set_new(context, "compare", compare_context(&j->sides, &j->settings));
    context_put(j->record, context);
}

/* Where there are no sides to speak of. */
static void add_bare_context(job *j)
{
    const context_facts facts = {j->argc + 2, j->argv - 2, attn_cpu_isa(), 1, -1, NULL, NULL, 0, NULL};
    context_put(j->record, context_new(&facts));
}

static int outputs(job *j)
{
    static const output_writers writers = {record_write_json, NULL, gate_write_junit, gate_write_markdown};
    char reason[512];
    json_t *gate = json_object_get(j->record, "gate");
    json_object_set_new(gate, "heading", json_string(gate_heading(gate)));
    int code = command_outputs_as(j->o, j->record, &writers);
    if (j->o->summary && !gate_append_summary(j->record, j->o->summary, reason, sizeof reason)) {
        complain("%s", reason);
        code = EXIT_NOT_WRITTEN;
    }
    return code;
}

static int gate_all(job *j)
{
    j->record = record_new();
    j->notes = json_array();
    json_t *comparisons = json_array();
    for (int i = 0; i < 2; i++) plugins_notes(&j->sides.side[i].set);
    int code = stage_one(j) ? EXIT_WELL : EXIT_BUG;
    stage_two(j);
    j->late = deadline_passed();
    deadline_end();
    j->changed = compare_sides_changed(&j->sides);
    code = worse_exit(code, conclude(j));
    for (size_t i = 0; i < j->listed; i++) {
        json_array_append_new(comparisons, compare_json(&j->list[i], &j->settings));
        json_decref(j->list[i].samples);
    }
    json_object_set_new(j->record, "comparisons", comparisons);
    add_gate_context(j);
    code = worse_exit(code, outputs(j));
    command_interrupted(j->o);
    free(j->list);
    json_decref(j->record);
    json_decref(j->notes);
    return code;
}

/* The outputs say so and why: what an earlier run wrote there would be taken for this one's. */
static int nothing_compared(job *j, int code, const char *why)
{
    complain("%s", why);
    j->record = record_new();
    json_object_set_new(j->record, "gate", gate_nothing_json(code, why));
    add_bare_context(j);
    code = worse_exit(code, outputs(j));
    json_decref(j->record);
    return code;
}

static gate_base_settings base_settings_of(const options *o)
{
    return (gate_base_settings){o->plugins.count ? o->plugins.word[0] : NULL, o->key, o->build, o->base, o->baseline};
}

static int compare_builds(job *j)
{
    const options *o = j->o;
    const selection *s = j->s;
    char reason[1400];
    const gate_base_settings settings = base_settings_of(o);
    int code = gate_base_open(&settings, &j->base, reason, sizeof reason);
    if (code == EXIT_WELL && !compare_sides_open(j->base.module[0], j->base.module[1], o->kernels.word,
                                                 o->kernels.count, s->isa, &j->sides, reason, sizeof reason))
        code = EXIT_USAGE;
    if (code == EXIT_WELL) {
        const attn_machine machine = ceilings_machine(NULL, s->isa, s->threads[s->thread_counts - 1]);
        j->settings = (compare_settings){.delta = o->threshold > 0 ? o->threshold : default_delta,
                                         .family_alpha = FAMILY_ALPHA,
                                         .beta = CASE_BETA,
                                         .cases = s->workloads * compare_cases(&j->sides, s->threads, s->thread_counts),
                                         .seconds = o->time_limit > 0 ? o->time_limit : default_seconds,
                                         .launches = o->launches >= 0 ? o->launches : DEFAULT_LAUNCHES,
                                         .only_slower = true,
                                         .residency = s->residency,
                                         .seed = s->seed,
                                         .machine = &machine,
                                         .isa = s->isa};
        if (j->settings.cases > 0) {
            code = gate_all(j);
        } else {
            code = nothing_compared(j, EXIT_USAGE,
                                    "nothing is selected: serial kernels run at 1 thread only; add 1 to --threads");
        }
        compare_sides_close(&j->sides);
    } else if (interrupted_by_user()) {
        code = nothing_compared(j, EXIT_INTERRUPTED, "interrupted before both sides were there; nothing was compared");
    } else if (deadline_passed() && code != EXIT_UNDECIDED) {
        code = nothing_compared(j, EXIT_UNDECIDED,
                                "could not tell: time is up before both sides were there; nothing was compared");
    } else {
        code = nothing_compared(j, code, reason);
    }
    deadline_end();
    gate_base_close(&j->base);
    return code;
}

/* ---- before anything runs ---------------------------------------------------------------------------------------- */

static int has_isa(const char *name, uint64_t isa, char *reason, size_t size)
{
    uint64_t mask;
    char names[256];
    if (!attn_isa_level(name, &mask)) {
        snprintf(reason, size,
                 "--require-isa %.60s: there is no such instruction set here: portable, avx2, avx512, ...", name);
        return EXIT_USAGE;
    }
    if ((mask & ~isa) == 0) return EXIT_WELL;
    attn_isa_names(isa, names, sizeof names);
    snprintf(reason, size, "could not tell: --require-isa %.60s, and this machine has %.200s", name, names);
    return EXIT_UNDECIDED;
}

static int check_flags(const options *o, char *reason, size_t size)
{
    if (o->words.count)
        snprintf(reason, size, "gate takes no word '%.60s'; there are 'gate save DIR' and 'gate records BASE NEW'",
                 o->words.word[0]);
    else if (!o->base && !o->baseline)
        snprintf(reason, size, "gate needs --base REF with --build CMD, or --baseline DIR");
    else if (o->build && !o->base)
        snprintf(reason, size, "--build needs --base REF: the commit that it builds");
    else if (o->base && !o->build && !o->baseline)
        snprintf(reason, size, "--base needs --build CMD: how to build it");
    else if (o->commit)
        snprintf(reason, size, "--commit is for 'gate save'; here --base REF names the commit of the base");
    else if (o->plugins.count > 1)
        snprintf(reason, size, "--plugin is given %d times; a gate compares two builds of one", o->plugins.count);
    else
        return 1;
    return 0;
}

/* The kernels are those of the two sides, whatever the registry has; and one thread unless asked. */
static int select_cases(const options *o, selection *s, char *reason, size_t size)
{
    const char *one[] = {command_gate.threads};
    options own = *o;
    own.kernels = own.plugins = (word_list){NULL, 0};
    if (own.threads.count == 0) own.threads = (word_list){one, 1};
    return selection_make(&own, command_gate.suites, s, reason, size);
}

static int gate(const options *o, int argc, char **argv)
{
    char reason[1024];
    selection s;
    job j = {.o = o, .argc = argc, .argv = argv, .s = &s, .begin = clock_seconds()};
    j.rule = (gate_rule){accuracy_factor, o->require_all, o->undecided_fails, ""};
    date_today(j.rule.today);
    int code = EXIT_WELL;
    if (!check_flags(o, reason, sizeof reason) || !select_cases(o, &s, reason, sizeof reason))
        return nothing_compared(&j, EXIT_USAGE, reason);
    if (o->waivers && !waivers_read(o->waivers, &j.waivers, reason, sizeof reason)) code = EXIT_USAGE;
    if (code == EXIT_WELL && o->require_isa) code = has_isa(o->require_isa, s.isa, reason, sizeof reason);
    if (code == EXIT_WELL) {
        watch_interrupts();
        if (o->max_time > 0) deadline_begin(o->max_time);
        code = compare_builds(&j);
    } else {
        code = nothing_compared(&j, code, reason);
    }
    waivers_free(&j.waivers);
    selection_free(&s);
    return code;
}

/* ---- other forms ------------------------------------------------------------------------------------------------- */

static int records(const options *o, int argc, char **argv)
{
    const yardstick_rule rule = {o->threshold > 0 ? o->threshold : record_delta, FAMILY_ALPHA, o->undecided_fails};
    char reason[1400];
    size_t i;
    const json_t *one;
    job j = {.o = o, .argc = argc, .argv = argv};
    if (o->words.count != 3) {
        if (o->words.count < 3)
            snprintf(reason, sizeof reason, "gate records needs two folders of records, BASE and NEW; %d given",
                     o->words.count - 1);
        else
            snprintf(reason, sizeof reason, "gate records takes two folders, BASE and NEW; '%.200s' is one too many",
                     o->words.word[3]);
        return nothing_compared(&j, EXIT_USAGE, reason);
    }
    j.record = record_new();
    int code = gate_yardstick(o->words.word[1], o->words.word[2], &rule, j.record, reason, sizeof reason);
    const json_t *gate = json_object_get(j.record, "gate");
    if (!gate) {
        json_decref(j.record);
        return nothing_compared(&j, code, reason);
    }
    printf("%s\n", json_string_value(json_object_get(gate, "headline")));
    json_array_foreach(json_object_get(gate, "cases"), i, one) gate_print_case(one);
    json_array_foreach(json_object_get(gate, "notes"), i, one) printf("note: %s\n", json_string_value(one));
    add_bare_context(&j);
    code = worse_exit(code, outputs(&j));
    json_decref(j.record);
    return code;
}

/* Of what is saved: "unknown" where neither --commit nor git knows. */
static int commit_of(const options *o, const char *module, char *out, size_t size, char *reason, size_t reason_size)
{
    if (o->commit) return gate_named_commit(o->commit, out, size, reason, reason_size);
    gate_module_commit(module, out, size);
    if (!out[0]) snprintf(out, size, "unknown");
    return 1;
}

static int save(const options *o)
{
    baseline_key key;
    char module[TREE_PATH], commit[80], flags[sizeof key.flags], reason[1024];
    int code = EXIT_USAGE;
    if (o->words.count != 2) {
        if (o->words.count < 2)
            complain("gate save needs a folder: attnbench gate save DIR");
        else
            complain("gate save takes one folder; '%.200s' is one too many", o->words.word[2]);
        return EXIT_USAGE;
    }
    const gate_base_settings settings = base_settings_of(o);
    gate_build_flags(&settings, flags, sizeof flags);
    if (gate_new_module(&settings, module, sizeof module, reason, sizeof reason) &&
        commit_of(o, module, commit, sizeof commit, reason, sizeof reason) &&
        baseline_key_of(module, commit, flags, &key, reason, sizeof reason)) {
        if (!command_folder("gate save", o->words.word[1])) return EXIT_USAGE;
        code = baseline_save(o->words.word[1], module, &key, reason, sizeof reason);
    }
    if (code == EXIT_WELL)
        printf("saved %s of commit %s in %s\n", module, commit, o->words.word[1]);
    else
        complain("%s", reason);
    return code;
}

int cmd_gate(int argc, char **argv)
{
    options o;
    int code = command_begin(argc, argv, &command_gate, &o);
    if (code >= 0) return code;
    git_forget_caller();
    const char *const form = o.words.count > 0 ? o.words.word[0] : "";
    code = strcmp(form, "save") == 0      ? save(&o)
           : strcmp(form, "records") == 0 ? records(&o, argc, argv)
                                          : gate(&o, argc, argv);
    options_free(&o);
    return code;
}
