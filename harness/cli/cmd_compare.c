/* cmd_compare.c: attnbench compare: is NEW slower than BASE? */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine/ceilings.h"
#include "commands.h"
#include "compare/compare_files.h"
#include "compare/compare_record.h"
#include "record/context.h"
#include "util/percent.h"
#include "record/record.h"
#include "util/console.h"

const command command_compare = {
    .name = "compare",
    .about = "is NEW slower than BASE? paired times of checked kernels, with an interval",
    .run = cmd_compare,
    .bit = BY_COMPARE,
    .takes_words = true,
    .operands = "FILE",
    .usage = {{"BASE NEW [SELECT]", "is NEW slower than BASE, by how much, how sure?"}},
    .text = "BASE and NEW are a built-in kernel, FILE.so:KERNEL, FILE.so (kernel by kernel) or 'builtin'. Both are "
            "loaded as modules into one process and called in turn on the same tensors, in random order, until a "
            "sequential test has its answer; a claim of slower or faster is confirmed in fresh launches. Kernels are "
            "checked first: what is wrong is never timed.\n"
            "Percent are of BASE's time: 20 % faster is -20 %, 20 % less time.\n"
            "Exit 0 not slower, 1 slower (or wrong), 3 could not tell. Two records (FILE.json) can be compared too, "
            "with less certainty.",
    .example = "compare old/my_kernel.so new/my_kernel.so --workload gpt2-1k\n--json comparison.json",
    .suites = {"models"},
    .threads = "1",
};

typedef struct job {
    const options *o;
    const selection *s;
    compare_sides sides;
    compare_settings settings;
    json_t *record;
    comparison *list;
    size_t listed;
    int count[COMPARE_VERDICTS];
    int refused; /* workloads that could not be made */
    int lost;    /* cases that there was no memory for */
} job;

/* ---- lines ------------------------------------------------------------------------------------------------------- */

static void print_alone(const compare_sides *s)
{
    static const char *const say[2] = {"removed (only BASE has it)", "new (only NEW has it), not compared"};
    for (int which = 0; which < 2; which++)
        for (int i = 0; i < s->alone_count[which]; i++)
            printf("%s: %s\n", compare_kernel_name(s->alone[which][i]), say[which]);
}

static void keep_comparison(void *ctx, const comparison *c)
{
    job *j = ctx;
    comparison *grown = realloc(j->list, (j->listed + 1) * sizeof *grown);
    progress_clear();
    if (!grown) {
        complain("out of memory for what was compared");
        json_decref(c->samples);
        j->lost++;
        return;
    }
    j->list = grown;
    j->list[j->listed++] = *c;
    if (!compare_wants_launches(c, &j->settings)) compare_print(c, &j->settings);
    fflush(stdout);
}

/* Workloads that could not be made are told apart. */
static int not_begun(const job *j)
{
    const int each = j->settings.cases / j->s->workloads;
    return j->settings.cases - (int)j->listed - j->lost - j->refused * each;
}

static void print_counts(const job *j)
{
    bool any = false;
    for (int v = 0; v < COMPARE_VERDICTS; v++) {
        if (j->count[v] == 0) continue;
        printf("%s%d %s", any ? ", " : "\n", j->count[v], compare_verdict_name((compare_verdict)v));
        any = true;
    }
    if (not_begun(j) > 0) {
        printf("%s%d not begun", any ? ", " : "\n", not_begun(j));
        any = true;
    }
    printf("%sthreshold %.*g %%, false alarms %.*g %% over %d case%s\n", any ? "; " : "\n", PERCENT(j->settings.delta),
           PERCENT(j->settings.family_alpha), j->settings.cases, j->settings.cases == 1 ? "" : "s");
}

/* ---- the job ----------------------------------------------------------------------------------------------------- */

