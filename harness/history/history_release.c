/* history_release.c: names of releases, each of one build. */
#include "history.h"

#ifdef ATTNBENCH_SQLITE

#include <stdio.h>

#include "history_internal.h"

/* Another run with this name which measured a series of this one, of another build. */
static const char namesake[] =
    "SELECT r.id, CASE r.commit_id WHEN '' THEN 'one' ELSE r.commit_id END, CASE r.date WHEN '' THEN r.added ELSE "
    "r.date END, r.name FROM runs AS r"
    " JOIN runs AS mine ON mine.id = ?1"
    " WHERE r.release = ?2 AND r.id <> mine.id AND r.fingerprint = mine.fingerprint AND"
    " (EXISTS(SELECT 1 FROM times AS a JOIN times AS b USING(kernel, workload, inputs, threads)"
    "  WHERE a.run = r.id AND b.run = mine.id AND (r.commit_id <> mine.commit_id OR"
    "   (a.artifact <> '' AND b.artifact <> '' AND a.artifact <> b.artifact)))"
    " OR EXISTS(SELECT 1 FROM ratios AS a JOIN ratios AS b USING(kernel, workload, inputs, threads, anchor)"
    "  WHERE a.run = r.id AND b.run = mine.id AND (r.commit_id <> mine.commit_id OR"
    "   (a.artifact <> '' AND b.artifact <> '' AND a.artifact <> b.artifact))))"
    " ORDER BY r.id LIMIT 1";

static const char own_name[] = "SELECT release FROM runs WHERE id = ?1 AND release <> '' AND release <> ?2";

static sqlite3_stmt *look(history *h, const char *sql, int64_t run, const char *release)
{
    sqlite3_stmt *s = NULL;
    if (sqlite3_prepare_v2(h->db, sql, -1, &s, NULL) != SQLITE_OK) return NULL;
    sqlite3_bind_int64(s, 1, run);
    sqlite3_bind_text(s, 2, release, -1, SQLITE_TRANSIENT);
    return s;
}

static int set_name(history *h, int64_t run, const char *release)
{
    sqlite3_stmt *s = look(h, "UPDATE runs SET release = ?2 WHERE id = ?1", run, release);
    const int ok = s && sqlite3_step(s) == SQLITE_DONE;
    sqlite3_finalize(s);
    return ok;
}

/* The name that the run had. 0 where it must keep it, or SQLite failed. */
static int leave_own(history *h, int64_t run, const char *record, const history_release *release, history_added *out,
                     char *reason, size_t size)
{
    sqlite3_stmt *s = look(h, own_name, run, release->name);
    const int found = s ? sqlite3_step(s) : SQLITE_ERROR;
    int ok = found == SQLITE_DONE || (found == SQLITE_ROW && release->moved);
    if (found == SQLITE_ROW && ok)
        snprintf(out->lost, sizeof out->lost, "it was %.200s", (const char *)sqlite3_column_text(s, 0));
    else if (found == SQLITE_ROW)
        snprintf(reason, size, "%s: is release %.200s already; --force names it %.200s", record,
                 (const char *)sqlite3_column_text(s, 0), release->name);
    else if (!ok)
        history_refuse(h, reason, size);
    sqlite3_finalize(s);
    return ok;
}

/* One run that has the name and is of another build: 1 it has lost it, 0 it must keep it or SQLite failed, -1 there is
 * none. */
static int take_from_one(history *h, int64_t run, const char *record, const history_release *release,
                         history_added *out, char *reason, size_t size)
{
    sqlite3_stmt *s = look(h, namesake, run, release->name);
    const int found = s ? sqlite3_step(s) : SQLITE_ERROR;
    int done = found == SQLITE_DONE ? -1 : 0;
    if (found == SQLITE_ROW) {
        const int64_t other = sqlite3_column_int64(s, 0);
        char whose[200];
        snprintf(whose, sizeof whose, "%.60s of %.40s (%.80s)", (const char *)sqlite3_column_text(s, 1),
                 (const char *)sqlite3_column_text(s, 2), (const char *)sqlite3_column_text(s, 3));
        sqlite3_reset(s);
        if (release->moved) {
            snprintf(out->lost, sizeof out->lost, "that was %s", whose);
            done = set_name(h, other, "");
            if (!done) history_refuse(h, reason, size);
        } else {
            snprintf(reason, size,
                     "%s: release %.200s is another build, %s: give this one a name of its own, or --force takes it "
                     "from there",
                     record, release->name, whose);
        }
    } else if (done == 0) {
        history_refuse(h, reason, size);
    }
    sqlite3_finalize(s);
    return done;
}

int history_name_release(history *h, int64_t run, const char *record, const history_release *release,
                         history_added *out, char *reason, size_t size)
{
    int taken = 1;
    if (!*release->name) return 1;
    if (!leave_own(h, run, record, release, out, reason, size)) return 0;
    while (taken > 0) taken = take_from_one(h, run, record, release, out, reason, size);
    if (taken == 0) return 0;
    return set_name(h, run, release->name) || history_refuse(h, reason, size);
}

#endif
