/* history.c: the file: opened, checked, migrated. */
#include "history.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef ATTNBENCH_SQLITE

#include "history_internal.h"

static const int application = 0x61747462; /* 'attb' in the file's header: whose file it is */
static const int patience_ms = 20000;      /* for other writers */

/* Step i takes schema i to i + 1. Never edited once released: files of users hold what they made. */
static const char *const migrations[HISTORY_SCHEMA] = {
    "CREATE TABLE runs(id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, name TEXT NOT NULL, added TEXT NOT NULL,"
    " date TEXT NOT NULL, commit_id TEXT NOT NULL, version TEXT NOT NULL, fingerprint TEXT NOT NULL, cpu TEXT NOT NULL,"
    " isa TEXT NOT NULL, compiler TEXT NOT NULL, command TEXT NOT NULL);"
    "CREATE TABLE times(run INTEGER NOT NULL REFERENCES runs(id), kernel TEXT NOT NULL, workload TEXT NOT NULL,"
    " spec TEXT NOT NULL, inputs TEXT NOT NULL, threads INTEGER NOT NULL, ms REAL NOT NULL, low REAL, high REAL,"
    " share REAL, gflops REAL, repetitions INTEGER NOT NULL, PRIMARY KEY(run, kernel, workload, inputs, threads));"
    "CREATE INDEX times_by_series ON times(kernel, workload, inputs, threads, run);",
    "ALTER TABLE runs ADD COLUMN release TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE times ADD COLUMN artifact TEXT NOT NULL DEFAULT '';"
    "CREATE TABLE ratios(run INTEGER NOT NULL REFERENCES runs(id), kernel TEXT NOT NULL, workload TEXT NOT NULL,"
    " spec TEXT NOT NULL, inputs TEXT NOT NULL, threads INTEGER NOT NULL, anchor TEXT NOT NULL,"
    " artifact TEXT NOT NULL, ratio REAL NOT NULL, low REAL, high REAL, launches INTEGER NOT NULL,"
    " verdict TEXT NOT NULL, PRIMARY KEY(run, kernel, workload, inputs, threads, anchor));"
    "CREATE INDEX ratios_by_series ON ratios(kernel, workload, inputs, threads, anchor, run);",
};

int history_refuse(history *h, char *reason, size_t size)
{
    const int why = sqlite3_errcode(h->db);
    const bool damaged = why == SQLITE_CORRUPT || why == SQLITE_NOTADB;
    h->unwritten = why == SQLITE_FULL || why == SQLITE_IOERR || why == SQLITE_READONLY;
    snprintf(reason, size, damaged ? "%s: is damaged (%s); restore a copy or name another --db" : "%s: %s", h->path,
             sqlite3_errmsg(h->db));
    return 0;
}

int history_sql(history *h, const char *sql, char *reason, size_t size)
{
    return sqlite3_exec(h->db, sql, NULL, NULL, NULL) == SQLITE_OK || history_refuse(h, reason, size);
}

bool history_unwritten(const history *h) { return h->unwritten; }

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

