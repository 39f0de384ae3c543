/* gbench_flags.c: a table of Google Benchmark's flags and a strict check for each kind of value. */
#include "gbench_flags.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum kind { BOOL, COUNT, LEVEL, SECONDS, DURATION, FORMAT, UNIT, COLOR, PAIRS, TEXT, FILE_NAME, REFUSED };

typedef struct flag_row {
    const char *name;
    enum kind kind;
    const char *value; /* the default */
} flag_row;

static const flag_row rows[GBENCH_FLAGS] = {
    [GBENCH_LIST_TESTS] = {"benchmark_list_tests", BOOL, "false"},
    [GBENCH_FILTER] = {"benchmark_filter", TEXT, ""},
    [GBENCH_MIN_TIME] = {"benchmark_min_time", DURATION, "0.5"},
    [GBENCH_MIN_WARMUP_TIME] = {"benchmark_min_warmup_time", SECONDS, "0"},
    [GBENCH_REPETITIONS] = {"benchmark_repetitions", COUNT, "1"},
    [GBENCH_INTERLEAVE] = {"benchmark_enable_random_interleaving", BOOL, "false"},
    [GBENCH_REPORT_AGGREGATES] = {"benchmark_report_aggregates_only", BOOL, "false"},
    [GBENCH_DISPLAY_AGGREGATES] = {"benchmark_display_aggregates_only", BOOL, "false"},
    [GBENCH_FORMAT] = {"benchmark_format", FORMAT, "console"},
    [GBENCH_OUT] = {"benchmark_out", FILE_NAME, ""},
    [GBENCH_OUT_FORMAT] = {"benchmark_out_format", FORMAT, "json"},
    [GBENCH_COLOR] = {"benchmark_color", COLOR, "auto"},
    [GBENCH_TABULAR] = {"benchmark_counters_tabular", BOOL, "false"},
    [GBENCH_PERF_COUNTERS] = {"benchmark_perf_counters", REFUSED, ""},
    [GBENCH_CONTEXT] = {"benchmark_context", PAIRS, ""},
    [GBENCH_TIME_UNIT] = {"benchmark_time_unit", UNIT, "ns"},
    [GBENCH_VERBOSITY] = {"v", LEVEL, "0"},
};

/* "true" or "false"; NULL where the word is neither. */
static const char *truth(const char *word)
{
    static const char *const yes[] = {"true", "yes", "on", "t", "y", "1"};
    static const char *const no[] = {"false", "no", "off", "f", "n", "0"};
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
        if (strcasecmp(word, yes[i]) == 0) return "true";
        if (strcasecmp(word, no[i]) == 0) return "false";
    }
    return NULL;
}

static int is_one_of(const char *word, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(word, *words) == 0) return 1;
    return 0;
}

/* Does `text` hold a whole number from `low` to INT_MAX, up to `end`? */
static int is_count(const char *text, const char *end, long low)
{
    char *stop;
    if (!isdigit((unsigned char)*text)) return 0;
    errno = 0;
    const long value = strtol(text, &stop, 10);
    return errno == 0 && stop == end && value >= low && value <= INT_MAX;
}

/* A finite decimal number >= 0, up to `end`: neither hexadecimal nor "inf". */
static int is_seconds(const char *text, const char *end)
{
    char *stop;
    if (!isdigit((unsigned char)*text) && *text != '.') return 0;
    for (const char *c = text; c < end; c++)
        if (!strchr("0123456789.eE+-", *c)) return 0;
    errno = 0;
    const double value = strtod(text, &stop);
    return stop == end && errno == 0 && isfinite(value) && value >= 0;
}

/* KEY=VALUE[,KEY=VALUE...]: neither part empty or with another '=', no key twice. */
static int is_pairs(const char *text)
{
    for (const char *pair = text;; pair++) {
        const size_t length = strcspn(pair, ",");
        const char *equals = memchr(pair, '=', length);
        if (!equals || equals == pair || equals + 1 == pair + length) return 0;
        if (memchr(equals + 1, '=', (size_t)(pair + length - equals - 1))) return 0;
        const size_t key = (size_t)(equals - pair) + 1;
        for (const char *before = text; before < pair; before += strcspn(before, ",") + 1)
            if (strncmp(before, pair, key) == 0) return 0;
        pair += length;
        if (!*pair) return 1;
    }
}

