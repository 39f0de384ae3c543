/* compare_files.c: matches the entries of two records by name and compares their repetitions. */
#include "compare_files.h"

#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare_record.h"
#include "util/json_util.h"
#include "util/percent.h"
#include "record/record_rows.h"
#include "stats/stats_sign.h"
#include "util/console.h"
#include "error_levels.h"

static const double default_delta = 0.05;

bool compare_is_file(const char *word)
{
    const size_t length = strlen(word);
    return length > 5 && strcmp(word + length - 5, ".json") == 0;
}

/* ---- what was measured ------------------------------------------------------------------------------------------- */

static double nanoseconds(const json_t *entry)
{
    const char *unit = json_string_value(json_object_get(entry, "time_unit"));
    const double factor = !unit || unit[0] == 'n' ? 1 : unit[0] == 'u' ? 1e3 : unit[0] == 'm' ? 1e6 : 1e9;
    return factor * json_number_value(json_object_get(entry, "real_time"));
}

static const char *run_name_of(const json_t *entry)
{
    const char *run = json_string_value(json_object_get(entry, "run_name"));
    const char *type = json_string_value(json_object_get(entry, "run_type"));
    if (type && strcmp(type, "iteration")) return NULL;
    if (entry_error(entry) || nanoseconds(entry) <= 0) return NULL;
    return run ? run : json_string_value(json_object_get(entry, "name"));
}

/* The sorted times of all repetitions of a run; NULL where there are none. */
static double *times_of(const json_t *record, const char *run, size_t *count)
{
    const json_t *entries = json_object_get(record, "benchmarks");
    double *time = calloc(json_array_size(entries) + 1, sizeof *time);
    size_t i;
    const json_t *entry;
    *count = 0;
    json_array_foreach(entries, i, entry)
    {
        const char *name = run_name_of(entry);
        if (time && name && strcmp(name, run) == 0) time[(*count)++] = nanoseconds(entry);
    }
    if (time && *count) {
        gsl_sort(time, 1, *count);
        return time;
    }
    free(time);
    return NULL;
}

static bool seen_before(const json_t *entries, size_t index, const char *run)
{
    for (size_t i = 0; i < index; i++) {
        const char *name = run_name_of(json_array_get(entries, i));
        if (name && strcmp(name, run) == 0) return true;
    }
    return false;
}

/* ---- one entry --------------------------------------------------------------------------------------------------- */

typedef struct rule {
    double delta, alpha; /* alpha of one entry */
} rule;

typedef struct reading {
    compare_verdict verdict;
    double ratio, visible; /* visible: the smallest relative slowdown that would have shown */
    interval at;
    size_t bases, freshes; /* repetitions */
} reading;

static reading read_times(const double *base, size_t bases, const double *fresh, size_t freshes, const rule *r)
{
    const interval b = sign_interval_exact(base, bases, r->alpha / 2),
                   f = sign_interval_exact(fresh, freshes, r->alpha / 2);
    const double border = 1 + r->delta;
    reading x = {.bases = bases, .freshes = freshes};
    x.ratio = gsl_stats_median_from_sorted_data(fresh, 1, freshes) / gsl_stats_median_from_sorted_data(base, 1, bases);
    const bool enough = isfinite(b.low) && isfinite(f.low);
    x.at = enough ? (interval){f.low / b.high, f.high / b.low} : (interval){0, INFINITY};
    x.visible = enough ? border * x.ratio / x.at.low - 1 : INFINITY;
    x.verdict = x.at.low > border                              ? COMPARE_SLOWER
                : x.at.high < 1 / border                       ? COMPARE_FASTER
                : x.at.high <= border && x.at.low < 1 / border ? COMPARE_NOT_SLOWER
                : x.at.high <= border                          ? COMPARE_NO_DIFFERENCE
                                                               : COMPARE_COULD_NOT_TELL;
    return x;
}