int history_read_all(history *h, char *reason, size_t size)
{
    sqlite3_stmt *s = NULL;
    if (h->read) return 1;
    if (sqlite3_prepare_v2(h->db, "PRAGMA quick_check(1)", -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
        h->read = strcmp((const char *)sqlite3_column_text(s, 0), "ok") == 0;
    sqlite3_finalize(s);
    if (!h->read)
        snprintf(reason, size, "%s: is damaged (PRAGMA quick_check); restore a copy or name another --db", h->path);
    return h->read;
}

/* Inside one write transaction, so that of two programs that open an old file one migrates and the other finds it
 * done. */
static int migrate(history *h, char *reason, size_t size)
{
    char sql[64];
    if (!history_sql(h, "BEGIN IMMEDIATE", reason, size)) return 0;
    int ok = 1;
    for (int version = pragma(h, "user_version"); ok && version < HISTORY_SCHEMA; version++) {
        snprintf(sql, sizeof sql, "PRAGMA user_version = %d", version + 1);
        ok = history_sql(h, migrations[version], reason, size) && history_sql(h, sql, reason, size);
    }
    snprintf(sql, sizeof sql, "PRAGMA application_id = %d", application);
    ok = ok && history_sql(h, sql, reason, size);
    if (!ok) sqlite3_exec(h->db, "ROLLBACK", NULL, NULL, NULL);
    return ok && history_sql(h, "COMMIT", reason, size);
}

typedef struct header {
    int owner, version; /* -1: cannot be read */
    bool empty;
} header;

/* All of one moment: another writer may be making the file. */
static int read_header(history *h, header *out, char *reason, size_t size)
{
    if (!history_sql(h, "BEGIN", reason, size)) return 0;
    *out = (header){pragma(h, "application_id"), pragma(h, "user_version"), false};
    const int why = sqlite3_errcode(h->db);
    if (out->owner >= 0 && out->version >= 0) {
        out->empty = is_empty(h);
        return history_sql(h, "COMMIT", reason, size);
    }
    if (why == SQLITE_NOTADB || why == SQLITE_CORRUPT)
        snprintf(reason, size, "%s: is no SQLite file or is damaged (%s); name another --db", h->path,
                 sqlite3_errmsg(h->db));
    else
        history_refuse(h, reason, size);
    return 0;
}

/* Did the last writer not close it, or is one at it now? Its log lies there then. */
static bool is_open(const char *path)
{
    static const char *const logs[] = {"-wal", "-journal"};
    char name[4096];
    struct stat st;
    for (size_t i = 0; i < sizeof logs / sizeof *logs; i++) {
        const int length = snprintf(name, sizeof name, "%s%s", path, logs[i]);
        if (length >= (int)sizeof name || (stat(name, &st) == 0 && st.st_size > 0)) return true;
    }
    return false;
}

/* Whose file is it, and can it be read? All of a history is read only where something may have happened to it, or will:
 * what it is used for meets a damaged page by itself. */
static int examine(history *h, bool suspect, char *reason, size_t size)
{
    header is;
    if (!read_header(h, &is, reason, size)) return 0;
    if (is.owner != application && !(is.owner == 0 && is.empty)) {
        snprintf(reason, size, "%s: is another program's database; name another --db", h->path);
        return 0;
    }
    if (is.version > HISTORY_SCHEMA) {
        snprintf(reason, size, "%s: schema %d is newer than this program's %d; use the newer attnbench", h->path,
                 is.version, HISTORY_SCHEMA);
        return 0;
    }
    suspect = suspect || is.version < HISTORY_SCHEMA;
    if (is.owner == application && suspect && !history_read_all(h, reason, size)) return 0;
    if (is.version == HISTORY_SCHEMA && is.owner == application) return 1;
    return migrate(h, reason, size);
}

/* Neither the file nor, beside it, a journal can be written: nobody changes it here, and it is only read. */
static bool is_still(const char *path)
{
    char folder[4096];
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
    return access(path, R_OK) == 0 && (access(path, W_OK) != 0 || access(folder, W_OK) != 0);
}

/* A write-ahead log cannot be opened where it cannot be made, unless SQLite is told that nothing changes: by a URI. */
static int open_file(const char *path, bool create, bool still, sqlite3 **db)
{
    char uri[3 * 4096 + 32] = "file:";
    size_t used = strlen(uri);
    if (!still) return sqlite3_open_v2(path, db, SQLITE_OPEN_READWRITE | (create ? SQLITE_OPEN_CREATE : 0), NULL);
    for (const char *c = path; *c && used + 32 < sizeof uri; c++)
        used += (size_t)snprintf(uri + used, sizeof uri - used, strchr("%?#", *c) ? "%%%02X" : "%c", (unsigned char)*c);
    snprintf(uri + used, sizeof uri - used, "?immutable=1");
    return sqlite3_open_v2(uri, db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL);
}

history *history_open(const char *path, bool create, bool *unwritten, char *reason, size_t size)
{
    struct stat there;
    *unwritten = false;
    if (stat(path, &there) == 0 && S_ISDIR(there.st_mode)) {
        snprintf(reason, size, "%s: is a folder; name a file in it, such as %s/times.db", path, path);
        return NULL;
    }
    if (stat(path, &there) == 0 && !S_ISREG(there.st_mode)) {
        snprintf(reason, size, "%s: is no file that can be read again; name another --db", path);
        return NULL;
    }
    if (create && is_still(path)) {
        snprintf(reason, size, "%s: it or its folder is read-only; name another --db", path);
        return NULL;
    }
    history *h = calloc(1, sizeof *h);
    if (!h) {
        snprintf(reason, size, "out of memory");
        return NULL;
    }
    h->path = path;
    const bool still = !create && is_still(path), suspect = is_open(path);
    if (open_file(path, create, still, &h->db) != SQLITE_OK) {
        snprintf(reason, size, "%s: cannot be opened: %s; %s", path, sqlite3_errmsg(h->db),
                 create ? "is its folder there and writable?" : "'attnbench history add' makes one");
    } else {
        sqlite3_busy_timeout(h->db, patience_ms);
        if (history_sql(h, "PRAGMA cell_size_check = ON", reason, size) && examine(h, suspect, reason, size) &&
            history_sql(h, "PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL", reason, size)) {
            if (!still) sqlite3_exec(h->db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL); /* or the old journal */
            return h;
        }
    }
    *unwritten = h->unwritten;
    history_close(h);
    return NULL;
}

void history_close(history *h)
{
    if (!h) return;
    sqlite3_close(h->db);
    free(h);
}

#else

history *history_open(const char *path, bool create, bool *unwritten, char *reason, size_t size)
{
    (void)create;
    *unwritten = false;
    snprintf(reason, size, "%s: this attnbench was built without SQLite; install libsqlite3-dev and build again", path);
    return NULL;
}

void history_close(history *h) { (void)h; }

bool history_unwritten(const history *h) { return (void)h, false; }

int history_read_all(history *h, char *reason, size_t size)
{
    (void)h, (void)reason, (void)size;
    return 0;
}

int history_fits(const json_t *record, const char *name, char *reason, size_t size)
{
    (void)record, (void)name, (void)reason, (void)size;
    return 1; /* history_open says what is missing */
}

int history_add(history *h, const json_t *record, const char *name, const history_release *release, history_added *out,
                char *reason, size_t size)
{
    (void)h, (void)record, (void)name, (void)release, (void)out, (void)reason, (void)size;
    return 0;
}

int history_points(history *h, const history_filter *filter, bool (*each)(void *, const history_point *), void *ctx,
                   char *reason, size_t size)
{
    (void)h, (void)filter, (void)each, (void)ctx, (void)reason, (void)size;
    return 0;
}

#endif
