/* counters.h: events of processor and system, counted on every thread that a call runs on.
 *
 * Events that fit into the processor's counters at once form a group, so that their ratios are of the same moments;
 * groups take turns (multiplexing), and each figure is scaled by the time it was asked for over the time it was
 * counted. What cannot be counted has a reason and no figure: most virtual machines count nothing in hardware, and a
 * zero would read as a result. */
#ifndef ATTNBENCH_COUNTERS_H
#define ATTNBENCH_COUNTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define COUNTER_EVENTS 32 /* the most at once */

typedef struct counter_event {
    char name[96]; /* as asked for */
    uint32_t type; /* of perf_event_attr, as the next ones */
    uint64_t config, config1, config2;
    bool user, system; /* counts outside of the kernel, inside of it */
    char event[96];    /* of this processor, where `name` is the same on all; "" the same */
    char absent[160];  /* why this processor has none; "" it may have */
} counter_event;

/* ---- names (counters_names.c) ---- */

/* A list such as "cycles,instructions,perf::TASK-CLOCK" by libpfm4's names; without that library the kernel's generic
 * events alone; or groups of them (counters_groups.h). Returns the number of events; 0 and one line in `reason` where a
 * name does not exist (with the nearest ones) or is given twice. */
int counters_parse(const char *list, counter_event event[COUNTER_EVENTS], char *reason, size_t reason_size);

/* The kernel's generic events: count, and the i-th. */
int counters_generic_count(void);
counter_event counters_generic(int i);

/* One name. 0 and why not. */
int counters_look_up(const char *name, counter_event *out, char *why, size_t why_size);

/* Which names there are; where libpfm4 is missing, what would mend it. */
const char *counters_names_source(void);

/* ---- what counts (counters_perf.c, or a test's) ---- */

typedef struct counter_reading {
    uint64_t value;
    uint64_t enabled, running; /* ns that it was asked for, and that it was counted */
} counter_reading;

typedef struct counter_backend {
    void *ctx;
    /* A counter of one thread, which counts when its group is enabled, in the group that `leader` leads (-1: a new
     * one). Returns a handle >= 0, or -errno: EINVAL where the group is full. */
    int (*open)(void *ctx, const counter_event *event, pid_t thread, int leader);
    int (*enable)(void *ctx, int leader); /* the whole group, once all members are open; 0 or -errno */
    int (*read)(void *ctx, int handle, counter_reading *out);
    void (*close)(void *ctx, int handle);
    /* Why `open` failed, and what would mend it: one line without a full stop. */
    void (*explain)(void *ctx, const counter_event *event, int error, char *out, size_t size);
} counter_backend;

/* perf_event_open of this system. */
const counter_backend *counters_perf(void);

/* ---- counting (counters.c) ---- */

typedef struct counter_value {
    const counter_event *event;
    bool counted;
    double value;     /* all threads, scaled */
    double share;     /* of the time asked for that it was counted, 0 to 1 */
    char reason[256]; /* where not counted */
} counter_value;

typedef struct counter_set counter_set;

/* Counters of these events on these threads. An event that cannot be opened on every thread is left out with
 * its reason. NULL only where memory is out. `event` must outlive the set. */
counter_set *counters_open(const counter_backend *backend, const counter_event *event, int events, const pid_t *thread,
                           int threads);
void counters_start(counter_set *set);
void counters_stop(counter_set *set);
int counters_groups(const counter_set *set); /* that take turns, 0 where nothing is counted */

/* Totals of all times from a start to its stop: one figure for each event, in their order. */
void counters_read(const counter_set *set, counter_value *out);
void counters_close(counter_set *set);

#endif
