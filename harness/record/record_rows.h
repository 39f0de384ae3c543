/* record_rows.h: a record's entries folded into one row for each kernel, workload and thread count. */
#ifndef ATTNBENCH_RECORD_ROWS_H
#define ATTNBENCH_RECORD_ROWS_H

#include <stdint.h>
#include <stdio.h>

#include "record.h"
#include "util/text_view.h"

/* An entry's name, kernel/workload[/variant]/threads:N, taken apart. A name of another shape (plain Google Benchmark)
 * gives what stands before its first '/' as kernel. Aggregates give the name of their run. */
typedef struct entry_id {
    text_view kernel, workload, variant;
    int64_t threads;
} entry_id;
entry_id entry_id_of(const json_t *entry);

/* Why an entry has no figures (error_message or skip_message; never NULL then), or NULL where it has some. */
const char *entry_error(const json_t *entry);

/* Numbers are NaN where the record has none. Medians are Google Benchmark's own aggregate where the record holds it,
 * else taken over the repetitions. */
typedef struct record_row {
    entry_id id;
    text_view spec;
    const char *error;       /* the row has no figures, and why; else NULL */
    int64_t repetitions;     /* that the medians are over */
    double milliseconds;     /* median wall time of pack + run */
    double fastest, slowest; /* repetition, in ms */
    double first;            /* the first call in its process, in ms */
    double gflops;           /* 1e9 operations a second */
    double share;            /* of the measured ceiling, 0 to 1 */
    double gbytes;           /* 1e9 compulsory bytes a second */
    /* Over the baseline kernel on the same spec: at the same thread count where it ran so, else at its lowest. */
    double speedup;
    /* Largest err/bound of O, LSE and weights over the judge's cases of this kernel and workload. Can be infinite; NaN
     * also where an error is NaN, which `failed` tells from 'not judged'. */
    double ratio;
    bool failed; /* one of those cases failed, crashed or hung */
} record_row;

/* Noise in a figure: the slowest less the fastest repetition, over the median; NaN where the record has
 * but one. */
double record_row_range(const record_row *row);

/* Took the first call more than FIRST_CALL_MARGIN times the slowest repetition, and so much longer that it cannot be
 * the process's own first touch of code and data? */
#define FIRST_CALL_MARGIN 1.2
bool record_row_begins_slowly(const record_row *row);

typedef struct record_table {
    record_row *row;
    size_t rows; /* ordered by record_rows_order */
} record_table;

/* Workloads as they first appear, in each fewer threads first, then the fastest first, and last what was not timed.
 * Returns 0 where memory is short (record_rows_order.c). */
int record_rows_order(record_row *row, size_t rows);

/* Views point into `record`, which must outlive the table. Returns 0 where memory is short. */
int record_table_make(const json_t *record, record_table *out);
void record_table_free(record_table *table);

/* Sets "slow_first_call", how many times as long as the median, in the entry that holds the first call of a run that
 * begins slowly. */
void record_mark_slow_beginnings(json_t *record);

/* Cases of the judge by status, over one kernel or, with NULL, all. */
typedef struct case_counts {
    int64_t all, pass, fail, unsupported, crash, hang;
} case_counts;
case_counts case_counts_of(const json_t *record, const char *kernel);

/* Was it ended by the user before all was done? Then what it does not hold has not passed. */
bool record_interrupted(const json_t *record);

/* Largest err/bound of one case; NaN where it has no figures or one of them is NaN. */
double case_ratio(const json_t *one);
bool case_is_finding(const json_t *one); /* fail, crash or hang */

/* Runs `emit` on a stream in memory and writes what it made to `path` as file_write_atomically does. */
int record_write_text(const json_t *record, const char *path, int (*emit)(FILE *out, const json_t *record),
                      char *reason, size_t reason_size);

#endif
