/* record_rows.c: makes rows from entries and cases. It derives only medians over repetitions and the ratio to the
 * baseline; rates and shares are those of the record. */
#include "record_rows.h"
#include "util/atomic_file.h"

#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NONE ((double)NAN)

static text_view view_of(const char *text) { return (text_view){text ? text : "", text ? (int)strlen(text) : 0}; }

static const char *text_or_null(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* Cuts `view` at the first '/': the part before it stays, the part behind it is returned. */
static text_view cut_at_slash(text_view *view)
{
    const char *slash = memchr(view->at, '/', (size_t)view->size);
    if (!slash) return (text_view){"", 0};
    const int before = (int)(slash - view->at);
    const text_view behind = {slash + 1, view->size - before - 1};
    view->size = before;
    return behind;
}

static int64_t cut_threads(text_view *name)
{
    static const char mark[] = "/threads:";
    const int length = (int)sizeof mark - 1;
    int at = name->size;
    while (at > 0 && name->at[at - 1] >= '0' && name->at[at - 1] <= '9') at--;
    if (at == name->size || at < length || memcmp(name->at + at - length, mark, (size_t)length) != 0) return 0;
    const int64_t threads = strtoll(name->at + at, NULL, 10);
    name->size = at - length;
    return threads;
}

entry_id entry_id_of(const json_t *entry)
{
    const char *run = text_or_null(entry, "run_name");
    entry_id id = {.kernel = view_of(run ? run : text_or_null(entry, "name"))};
    id.threads = cut_threads(&id.kernel);
    if (id.threads == 0) {
        const json_t *threads = json_object_get(entry, "threads");
        id.threads = json_is_integer(threads) ? json_integer_value(threads) : 1;
    }
    id.workload = cut_at_slash(&id.kernel);
    id.variant = cut_at_slash(&id.workload);
    return id;
}

const char *entry_error(const json_t *entry)
{
    if (json_is_true(json_object_get(entry, "error_occurred"))) {
        const char *message = text_or_null(entry, "error_message");
        return message && *message ? message : "failed, without a message";
    }
    const json_t *skipped = json_object_get(entry, "skipped"); /* a boolean or, in some versions, a number */
    if (json_is_true(skipped) || (json_is_number(skipped) && json_number_value(skipped) != 0)) {
        const char *message = text_or_null(entry, "skip_message");
        return message && *message ? message : "skipped, without a message";
    }
    return NULL;
}

static bool is_aggregate(const json_t *entry)
{
    const char *type = text_or_null(entry, "run_type");
    return type && strcmp(type, "aggregate") == 0;
}

static bool is_median(const json_t *entry)
{
    const char *name = text_or_null(entry, "aggregate_name");
    return is_aggregate(entry) && name && strcmp(name, "median") == 0;
}

static bool same_id(entry_id a, entry_id b)
{
    return a.threads == b.threads && view_equal(a.kernel, b.kernel) && view_equal(a.workload, b.workload) &&
           view_equal(a.variant, b.variant);
}

static double number_of(const json_t *entry, const char *key)
{
    const json_t *j = json_object_get(entry, key);
    if (!json_is_number(j)) return NONE;
    if (strcmp(key, "real_time") != 0) return json_number_value(j);
    const char *unit = text_or_null(entry, "time_unit");
    const double ms = !unit || strcmp(unit, "ns") == 0 ? 1e-6
                      : strcmp(unit, "us") == 0        ? 1e-3
                      : strcmp(unit, "ms") == 0        ? 1
                                                       : 1e3;
    return json_number_value(j) * ms;
}

/* Median of a field over the repetitions of a row. `sample` has room for all entries. */
static double median_of(const json_t *entries, entry_id id, const char *key, double *sample, int64_t *count)
{
    size_t i, n = 0;
    const json_t *entry;
    json_array_foreach(entries, i, entry)
    {
        if (entry_error(entry) || (is_aggregate(entry) && !is_median(entry)) || !same_id(entry_id_of(entry), id))
            continue;
        const double value = number_of(entry, key);
        if (isnan(value)) continue;
        if (is_median(entry)) {
            const json_t *repetitions = json_object_get(entry, "repetitions");
            *count = json_is_integer(repetitions) ? json_integer_value(repetitions) : (int64_t)n;
            return value;
        }
        sample[n++] = value;
    }
    *count = (int64_t)n;
    if (n == 0) return NONE;
    gsl_sort(sample, 1, n);
    return gsl_stats_median_from_sorted_data(sample, 1, n);
}

static void fill_range(const json_t *entries, record_row *row)
{
    size_t i;
    const json_t *entry;
    row->fastest = row->slowest = NONE;
    json_array_foreach(entries, i, entry)
    {
        if (entry_error(entry) || is_aggregate(entry) || !same_id(entry_id_of(entry), row->id)) continue;
        row->fastest = fmin(row->fastest, number_of(entry, "real_time")); /* fmin of a number and NaN: the number */
        row->slowest = fmax(row->slowest, number_of(entry, "real_time"));
    }
}

static void fill_row(const json_t *entries, record_row *row, double *sample)
{
    int64_t ignored;
    fill_range(entries, row);
    row->milliseconds = median_of(entries, row->id, "real_time", sample, &row->repetitions);
    row->first = median_of(entries, row->id, "first_call_ms", sample, &ignored);
    row->gflops = median_of(entries, row->id, "gflops", sample, &ignored);
    row->share = median_of(entries, row->id, "share", sample, &ignored);
    row->gbytes = median_of(entries, row->id, "gbytes", sample, &ignored);
    if (!isnan(row->milliseconds)) row->error = NULL; /* some repetitions have a time */
}

/* ---- the baseline ---------------------------------------------------------------------------------------------- */

/* A baseline has that role and improves on no other kernel. */
static bool is_baseline(const json_t *record, text_view kernel)
{
    const json_t *ours = json_object_get(json_object_get(record, "context"), "attnbench");
    size_t i;
    const json_t *one;
    json_array_foreach(json_object_get(ours, "kernels"), i, one)
    {
        const char *role = text_or_null(one, "role");
        if (json_is_string(json_object_get(one, "improves_on"))) continue;
        if (role && strcmp(role, "baseline") == 0 && view_equal(view_of(text_or_null(one, "name")), kernel))
            return true;
    }
    return false;
}

static double speedup(const json_t *record, const record_table *table, const record_row *row)
{
    const record_row *base = NULL;
    for (size_t i = 0; i < table->rows; i++) {
        const record_row *r = &table->row[i];
        if (isnan(r->milliseconds) || !view_equal(r->spec, row->spec) || !view_equal(r->id.variant, row->id.variant))
            continue;
        if (!is_baseline(record, r->id.kernel)) continue;
        /* Prefer the same number of threads, then fewer, then more; among equals the slower, in any order of rows. */
        const bool other = !base || (base->id.threads != row->id.threads &&
                                     (r->id.threads == row->id.threads || r->id.threads < base->id.threads));
        const bool slower = base && r->id.threads == base->id.threads && r->milliseconds > base->milliseconds;
        if (other || slower) base = r;
    }
    return base ? base->milliseconds / row->milliseconds : NONE;
}

/* ---- the judge's cases ----------------------------------------------------------------------------------------- */

bool case_is_finding(const json_t *one)
{
    const char *status = text_or_null(one, "status");
    return strcmp(status, "fail") == 0 || strcmp(status, "crash") == 0 || strcmp(status, "hang") == 0;
}

/* The larger one. NaN counts as the largest: an error that is NaN must not be hidden by a small one. */
static double worse_ratio(double a, double b) { return isnan(a) || isnan(b) ? NONE : fmax(a, b); }

double case_ratio(const json_t *one)
{
    static const char *const parts[] = {"output", "lse", "weights"};
    double worst = -1;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        const json_t *ratio = json_object_get(json_object_get(one, parts[i]), "ratio");
        if (ratio) worst = worse_ratio(worst, json_real_of(ratio, NONE));
    }
    return worst < 0 ? NONE : worst;
}

