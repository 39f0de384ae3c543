/* options.h: the command line that all commands share: SELECT and OUTPUT. */
#ifndef ATTNBENCH_OPTIONS_H
#define ATTNBENCH_OPTIONS_H

#include <stdbool.h>

#include "attention.h"
#include "judge/certificate.h"
#include "run/selection.h"
#include "workload/workload.h"

/* Which flags a command takes, as bits. */
enum option_group {
    OPTIONS_SELECT = 1, /* --kernel --workload --suite --threads --seed, and OPTIONS_FILES */
    OPTIONS_OUTPUT = 2, /* --json --csv --junit --markdown */
    OPTIONS_VERIFY =
        4, /* --class --check --dump --time-limit --certify --shrink --verbose --all-failures --gdb --in-process */
    OPTIONS_FOLDER = 8,  /* -o, --output */
    OPTIONS_BUDGET = 16, /* --time-budget */
    OPTIONS_REST = 32,   /* arguments after -- are Google Benchmark's */
    OPTIONS_WORDS = 64,  /* words that are no flags */
    OPTIONS_FILES = 128, /* --workloads --plugin */
    OPTIONS_BENCH = 256, /* --counters --instructions --layout --profile --cold --rotate */
    OPTIONS_JSON = 512,  /* --json alone */

    OPTIONS_HISTORY =
        1024, /* --db --release --force --confirm --kernel --workload --csv --threshold --launches --seed */
    OPTIONS_MATRIX = 2048,    /* --json --csv --markdown --mutants --only --whole --jobs */
    OPTIONS_COMPARE = 4096,   /* --threshold --launches --time-limit --cold --rotate --markdown */
    OPTIONS_CLOCK = 8192,     /* --runs --neighbours --seed --only */
    OPTIONS_DOCTOR = 1 << 17, /* --quick */
    OPTIONS_LAUNCH = 1 << 18, /* --launch, which compare gives itself: no list of flags has it */
    OPTIONS_GATE = 1 << 16, /* --base --build --baseline --key --commit --waivers --require-all --require-isa --max-time
                               --on-inconclusive --junit --summary */
};

typedef struct word_list {
    const char **word;
    int count;
} word_list;

typedef struct options {
    word_list kernels, workloads, suites, files, plugins, threads, classes, checks; /* as given, in order */
    word_list words;     /* the arguments that are no flags */
    uint64_t seed;       /* to 2^63 - 1: what JSON's integers hold here */
    int64_t certify;     /* rows of a case; CERTIFY_CHEAP: not given */
    residency residency; /* of inputs when a call begins */
    const char *json, *csv, *junit, *markdown, *dump, *folder, *counters;
    const char *mutants, *only; /* a folder of planted bugs; those of these names, or slowdowns of these percentages */
    int jobs;                   /* 0 not given */
    bool whole;
    bool instructions; /* of bench: counted by callgrind */
    int profile;       /* of bench: calls for a profiler; 0 not given */
    bool layout;       /* of bench: buffers and code at other places */
    bool quick;        /* of doctor: nothing that takes long */
    bool gdb, in_process;
    double time_limit, time_budget; /* seconds; 0 not given */
    double threshold;               /* a relative difference; 0 not given */
    int launches, launch;           /* -1 not given */
    int runs, neighbours;           /* 0 not given */
    char **rest;                    /* after -- */

    const char *db, *release; /* of history */
    bool confirm, force;

    const char *base, *build, *baseline, *key, *commit, *waivers, *require_isa, *summary; /* of gate */
    bool require_all, undecided_fails;
    double max_time; /* seconds; 0 not given */

    bool verbose, all_failures, shrink; /* of verify */

    int rest_count;
    bool help;
} options;

/* Parses the arguments after the command's name. Returns 1; or 0 and one line in `reason`. */
int options_parse(int argc, char **argv, unsigned groups, options *out, char *reason, size_t reason_size);
void options_free(options *o);

/* Resolves options; `default_suites` (NULL-terminated) are taken where neither --workload nor --suite is given. 0 and
 * one line in `reason` where a name is unknown or nothing is selected. */
int selection_make(const options *o, const char *const *default_suites, selection *out, char *reason,
                   size_t reason_size);

#endif
