/* gate_advice.c: launches to shares, and shares to cases. */
#include "gate_advice.h"

#include <dirent.h>
#include <errno.h>
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare/compare_record.h"
#include "gate.h"
#include "util/percent.h"
#include "record/record_rows.h"
#include "util/console.h"

/* ---- one side ---------------------------------------------------------------------------------------------------- */

typedef struct launches {
    json_t **record;
    char **path;
    record_table *table;
    size_t count;
} launches;

static void free_launches(launches *l)
{
    for (size_t i = 0; i < l->count; i++) {
        record_table_free(&l->table[i]);
        json_decref(l->record[i]);
        free(l->path[i]);
    }
    free(l->record);
    free(l->path);
    free(l->table);
}

static int is_record(const struct dirent *entry)
{
    const size_t length = strlen(entry->d_name);
    return entry->d_name[0] != '.' && length > 5 && strcmp(entry->d_name + length - 5, ".json") == 0;
}

static int read_launch(const char *folder, const char *name, launches *out, char *reason, size_t size)
{
    char *path;
    if (asprintf(&path, "%s/%s", folder, name) < 0) {
        snprintf(reason, size, "out of memory");
        return 0;
    }
    json_t *record = record_read(path, reason, size);
    if (record && record_table_make(record, &out->table[out->count])) {
        out->path[out->count] = path;
        out->record[out->count++] = record;
        return 1;
    }
    if (record) snprintf(reason, size, "out of memory");
    json_decref(record);
    free(path);
    return 0;
}

static int read_launches(const char *folder, launches *out, char *reason, size_t size)
{
    struct dirent **entry;
    const int found = scandir(folder, &entry, is_record, alphasort);
    *out = (launches){.count = 0};
    if (found < 0) {
        snprintf(reason, size, "gate records %.300s: %s; name a folder with records of 'bench'", folder,
                 strerror(errno));
        return EXIT_USAGE;
    }
    out->record = calloc((size_t)found + 1, sizeof *out->record);
    out->path = calloc((size_t)found + 1, sizeof *out->path);
    out->table = calloc((size_t)found + 1, sizeof *out->table);
    snprintf(reason, size, "out of memory");
    int code = out->record && out->path && out->table ? EXIT_WELL : EXIT_USAGE;
    if (code == EXIT_WELL && found < LEAST_LAUNCHES) {
        snprintf(reason, size, "could not tell: %.300s has %d records; the launches of a side are %d at least", folder,
                 found, LEAST_LAUNCHES);
        code = EXIT_UNDECIDED;
    }
    for (int i = 0; i < found; i++) {
        if (code == EXIT_WELL && !read_launch(folder, entry[i]->d_name, out, reason, size)) code = EXIT_USAGE;
        free(entry[i]);
    }
    free(entry);
    return code;
}

/* ---- may they be compared? --------------------------------------------------------------------------------------- */

/* What a time depends on besides the kernels. The first that differs, or NULL. */
static const char *fingerprint_differs(const json_t *base, const json_t *fresh)
{
    static const char *const build[] = {"compiler", "flags", "libc"};
    const char *key = records_machine_differs(base, fresh);
    return key ? key : records_key_differs(base, fresh, build, sizeof build / sizeof *build);
}

static const char *any_differs(const launches *base, const launches *fresh)
{
    const launches *const side[] = {base, fresh};
    for (int s = 0; s < 2; s++)
        for (size_t i = 0; i < side[s]->count; i++) {
            const char *key = fingerprint_differs(base->record[0], side[s]->record[i]);
            if (key) return key;
        }
    return NULL;
}

/* Two launches never read the same times to the last digit. */
static bool copies(const json_t *a, const json_t *b)
{
    const json_t *x = json_object_get(a, "benchmarks"), *y = json_object_get(b, "benchmarks");
    return json_array_size(x) > 0 && json_equal(x, y);
}

