/* options.c: one table of flags; each command says which groups of it it takes. */
#include "options.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run/check.h"
#include "record/record.h"
#include "util/atomic_file.h"
#include "verify/check_list.h"

enum flag_id {
    FLAG_HELP,
    FLAG_KERNEL,
    FLAG_PLUGIN,
    FLAG_WORKLOAD,
    FLAG_SUITE,
    FLAG_WORKLOADS,
    FLAG_THREADS,
    FLAG_SEED,
    FLAG_JSON,
    FLAG_CSV,
    FLAG_JUNIT,
    FLAG_MARKDOWN,
    FLAG_CLASS,
    FLAG_CHECK,
    FLAG_DUMP,
    FLAG_TIME_LIMIT,
    FLAG_CERTIFY,
    FLAG_OUTPUT,
    FLAG_TIME_BUDGET,
    FLAG_COUNTERS,
    FLAG_QUICK,
    FLAG_LAYOUT,
    FLAG_INSTRUCTIONS,
    FLAG_PROFILE,
    FLAG_COLD,
    FLAG_ROTATE,
    FLAG_THRESHOLD,
    FLAG_LAUNCHES,
    FLAG_LAUNCH,
    FLAG_RUNS,
    FLAG_NEIGHBOURS,
    FLAG_DB,
    FLAG_RELEASE,
    FLAG_FORCE,
    FLAG_CONFIRM,
    FLAG_BASE,
    FLAG_BUILD,
    FLAG_BASELINE,
    FLAG_COMMIT,
    FLAG_KEY,
    FLAG_WAIVERS,
    FLAG_REQUIRE_ALL,
    FLAG_REQUIRE_ISA,
    FLAG_MAX_TIME,
    FLAG_ON_INCONCLUSIVE,
    FLAG_SUMMARY,
    FLAG_VERBOSE,
    FLAG_ALL_FAILURES,
    FLAG_SHRINK,
    FLAG_MUTANTS,
    FLAG_ONLY,
    FLAG_WHOLE,
    FLAG_JOBS,
    FLAG_GDB,
    FLAG_IN_PROCESS
};

