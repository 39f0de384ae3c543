/* options.h: what the flags of a command line say, of all commands. The flags themselves are in flags.c. */
#ifndef ATTNBENCH_OPTIONS_H
#define ATTNBENCH_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "attention.h"
#include "judge/certificate.h"
#include "run/selection.h"
#include "workload/workload.h"

struct command;

typedef struct word_list {
    const char **word;
    int count;
} word_list;
int word_list_add(word_list *list, const char *word); /* 0: out of memory */

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
    bool features;     /* of list: a table of kernels and features */
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
int options_parse(int argc, char **argv, const struct command *c, options *out, char *reason, size_t reason_size);
void options_free(options *o);

/* Resolves options; `default_suites` (NULL-terminated) are taken where neither --workload nor --suite is given. 0 and
 * one line in `reason` where a name is unknown or nothing is selected. */
int selection_make(const options *o, const char *const *default_suites, selection *out, char *reason,
                   size_t reason_size);

#endif
