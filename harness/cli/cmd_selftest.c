/* cmd_selftest.c: attnbench selftest judge|clock: the instrument checks itself. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "record/context.h"
#include "cpu.h"
#include "machine/machine.h"
#include "record/record.h"
#include "selftest/selftest_judge.h"
#include "selftest/selftest_clock.h"
#include "util/console.h"
#include "util/program_files.h"

const command command_selftest = {
    .name = "selftest",
    .about = "does the judge find planted bugs, and the clock planted slowdowns, and nothing else?",
    .run = cmd_selftest,
    .bit = BY_JUDGE,
    .takes_words = true,
    .usage = {{"judge", "does the judge find planted bugs, and accuse nothing that is right?"},
              {"clock [--runs N ...]", "see 'attnbench selftest clock --help'"}},
    .word = {{"judge", "", "every planted bug must be found, and no odd but right kernel accused"},
             {"clock", "", "slowdowns that are there must be seen, and none that are not"}},
    .text = "Verifies every kernel with a planted bug, and every odd but right one, each in a process of its own. "
            "Prints which check found which bug, then repeats one failure of each by the line that verify gave for "
            "it. Exit 1 if a bug is missed, an odd kernel accused, or a failure does not repeat with the same digits.",
    .example = "selftest judge --only 'causal*'",
};

/* What makes the matrix a record that reports take: on which machine, by which build it was found. */
static void add_matrix_context(json_t *matrix, int argc, char **argv, int jobs)
{
    const context_facts facts = {argc + 2, argv - 2, attn_cpu_isa(), jobs, -1, NULL, NULL, 0, NULL};
    json_object_set_new(matrix, "context", json_object());
    context_put(matrix, context_new(&facts));
    json_object_set_new(matrix, "benchmarks", json_array());
    json_object_set_new(matrix, "cases", json_array());
}

static int judge(const options *o, int argc, char **argv)
{
    static const output_writers writers = {record_write_json, kill_matrix_write_csv, NULL, kill_matrix_write_markdown};
    char reason[1024], folder[] = "/tmp/attnbench-selftest-XXXXXX";
    planted_list list;
    char *const own =
        o->mutants ? strdup(o->mutants) : program_file(PROGRAM_MODULES, "selftest", reason, sizeof reason);
    const int read = own && planted_read(own, o->only, &list, reason, sizeof reason);
    if (!own)
        complain("no planted bugs came with this program (cmake --install BUILD --component selftest installs those "
                 "that were built; --mutants DIR names a folder of them)");
    else if (!read)
        complain("%s", reason);
    free(own);
    if (!read) return EXIT_USAGE;
    if (!mkdtemp(folder)) {
        complain("%s: no folder for records can be made there", folder);
        planted_free(&list);
        return EXIT_NOT_WRITTEN;
    }
    watch_interrupts();
    const int jobs = o->jobs ? o->jobs : machine_facts_get()->threads;
    json_t *results = selftest_run(&list, jobs, o->whole, folder);
    rmdir(folder);
    planted_free(&list);
    if (!results) return EXIT_BUG;
    json_t *matrix = kill_matrix(results);
    add_matrix_context(matrix, argc, argv, jobs);
    kill_matrix_print(matrix, !o->only);
    const int verdict = interrupted ? EXIT_INTERRUPTED : kill_matrix_fails(matrix) ? EXIT_FINDING : EXIT_WELL;
    const int code = worse_exit(command_outputs_as(o, matrix, &writers), verdict);
    command_interrupted(o);
    json_decref(matrix);
    return code;
}

const command command_clock = {
    .name = "clock",
    .parent = "selftest",
    .about = "does the clock see slowdowns that are there, and none that are not?",
    .bit = BY_CLOCK,
    .usage = {{"", "does the clock see slowdowns that are there, and none that are not?"}},
    .text = "Compares kernels that do 0, 1, 2 and 5 % more work with one that does not, in a compute-bound and a "
            "memory-bound case, each run at the error level of one case of a gate over 200. Exit 1 where what was "
            "seen is too bad to be chance.",
    .example = "selftest clock --runs 500 --only 0 --json clock.json",
};

static int clock_test(int argc, char **argv)
{
    static const char *const suites[] = {"smoke", NULL};
    options o;
    selection s;
    char reason[1024];
    int code = command_begin(argc, argv, &command_clock, &o);
    if (code >= 0) return code;
    if ((o.only && !selftest_clock_knows(o.only, reason, sizeof reason)) ||
        !selection_make(&o, suites, &s, reason, sizeof reason)) {
        complain("%s", reason);
        options_free(&o);
        return EXIT_USAGE;
    }
    json_t *record = record_new();
    const clock_settings settings = {o.only, o.runs, o.neighbours, o.seed, s.set, s.isa};
    watch_interrupts();
    json_t *result = selftest_clock(&settings, &code);
    const context_facts facts = {argc + 3, argv - 3, s.isa, 1, -1, NULL, NULL, 0, NULL};
    context_put(record, context_new(&facts));
    json_object_set_new(record, "clock", result);
    code = worse_exit(code, command_outputs(&o, record));
    if (interrupted) code = EXIT_INTERRUPTED;
    command_interrupted(&o);
    json_decref(record);
    selection_free(&s);
    options_free(&o);
    return code;
}

int cmd_selftest(int argc, char **argv)
{
    options o;
    if (argc > 0 && strcmp(argv[0], "clock") == 0) return clock_test(argc - 1, argv + 1);
    int code = command_begin(argc, argv, &command_selftest, &o);
    if (code >= 0) return code;
    if (o.words.count == 1 && strcmp(o.words.word[0], "judge") == 0) {
        code = judge(&o, argc, argv);
    } else {
        complain("selftest: say what: judge or clock ('attnbench selftest --help' tells more)");
        code = EXIT_USAGE;
    }
    options_free(&o);
    return code;
}
