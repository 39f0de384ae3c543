/* history.c: the file: opened, checked, migrated; records added, points read. */
#include "history.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "results_table.h"

void history_fingerprint(const json_t *context, char out[17])
{
    static const char *const keys[] = {"cpu",        "cpu_id",     "isa",    "caches",   "threads",
                                       "processors", "hypervisor", "kernel", "compiler", "flags"};
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

#include <sqlite3.h>

static const int application = 0x61747462; /* 'attb' in the file's header: whose file it is */
static const int patience_ms = 20000;      /* for other writers */

struct history {
    sqlite3 *db;
    bool unwritten; /* the last record, for want of a disk that takes it */
};

/* Step i takes schema i to i + 1. Never edited once released: files of users hold what they made. */
static const char *const migrations[HISTORY_SCHEMA] = {
    "CREATE TABLE runs(id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, name TEXT NOT NULL, added TEXT NOT NULL,"
    " date TEXT NOT NULL, commit_id TEXT NOT NULL, version TEXT NOT NULL, fingerprint TEXT NOT NULL, cpu TEXT NOT NULL,"
    " isa TEXT NOT NULL, compiler TEXT NOT NULL, command TEXT NOT NULL);"
    "CREATE TABLE times(run INTEGER NOT NULL REFERENCES runs(id), kernel TEXT NOT NULL, workload TEXT NOT NULL,"
    " spec TEXT NOT NULL, inputs TEXT NOT NULL, threads INTEGER NOT NULL, ms REAL NOT NULL, low REAL, high REAL,"
    " share REAL, gflops REAL, repetitions INTEGER NOT NULL, PRIMARY KEY(run, kernel, workload, inputs, threads));"
    "CREATE INDEX times_by_series ON times(kernel, workload, inputs, threads, run);",
};

static int refuse(history *h, char *reason, size_t size, const char *what)
{
    snprintf(reason, size, "%s: %s", what, sqlite3_errmsg(h->db));
    return 0;
}

static int run_sql(history *h, const char *sql, char *reason, size_t size)
{
    return sqlite3_exec(h->db, sql, NULL, NULL, NULL) == SQLITE_OK || refuse(h, reason, size, "history");
}

bool history_unwritten(const history *h) { return h->unwritten; }

static bool is_write_error(int code) { return code == SQLITE_FULL || code == SQLITE_IOERR || code == SQLITE_READONLY; }

static int pragma(history *h, const char *name)
{
    char sql[64];
    sqlite3_stmt *s = NULL;
    int value = -1;
    snprintf(sql, sizeof sql, "PRAGMA %s", name);
    if (sqlite3_prepare_v2(h->db, sql, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
        value = sqlite3_column_int(s, 0);
    sqlite3_finalize(s);
    return value;
}

static bool is_empty(history *h)
{
    sqlite3_stmt *s = NULL;
    bool empty = false;
    if (sqlite3_prepare_v2(h->db, "SELECT count(*) FROM sqlite_master", -1, &s, NULL) == SQLITE_OK &&
        sqlite3_step(s) == SQLITE_ROW)
        empty = sqlite3_column_int(s, 0) == 0;
    sqlite3_finalize(s);
    return empty;
}

static bool is_sound(history *h)
{
    sqlite3_stmt *s = NULL;
    bool sound = false;
    if (sqlite3_prepare_v2(h->db, "PRAGMA quick_check(1)", -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
        sound = strcmp((const char *)sqlite3_column_text(s, 0), "ok") == 0;
    sqlite3_finalize(s);
    return sound;
}

/* Inside one write transaction, so that of two programs that open an old file one migrates and the other finds it done. */
static int migrate(history *h, char *reason, size_t size)
{
    char sql[64];
    if (!run_sql(h, "BEGIN IMMEDIATE", reason, size)) return 0;
    int ok = 1;
    for (int version = pragma(h, "user_version"); ok && version < HISTORY_SCHEMA; version++) {
        snprintf(sql, sizeof sql, "PRAGMA user_version = %d", version + 1);
        ok = run_sql(h, migrations[version], reason, size) && run_sql(h, sql, reason, size);
    }
    snprintf(sql, sizeof sql, "PRAGMA application_id = %d", application);
    ok = ok && run_sql(h, sql, reason, size);
    if (!ok) sqlite3_exec(h->db, "ROLLBACK", NULL, NULL, NULL);
    return ok && run_sql(h, "COMMIT", reason, size);
}

/* Whose file is it, and can it be read? */
static int examine(history *h, const char *path, char *reason, size_t size)
{
    const int owner = pragma(h, "application_id"), version = pragma(h, "user_version");
    if (owner < 0 || version < 0) {
        snprintf(reason, size, "%s: is no SQLite file or is damaged (%s); name another --db", path,
                 sqlite3_errmsg(h->db));
        return 0;
    }
    if (owner != application && !(owner == 0 && is_empty(h))) {
        snprintf(reason, size, "%s: is another program's database; name another --db", path);
        return 0;
    }
    if (version > HISTORY_SCHEMA) {
        snprintf(reason, size, "%s: schema %d is newer than this program's %d; use the newer attnbench", path, version,
                 HISTORY_SCHEMA);
        return 0;
    }
    if (owner == application && !is_sound(h)) {
        snprintf(reason, size, "%s: is damaged (PRAGMA quick_check); restore a copy or name another --db", path);
        return 0;
    }
    if (version == HISTORY_SCHEMA && owner == application) return 1;
    return migrate(h, reason, size);
}

history *history_open(const char *path, bool create, char *reason, size_t size)
{
    history *h = calloc(1, sizeof *h);
    if (!h) {
        snprintf(reason, size, "out of memory");
        return NULL;
    }
    const int flags = SQLITE_OPEN_READWRITE | (create ? SQLITE_OPEN_CREATE : 0);
    if (sqlite3_open_v2(path, &h->db, flags, NULL) != SQLITE_OK) {
        snprintf(reason, size, "%s: cannot be opened: %s; 'attnbench history add --db %s RECORD' makes one", path,
                 sqlite3_errmsg(h->db), path);
    } else {
        sqlite3_busy_timeout(h->db, patience_ms);
        if (examine(h, path, reason, size) &&
            run_sql(h, "PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL", reason, size)) {
            sqlite3_exec(h->db, "PRAGMA journal_mode = WAL", NULL, NULL,
                         NULL); /* file systems without it: the old journal */
            return h;
        }
    }
    history_close(h);
    return NULL;
}

void history_close(history *h)
{
    if (!h) return;
    sqlite3_close(h->db);
    free(h);
}

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
static int add_run(history *h, const json_t *record, const char *name, int64_t *id)
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
            "INSERT INTO runs(digest, name, date, commit_id, version, fingerprint, cpu, isa, compiler, command,"
            " added) VALUES(?,?,?,?,?,?,?,?,?,?, strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))"
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

static int add_times(history *h, const result_table *table, int64_t run, int *rows)
{
    sqlite3_stmt *s = NULL;
    int ok = sqlite3_prepare_v2(
                 h->db,
                 "INSERT INTO times(run, kernel, workload, spec, inputs, threads, ms, low, high, share, gflops,"
                 " repetitions) VALUES(?,?,?,?,?,?,?,?,?,?,?,?)",
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
        ok = sqlite3_step(s) == SQLITE_DONE;
        *rows += ok;
        sqlite3_reset(s);
    }
    sqlite3_finalize(s);
    return ok;
}

int history_add(history *h, const json_t *record, const char *name, int *rows, char *reason, size_t size)
{
    result_table table;
    int64_t run = 0;
    *rows = 0;
    if (!result_table_make(record, &table)) {
        snprintf(reason, size, "%s: out of memory", name);
        return 0;
    }
    int ok = run_sql(h, "BEGIN IMMEDIATE", reason, size);
    if (ok) {
        const int added = add_run(h, record, name, &run);
        ok = added != 0 && (added < 0 || add_times(h, &table, run, rows));
        if (!ok) refuse(h, reason, size, name);
        if (ok && added < 0) *rows = -1;
        if (ok && *rows == 0) {
            snprintf(reason, size, "%s: holds no times (a record of bench or run is wanted)", name);
            ok = 0;
        }
        if (ok) ok = run_sql(h, "COMMIT", reason, size);
        h->unwritten = !ok && is_write_error(sqlite3_errcode(h->db));
        if (!ok) sqlite3_exec(h->db, "ROLLBACK", NULL, NULL, NULL);
    } else {
        h->unwritten = is_write_error(sqlite3_errcode(h->db));
    }
    result_table_free(&table);
    return ok;
}

static double column_real(sqlite3_stmt *s, int column)
{
    return sqlite3_column_type(s, column) == SQLITE_NULL ? (double)NAN : sqlite3_column_double(s, column);
}

static const char *column_text(sqlite3_stmt *s, int column) { return (const char *)sqlite3_column_text(s, column); }

int history_points(history *h, const char *kernel, const char *workload, bool (*each)(void *, const history_point *),
                   void *ctx, char *reason, size_t size)
{
    sqlite3_stmt *s = NULL;
    int step = SQLITE_ERROR;
    if (sqlite3_prepare_v2(
            h->db,
            "SELECT run, CASE date WHEN '' THEN added ELSE date END AS at, commit_id, fingerprint, cpu, isa,"
            " kernel, workload, spec, inputs, threads, ms, low, high, share, gflops, repetitions"
            " FROM times JOIN runs ON runs.id = times.run WHERE kernel GLOB ?1 AND workload GLOB ?2"
            " ORDER BY fingerprint, kernel, workload, inputs, threads, at, run",
            -1, &s, NULL) == SQLITE_OK) {
        sqlite3_bind_text(s, 1, kernel ? kernel : "*", -1, SQLITE_TRANSIENT);
        sqlite3_bind_text(s, 2, workload ? workload : "*", -1, SQLITE_TRANSIENT);
        while ((step = sqlite3_step(s)) == SQLITE_ROW) {
            const history_point p = {sqlite3_column_int64(s, 0), column_text(s, 1),         column_text(s, 2),
                                     column_text(s, 3),          column_text(s, 4),         column_text(s, 5),
                                     column_text(s, 6),          column_text(s, 7),         column_text(s, 8),
                                     column_text(s, 9),          sqlite3_column_int(s, 10), column_real(s, 11),
                                     column_real(s, 12),         column_real(s, 13),        column_real(s, 14),
                                     column_real(s, 15),         sqlite3_column_int(s, 16)};
            if (!each(ctx, &p)) {
                step = SQLITE_DONE;
                break;
            }
        }
    }
    if (step != SQLITE_DONE) refuse(h, reason, size, "history");
    sqlite3_finalize(s);
    return step == SQLITE_DONE;
}

#else

history *history_open(const char *path, bool create, char *reason, size_t size)
{
    (void)create;
    snprintf(reason, size, "%s: this attnbench was built without SQLite; install libsqlite3-dev and build again", path);
    return NULL;
}

void history_close(history *h) { (void)h; }

bool history_unwritten(const history *h) { return (void)h, false; }

int history_add(history *h, const json_t *record, const char *name, int *rows, char *reason, size_t size)
{
    (void)h, (void)record, (void)name, (void)rows, (void)reason, (void)size;
    return 0;
}

int history_points(history *h, const char *kernel, const char *workload, bool (*each)(void *, const history_point *),
                   void *ctx, char *reason, size_t size)
{
    (void)h, (void)kernel, (void)workload, (void)each, (void)ctx, (void)reason, (void)size;
    return 0;
}

#endif