static void fill_verdict(const json_t *record, record_row *row)
{
    double worst = -1;
    size_t i;
    const json_t *one;
    json_array_foreach(json_object_get(record, "cases"), i, one)
    {
        if (!view_equal(view_of(text_or_null(one, "kernel")), row->id.kernel) ||
            !view_equal(view_of(text_or_null(one, "workload")), row->id.workload) ||
            strcmp(text_or_null(one, "status"), "unsupported") == 0)
            continue;
        row->failed = row->failed || case_is_finding(one);
        if (json_is_object(json_object_get(one, "output"))) worst = worse_ratio(worst, case_ratio(one));
    }
    row->ratio = worst < 0 ? NONE : worst;
}

bool record_interrupted(const json_t *record)
{
    return json_is_true(
        json_object_get(json_object_get(json_object_get(record, "context"), "attnbench"), "interrupted"));
}

case_counts case_counts_of(const json_t *record, const char *kernel)
{
    case_counts c = {0};
    size_t i;
    const json_t *one;
    json_array_foreach(json_object_get(record, "cases"), i, one)
    {
        if (kernel && strcmp(kernel, text_or_null(one, "kernel")) != 0) continue;
        const char *status = text_or_null(one, "status");
        c.all++;
        c.pass += strcmp(status, "pass") == 0;
        c.fail += strcmp(status, "fail") == 0;
        c.unsupported += strcmp(status, "unsupported") == 0;
        c.crash += strcmp(status, "crash") == 0;
        c.hang += strcmp(status, "hang") == 0;
    }
    return c;
}