static int exit_of_comparisons(const job *j)
{
    const int *n = j->count;
    if (interrupted) return EXIT_INTERRUPTED;
    if (j->lost) return EXIT_BUG;
    if (n[COMPARE_WRONG] || n[COMPARE_SLOWER]) return EXIT_FINDING;
    if (j->refused) return EXIT_USAGE;
    if (n[COMPARE_COULD_NOT_TELL]) return EXIT_UNDECIDED;
    if (n[COMPARE_FASTER] + n[COMPARE_NO_DIFFERENCE] + n[COMPARE_NOT_SLOWER] + n[COMPARE_IDENTICAL] == 0)
        return EXIT_UNDECIDED;
    return EXIT_WELL;
}

/* Cases that stage one settled were shown at once; the others when their launches are done. */
static void confirm_all(job *j)
{
    bool *staged = calloc(j->listed + 1, sizeof *staged);
    for (size_t i = 0; staged && i < j->listed; i++) staged[i] = compare_wants_launches(&j->list[i], &j->settings);
    for (size_t i = 0; staged && i < j->listed && !interrupted; i++)
        if (staged[i]) compare_run_launches(&j->list[i], &j->sides, &j->settings);
    if (!staged || !compare_stage_two(j->list, j->listed, &j->settings)) complain("out of memory for stage two");
    for (size_t i = 0; i < j->listed; i++) {
        if (staged && staged[i]) compare_print(&j->list[i], &j->settings);
        j->count[j->list[i].verdict]++;
        json_array_append_new(json_object_get(j->record, "comparisons"), compare_json(&j->list[i], &j->settings));
        json_decref(j->list[i].samples);
    }
    free(staged);
    free(j->list);
    j->list = NULL;
}

static int compare_all(job *j)
{
    const selection *s = j->s;
    char reason[512];
    compare_print_side("BASE", &j->sides.side[0]);
    compare_print_side("NEW", &j->sides.side[1]);
    print_alone(&j->sides);
    for (int i = 0; i < 2; i++) plugins_notes(&j->sides.side[i].set);
    for (int i = 0; i < s->workloads && !interrupted && !command_unread(j->o); i++) {
        progress("comparing %d of %d: %s", i + 1, s->workloads, s->workload[i].name);
        if (compare_workload(&j->sides, &s->workload[i], s->threads, s->thread_counts, &j->settings,
                             json_object_get(j->record, "cases"), keep_comparison, j, reason, sizeof reason))
            continue;
        complain("%s: %s", s->workload[i].name, reason);
        j->refused++;
    }
    progress_clear();
    confirm_all(j);
    print_counts(j);
    const char *changed = compare_sides_changed(&j->sides);
    if (!changed || interrupted) return exit_of_comparisons(j);
    complain("could not tell: %s was changed while it was compared; nothing of the above holds: run it again", changed);
    return EXIT_UNDECIDED;
}

static int compare_and_write(job *j, int argc, char **argv)
{
    const options *o = j->o;
    const selection *s = j->s;
    j->record = record_new();
    json_object_set_new(j->record, "comparisons", json_array());
    watch_interrupts();
    int code = compare_all(j);
    const attn_kernel **kernel = calloc(2 * (size_t)j->sides.pairs, sizeof *kernel);
    int kernels = 0;
    for (int p = 0; kernel && p < j->sides.pairs; p++)
        for (int i = 0; i < 2; i++) kernel[kernels++] = j->sides.pair[p].kernel[i];
    const context_facts facts = {argc + 2, argv - 2, s->isa, s->threads[s->thread_counts - 1], -1, NULL,
                                 kernel,   kernels,  NULL};
    json_t *context = context_new(&facts);
    free(kernel);
    json_t *compared = compare_context(&j->sides, &j->settings);
    json_object_set_new(compared, "not_begun", json_integer(not_begun(j)));
    json_object_set_new(context, "compare", compared);
    context_put(j->record, context);
    static const output_writers writers = {record_write_json, NULL, NULL, compare_write_markdown};
    code = worse_exit(code, command_outputs_as(o, j->record, &writers));
    command_interrupted(o);
    json_decref(j->record);
    return code;
}