/* Launches are the unit of replication: a copy is no further witness. 0 and a reason that names the first two. */
static int all_measured(const launches *base, const launches *fresh, char *reason, size_t size)
{
    const size_t count = base->count + fresh->count;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++) {
            const launches *const a = i < base->count ? base : fresh, *const b = j < base->count ? base : fresh;
            const size_t x = i < base->count ? i : i - base->count, y = j < base->count ? j : j - base->count;
            if (!copies(a->record[x], b->record[y])) continue;
            snprintf(reason, size,
                     "%.300s holds the measurements of %.300s again; each record must be of a launch of its own",
                     a->path[x], b->path[y]);
            return 0;
        }
    return 1;
}

/* ---- one case ---------------------------------------------------------------------------------------------------- */

double yardstick_ratio(const double *base, size_t bases, const double *fresh, size_t freshes, double alpha,
                       interval *at)
{
    const double ratio = gsl_stats_mean(fresh, 1, freshes) - gsl_stats_mean(base, 1, bases),
                 b = gsl_stats_variance(base, 1, bases) / (double)bases,
                 f = gsl_stats_variance(fresh, 1, freshes) / (double)freshes;
    const double freedom =
        b + f > 0 ? (b + f) * (b + f) / (b * b / ((double)bases - 1) + f * f / ((double)freshes - 1)) : 1;
    const double reach = b + f > 0 ? gsl_cdf_tdist_Qinv(alpha, freedom) * sqrt(b + f) : 0;
    *at = (interval){ratio - reach, ratio + reach};
    return ratio;
}

static bool same_case(const record_row *a, const record_row *b)
{
    return view_equal(a->id.kernel, b->id.kernel) && view_equal(a->id.workload, b->id.workload) &&
           view_equal(a->id.variant, b->id.variant) && a->id.threads == b->id.threads;
}

/* ln(yardsticks of one call) of each launch that has it; their number. */
static size_t shares(const launches *l, const record_row *row, double *out)
{
    size_t count = 0;
    for (size_t i = 0; i < l->count; i++)
        for (size_t r = 0; r < l->table[i].rows; r++) {
            const record_row *x = &l->table[i].row[r];
            if (count <= i && same_case(x, row) && x->share > 0) out[count++] = -log(x->share);
        }
    return count;
}

static json_t *read_case(const launches *base, const launches *fresh, const record_row *row, const yardstick_rule *rule,
                         double alpha, gate_outcome *outcome)
{
    double *a = calloc(base->count + 1, sizeof *a), *b = calloc(fresh->count + 1, sizeof *b);
    char name[1200], words[256];
    const size_t bases = a ? shares(base, row, a) : 0, freshes = b ? shares(fresh, row, b) : 0;
    interval at = {-INFINITY, INFINITY};
    double ratio = (double)NAN;
    snprintf(name, sizeof name, "%.*s/%.*s%s%.*s/threads:%lld", VIEW(row->id.kernel), VIEW(row->id.workload),
             row->id.variant.size ? "/" : "", VIEW(row->id.variant), (long long)row->id.threads);
    if (bases < LEAST_LAUNCHES || freshes < LEAST_LAUNCHES) {
        *outcome = !freshes ? GATE_REMOVED : !bases ? GATE_ADDED : GATE_UNDECIDED;
        snprintf(words, sizeof words, "%zu and %zu launches have it with its ceiling; %d of each are needed", bases,
                 freshes, LEAST_LAUNCHES);
    } else {
        const double border = log1p(rule->delta);
        ratio = yardstick_ratio(a, bases, b, freshes, alpha, &at);
        *outcome = at.high > border ? GATE_UNDECIDED : at.high < -border ? GATE_FASTER : GATE_WELL;
        snprintf(words, sizeof words, "NEW reads %+.*g %% [%+.*g, %+.*g] against the yardstick%s",
                 PERCENT(expm1(ratio)), PERCENT(expm1(at.low)), PERCENT(expm1(at.high)),
                 at.low > border ? ": slower, as far as records can tell; compare the builds" : "");
    }
    json_t *j =
        json_pack("{s:s, s:s#, s:s#, s:I, s:s, s:s}", "case", name, "kernel", row->id.kernel.at,
                  (size_t)row->id.kernel.size, "workload", row->id.workload.at, (size_t)row->id.workload.size,
                  "threads", (json_int_t)row->id.threads, "outcome", gate_outcome_name(*outcome), "words", words);
    if (j && isfinite(ratio)) {
        json_object_set_new(j, "ratio", json_real(exp(ratio)));
        json_object_set_new(j, "interval", json_pack("[f,f]", exp(at.low), exp(at.high)));
    }
    free(a);
    free(b);
    return j;
}

