/* history_series.h: points of one kernel on one workload on one machine and build, in the order of time.
 *
 * What is compared along a series is, in this order of preference: the ratio to the anchor's time (measured in pairs);
 * the time over what the machine could do in the same run, where every point knows that; the time. */
#ifndef ATTNBENCH_HISTORY_SERIES_H
#define ATTNBENCH_HISTORY_SERIES_H

#include "history.h"

typedef struct series_point {
    char *when, *commit, *release, *artifact;
    double ms, ratio, low, high, share; /* as in history_point */
    int launches;
    int64_t run;
} series_point;

typedef struct series {
    char *fingerprint, *kernel, *workload, *spec, *inputs, *cpu, *anchor;
    int threads;
    series_point *point;
    size_t points;
} series;

typedef struct series_list {
    series *at;
    size_t count;
    bool failed; /* memory was short */
} series_list;

/* For history_points; ctx is a series_list. */
bool series_collect(void *ctx, const history_point *p);
void series_list_free(series_list *list);

typedef enum series_unit { SERIES_RATIO, SERIES_OF_CEILING, SERIES_MS } series_unit;
const char *series_unit_name(series_unit u); /* "time over the anchor's", ... */

/* The compared value of every point, to x[points]. */
series_unit series_values(const series *s, double *x);

/* How far below and above 1 the value of a point may lie, from its interval or its range; false where neither is
 * known. */
bool series_bounds(const series_point *p, double *low, double *high);

/* What was measured, by name: the commit, which is the program's; where it does not tell builds apart (the kernel is a
 * plugin's, or the series has two files of one commit) the digest of the file. Where neither is known, the date. */
const char *series_build(const series *s, const series_point *p);
bool series_build_is_digest(const series *s, const series_point *p);

/* kernel  workload/inputs  threads  [machine fingerprint, over anchor] */
void series_title(const series *s, char *out, size_t size);

json_t *series_json(const series *s);

#endif
