/* history_add.c: a record into the file, in one transaction. */
#include "history.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void history_fingerprint(const json_t *context, char out[17])
{
    static const char *const keys[] = {"cpu",        "cpu_id", "isa",      "caches", "processors",
                                       "hypervisor", "kernel", "compiler", "flags",  "libc"};
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const json_t *value = json_object_get(context, keys[i]);
        char *text = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_SORT_KEYS | JSON_COMPACT) : NULL;
        for (const char *c = text ? text : "-"; *c; c++) hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
        hash = (hash ^ 0xff) * UINT64_C(0x100000001b3);
        free(text);
    }
    snprintf(out, 17, "%016" PRIx64, hash);
}

#ifdef ATTNBENCH_SQLITE

#include "history_internal.h"
#include "record/record_rows.h"
#include "util/json_text.h"

static void record_digest(const json_t *record, char out[17])
{
    char *text = json_dumps(record, JSON_SORT_KEYS | JSON_COMPACT);
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (const char *c = text ? text : ""; *c; c++) hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
    free(text);
    snprintf(out, 17, "%016" PRIx64, hash);
}

/* The run of this record, which was added long ago. 0: there is none. */
static int64_t find_run(history *h, const char *digest)
{
    sqlite3_stmt *s = NULL;
    int64_t id = 0;
    if (sqlite3_prepare_v2(h->db, "SELECT id FROM runs WHERE digest = ?", -1, &s, NULL) == SQLITE_OK &&
        sqlite3_bind_text(s, 1, digest, -1, SQLITE_TRANSIENT) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
        id = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return id;
}

/* 0 failed; *known: it was there. */
static int64_t add_run(history *h, const json_t *record, const char *name, bool *known)
{
    const json_t *outer = json_object_get(record, "context"), *context = json_object_get(outer, "attnbench");
    char digest[17], fingerprint[17];
    sqlite3_stmt *s = NULL;
    record_digest(record, digest);
    history_fingerprint(context, fingerprint);
    const char *const value[] = {digest,
                                 name,
                                 text_of(outer, "date"),
                                 text_of(context, "commit"),
                                 text_of(context, "version"),
                                 fingerprint,
                                 text_of(context, "cpu"),
                                 text_of(context, "isa"),
                                 text_of(context, "compiler"),
                                 text_of(context, "command")};
    if (sqlite3_prepare_v2(
            h->db,
            "INSERT INTO runs(digest, name, date, commit_id, version, fingerprint, cpu, isa, compiler, command, added)"
            " VALUES(?,?,?,?,?,?,?,?,?,?, strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))"
            " ON CONFLICT(digest) DO NOTHING",
            -1, &s, NULL) != SQLITE_OK)
        return 0;
    for (int i = 0; i < (int)(sizeof value / sizeof *value); i++)
        sqlite3_bind_text(s, i + 1, value[i], -1, SQLITE_TRANSIENT);
    const bool done = sqlite3_step(s) == SQLITE_DONE;
    sqlite3_finalize(s);
    *known = done && sqlite3_changes(h->db) == 0;
    return !done ? 0 : *known ? find_run(h, digest) : sqlite3_last_insert_rowid(h->db);
}

static void bind_real(sqlite3_stmt *s, int at, double x)
{
    if (isnan(x))
        sqlite3_bind_null(s, at);
    else
        sqlite3_bind_double(s, at, x);
}

/* ---- times ------------------------------------------------------------------------------------------------------- */

/* Digest of the file that a kernel came from: FILE:kernel from its plugin, others from the program. */
static const char *artifact_of(const json_t *context, text_view kernel)
{
    const char *colon = memchr(kernel.at, ':', (size_t)kernel.size);
    size_t i;
    const json_t *plugin;
    if (!colon) return text_of(context, "artifact");
    json_array_foreach(json_object_get(context, "plugins"), i, plugin)
    {
        const char *name = text_of(plugin, "name");
        if (view_equal((text_view){name, (int)strlen(name)}, (text_view){kernel.at, (int)(colon - kernel.at)}))
            return text_of(plugin, "digest");
    }
    return "";
}

static bool is_time(const record_row *r) { return !r->error && !r->failed && r->milliseconds > 0; }

static int add_times(history *h, const json_t *record, const record_table *table, int64_t run, int *rows)
{
    const json_t *context = json_object_get(json_object_get(record, "context"), "attnbench");
    sqlite3_stmt *s = NULL;
    int ok = sqlite3_prepare_v2(
                 h->db,
                 "INSERT INTO times(run, kernel, workload, spec, inputs, threads, ms, low, high, share, gflops,"
                 " repetitions, artifact) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?)",
                 -1, &s, NULL) == SQLITE_OK;
    for (size_t i = 0; ok && i < table->rows; i++) {
        const record_row *r = &table->row[i];
        if (!is_time(r)) continue;
        const text_view text[] = {r->id.kernel, r->id.workload, r->spec, r->id.variant};
        sqlite3_bind_int64(s, 1, run);
        for (int t = 0; t < 4; t++) sqlite3_bind_text(s, t + 2, text[t].at, text[t].size, SQLITE_TRANSIENT);
        sqlite3_bind_int64(s, 6, r->id.threads);
        const bool ranges = r->repetitions > 1; /* one alone does not tell how far it may be off */
        bind_real(s, 7, r->milliseconds);
        bind_real(s, 8, ranges ? r->fastest : (double)NAN), bind_real(s, 9, ranges ? r->slowest : (double)NAN);
        bind_real(s, 10, r->share), bind_real(s, 11, r->gflops);
        sqlite3_bind_int64(s, 12, r->repetitions);
        sqlite3_bind_text(s, 13, artifact_of(context, r->id.kernel), -1, SQLITE_TRANSIENT);
        ok = sqlite3_step(s) == SQLITE_DONE;
        *rows += ok;
        sqlite3_reset(s);
    }
    sqlite3_finalize(s);
    return ok;
}

/* ---- ratios ------------------------------------------------------------------------------------------------------ */

/* Time over the anchor's of one comparison, of the launches where there were any. Identical code is 1, which is exact.
 * 0 where it was not compared. */
static int ratio_of(const json_t *one, double *ratio, double *low, double *high)
{
    const bool launched = json_array_size(json_object_get(one, "launches")) > 0;
    const json_t *at = json_object_get(one, launched ? "launch_interval" : "interval");
    *ratio = *low = *high = 1;
    if (strcmp(text_of(one, "verdict"), "identical code") == 0) return 1;
    *ratio = json_real_of(json_object_get(one, launched ? "launch_ratio" : "ratio"), 0);
    *low = json_real_of(json_array_get(at, 0), (double)NAN);
    *high = json_real_of(json_array_get(at, 1), (double)NAN);
    if (!isfinite(*low) || *low <= 0) *low = (double)NAN;
    if (!isfinite(*high)) *high = (double)NAN;
    return *ratio > 0 && isfinite(*ratio) && strcmp(text_of(one, "verdict"), "wrong") != 0;
}

/* What compare was asked; two records compared are nobody's anchor and give no ratios. */
static const json_t *rule_of(const json_t *record)
{
    const json_t *rule = json_object_get(json_object_get(json_object_get(record, "context"), "attnbench"), "compare");
    return *text_of(json_object_get(rule, "base"), "digest") ? rule : NULL;
}

static bool is_ratio(const json_t *one)
{
    double ratio, low, high;
    return *text_of(one, "base") && *text_of(one, "new") && *text_of(one, "workload") &&
           ratio_of(one, &ratio, &low, &high);
}

/* BASE's file, and its kernel where that is another than NEW's. */
static void anchor_of(const json_t *rule, const json_t *one, char *out, size_t size)
{
    const char *base = text_of(one, "base");
    const bool same = strcmp(base, text_of(one, "new")) == 0;
    snprintf(out, size, "%s%s%s", text_of(json_object_get(rule, "base"), "digest"), same ? "" : ":", same ? "" : base);
}

static int add_ratios(history *h, const json_t *record, int64_t run, int *rows)
{
    const json_t *rule = rule_of(record);
    const char *inputs = text_of(rule, "inputs"), *artifact = text_of(json_object_get(rule, "new"), "digest");
    sqlite3_stmt *s = NULL;
    size_t i;
    const json_t *one;
    if (!rule) return 1;
    int ok = sqlite3_prepare_v2(
                 h->db,
                 "INSERT OR IGNORE INTO ratios(run, kernel, workload, spec, inputs, anchor, artifact, verdict,"
                 " threads, launches, ratio, low, high) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?)",
                 -1, &s, NULL) == SQLITE_OK;
    json_array_foreach(json_object_get(record, "comparisons"), i, one)
    {
        double ratio, low, high;
        char anchor[256];
        if (!ok || !is_ratio(one) || !ratio_of(one, &ratio, &low, &high)) continue;
        const json_int_t threads = json_integer_value(json_object_get(one, "threads"));
        anchor_of(rule, one, anchor, sizeof anchor);
        const char *const text[] = {text_of(one, "new"),
                                    text_of(one, "workload"),
                                    text_of(one, "spec"),
                                    strcmp(inputs, "hot") ? inputs : "",
                                    anchor,
                                    artifact,
                                    text_of(one, "verdict")};
        sqlite3_bind_int64(s, 1, run);
        for (int t = 0; t < 7; t++) sqlite3_bind_text(s, t + 2, text[t], -1, SQLITE_TRANSIENT);
        sqlite3_bind_int64(s, 9, threads > 0 ? threads : 1);
        sqlite3_bind_int64(s, 10, (sqlite3_int64)json_array_size(json_object_get(one, "launches")));
        bind_real(s, 11, ratio), bind_real(s, 12, low), bind_real(s, 13, high);
        ok = sqlite3_step(s) == SQLITE_DONE;
        *rows += ok && sqlite3_changes(h->db);
        sqlite3_reset(s);
    }
    sqlite3_finalize(s);
    return ok;
}

/* ---- a record ---------------------------------------------------------------------------------------------------- */

/* Inside the transaction. */
static int add_record(history *h, const json_t *record, const record_table *table, const char *name,
                      const history_release *release, history_added *out, char *reason, size_t size)
{
    const int64_t run = add_run(h, record, name, &out->known);
    if (!run) return history_refuse(h, reason, size);
    if (!out->known && (!add_times(h, record, table, run, &out->times) || !add_ratios(h, record, run, &out->ratios)))
        return history_refuse(h, reason, size);
    return history_name_release(h, run, name, release, out, reason, size);
}

static bool holds_any(const json_t *record, const record_table *table)
{
    size_t i;
    const json_t *one;
    for (size_t r = 0; r < table->rows; r++)
        if (is_time(&table->row[r])) return true;
    if (!rule_of(record)) return false;
    json_array_foreach(json_object_get(record, "comparisons"), i, one)
    {
        if (is_ratio(one)) return true;
    }
    return false;
}

int history_fits(const json_t *record, const char *name, char *reason, size_t size)
{
    record_table table;
    if (!record_table_make(record, &table)) {
        snprintf(reason, size, "%s: out of memory", name);
        return 0;
    }
    const bool fits = holds_any(record, &table);
    record_table_free(&table);
    if (!fits)
        snprintf(reason, size,
                 "%s: holds no times and no comparison of kernels (a record of bench, run or compare is wanted)", name);
    return fits;
}

int history_add(history *h, const json_t *record, const char *name, const history_release *release, history_added *out,
                char *reason, size_t size)
{
    record_table table;
    *out = (history_added){.known = false};
    h->unwritten = false;
    if (!record_table_make(record, &table)) {
        snprintf(reason, size, "%s: out of memory", name);
        return 0;
    }
    const int begun = history_sql(h, "BEGIN IMMEDIATE", reason, size);
    const int ok = begun && add_record(h, record, &table, name, release, out, reason, size) &&
                   history_sql(h, "COMMIT", reason, size);
    if (begun && !ok) sqlite3_exec(h->db, "ROLLBACK", NULL, NULL, NULL);
    record_table_free(&table);
    return ok;
}

#endif
