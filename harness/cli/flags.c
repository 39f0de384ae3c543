/* flags.c: the table of flags, a row each, and the few places where a command's help says something else of one. */
#include "flags.h"

#include <string.h>

#define TO(field) offsetof(options, field)
#define MOST_CERTIFIED 1000000

enum {
    SELECTING = BY_VERIFY | BY_BENCH | BY_COMPARE | BY_GATE | BY_RUN,
    RECORDING = BY_VERIFY | BY_BENCH | BY_RUN,
    PAIRING = BY_COMPARE | BY_GATE
};

const char *const flag_headings[PARTS] = {
    [PART_SIDES] = "SIDES",
    [PART_RULE] = "RULE",
    [PART_SELECT] = "SELECT (each may be given again)",
    [PART_INPUTS] = "INPUTS (hot: as the call before left them in the caches)",
    [PART_COUNTERS] = "COUNTERS",
    [PART_LAYOUT] = "LAYOUT",
    [PART_OUTPUT] = "OUTPUT",
};

const flag flags[] = {
    {"--help", "-h", NULL, BY_ALL, PART_HIDDEN, .read = read_true, .to = TO(help),
     .help = "says what the command does"},
    {"--kernel", NULL, "GLOB", SELECTING | BY_HISTORY, PART_SELECT, "kernels", read_word, TO(kernels),
     .help = "kernels (all)"},
    {"--plugin", NULL, "FILE.so", SELECTING | BY_LIST, PART_SELECT, .read = read_word, .to = TO(plugins),
     .help = "kernels of your own, named FILE:kernel"},
    {"--workload", NULL, "NAME[,key=value...]|SPEC", SELECTING | BY_HISTORY, PART_SELECT, "workloads", read_word,
     TO(workloads), .help = "a named workload, changed by keys, or a new one (attnbench list workloads, keys)"},
    {"--suite", NULL, "NAME", SELECTING, PART_SELECT, "suites", read_word, TO(suites),
     .help = "suites ({suites}, if no workload is given)"},
    {"--workloads", NULL, "FILE", SELECTING | BY_LIST, PART_SELECT, .read = read_word, .to = TO(files),
     .help = "your own workloads and suites"},
    {"--threads", NULL, "LIST", SELECTING, PART_SELECT, .read = read_word, .to = TO(threads),
     .help = "such as 1,2,all ({threads}); serial kernels run at 1 only"},
    {"--seed", NULL, "N", SELECTING | BY_CLOCK | BY_HISTORY, PART_SELECT, NULL, read_seed, TO(seed), 0, INT64_MAX,
     .help = "of the inputs (1)"},
    {"--json", NULL, "FILE", RECORDING | PAIRING | BY_DOCTOR | BY_HISTORY | BY_JUDGE | BY_CLOCK, PART_OUTPUT,
     .read = read_text, .to = TO(json),
     .help = "the record, for 'attnbench report': JSON in Google Benchmark's schema, with our context added"},
    {"--csv", NULL, "FILE", RECORDING | BY_HISTORY | BY_JUDGE, PART_OUTPUT, .read = read_text, .to = TO(csv),
     .help = "the same as rows"},
    {"--junit", NULL, "FILE", RECORDING | BY_GATE, PART_OUTPUT, .read = read_text, .to = TO(junit),
     .help = "the same as tests, for CI"},
    {"--markdown", NULL, "FILE", RECORDING | PAIRING | BY_JUDGE, PART_OUTPUT, .read = read_text, .to = TO(markdown),
     .help = "the same to read"},
    {"--markdown", NULL, NULL, BY_LIST, PART_PLAIN, .read = read_true, .to = TO(features),
     .help = "of kernels: which takes which feature in which types, as a Markdown table"},
    {"--class", NULL, "LIST", BY_VERIFY, PART_SELECT, "classes", read_word, TO(classes),
     .help = "input classes, with commas: normal,outliers,...,all (large cases: normal)"},
    {"--check", NULL, "NAME", BY_VERIFY, PART_SELECT, "checks", read_check, TO(checks),
     .help = "this check alone (all; attnbench list checks)"},
    {"--dump", NULL, "DIR", BY_VERIFY, PART_OUTPUT, .read = read_text, .to = TO(dump),
     .help = "output, lse, scores, weights, what was expected and q, k, v as .npy, a folder a case"},
    {"--time-limit", NULL, "S", BY_VERIFY | PAIRING, PART_SELECT, .read = read_seconds, .to = TO(time_limit),
     .help = "seconds a case may take (20 s and more for more work)"},
    {"--verbose", "-v", NULL, BY_VERIFY, PART_OUTPUT, .read = read_true, .to = TO(verbose),
     .help = "a line for every case (else only where there are few)"},
    {"--all-failures", NULL, NULL, BY_VERIFY, PART_OUTPUT, .read = read_true, .to = TO(all_failures),
     .help = "every failure in full, not the first few of each kernel"},
    {"--shrink", NULL, NULL, BY_VERIFY, PART_OUTPUT, .read = read_true, .to = TO(shrink),
     .help = "reduce the first failure of each kernel to the smallest case that still fails"},
    {"--certify", NULL, "N", BY_VERIFY, PART_SELECT, NULL, read_rows, TO(certify), 0, MOST_CERTIFIED, "of rows",
     "rows of each case on which the reference itself is certified (2, where that is cheap)"},
    {"--output", "-o", "DIR", BY_RUN | BY_REPORT, PART_PLAIN, .read = read_text, .to = TO(folder),
     .help = "folder for what is written (attnbench-out)"},
    {"--time-budget", NULL, "S", BY_RUN, PART_PLAIN, .read = read_seconds, .to = TO(time_budget),
     .help = "seconds for all of it (300); verifying is not cut short, and what it leaves is for timing"},
    {"--quick", NULL, NULL, BY_DOCTOR, PART_PLAIN, .read = read_true, .to = TO(quick),
     .help = "without the slowdowns: three seconds"},
    {"--layout", NULL, NULL, BY_BENCH, PART_LAYOUT, .read = read_true, .to = TO(layout),
     .help = "instead of times: what each kernel loses where a buffer lies 16 to 3072 bytes further on, or its code 16 "
             "to 64, in pairs with the aligned call (suite places and 1 thread, if none are given)"},
    {"--instructions", NULL, NULL, BY_BENCH, PART_COUNTERS, .read = read_true, .to = TO(instructions),
     .help = "instructions of one call on one thread, the same number every time: by callgrind, for kernels up to AVX2 "
             "(needs valgrind)"},
    {"--profile", NULL, "N", BY_BENCH, PART_COUNTERS, NULL, read_whole, TO(profile), 1, 1000000000, "of calls",
     "instead of times: calls the one selected case N times and nothing else, for a profiler"},
    {"--counters", NULL, "LIST", BY_BENCH, PART_COUNTERS, .read = read_text, .to = TO(counters),
     .help = "groups (pipeline, cache, tlb, fp, system, all) or events such as cycles,perf::TASK-CLOCK, counted on "
             "every thread in a run of its own after the timing, with what follows from them (instructions a cycle, "
             "miss ratios, bytes an operation; 'attnbench list counters' shows what works here)"},
    {"--cold", NULL, NULL, BY_BENCH | PAIRING, PART_INPUTS, .read = read_residency, .to = TO(residency),
     .least = RESIDENCY_COLD, .help = "all data are flushed from the caches before each call, untimed"},
    {"--rotate", NULL, NULL, BY_BENCH | PAIRING, PART_INPUTS, .read = read_residency, .to = TO(residency),
     .least = RESIDENCY_ROTATED,
     .help = "each call takes the next of so many copies that the caches do not hold them all"},
    {"--threshold", NULL, "PERCENT", PAIRING | BY_HISTORY, PART_RULE, .read = read_percent, .to = TO(threshold),
     .help = "the difference that matters (0.5)"},
    {"--launches", NULL, "N", PAIRING | BY_HISTORY, PART_RULE, NULL, read_launches, TO(launches), 0, 64,
     .help = "launches that confirm slower or faster (12; 0: none)"},
    {"--launch", NULL, "N", BY_COMPARE, PART_HIDDEN, NULL, read_whole, TO(launch), 0, 64,
     .help = "this is such a launch, and which one: compare gives it to itself"},
    {"--runs", NULL, "N", BY_CLOCK, PART_PLAIN, NULL, read_whole, TO(runs), 1, 100000,
     .help = "of each slowdown and case (20)"},
    {"--neighbours", NULL, "N", BY_CLOCK, PART_PLAIN, NULL, read_whole, TO(neighbours), 0, 64,
     .help = "busy processes beside it (0)"},
    {"--db", NULL, "FILE", BY_HISTORY, PART_PLAIN, .read = read_text, .to = TO(db),
     .help = "made by 'add' where it is missing"},
    {"--release", NULL, "NAME", BY_HISTORY, PART_PLAIN, .read = read_text, .to = TO(release),
     .help = "of 'add': it measured a release; a name of another build is refused unless --force moves it"},
    {"--force", NULL, NULL, BY_HISTORY, PART_PLAIN, .read = read_true, .to = TO(force),
     .help = "moves the name of --release from another build"},
    {"--confirm", NULL, NULL, BY_HISTORY, PART_PLAIN, .read = read_true, .to = TO(confirm),
     .help = "of 'check': compares the builds before and after, BASE and NEW"},
    {"--base", NULL, "REF", BY_GATE, PART_SIDES, .read = read_text, .to = TO(base),
     .help = "the commit to compare with, in a pull request the merge commit's first parent (HEAD^1)"},
    {"--build", NULL, "CMD", BY_GATE, PART_SIDES, .read = read_text, .to = TO(build),
     .help = "builds it, by sh in a temporary worktree of REF"},
    {"--baseline", NULL, "DIR", BY_GATE, PART_SIDES, .read = read_text, .to = TO(baseline),
     .help = "the module that 'gate save' kept, if its compiler, flags, image, instruction sets, ABI and (with --base) "
             "commit are the same; else the base is built, or the answer is 3"},
    {"--key", NULL, "TEXT", BY_GATE, PART_SIDES, .read = read_text, .to = TO(key),
     .help = "of a baseline: what its build depends on (the flags of this build; of a plugin, CFLAGS and LDFLAGS)"},
    {"--commit", NULL, "NAME", BY_GATE, PART_SIDES, .read = read_text, .to = TO(commit),
     .help = "of 'gate save': what was built (the commit of the git tree that the module lies in)"},
    {"--waivers", NULL, "FILE", BY_GATE, PART_RULE, .read = read_text, .to = TO(waivers),
     .help = "accepted slowdowns: lines of CASE LIMIT% UNTIL REASON, such as 'my_kernel/gpt2-1k/threads:1 3% "
             "2031-06-30 checks for NaN'"},
    {"--require-all", NULL, NULL, BY_GATE, PART_RULE, .read = read_true, .to = TO(require_all),
     .help = "cases that only the base has fail"},
    {"--require-isa", NULL, "NAME", BY_GATE, PART_RULE, .read = read_text, .to = TO(require_isa),
     .help = "exit 3 on machines without it, such as avx512, where a pass would mean little"},
    {"--max-time", NULL, "S", BY_GATE, PART_RULE, .read = read_seconds, .to = TO(max_time),
     .help = "for all of it, building and judging too, cheapest cases first; what was dropped is listed"},
    {"--on-inconclusive", NULL, "warn|fail", BY_GATE, PART_RULE, .read = read_warn_or_fail, .to = TO(undecided_fails),
     .help = "cases that could not be told (warn)"},
    {"--summary", NULL, "FILE", BY_GATE, PART_OUTPUT, .read = read_text, .to = TO(summary),
     .help = "Markdown, appended, for the pipeline's page"},
    {"--mutants", NULL, "DIR", BY_JUDGE, PART_PLAIN, .read = read_text, .to = TO(mutants),
     .help = "folder with mutants/ and antimutants/ of NAME.so and NAME.diff (the build's selftest/)"},
    {"--only", NULL, "GLOB", BY_JUDGE | BY_CLOCK, PART_PLAIN, .read = read_text, .to = TO(only),
     .help = "planted kernels of these names (all)"},
    {"--whole", NULL, NULL, BY_JUDGE, PART_PLAIN, .read = read_true, .to = TO(whole),
     .help = "verify's own default for each (about 10 s each), not the part of it that shows the bug"},
    {"--jobs", NULL, "N", BY_JUDGE, PART_PLAIN, NULL, read_whole, TO(jobs), 1, 256,
     .help = "processes at once (as many as processors)"},
    {"--gdb", NULL, NULL, BY_VERIFY, PART_SELECT, .read = read_true, .to = TO(gdb),
     .help = "runs the first failing case again in gdb, which stops at the failing call; the exit code is gdb's"},
    {"--in-process", NULL, NULL, BY_VERIFY, PART_SELECT, .read = read_true, .to = TO(in_process),
     .help = "no child processes, and so no time limits: for debuggers and sanitizers; a crash ends the run"},
    {.name = NULL},
};