static const struct flag {
    const char *name;
    enum flag_id id;
    unsigned group; /* 0: every command */
    bool takes_value;
} flags[] = {
    {"--help", FLAG_HELP, 0, false},
    {"-h", FLAG_HELP, 0, false},
    {"--kernel", FLAG_KERNEL, OPTIONS_SELECT | OPTIONS_HISTORY, true},
    {"--plugin", FLAG_PLUGIN, OPTIONS_SELECT | OPTIONS_FILES, true},
    {"--workload", FLAG_WORKLOAD, OPTIONS_SELECT | OPTIONS_HISTORY, true},
    {"--suite", FLAG_SUITE, OPTIONS_SELECT, true},
    {"--workloads", FLAG_WORKLOADS, OPTIONS_SELECT | OPTIONS_FILES, true},
    {"--threads", FLAG_THREADS, OPTIONS_SELECT, true},
    {"--seed", FLAG_SEED, OPTIONS_SELECT | OPTIONS_CLOCK | OPTIONS_HISTORY, true},
    {"--json", FLAG_JSON, OPTIONS_OUTPUT | OPTIONS_JSON | OPTIONS_MATRIX, true},
    {"--csv", FLAG_CSV, OPTIONS_OUTPUT | OPTIONS_HISTORY | OPTIONS_MATRIX, true},
    {"--junit", FLAG_JUNIT, OPTIONS_OUTPUT | OPTIONS_GATE, true},
    {"--markdown", FLAG_MARKDOWN, OPTIONS_OUTPUT | OPTIONS_MATRIX | OPTIONS_COMPARE, true},
    {"--class", FLAG_CLASS, OPTIONS_VERIFY, true},
    {"--check", FLAG_CHECK, OPTIONS_VERIFY, true},
    {"--dump", FLAG_DUMP, OPTIONS_VERIFY, true},
    {"--time-limit", FLAG_TIME_LIMIT, OPTIONS_VERIFY | OPTIONS_COMPARE, true},
    {"--verbose", FLAG_VERBOSE, OPTIONS_VERIFY, false},
    {"-v", FLAG_VERBOSE, OPTIONS_VERIFY, false},
    {"--all-failures", FLAG_ALL_FAILURES, OPTIONS_VERIFY, false},
    {"--shrink", FLAG_SHRINK, OPTIONS_VERIFY, false},
    {"--certify", FLAG_CERTIFY, OPTIONS_VERIFY, true},
    {"--output", FLAG_OUTPUT, OPTIONS_FOLDER, true},
    {"-o", FLAG_OUTPUT, OPTIONS_FOLDER, true},
    {"--time-budget", FLAG_TIME_BUDGET, OPTIONS_BUDGET, true},
    {"--quick", FLAG_QUICK, OPTIONS_DOCTOR, false},
    {"--layout", FLAG_LAYOUT, OPTIONS_BENCH, false},
    {"--instructions", FLAG_INSTRUCTIONS, OPTIONS_BENCH, false},
    {"--profile", FLAG_PROFILE, OPTIONS_BENCH, true},
    {"--counters", FLAG_COUNTERS, OPTIONS_BENCH, true},
    {"--cold", FLAG_COLD, OPTIONS_BENCH | OPTIONS_COMPARE, false},
    {"--rotate", FLAG_ROTATE, OPTIONS_BENCH | OPTIONS_COMPARE, false},
    {"--threshold", FLAG_THRESHOLD, OPTIONS_COMPARE | OPTIONS_HISTORY, true},
    {"--launches", FLAG_LAUNCHES, OPTIONS_COMPARE | OPTIONS_HISTORY, true},
    {"--launch", FLAG_LAUNCH, OPTIONS_LAUNCH, true},
    {"--runs", FLAG_RUNS, OPTIONS_CLOCK, true},
    {"--neighbours", FLAG_NEIGHBOURS, OPTIONS_CLOCK, true},
    {"--db", FLAG_DB, OPTIONS_HISTORY, true},
    {"--release", FLAG_RELEASE, OPTIONS_HISTORY, true},
    {"--force", FLAG_FORCE, OPTIONS_HISTORY, false},
    {"--confirm", FLAG_CONFIRM, OPTIONS_HISTORY, false},
    {"--base", FLAG_BASE, OPTIONS_GATE, true},
    {"--build", FLAG_BUILD, OPTIONS_GATE, true},
    {"--baseline", FLAG_BASELINE, OPTIONS_GATE, true},
    {"--key", FLAG_KEY, OPTIONS_GATE, true},
    {"--commit", FLAG_COMMIT, OPTIONS_GATE, true},
    {"--waivers", FLAG_WAIVERS, OPTIONS_GATE, true},
    {"--require-all", FLAG_REQUIRE_ALL, OPTIONS_GATE, false},
    {"--require-isa", FLAG_REQUIRE_ISA, OPTIONS_GATE, true},
    {"--max-time", FLAG_MAX_TIME, OPTIONS_GATE, true},
    {"--on-inconclusive", FLAG_ON_INCONCLUSIVE, OPTIONS_GATE, true},
    {"--summary", FLAG_SUMMARY, OPTIONS_GATE, true},
    {"--mutants", FLAG_MUTANTS, OPTIONS_MATRIX, true},
    {"--only", FLAG_ONLY, OPTIONS_MATRIX | OPTIONS_CLOCK, true},
    {"--whole", FLAG_WHOLE, OPTIONS_MATRIX, false},
    {"--jobs", FLAG_JOBS, OPTIONS_MATRIX, true},
    {"--gdb", FLAG_GDB, OPTIONS_VERIFY, false},
    {"--in-process", FLAG_IN_PROCESS, OPTIONS_VERIFY, false},
};
enum { FLAGS = sizeof flags / sizeof flags[0], MOST_CERTIFIED = 1000000 };

static int append(word_list *list, const char *word)
{
    const char **grown = realloc(list->word, (size_t)(list->count + 1) * sizeof *grown);
    if (!grown) return 0;
    list->word = grown;
    list->word[list->count++] = word;
    return 1;
}

static int parse_seconds(const char *text, double *out)
{
    char *end;
    errno = 0;
    *out = strtod(text, &end);
    if (*end == 's' && end != text) end++;
    return !errno && end != text && !*end && isfinite(*out) && *out > 0;
}

static int parse_percent(const char *text, double *out)
{
    char *end;
    errno = 0;
    *out = strtod(text, &end) / 100;
    if (*end == '%' && end != text) end++;
    return !errno && end != text && !*end && *out > 0 && *out <= 1;
}

static int parse_count(const char *text, int most, int *out)
{
    char *end;
    const long n = strtol(text, &end, 10);
    *out = (int)n;
    return isdigit((unsigned char)text[0]) && !*end && n <= most;
}

static int parse_seed(const char *text, uint64_t *out)
{
    char *end;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return isdigit((unsigned char)text[0]) && !errno && !*end && *out <= INT64_MAX;
}

static int take_check(options *o, const char *name, char *reason, size_t size)
{
    if (check_find(name)) return append(&o->checks, name);
    snprintf(reason, size, "--check %.60s: there is no such check; attnbench list checks prints them", name);
    return 0;
}