/* Returns the value to keep, or NULL with what would be legal in *legal. */
static const char *checked(enum kind kind, const char *value, bool iterations, const char **legal)
{
    static const char *const formats[] = {"console", "json", "csv", NULL};
    static const char *const units[] = {"ns", "us", "ms", "s", NULL};
    const char *const end = value + strlen(value);
    switch (kind) {
    case BOOL: *legal = "true or false"; return truth(value);
    case COLOR: *legal = "auto, true or false"; return strcmp(value, "auto") == 0 ? value : truth(value);
    case COUNT: *legal = "a whole number >= 1"; return is_count(value, end, 1) ? value : NULL;
    case LEVEL: *legal = "a whole number >= 0"; return is_count(value, end, 0) ? value : NULL;
    case SECONDS: *legal = "seconds >= 0, such as 0.5"; return is_seconds(value, end) ? value : NULL;
    case DURATION:
        if (end > value && end[-1] == 'x') {
            *legal = iterations ? "iterations such as 10x"
                                : "seconds such as 0.5: iterations (10x) need Google Benchmark 1.8";
            return iterations && is_count(value, end - 1, 1) ? value : NULL;
        }
        *legal = iterations ? "seconds such as 0.5 or 0.5s, or iterations such as 10x" : "seconds such as 0.5 or 0.5s";
        return is_seconds(value, end - (end > value && end[-1] == 's')) ? value : NULL;
    case FORMAT: *legal = "console, json or csv"; return is_one_of(value, formats) ? value : NULL;
    case UNIT: *legal = "ns, us, ms or s"; return is_one_of(value, units) ? value : NULL;
    case PAIRS: *legal = "KEY=VALUE[,KEY=VALUE...], each key once"; return is_pairs(value) ? value : NULL;
    case TEXT: return value;
    case FILE_NAME: *legal = "the name of a file"; return *value ? value : NULL;
    case REFUSED: break;
    }
    *legal = "no value: hardware counters are not read through Google Benchmark";
    return NULL;
}

void gbench_flags_defaults(gbench_flags *flags)
{
    for (int i = 0; i < GBENCH_FLAGS; i++) flags->value[i] = rows[i].value;
}

const char *gbench_flag_name(enum gbench_flag flag) { return rows[flag].name; }

/* The row of a name of that length, with or without "benchmark_" in front; -1 if there is none. */
static int find(const char *name, size_t length, bool bare)
{
    for (int i = 0; i < GBENCH_FLAGS; i++) {
        const char *known = rows[i].name;
        if (bare && strncmp(known, "benchmark_", 10) == 0) known += 10;
        if (strlen(known) == length && strncmp(name, known, length) == 0) return i;
    }
    return -1;
}

int gbench_flags_take(gbench_flags *flags, const char *flag, bool iterations, char *reason, size_t reason_size)
{
    const size_t dashes = strspn(flag, "-");
    const char *const name = flag + dashes;
    const size_t length = strcspn(name, "=");
    const int row = find(name, length, false);
    if (dashes != 2 || row < 0) {
        const int near = row >= 0 ? row : find(name, length, true);
        if (near >= 0)
            snprintf(reason, reason_size, "'%s' is no flag of Google Benchmark: did you mean --%s?", flag,
                     rows[near].name);
        else
            snprintf(reason, reason_size,
                     "'%s' is no flag of Google Benchmark (which has --benchmark_filter, --benchmark_min_time, "
                     "--benchmark_repetitions, ...)",
                     flag);
        return 0;
    }
    const char *value = name[length] == '=' ? name + length + 1 : rows[row].kind == BOOL ? "true" : NULL;
    const char *legal = "a value after '='";
    if (value) value = checked(rows[row].kind, value, iterations, &legal);
    if (!value) {
        snprintf(reason, reason_size, "'%s': this flag takes %s", flag, legal);
        return 0;
    }
    flags->value[row] = value;
    return 1;
}