const flag_note flag_notes[] = {
    {"--kernel", PAIRING, PART_SELECT, NULL, "of whole plugins, kernels by their own names (all that both have)"},
    {"--kernel", BY_HISTORY, PART_SELECT, NULL, "some series only"},
    {"--workload", BY_HISTORY, PART_SELECT, "GLOB", "some series only"},
    {"--plugin", BY_LIST, PART_SELECT, NULL, "kernels of your own are listed too, as FILE:kernel"},
    {"--plugin", BY_COMPARE, PART_HIDDEN, NULL, NULL}, /* the answer says what to write instead */
    {"--plugin", BY_GATE, PART_SIDES, NULL,
     "NEW; with --base, what --build makes in both trees (the built-in kernels beside this program)"},
    {"--workloads", BY_LIST, PART_SELECT, NULL, "a file with workloads and suites of your own is read first"},
    {"--seed", PAIRING, PART_SELECT, NULL, "of inputs, order and places (1)"},
    {"--seed", BY_CLOCK, PART_PLAIN, NULL, "of the first run (1)"},
    {"--seed", BY_HISTORY, PART_RULE, NULL, "of --confirm, as in compare"},
    {"--time-limit", PAIRING, PART_RULE, NULL, "seconds of pairs a case may take (5)"},
    {"--threshold", BY_GATE, PART_RULE, NULL, "the slowdown that matters (1)"},
    {"--threshold", BY_HISTORY, PART_RULE, NULL, "of --confirm, as in compare"},
    {"--launches", BY_GATE, PART_RULE, NULL, "launches that confirm slower (12)"},
    {"--launches", BY_HISTORY, PART_RULE, NULL, "of --confirm, as in compare"},
    {"--only", BY_CLOCK, PART_PLAIN, "LIST", "slowdowns in percent, such as 0 or 1,2 (0,1,2,5)"},
    {"--json", BY_DOCTOR, PART_OUTPUT, NULL, "a record with all of it (context.attnbench.doctor)"},
    {"--json", BY_JUDGE, PART_OUTPUT, NULL, "the kill matrix"},
    {"--json", BY_HISTORY, PART_OUTPUT, NULL, "'show' and 'check': what they say, for 'attnbench report' (timelines)"},
    {"--csv", BY_HISTORY, PART_OUTPUT, NULL, "of 'export' (standard output)"},
    {.name = NULL},
};

flag_look flag_looks(const flag *f, const command *c)
{
    flag_look look = {f->part, f->argument, f->help};
    for (const flag_note *n = flag_notes; n->name; n++) {
        if (strcmp(n->name, f->name) != 0 || !(n->commands & c->bit)) continue;
        look.part = n->part;
        if (n->argument) look.argument = n->argument;
        if (n->help) look.help = n->help;
    }
    return look;
}

enum flag_values flag_values(const flag *f)
{
    const char *const a = f->argument;
    if (!a) return VALUES_NONE;
    if (f->list) return VALUES_LISTED;
    if (strncmp(a, "FILE", 4) == 0) return VALUES_FILE;
    if (strcmp(a, "DIR") == 0) return VALUES_FOLDER;
    return strchr(a, '|') ? VALUES_WORDS : VALUES_ANY;
}
