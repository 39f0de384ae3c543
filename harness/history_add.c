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
                                       "hypervisor", "kernel", "compiler", "flags"};
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

#include "history_parts.h"
#include "results_table.h"

static bool is_write_error(int code) { return code == SQLITE_FULL || code == SQLITE_IOERR || code == SQLITE_READONLY; }

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static void record_digest(const json_t *record, char out[17])
{
    char *text = json_dumps(record, JSON_SORT_KEYS | JSON_COMPACT);
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (const char *c = text ? text : ""; *c; c++) hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
    free(text);
    snprintf(out, 17, "%016" PRIx64, hash);
}

/* 1 added, 0 failed, -1 it was there. */
static int add_run(history *h, const json_t *record, const char *name, const char *release, int64_t *id)
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
                                 text_of(context, "command"),
                                 release};
    if (sqlite3_prepare_v2(
            h->db,
            "INSERT INTO runs(digest, name, date, commit_id, version, fingerprint, cpu, isa, compiler, command,"
            " release, added) VALUES(?,?,?,?,?,?,?,?,?,?,?, strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))"
            " ON CONFLICT(digest) DO NOTHING",
            -1, &s, NULL) != SQLITE_OK)
        return 0;
    for (int i = 0; i < (int)(sizeof value / sizeof *value); i++)
        sqlite3_bind_text(s, i + 1, value[i], -1, SQLITE_TRANSIENT);
    const int done = sqlite3_step(s) == SQLITE_DONE;
    sqlite3_finalize(s);
    *id = sqlite3_last_insert_rowid(h->db);
    return !done ? 0 : sqlite3_changes(h->db) ? 1 : -1;
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

static int add_times(history *h, const json_t *record, const result_table *table, int64_t run, int *rows)
{
    const json_t *context = json_object_get(json_object_get(record, "context"), "attnbench");
    sqlite3_stmt *s = NULL;
    int ok = sqlite3_prepare_v2(
                 h->db,
                 "INSERT INTO times(run, kernel, workload, spec, inputs, threads, ms, low, high, share, gflops,"
                 " repetitions, artifact) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?)",
                 -1, &s, NULL) == SQLITE_OK;
    for (size_t i = 0; ok && i < table->rows; i++) {
        const result_row *r = &table->row[i];
        if (r->error || r->failed || !(r->milliseconds > 0)) continue;
        const text_view text[] = {r->id.kernel, r->id.workload, r->spec, r->id.variant};
        sqlite3_bind_int64(s, 1, run);
        for (int t = 0; t < 4; t++) sqlite3_bind_text(s, t + 2, text[t].at, text[t].size, SQLITE_TRANSIENT);
        sqlite3_bind_int64(s, 6, r->id.threads);
        bind_real(s, 7, r->milliseconds), bind_real(s, 8, r->fastest), bind_real(s, 9, r->slowest);
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

/* BASE's file, and its kernel where that is another than NEW's. */
static void anchor_of(const json_t *rule, const json_t *one, char *out, size_t size)
{
    const char *base = text_of(one, "base");
    const bool same = strcmp(base, text_of(one, "new")) == 0;
    snprintf(out, size, "%s%s%s", text_of(json_object_get(rule, "base"), "digest"), same ? "" : ":", same ? "" : base);
}

static int add_ratios(history *h, const json_t *record, int64_t run, int *rows)
{
    const json_t *context = json_object_get(json_object_get(record, "context"), "attnbench");
    const json_t *rule = json_object_get(context, "compare");
    const char *inputs = text_of(rule, "inputs"), *artifact = text_of(json_object_get(rule, "new"), "digest");
    sqlite3_stmt *s = NULL;
    size_t i;
    const json_t *one;
    if (!*text_of(json_object_get(rule, "base"), "digest")) return 1; /* two records compared: nobody's anchor */
    int ok = sqlite3_prepare_v2(
                 h->db,
                 "INSERT OR IGNORE INTO ratios(run, kernel, workload, spec, inputs, anchor, artifact, verdict,"
                 " threads, launches, ratio, low, high) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?)",
                 -1, &s, NULL) == SQLITE_OK;
    json_array_foreach(json_object_get(record, "comparisons"), i, one)
    {
        double ratio, low, high;
        char anchor[256];
        if (!ok || !*text_of(one, "base") || !*text_of(one, "new") || !*text_of(one, "workload") ||
            !ratio_of(one, &ratio, &low, &high))
            continue;
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

static int name_release(history *h, const json_t *record, const char *release)
{
    char digest[17];
    sqlite3_stmt *s = NULL;
    if (!*release) return 1;
    record_digest(record, digest);
    int ok = sqlite3_prepare_v2(h->db, "UPDATE runs SET release = ? WHERE digest = ?", -1, &s, NULL) == SQLITE_OK;
    if (ok) {
        sqlite3_bind_text(s, 1, release, -1, SQLITE_TRANSIENT);
        sqlite3_bind_text(s, 2, digest, -1, SQLITE_TRANSIENT);
        ok = sqlite3_step(s) == SQLITE_DONE;
    }
    sqlite3_finalize(s);
    return ok;
}

/* Inside the transaction. */
static int add_record(history *h, const json_t *record, const result_table *table, const char *name,
                      const char *release, int *rows, char *reason, size_t size)
{
    int64_t run = 0;
    const int added = add_run(h, record, name, release, &run);
    int ok = added < 0   ? name_release(h, record, release)
             : added > 0 ? add_times(h, record, table, run, rows) && add_ratios(h, record, run, rows)
                         : 0;
    if (!ok) return history_refuse(h, reason, size, name);
    if (added < 0) *rows = -1;
    if (*rows) return 1;
    snprintf(reason, size,
             "%s: holds no times and no comparison of kernels (a record of bench, run or compare is wanted)", name);
    return 0;
}

int history_add(history *h, const json_t *record, const char *name, const char *release, int *rows, char *reason,
                size_t size)
{
    result_table table;
    *rows = 0;
    if (!result_table_make(record, &table)) {
        snprintf(reason, size, "%s: out of memory", name);
        return 0;
    }
    const int begun = history_sql(h, "BEGIN IMMEDIATE", reason, size);
    const int ok = begun && add_record(h, record, &table, name, release, rows, reason, size) &&
                   history_sql(h, "COMMIT", reason, size);
    h->unwritten = !ok && is_write_error(sqlite3_errcode(h->db));
    if (begun && !ok) sqlite3_exec(h->db, "ROLLBACK", NULL, NULL, NULL);
    result_table_free(&table);
    return ok;
}

#endif
