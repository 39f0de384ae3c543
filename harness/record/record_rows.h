/* record_rows.h: folds a record's entries into one row for each kernel, workload and thread count, and reads its cases.
 * The terminal table, CSV, Markdown and crossovers are made from these rows. */
#ifndef ATTNBENCH_RECORD_ROWS_H
#define ATTNBENCH_RECORD_ROWS_H

#include <stdint.h>
#include <stdio.h>

#include "record.h"
#include "util/text_view.h"

/* The parts of an entry's name, kernel/workload[/variant]/threads:N. Of a name of another form (plain Google Benchmark)
 * the part before the first '/' is the kernel. For aggregates the name of their run is used. */
typedef struct entry_id {
    text_view kernel, workload, variant;
    int64_t threads;
} entry_id;
entry_id entry_id_of(const json_t *entry);

/* Why an entry has no figures (its error_message or skip_message); NULL: it has some. */
const char *entry_error(const json_t *entry);

/* Numbers are NaN where the record has none. A median is Google Benchmark's own aggregate if the record has it, else it
 * is taken over the repetitions. */
typedef struct record_row {
    entry_id id;
    text_view spec;
    const char *error;       /* why the row has no figures; NULL: it has */
    int64_t repetitions;     /* that medians are taken over */
    double milliseconds;     /* median wall time of pack + run */
    double fastest, slowest; /* repetition, in ms */
    double first;            /* the first call in its process, in ms */
    double gflops;           /* 1e9 operations a second */
    double share;            /* of the measured ceiling, 0 to 1 */
    double gbytes;           /* 1e9 compulsory bytes a second */
    /* Over the baseline kernel on the same spec, at the same thread count if it ran with that, else at its lowest. */
    double speedup;
    /* Largest error over bound of O, LSE and weights, over the judge's cases of this kernel and workload. May be
     * infinite. NaN if not judged, or if an error is NaN; then `failed` is set. */
    double ratio;
    bool failed; /* one of those cases failed, crashed or hung */
} record_row;

/* The noise of a row: slowest less fastest repetition, over the median. NaN where there is only one. */
double record_row_range(const record_row *row);

/* Did the first call take more than FIRST_CALL_MARGIN times the slowest repetition, beyond the time of the process's
 * first page faults? */
#define FIRST_CALL_MARGIN 1.2
bool record_row_begins_slowly(const record_row *row);

typedef struct record_table {
    record_row *row;
    size_t rows; /* ordered by record_rows_order */
} record_table;

/* record_rows_order.c: sorts rows: workloads in the order in which they first appear; within one, fewer threads first,
 * then the fastest, and rows without a time last. Returns 0 where memory is short. */
int record_rows_order(record_row *row, size_t rows);

/* Views point into `record`, which must outlive the table. Returns 0 where memory is short. */
int record_table_make(const json_t *record, record_table *out);
void record_table_free(record_table *table);

/* For each row that begins slowly, sets "slow_first_call" (first call over median) in the entry with its
 * "first_call_ms". */
void record_mark_slow_beginnings(json_t *record);

/* Numbers of cases by status, of one kernel or, with NULL, of all. */
typedef struct case_counts {
    int64_t all, pass, fail, unsupported, crash, hang;
} case_counts;
case_counts case_counts_of(const json_t *record, const char *kernel);

/* Did the user end it before everything was done? Then a case that is missing has not passed. */
bool record_interrupted(const json_t *record);

/* Largest error over bound of one case; NaN if it has no figures or one of them is NaN. */
double case_ratio(const json_t *one);
bool case_is_finding(const json_t *one); /* fail, crash or hang */

/* Runs `emit` on a stream in memory, then writes the text to `path` (atomic_file.h). */
int record_write_text(const json_t *record, const char *path, int (*emit)(FILE *out, const json_t *record),
                      char *reason, size_t reason_size);

#endif