/* 'NEW reads', not 'is': nothing was measured here. */
static void reading_words(const reading *x, const rule *r, char *out, size_t size)
{
    const double low = x->at.low - 1, high = x->at.high - 1;
    if (x->verdict == COMPARE_SLOWER)
        snprintf(out, size, "NEW reads %.*g %% slower than BASE [%.*g, %.*g]", PERCENT(x->ratio - 1), PERCENT(low),
                 PERCENT(high));
    else if (x->verdict == COMPARE_FASTER)
        snprintf(out, size, "NEW reads %.*g %% faster than BASE [%.*g, %.*g]", PERCENT(1 - x->ratio),
                 PERCENT(1 - x->at.high), PERCENT(1 - x->at.low));
    else if (x->verdict == COMPARE_NO_DIFFERENCE)
        snprintf(out, size, "no difference beyond %.*g %% [%+.*g, %+.*g]", PERCENT(r->delta), PERCENT(low),
                 PERCENT(high));
    else if (x->verdict == COMPARE_NOT_SLOWER)
        snprintf(out, size, "NEW is not slower than BASE by more than %.*g %% [%+.*g, %+.*g]", PERCENT(r->delta),
                 PERCENT(low), PERCENT(high));
    else if (isfinite(x->visible))
        snprintf(out, size, "could not tell: NEW reads %+.*g %% [%+.*g, %+.*g]; a slowdown of %.*g %% would have shown",
                 PERCENT(x->ratio - 1), PERCENT(low), PERCENT(high), PERCENT(x->visible));
    else /* both extremes are left out with probability 2^(1-n) */
        snprintf(out, size,
                 "could not tell: NEW reads %+.*g %%, but %zu and %zu repetitions are too few; %.0f of each are needed",
                 PERCENT(x->ratio - 1), x->bases, x->freshes, ceil(1 - log2(r->alpha / 2)));
}

/* The keys of compare_record.c, with the repetitions of both sides instead of pairs. */
static json_t *reading_json(const json_t *entry, const reading *x, const char *words)
{
    const entry_id id = entry_id_of(entry);
    const char *label = json_string_value(json_object_get(entry, "label"));
    char on[2048];
    snprintf(on, sizeof on, "%.*s%s%.*s", VIEW(id.workload), id.variant.size ? "/" : "", VIEW(id.variant));
    return json_pack("{s:s%, s:s%, s:s, s:s, s:I, s:s, s:s, s:s, s:f, s:[o,o], s:o, s:[I,I]}", "base", id.kernel.at,
                     (size_t)id.kernel.size, "new", id.kernel.at, (size_t)id.kernel.size, "workload", on, "spec",
                     label ? label : on, "threads", (json_int_t)id.threads, "verdict", compare_verdict_name(x->verdict),
                     "words", words, "why", "", "ratio", x->ratio, "interval", json_any_real(x->at.low),
                     json_any_real(x->at.high), "visible", json_any_real(x->visible), "repetitions",
                     (json_int_t)x->bases, (json_int_t)x->freshes);
}

/* ---- two records ------------------------------------------------------------------------------------------------- */

typedef struct record_pair {
    const json_t *base, *fresh;
    const char *name[2];           /* of the files */
    json_t *comparisons, *only[2]; /* names of the runs that one record has alone */
    int count[COMPARE_VERDICTS];
} record_pair;

static void compare_run(record_pair *b, const json_t *entry, const char *run, const rule *r)
{
    size_t bases, freshes;
    char words[512];
    double *base = times_of(b->base, run, &bases), *fresh = times_of(b->fresh, run, &freshes);
    if (base && fresh) {
        const reading x = read_times(base, bases, fresh, freshes, r);
        reading_words(&x, r, words, sizeof words);
        printf("%s: %s\n", run, words);
        b->count[x.verdict]++;
        json_array_append_new(b->comparisons, reading_json(entry, &x, words));
    }
    free(base);
    free(fresh);
}

/* For each run of one record that the other has too: compares both, where `r` gives a rule. Without a rule, notes the
 * runs that the other lacks. Returns the number of shared runs. */