static compare_settings settings_of(const options *o, const selection *s, const attn_machine *machine)
{
    compare_settings c = compare_defaults;
    if (o->threshold > 0) c.delta = o->threshold;
    if (o->time_limit > 0) c.seconds = o->time_limit;
    if (o->launches >= 0) c.launches = o->launches;
    c.residency = s->residency;
    c.seed = s->seed;
    c.machine = machine;
    c.isa = s->isa;
    return c;
}

static int compare_kernels(const options *o, const selection *s, int argc, char **argv)
{
    char reason[1400];
    job j = {.o = o, .s = s};
    if (!compare_sides_open(o->words.word[0], o->words.word[1], o->kernels.word, o->kernels.count, s->isa, &j.sides,
                            reason, sizeof reason)) {
        complain("%s", reason);
        return EXIT_USAGE;
    }
    const attn_machine machine = ceilings_machine(NULL, s->isa, s->threads[s->thread_counts - 1]);
    j.settings = settings_of(o, s, &machine);
    j.settings.cases = s->workloads * compare_cases(&j.sides, s->threads, s->thread_counts);
    int code = EXIT_USAGE;
    if (o->launch >= 0)
        code = compare_launch(&j.sides, &s->workload[0], s->threads[0], o->launch, &j.settings);
    else if (j.settings.cases == 0)
        complain("nothing is selected: serial kernels run at 1 thread only; add 1 to --threads");
    else
        code = compare_and_write(&j, argc, argv);
    compare_sides_close(&j.sides);
    return code;
}

/* Two records instead of kernels. */
static int compare_records(const options *o)
{
    static const output_writers writers = {record_write_json, NULL, NULL, compare_write_markdown};
    json_t *record;
    int code = compare_files(o->words.word[0], o->words.word[1], o->threshold, &record);
    if (record) code = worse_exit(code, command_outputs_as(o, record, &writers));
    json_decref(record);
    return code;
}

int cmd_compare(int argc, char **argv)
{
    options o;
    selection s;
    char reason[1024];
    int code = command_begin(argc, argv, &command_compare, &o);
    if (code >= 0) return code;
    code = EXIT_USAGE;
    if (o.words.count > 2) {
        complain("compare takes two names, BASE and NEW; '%.200s' is one too many", o.words.word[2]);
    } else if (o.words.count != 2) {
        complain("compare needs two names, BASE and NEW: kernels, FILE.so:KERNEL, FILE.so or records; %d given",
                 o.words.count);
    } else if (compare_is_file(o.words.word[0]) != compare_is_file(o.words.word[1])) {
        complain("one of '%.200s' and '%.200s' is a record and the other is not; compare two of a kind",
                 o.words.word[0], o.words.word[1]);
    } else if (compare_is_file(o.words.word[0]) &&
               (o.kernels.count || o.workloads.count || o.suites.count || o.threads.count)) {
        complain("--kernel, --workload, --suite and --threads choose what is timed; records are compared as they are");
    } else if (compare_is_file(o.words.word[0])) {
        code = compare_records(&o);
    } else if (o.plugins.count) {
        complain("--plugin: name the file as BASE or NEW: FILE.so:KERNEL");
    } else {
        /* --kernel is for the kernels of the two sides, whatever the registry has; and one thread unless asked. */
        const word_list globs = o.kernels;
        o.kernels = (word_list){NULL, 0};
        const char *one[] = {command_compare.threads};
        const word_list threads = o.threads;
        if (threads.count == 0) o.threads = (word_list){one, 1};
        const int made = selection_make(&o, command_compare.suites, &s, reason, sizeof reason);
        o.kernels = globs;
        o.threads = threads;
        if (made) {
            code = compare_kernels(&o, &s, argc, argv);
            selection_free(&s);
        } else {
            complain("%s", reason);
        }
    }
    options_free(&o);
    return code;
}