static int take(options *o, const struct flag *flag, const char *value, char *reason, size_t size)
{
    uint64_t rows;
    switch (flag->id) {
    case FLAG_HELP: o->help = true; break;
    case FLAG_PLUGIN: return append(&o->plugins, value);
    case FLAG_KERNEL: return append(&o->kernels, value);
    case FLAG_WORKLOAD: return append(&o->workloads, value);
    case FLAG_SUITE: return append(&o->suites, value);
    case FLAG_WORKLOADS: return append(&o->files, value);
    case FLAG_THREADS: return append(&o->threads, value);
    case FLAG_CLASS: return append(&o->classes, value);
    case FLAG_CHECK: return take_check(o, value, reason, size);
    case FLAG_INSTRUCTIONS: o->instructions = true; break;
    case FLAG_PROFILE:
        if (parse_count(value, 1000000000, &o->profile) && o->profile) break;
        snprintf(reason, size, "--profile %.40s: must be a whole number of calls from 1 to 1000000000", value);
        return 0;
    case FLAG_LAYOUT: o->layout = true; break;
    case FLAG_QUICK: o->quick = true; break;
    case FLAG_COUNTERS: o->counters = value; break;
    case FLAG_JSON: o->json = value; break;
    case FLAG_CSV: o->csv = value; break;
    case FLAG_JUNIT: o->junit = value; break;
    case FLAG_MARKDOWN: o->markdown = value; break;
    case FLAG_DB: o->db = value; break;
    case FLAG_RELEASE: o->release = value; break;
    case FLAG_FORCE: o->force = true; break;
    case FLAG_CONFIRM: o->confirm = true; break;
    case FLAG_BASE: o->base = value; break;
    case FLAG_BUILD: o->build = value; break;
    case FLAG_BASELINE: o->baseline = value; break;
    case FLAG_KEY: o->key = value; break;
    case FLAG_COMMIT: o->commit = value; break;
    case FLAG_WAIVERS: o->waivers = value; break;
    case FLAG_REQUIRE_ALL: o->require_all = true; break;
    case FLAG_REQUIRE_ISA: o->require_isa = value; break;
    case FLAG_SUMMARY: o->summary = value; break;
    case FLAG_ON_INCONCLUSIVE:
        o->undecided_fails = strcmp(value, "fail") == 0;
        if (o->undecided_fails || strcmp(value, "warn") == 0) break;
        snprintf(reason, size, "--on-inconclusive %.40s: must be warn or fail", value);
        return 0;
    case FLAG_DUMP: o->dump = value; break;
    case FLAG_GDB: o->gdb = true; break;
    case FLAG_IN_PROCESS: o->in_process = true; break;
    case FLAG_OUTPUT: o->folder = value; break;
    case FLAG_VERBOSE: o->verbose = true; break;
    case FLAG_ALL_FAILURES: o->all_failures = true; break;
    case FLAG_SHRINK: o->shrink = true; break;
    case FLAG_MUTANTS: o->mutants = value; break;
    case FLAG_ONLY: o->only = value; break;
    case FLAG_WHOLE: o->whole = true; break;
    case FLAG_JOBS: {
        uint64_t jobs;
        if (parse_seed(value, &jobs) && jobs >= 1 && jobs <= 256) {
            o->jobs = (int)jobs;
            break;
        }
        snprintf(reason, size, "--jobs %.40s: must be a whole number from 1 to 256", value);
        return 0;
    }
    case FLAG_COLD:
    case FLAG_ROTATE: {
        const residency wanted = flag->id == FLAG_COLD ? RESIDENCY_COLD : RESIDENCY_ROTATED;
        if (o->residency != RESIDENCY_HOT && o->residency != wanted) {
            snprintf(reason, size, "--cold and --rotate exclude each other; run it twice");
            return 0;
        }
        o->residency = wanted;
        return residency_possible(wanted, reason, size);
    }
    case FLAG_SEED:
        if (parse_seed(value, &o->seed)) break;
        snprintf(reason, size, "--seed %.40s: must be a whole number from 0 to 2^63 - 1", value);
        return 0;
    case FLAG_CERTIFY:
        if (parse_seed(value, &rows) && rows <= MOST_CERTIFIED) {
            o->certify = (int64_t)rows;
            break;
        }
        snprintf(reason, size, "--certify %.40s: must be a whole number of rows from 0 to %d", value, MOST_CERTIFIED);
        return 0;
    case FLAG_THRESHOLD:
        if (parse_percent(value, &o->threshold)) break;
        snprintf(reason, size, "--threshold %.40s: must be a percentage above 0 and up to 100", value);
        return 0;
    case FLAG_LAUNCHES: /* one launch says nothing of how launches differ */
        if (parse_count(value, 64, &o->launches) && o->launches != 1) break;
        snprintf(reason, size, "--launches %.40s: must be 0 or a whole number from 2 to 64", value);
        return 0;
    case FLAG_LAUNCH:
        if (parse_count(value, 64, &o->launch)) break;
        snprintf(reason, size, "--launch %.40s: must be a whole number from 0 to 64", value);
        return 0;
    case FLAG_RUNS:
        if (parse_count(value, 100000, &o->runs) && o->runs) break;
        snprintf(reason, size, "--runs %.40s: must be a whole number from 1 to 100000", value);
        return 0;
    case FLAG_NEIGHBOURS:
        if (parse_count(value, 64, &o->neighbours)) break;
        snprintf(reason, size, "--neighbours %.40s: must be a whole number from 0 to 64", value);
        return 0;
    case FLAG_TIME_LIMIT:
    case FLAG_TIME_BUDGET:
    case FLAG_MAX_TIME:
        if (parse_seconds(value, flag->id == FLAG_TIME_LIMIT    ? &o->time_limit
                                 : flag->id == FLAG_TIME_BUDGET ? &o->time_budget
                                                                : &o->max_time))
            break;
        snprintf(reason, size, "%s %.40s: must be a number of seconds above 0", flag->name, value);
        return 0;
    }
    return 1;
}

