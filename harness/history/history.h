/* history.h: results over time in one SQLite file.
 *
 *   runs    one row a record: when, which commit, on what (a fingerprint of machine and build; never a measured
 *           frequency), which release it was, if one
 *   times   of records of bench and run, one row a kernel, workload and thread count: medians, range, share of the
 *           ceiling of the same run
 *   ratios  of records of compare, likewise: time over that of the anchor, the build that was BASE, with its interval
 *           and the launches behind it. As long as BASE stays the same file, ratios are steadier than any absolute
 *           time: what slows both cancels
 *
 * Both name the artifact that was measured: the digest of its file. The file is in WAL mode; each record is one
 * transaction, so writers at the same time wait for each other and a process that is killed leaves whole records or
 * nothing. A record that is in it already (same digest) is not added again. */
#ifndef ATTNBENCH_HISTORY_H
#define ATTNBENCH_HISTORY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define HISTORY_SCHEMA 2

typedef struct history history;

/* Opens; `create` makes the file where there is none. Older schemas are migrated in a transaction of their own; a newer
 * one, a foreign and a damaged file are refused. NULL and one line in `reason`, also where the program was built
 * without SQLite; *unwritten tells whether that is for want of a disk that takes it (full, I/O) and not for what was
 * named. */
history *history_open(const char *path, bool create, bool *unwritten, char *reason, size_t reason_size);
void history_close(history *h);

/* Is the structure of the whole file sound? Takes as long as reading it; done by history_open where the file was not
 * closed by who wrote it, and before an older schema is migrated. 0 and one line in `reason` where not. */
int history_read_all(history *h, char *reason, size_t size);

/* Was the last failure one of writing and not of the input? */
bool history_unwritten(const history *h);

/* The release that a record measured. One name is one build: refused where a point of the same series has the name and
 * is of another commit or artifact, or the record has another name. `moved`: then the name is taken from there. */
typedef struct history_release {
    const char *name; /* "" none */
    bool moved;
} history_release;

typedef struct history_added {
    int times, ratios; /* new rows */
    bool known;        /* the record was there already: it may have got a release's name */
    char lost[256];    /* whose name a moved one was; "" nobody's */
} history_added;

/* Is there anything in the record that history_add would add? 0 and one line in `reason` where not. */
int history_fits(const json_t *record, const char *name, char *reason, size_t size);

/* Adds a record that fits. 0 and one line in `reason`; nothing is added or named then. */
int history_add(history *h, const json_t *record, const char *name, const history_release *release, history_added *out,
                char *reason, size_t reason_size);

/* One measured point of a series: a time or a ratio. Strings are the caller's only until the next point. NaN: not
 * known. */
typedef struct history_point {
    int64_t run;
    const char *when, *commit, *release, *fingerprint, *cpu, *isa;
    const char *kernel, *workload, *spec, *inputs, *anchor, *artifact; /* anchor: "" for times */
    int threads;
    double ms, ratio; /* one of them */
    double low, high; /* of a time the range of repetitions; of a ratio its interval */
    double share, gflops;
    int repetitions, launches;
} history_point;

/* Globs; any of them, or all points where there are none. */
typedef struct history_filter {
    const char *const *kernel, *const *workload;
    int kernels, workloads;
} history_filter;

/* All points that the filter lets through, series by series (fingerprint, kernel, workload, inputs, threads, anchor),
 * oldest first. `each` returns false to stop. */
int history_points(history *h, const history_filter *filter, bool (*each)(void *ctx, const history_point *), void *ctx,
                   char *reason, size_t reason_size);

/* Digest of what makes figures comparable: processor, instruction sets, caches, processors, hypervisor, operating
 * system, compiler, flags, C library. 16 hex digits. */
void history_fingerprint(const json_t *context, char out[17]);

#endif
