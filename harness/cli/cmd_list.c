/* cmd_list.c: attnbench list: what there is to choose from. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run/check.h"
#include "commands.h"
#include "counters/counters_groups.h"
#include "counters/counter_run.h"
#include "cpu.h"
#include "list_features.h"
#include "problem.h"
#include "registry.h"
#include "util/console.h"
#include "workload/workload_keys.h"
#include "verify/check_list.h"

const command command_list = {
    .name = "list",
    .about = "kernels, workloads, suites, input classes and counters",
    .run = cmd_list,
    .bit = BY_LIST,
    .takes_words = true,
    .usage = {{"[kernels|workloads|suites|classes|checks|keys|counters] [SELECT]", "what can be selected"}},
    .word = {{"kernels", "", "name, role, instruction sets, idea"},
             {"workloads", "", "name and SPEC"},
             {"suites", "", "name, what it is for, its workloads"},
             {"classes", "", "input classes: how inputs are drawn"},
             {"checks", "", "name, what it applies to, what must hold"},
             {"keys", "", "what a workload's SPEC is made of"},
             {"counters", "", "groups and events, and which of them count here"}},
    .text = "Prints what can be selected; without a word, all of it.",
    .example = "list workloads",
};

/* Where there is something to list. */
typedef struct sources {
    const workload_set *set;
    plugin_set plugins;
} sources;

static void print_kernel(const attn_kernel *k)
{
    static const char *const role[] = {"", "baseline", "teaching", "product"};
    char isa[128];
    attn_isa_names(k->isa, isa, sizeof isa);
    printf("%-20s %-9s %-10s %s%s%s%s\n", k->name, k->role < 4 ? role[k->role] : "?", isa, k->idea,
           k->improves_on ? " (improves on " : "", k->improves_on ? k->improves_on : "", k->improves_on ? ")" : "");
}

static void list_kernels(const sources *from)
{
    int count;
    const attn_kernel *const *kernel = attn_kernels(&count);
    for (int i = 0; i < count; i++) print_kernel(kernel[i]);
    for (int p = 0; p < from->plugins.count; p++)
        for (int i = 0; i < from->plugins.plugin[p]->kernels; i++) print_kernel(from->plugins.plugin[p]->kernel[i]);
}

/* The same kernels, by what they take. */
static int list_features(const sources *from, char *reason, size_t size)
{
    int count;
    const attn_kernel *const *const built_in = attn_kernels(&count);
    for (int p = 0; p < from->plugins.count; p++) count += from->plugins.plugin[p]->kernels;
    const attn_kernel **all = calloc((size_t)count, sizeof *all);
    if (!all) {
        snprintf(reason, size, "out of memory");
        return 0;
    }
    int n = 0, own;
    attn_kernels(&own);
    while (n < own) {
        all[n] = built_in[n];
        n++;
    }
    for (int p = 0; p < from->plugins.count; p++)
        for (int i = 0; i < from->plugins.plugin[p]->kernels; i++) all[n++] = from->plugins.plugin[p]->kernel[i];
    const int well = print_features(all, count, reason, size);
    free(all);
    return well;
}

static void list_workloads(const sources *from)
{
    const workload_set *set = from->set;
    for (int i = 0; i < workload_set_count(set); i++)
        printf("%-24s %s\n", workload_set_name(set, i), workload_set_line(set, i));
}

static void list_suites(const sources *from)
{
    const workload_set *set = from->set;
    for (int i = 0; i < suite_count(set); i++) {
        printf("%-18s %s\n", suite_name(set, i), suite_about(set, i));
        for (const char *const *member = suite_members(set, suite_name(set, i)); *member; member++)
            printf("    %s\n", *member);
    }
}

static void list_classes(const sources *from)
{
    (void)from;
    for (int i = 0; i < INPUT_CLASSES; i++) printf("%-15s %s\n", input_class_name(i), input_class_statement(i));
}

static void list_checks(const sources *from)
{
    (void)from;
    int groups;
    const check_group *const *group = check_groups(&groups);
    for (int g = 0; g < groups; g++)
        for (int i = 0; i < group[g]->count; i++) {
            const check *c = &group[g]->check[i];
            printf("%-24s %-34s %s\n", c->name, c->applies, c->statement);
        }
}