/* ---- all of them ------------------------------------------------------------------------------------------------- */

/* The cases of BASE's first launch, then those that only NEW's first has. */
static const record_row *next_row(const launches *base, const launches *fresh, size_t *at)
{
    const record_table *first = &base->table[0], *other = &fresh->table[0];
    for (; *at < first->rows + other->rows; ++*at) {
        if (*at < first->rows) return &first->row[(*at)++];
        const record_row *row = &other->row[*at - first->rows];
        bool known = false;
        for (size_t i = 0; i < first->rows && !known; i++) known = same_case(&first->row[i], row);
        if (known) continue;
        ++*at;
        return row;
    }
    return NULL;
}

static int judge_launches(const launches *base, const launches *fresh, const yardstick_rule *rule, json_t *record)
{
    gate_result r = {.count = 0};
    json_t *cases = json_array(), *outcomes = json_object();
    for (size_t at = 0; next_row(base, fresh, &at);) r.count++;
    size_t at = 0;
    for (const record_row *row; (row = next_row(base, fresh, &at));) {
        gate_outcome outcome;
        json_t *one = read_case(base, fresh, row, rule, rule->alpha / (double)r.count, &outcome);
        r.outcomes[outcome]++;
        /* What could not be told comes first, as on any page of a gate. */
        if (outcome < GATE_FASTER)
            json_array_insert_new(cases, 0, one);
        else
            json_array_append_new(cases, one);
    }
    char headline[256];
    const gate_rule as = {.undecided_fails = rule->undecided_fails};
    const int code = gate_exit(&r, &as);
    gate_headline(&r, headline, sizeof headline);
    for (int o = 0; o < GATE_OUTCOMES; o++)
        json_object_set_new(outcomes, gate_outcome_name((gate_outcome)o), json_integer(r.outcomes[o]));
    json_object_set_new(record, "gate",
                        json_pack("{s:s, s:i, s:b, s:i, s:s, s:s, s:f, s:f, s:i, s:[s], s:o, s:o, s:[], s:f, s:b, s:b}",
                                  "headline", headline, "compared", gate_compared(&r), "passed", code == EXIT_WELL,
                                  "exit", code, "base", "", "new", "", "threshold", rule->delta, "false_alarms",
                                  rule->alpha, "launches", (int)base->count, "notes",
                                  "from records alone, against ceilings of the same launches: advice, no finding",
                                  "outcomes", outcomes, "cases", cases, "accuracy", "factor", 0.0, "require_all", 0,
                                  "undecided_fails", rule->undecided_fails));
    return code;
}

int gate_yardstick(const char *base, const char *fresh, const yardstick_rule *rule, json_t *record, char *reason,
                   size_t reason_size)
{
    launches side[2] = {{.count = 0}, {.count = 0}};
    int code = read_launches(base, &side[0], reason, reason_size);
    if (code == EXIT_WELL) code = read_launches(fresh, &side[1], reason, reason_size);
    const char *key = code == EXIT_WELL ? any_differs(&side[0], &side[1]) : NULL;
    if (key) {
        snprintf(reason, reason_size, "could not tell: the records differ in %s; compare the builds, on one machine",
                 key);
        code = EXIT_UNDECIDED;
    } else if (code == EXIT_WELL && !all_measured(&side[0], &side[1], reason, reason_size)) {
        code = EXIT_USAGE;
    } else if (code == EXIT_WELL) {
        code = judge_launches(&side[0], &side[1], rule, record);
    }
    free_launches(&side[0]);
    free_launches(&side[1]);
    return code;
}
