/* history_points.c: out of the file again, series by series. */
#include "history.h"

#ifdef ATTNBENCH_SQLITE

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "history_internal.h"

static double column_real(sqlite3_stmt *s, int column)
{
    return sqlite3_column_type(s, column) == SQLITE_NULL ? (double)NAN : sqlite3_column_double(s, column);
}

/* No column is empty but in a file that is damaged. */
static const char *column_text(sqlite3_stmt *s, int column)
{
    const char *text = (const char *)sqlite3_column_text(s, column);
    return text ? text : "";
}

/* Times and ratios side by side. julianday, since dates may come with different offsets from UTC; a record whose date
 * is none stands where it was added. */
static const char points[] =
    "SELECT run, CASE WHEN julianday(date) IS NULL THEN added ELSE date END AS at, commit_id, release, fingerprint,"
    " cpu, isa, kernel, workload, spec, inputs, anchor, artifact, threads, ms, ratio, low, high, share, gflops,"
    " repetitions, launches"
    " FROM (SELECT run, kernel, workload, spec, inputs, '' AS anchor, artifact, threads, ms, NULL AS ratio, low, high,"
    " share, gflops, repetitions, 0 AS launches FROM times UNION ALL SELECT run, kernel, workload, spec, inputs,"
    " anchor, artifact, threads, NULL, ratio, low, high, NULL, NULL, 0, launches FROM ratios)"
    " JOIN runs ON runs.id = run";
static const char order[] = " ORDER BY fingerprint, kernel, workload, inputs, threads, anchor, julianday(at), run";

static void put_globs(FILE *sql, const char *column, int count)
{
    for (int i = 0; i < count; i++) fprintf(sql, "%s%s GLOB ?", i ? " OR " : " AND (", column);
    if (count) fputc(')', sql);
}

static sqlite3_stmt *prepare(history *h, const history_filter *f)
{
    char *text = NULL;
    size_t bytes = 0;
    sqlite3_stmt *s = NULL;
    FILE *sql = open_memstream(&text, &bytes);
    if (!sql) return NULL;
    fprintf(sql, "%s WHERE 1", points);
    put_globs(sql, "kernel", f->kernels);
    put_globs(sql, "workload", f->workloads);
    fputs(order, sql);
    fclose(sql);
    if (sqlite3_prepare_v2(h->db, text, -1, &s, NULL) == SQLITE_OK) {
        for (int i = 0; i < f->kernels; i++) sqlite3_bind_text(s, i + 1, f->kernel[i], -1, SQLITE_TRANSIENT);
        for (int i = 0; i < f->workloads; i++)
            sqlite3_bind_text(s, f->kernels + i + 1, f->workload[i], -1, SQLITE_TRANSIENT);
    }
    free(text);
    return s;
}

static history_point point_of(sqlite3_stmt *s)
{
    return (history_point){.run = sqlite3_column_int64(s, 0),
                           .when = column_text(s, 1),
                           .commit = column_text(s, 2),
                           .release = column_text(s, 3),
                           .fingerprint = column_text(s, 4),
                           .cpu = column_text(s, 5),
                           .isa = column_text(s, 6),
                           .kernel = column_text(s, 7),
                           .workload = column_text(s, 8),
                           .spec = column_text(s, 9),
                           .inputs = column_text(s, 10),
                           .anchor = column_text(s, 11),
                           .artifact = column_text(s, 12),
                           .threads = sqlite3_column_int(s, 13),
                           .ms = column_real(s, 14),
                           .ratio = column_real(s, 15),
                           .low = column_real(s, 16),
                           .high = column_real(s, 17),
                           .share = column_real(s, 18),
                           .gflops = column_real(s, 19),
                           .repetitions = sqlite3_column_int(s, 20),
                           .launches = sqlite3_column_int(s, 21)};
}

int history_points(history *h, const history_filter *filter, bool (*each)(void *, const history_point *), void *ctx,
                   char *reason, size_t size)
{
    sqlite3_stmt *s = prepare(h, filter);
    int step = SQLITE_ERROR;
    while (s && (step = sqlite3_step(s)) == SQLITE_ROW) {
        const history_point p = point_of(s);
        if (each(ctx, &p)) continue;
        step = SQLITE_DONE;
        break;
    }
    if (step != SQLITE_DONE) history_refuse(h, reason, size);
    sqlite3_finalize(s);
    return step == SQLITE_DONE;
}

#endif