/* ---- the table ------------------------------------------------------------------------------------------------- */

static record_row *find_row(const record_table *table, entry_id id)
{
    for (size_t i = 0; i < table->rows; i++)
        if (same_id(table->row[i].id, id)) return &table->row[i];
    return NULL;
}

int record_table_make(const json_t *record, record_table *out)
{
    const json_t *entries = json_object_get(record, "benchmarks");
    const size_t count = json_array_size(entries);
    *out = (record_table){.row = calloc(count + 1, sizeof *out->row)};
    double *sample = calloc(count + 1, sizeof *sample);
    if (!out->row || !sample) {
        free(sample);
        record_table_free(out);
        return 0;
    }
    size_t i;
    const json_t *entry;
    json_array_foreach(entries, i, entry)
    {
        const entry_id id = entry_id_of(entry);
        record_row *row = find_row(out, id);
        if (!row) {
            const char *label = text_or_null(entry, "label");
            row = &out->row[out->rows++];
            *row = (record_row){.id = id, .spec = label && *label ? view_of(label) : id.workload};
        }
        if (!row->error) row->error = entry_error(entry);
    }
    size_t kept = 0; /* entries with neither time nor error (Google Benchmark's complexity fits) make no row */
    for (size_t r = 0; r < out->rows; r++) {
        fill_row(entries, &out->row[r], sample);
        if (out->row[r].error || !isnan(out->row[r].milliseconds)) out->row[kept++] = out->row[r];
    }
    out->rows = kept;
    for (size_t r = 0; r < out->rows; r++) {
        out->row[r].speedup = speedup(record, out, &out->row[r]);
        fill_verdict(record, &out->row[r]);
    }
    free(sample);
    if (record_rows_order(out->row, out->rows)) return 1;
    record_table_free(out);
    return 0;
}

double record_row_range(const record_row *row)
{
    return row->slowest > row->fastest ? (row->slowest - row->fastest) / row->milliseconds : NONE;
}

bool record_row_begins_slowly(const record_row *row)
{
    const double page_faults = 0.05; /* ms */
    return row->first > FIRST_CALL_MARGIN * row->slowest + page_faults;
}

void record_mark_slow_beginnings(json_t *record)
{
    record_table table;
    if (!record_table_make(record, &table)) return;
    for (size_t r = 0; r < table.rows; r++) {
        const record_row *row = &table.row[r];
        size_t i;
        json_t *entry;
        if (!record_row_begins_slowly(row)) continue;
        json_array_foreach(json_object_get(record, "benchmarks"), i, entry)
        {
            if (json_object_get(entry, "first_call_ms") && same_id(entry_id_of(entry), row->id))
                json_object_set_new(entry, "slow_first_call", json_real(row->first / row->milliseconds));
        }
    }
    record_table_free(&table);
}

void record_table_free(record_table *table)
{
    free(table->row);
    *table = (record_table){0};
}

int record_write_text(const json_t *record, const char *path, int (*emit)(FILE *out, const json_t *record),
                      char *reason, size_t reason_size)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    int ok = out && emit(out, record) && !ferror(out);
    if (out && fclose(out) != 0) ok = 0;
    if (ok)
        ok = file_write_atomically(path, text, bytes, reason, reason_size);
    else
        snprintf(reason, reason_size, "%s: cannot be written: out of memory", path);
    free(text);
    return ok;
}
