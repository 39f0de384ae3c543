/* cmd_list.c: attnbench list: what there is to choose from. */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "cpu.h"
#include "registry.h"
#include "status.h"

const char help_list[] = "attnbench list [kernels|workloads|suites|classes] [--workloads FILE]\n\n"
                         "Prints what can be selected; without a word, all of it.\n\n"
                         "  --workloads FILE   a file with workloads and suites of your own is read first\n\n"
                         "example: attnbench list workloads\n";

static void list_kernels(void)
{
    static const char *const role[] = {"", "baseline", "teaching", "product"};
    int count;
    const attn_kernel *const *kernel = attn_kernels(&count);
    for (int i = 0; i < count; i++) {
        char isa[128];
        attn_isa_names(kernel[i]->isa, isa, sizeof isa);
        printf("%-20s %-9s %-10s %s%s%s%s\n", kernel[i]->name, kernel[i]->role < 4 ? role[kernel[i]->role] : "?", isa,
               kernel[i]->idea, kernel[i]->improves_on ? " (improves on " : "",
               kernel[i]->improves_on ? kernel[i]->improves_on : "", kernel[i]->improves_on ? ")" : "");
    }
}

static void list_workloads(const workload_set *set)
{
    for (int i = 0; i < workload_set_count(set); i++)
        printf("%-24s %s\n", workload_set_name(set, i), workload_set_line(set, i));
}

static void list_suites(const workload_set *set)
{
    for (int i = 0; i < suite_count(set); i++) {
        printf("%-18s %s\n", suite_name(set, i), suite_about(set, i));
        for (const char *const *member = suite_members(set, suite_name(set, i)); *member; member++)
            printf("    %s\n", *member);
    }
}

static void list_classes(void)
{
    for (int i = 0; i < INPUT_CLASSES; i++) printf("%-12s %s\n", input_class_name(i), input_class_statement(i));
}

int cmd_list(int argc, char **argv)
{
    static const char *const word[] = {"kernels", "workloads", "suites", "classes"};
    options o;
    char reason[512];
    const int code = command_begin(argc, argv, OPTIONS_WORDS | OPTIONS_SELECT, help_list, &o);
    if (code >= 0) return code;
    bool wanted[4] = {o.words.count == 0, o.words.count == 0, o.words.count == 0, o.words.count == 0};
    for (int i = 0; i < o.words.count; i++) {
        int w = 0;
        while (w < 4 && strcmp(word[w], o.words.word[i])) w++;
        if (w == 4) {
            complain("cannot list '%.60s'; words: kernels workloads suites classes", o.words.word[i]);
            options_free(&o);
            return EXIT_USAGE;
        }
        wanted[w] = true;
    }
    workload_set *set = workload_set_new(reason, sizeof reason);
    for (int i = 0; set && i < o.files.count; i++)
        if (!workload_set_read(set, o.files.word[i], reason, sizeof reason)) {
            workload_set_free(set);
            set = NULL;
        }
    options_free(&o);
    if (!set) {
        complain("%s", reason);
        return EXIT_USAGE;
    }
    const bool titles = wanted[0] + wanted[1] + wanted[2] + wanted[3] > 1;
    for (int w = 0; w < 4; w++) {
        if (!wanted[w]) continue;
        if (titles) printf("%s%s:\n", w ? "\n" : "", word[w]);
        if (w == 0)
            list_kernels();
        else if (w == 1)
            list_workloads(set);
        else if (w == 2)
            list_suites(set);
        else
            list_classes();
    }
    workload_set_free(set);
    return EXIT_WELL;
}