static void list_keys(const sources *from)
{
    (void)from;
    for (int key = 0; key < KEY_COUNT; key++)
        printf("%-12s %s\n", spec_key_name((spec_key)key), spec_key_about((spec_key)key));
}

static void print_counter_groups(void)
{
    counter_event event[COUNTER_EVENTS];
    for (int g = 0; g < counters_group_count(); g++) {
        const int count = counters_group_events(counters_group_name(g), event, COUNTER_EVENTS);
        printf("group %-9s ", counters_group_name(g));
        for (int i = 0; i < count; i++) printf("%s%s", i ? "," : "", event[i].name);
        putchar('\n');
    }
    puts("group all       all of these");
}

/* Tried, not looked up: what the processor has, a virtual machine or a container may withhold. */
static void list_counters(const sources *from)
{
    (void)from;
    counter_event event[COUNTER_EVENTS];
    counter_value value[COUNTER_EVENTS];
    int count = 0;
    while (count < counters_generic_count()) {
        event[count] = counters_generic(count);
        count++;
    }
    count += counters_group_events("fp", &event[count], COUNTER_EVENTS - count);
    printf("names: %s\n", counters_names_source());
    print_counter_groups();
    if (!counter_run_probe(counters_perf(), event, count, value)) return;
    for (int i = 0; i < count; i++)
        printf("%-24s %s%s\n", event[i].name, value[i].counted ? "counts" : "absent: ", value[i].reason);
}

static const struct {
    const char *word;
    void (*print)(const sources *from);
} lists[] = {{"kernels", list_kernels},  {"workloads", list_workloads}, {"suites", list_suites},
             {"classes", list_classes},  {"checks", list_checks},       {"keys", list_keys},
             {"counters", list_counters}};
enum { LISTS = sizeof lists / sizeof lists[0] };

int cmd_list(int argc, char **argv)
{
    options o;
    char reason[512];
    const int code = command_begin(argc, argv, &command_list, &o);
    if (code >= 0) return code;
    bool wanted[LISTS];
    for (int w = 0; w < LISTS; w++) wanted[w] = o.words.count == 0;
    for (int i = 0; i < o.words.count; i++) {
        int w = 0;
        while (w < LISTS && strcmp(lists[w].word, o.words.word[i])) w++;
        if (w == LISTS) {
            complain("cannot list '%.60s'; words: kernels workloads suites classes checks keys counters",
                     o.words.word[i]);
            options_free(&o);
            return EXIT_USAGE;
        }
        wanted[w] = true;
    }
    if (o.features && (o.words.count != 1 || strcmp(o.words.word[0], "kernels") != 0)) {
        complain("--markdown is for kernels alone: attnbench list kernels --markdown");
        options_free(&o);
        return EXIT_USAGE;
    }
    workload_set *set = attn_cpu_check(reason, sizeof reason) ? workload_set_new(reason, sizeof reason) : NULL;
    for (int i = 0; set && i < o.files.count; i++)
        if (!workload_set_read(set, o.files.word[i], reason, sizeof reason)) {
            workload_set_free(set);
            set = NULL;
        }
    sources from = {set, {NULL, 0}};
    if (set && !plugins_open(o.plugins.word, o.plugins.count, attn_cpu_isa(), &from.plugins, reason, sizeof reason)) {
        workload_set_free(set);
        set = NULL;
    }
    if (!set) {
        complain("%s", reason);
        options_free(&o);
        return EXIT_USAGE;
    }
    int well = 1;
    for (int w = 0; w < LISTS && !o.features; w++) {
        if (!wanted[w]) continue;
        if (o.words.count != 1) printf("%s%s:\n", w ? "\n" : "", lists[w].word);
        lists[w].print(&from);
    }
    if (o.features) well = list_features(&from, reason, sizeof reason);
    if (!well) complain("%s", reason);
    plugins_notes(&from.plugins);
    plugins_close(&from.plugins);
    options_free(&o);
    workload_set_free(set);
    return well ? EXIT_WELL : EXIT_BUG;
}