static const struct flag *find_flag(const char *word, size_t length, unsigned groups)
{
    for (int i = 0; i < FLAGS; i++)
        if (strlen(flags[i].name) == length && strncmp(flags[i].name, word, length) == 0 &&
            (!flags[i].group || flags[i].group & groups))
            return &flags[i];
    return NULL;
}

static void unknown_flag(const char *word, unsigned groups, char *reason, size_t size)
{
    size_t used = (size_t)snprintf(reason, size, "unknown flag %.60s; this command takes", word);
    for (int i = 0; i < FLAGS && used < size; i++)
        if ((!flags[i].group || flags[i].group & groups & ~(unsigned)OPTIONS_LAUNCH) && flags[i].name[1] == '-')
            used += (size_t)snprintf(reason + used, size - used, " %s", flags[i].name);
    if (groups & OPTIONS_REST && used < size) snprintf(reason + used, size - used, ", and Google Benchmark's after --");
}

/* Before hours of work: can every output be written, and none over another? */
static int check_outputs(const options *o, char *reason, size_t size)
{
    const char *const written[] = {o->json, o->csv, o->junit, o->markdown, o->summary};
    for (size_t i = 0; i < sizeof written / sizeof written[0]; i++) {
        for (size_t before = 0; written[i] && before < i; before++)
            if (written[before] && strcmp(written[i], written[before]) == 0 && strcmp(written[i], "/dev/null") != 0) {
                snprintf(reason, size, "%.200s: two outputs have this name; give each its own", written[i]);
                return 0;
            }
        if (written[i] && !file_writable(written[i], reason, size)) return 0;
    }
    return 1;
}

int options_parse(int argc, char **argv, unsigned groups, options *out, char *reason, size_t size)
{
    memset(out, 0, sizeof *out);
    out->seed = 1;
    out->launches = out->launch = -1;
    out->certify = CERTIFY_CHEAP;
    snprintf(reason, size, "out of memory");
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i];
        if (strcmp(word, "--") == 0 && groups & OPTIONS_REST) {
            out->rest = argv + i + 1;
            out->rest_count = argc - i - 1;
            return 1;
        }
        if (word[0] != '-' || word[1] == 0) {
            if (groups & OPTIONS_WORDS && append(&out->words, word)) continue;
            snprintf(reason, size, "unexpected argument '%.60s'; flags begin with --", word);
            return 0;
        }
        const char *equals = strchr(word, '=');
        const size_t length = equals ? (size_t)(equals - word) : strlen(word);
        const struct flag *flag = find_flag(word, length, groups);
        if (!flag) {
            unknown_flag(word, groups, reason, size);
            return 0;
        }
        const char *value = NULL;
        if (flag->takes_value) {
            value = equals ? equals + 1 : i + 1 < argc && strncmp(argv[i + 1], "--", 2) != 0 ? argv[++i] : NULL;
            if (!value || !*value) {
                snprintf(reason, size, "%s needs a value", flag->name);
                return 0;
            }
        } else if (equals) {
            snprintf(reason, size, "%s takes no value", flag->name);
            return 0;
        }
        if (!take(out, flag, value, reason, size)) return 0;
    }
    return check_outputs(out, reason, size);
}

void options_free(options *o)
{
    free(o->kernels.word);
    free(o->plugins.word);
    free(o->workloads.word);
    free(o->suites.word);
    free(o->files.word);
    free(o->threads.word);
    free(o->classes.word);
    free(o->checks.word);
    free(o->words.word);
    memset(o, 0, sizeof *o);
}
