/* counter_run.h: events counted for one case in a run of its own, apart from the timing that counting would disturb. */
#ifndef ATTNBENCH_COUNTER_RUN_H
#define ATTNBENCH_COUNTER_RUN_H

#include <jansson.h>

#include "attention.h"
#include "counters.h"

typedef struct counter_run {
    const counter_backend *backend;
    counter_event event[COUNTER_EVENTS];
    int events;
    counter_value last[COUNTER_EVENTS]; /* of the last run; at first of the probe */
    char told[COUNTER_EVENTS][256];     /* why it was not counted the first time that it was not; "": it always was */
} counter_run;

/* What a counting run calls. */
typedef struct counted_call {
    double (*call)(void *ctx);
    void (*before)(void *ctx); /* runs before every call, uncounted; NULL: none */
    void *ctx;
    const attn_exec *exec; /* whose threads are counted */
    double operations;     /* of the workload, in one call */
} counted_call;

/* Parses the list and tries every event once on this thread. 0 and one line in `reason` where a name does not exist. */
int counter_run_open(counter_run *c, const counter_backend *backend, const char *list, char *reason,
                     size_t reason_size);

/* Tries events on the calling thread for about a millisecond; values as by counters_read. 0 where memory is out. */
int counter_run_probe(const counter_backend *backend, const counter_event *event, int events, counter_value *out);

/* Prints what is not counted and why: once for each event, one line for each reason. */
void counter_run_complain(counter_run *c);

/* Repeats the call for some 20 ms a group. Returns {"counters": {name: value a call}, "counters_running": {name: share
 * of the time that it was counted}, "derived": {counters_derived}} with the counted events alone; NULL where there are
 * none. */
json_t *counter_run_count(counter_run *c, const counted_call *what);

/* [{"name", "event" where this processor calls it so, and where it was not counted at least once "reason"}] for the
 * record's context. */
json_t *counter_run_context(const counter_run *c);

#endif