static int each_run(record_pair *b, int which, const rule *r)
{
    const json_t *own = which ? b->fresh : b->base, *other = which ? b->base : b->fresh;
    const json_t *entries = json_object_get(own, "benchmarks");
    int shared = 0;
    size_t i, count;
    const json_t *entry;
    json_array_foreach(entries, i, entry)
    {
        const char *run = run_name_of(entry);
        if (!run || seen_before(entries, i, run)) continue;
        double *times = times_of(other, run, &count);
        shared += times != NULL;
        if (!times && !r) json_array_append_new(b->only[which], json_string(run));
        if (times && r) compare_run(b, entry, run, r);
        free(times);
    }
    return shared;
}

/* A record of the comparisons: the machine as in NEW's record, and the rule. */
static json_t *record_of_readings(const record_pair *b, const rule *r, int cases)
{
    static const char *const kept[] = {"schema",  "version",    "commit",   "cpu",          "cpu_id",    "kernel",
                                       "isa",     "hypervisor", "governor", "isa_detected", "caches",    "memory",
                                       "threads", "processors", "compiler", "flags",        "build_type"};
    json_t *record = record_new(), *context = json_object();
    const json_t *ours = json_object_get(json_object_get(b->fresh, "context"), "attnbench");
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        json_object_set(context, kept[i], json_object_get(ours, kept[i]));
    json_object_set_new(context, "compare",
                        json_pack("{s:{s:o}, s:{s:o}, s:O, s:O, s:f, s:f, s:i, s:b}", "base", "file",
                                  json_text(b->name[0]), "new", "file", json_text(b->name[1]), "only_base", b->only[0],
                                  "only_new", b->only[1], "delta", r->delta, "alpha", FAMILY_ALPHA, "cases", cases,
                                  "of_records", 1));
    json_object_set_new(json_object_get(record, "context"), "attnbench", context);
    json_object_set(record, "comparisons", b->comparisons);
    return record;
}

static void print_only(const json_t *names, const char *where)
{
    size_t i;
    const json_t *name;
    json_array_foreach(names, i, name) printf("%s: only in %s\n", json_string_value(name), where);
}

static int print_counts(const record_pair *b)
{
    const int *n = b->count;
    printf("\n%d slower, %d faster, %d no difference, %d not slower, %d could not tell; records are a weaker witness "
           "than the kernels themselves:\n"
           "'attnbench compare FILE.so FILE.so' measures both in turn\n",
           n[COMPARE_SLOWER], n[COMPARE_FASTER], n[COMPARE_NO_DIFFERENCE], n[COMPARE_NOT_SLOWER],
           n[COMPARE_COULD_NOT_TELL]);
    if (n[COMPARE_SLOWER]) return EXIT_FINDING;
    return n[COMPARE_COULD_NOT_TELL] ? EXIT_UNDECIDED : EXIT_WELL;
}

static int compare_both(record_pair *b, double threshold, json_t **record)
{
    const char *other = records_machine_differs(b->base, b->fresh);
    const int cases = each_run(b, 0, NULL);
    each_run(b, 1, NULL);
    if (other || cases == 0) {
        if (other)
            complain("could not tell: the records differ in %s; compare the kernels themselves, on one machine", other);
        else
            complain("could not tell: the records have no entry of the same name in common");
        return EXIT_UNDECIDED;
    }
    const rule r = {threshold > 0 ? threshold : default_delta, FAMILY_ALPHA / cases};
    each_run(b, 0, &r);
    print_only(b->only[0], "BASE");
    print_only(b->only[1], "NEW");
    const int code = print_counts(b);
    *record = record_of_readings(b, &r, cases);
    return code;
}

int compare_files(const char *base_file, const char *fresh_file, double threshold, json_t **record)
{
    char reason[1024];
    json_t *base = record_read(base_file, reason, sizeof reason);
    json_t *fresh = base ? record_read(fresh_file, reason, sizeof reason) : NULL;
    record_pair b = {base, fresh, {base_file, fresh_file}, json_array(), {json_array(), json_array()}, {0}};
    int code = EXIT_USAGE;
    *record = NULL;
    if (fresh)
        code = compare_both(&b, threshold, record);
    else
        complain("%s", reason);
    json_decref(b.comparisons);
    json_decref(b.only[0]);
    json_decref(b.only[1]);
    json_decref(base);
    json_decref(fresh);
    return code;
}
