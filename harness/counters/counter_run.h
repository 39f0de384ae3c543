/* counter_run.h: counts events for one case, in a run apart from the timing, which counting would disturb.
 *
 * In: a list of events and a call. Out: counts a call, as JSON for the record. bench/timing.c calls it for bench
 * --counters; the doctor probes with it. */
#ifndef ATTNBENCH_COUNTER_RUN_H
#define ATTNBENCH_COUNTER_RUN_H

#include <jansson.h>

#include "attention.h"
#include "counters.h"

typedef struct counter_run {
    const counter_backend *backend;
    counter_event event[COUNTER_EVENTS];
    int events;
    counter_value last[COUNTER_EVENTS]; /* of the last run; before the first, of the probe */
    char told[COUNTER_EVENTS][256];     /* why an event was first not counted; "": it always was counted */
} counter_run;

/* What a counting run calls. */
typedef struct counted_call {
    double (*call)(void *ctx);
    void (*before)(void *ctx); /* runs before every call, uncounted; NULL: none */
    void *ctx;
    const attn_exec *exec; /* whose threads are counted */
    double operations;     /* of the workload, in one call */
} counted_call;

/* Parses the list and tries every event once on this thread. Returns 0 and one line in `reason` if a name does not
 * exist. */
int counter_run_open(counter_run *c, const counter_backend *backend, const char *list, char *reason,
                     size_t reason_size);

/* Counts events on the calling thread for about a millisecond; values are as from counters_read. 0 where memory is
 * out. */
int counter_run_probe(const counter_backend *backend, const counter_event *event, int events, counter_value *out);

/* Prints which events are not counted, and why: each event once, one line a reason. */
void counter_run_complain(counter_run *c);

/* Repeats the call for some 20 ms a group of events. Returns "counters", "counters_running" and "derived" of the record
 * (record.h) for the counted events; NULL if there are none. */
json_t *counter_run_count(counter_run *c, const counted_call *what);

/* "counters" of the record's context (record.h); "reason" is there if the event was not counted at least once. */
json_t *counter_run_context(const counter_run *c);

#endif
