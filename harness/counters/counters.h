/* counters.h: counts events of processor and system on every thread that a call runs on.
 *
 * Events that fit into the processor's counters at once form a group, so that their ratios are of the same moments.
 * Groups take turns (multiplexing); each figure is scaled by the time that it was enabled over the time that it was
 * counted. An event that cannot be counted has a reason and no figure: most virtual machines count nothing in hardware,
 * and a zero would look like a result. */
#ifndef ATTNBENCH_COUNTERS_H
#define ATTNBENCH_COUNTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define COUNTER_EVENTS 32 /* the most in one set */

typedef struct counter_event {
    char name[96]; /* as the user wrote it */
    uint32_t type; /* this and config*: fields of perf_event_attr */
    uint64_t config, config1, config2;
    bool user, system; /* counts user mode, kernel mode */
    char event[96];    /* this processor's own name for it; "" the same */
    char absent[160];  /* why this processor has no such event; "" it may have one */
} counter_event;

/* ---- names (counters_names.c) ---- */

/* Parses a list such as "cycles,instructions,perf::TASK-CLOCK". Names are libpfm4's, or without that library the Linux
 * kernel's generic ones, or those of groups (counters_groups.h). Returns the number of events; 0 and one line in
 * `reason` if a name does not exist (with the nearest ones) or is given twice. */
int counters_parse(const char *list, counter_event event[COUNTER_EVENTS], char *reason, size_t reason_size);

/* The Linux kernel's generic events: their number, and the i-th. */
int counters_generic_count(void);
counter_event counters_generic(int i);

/* Looks up one name. Returns 0 and why it is no event. */
int counters_look_up(const char *name, counter_event *out, char *why, size_t why_size);

/* In words: which names there are, and if libpfm4 is missing, how to get it. */
const char *counters_names_source(void);

/* ---- what counts (counters_perf.c, or a test's) ---- */

typedef struct counter_reading {
    uint64_t value;
    uint64_t enabled, running; /* ns that it was enabled, and that it was counted */
} counter_reading;

typedef struct counter_backend {
    void *ctx;
    /* Opens a counter of one thread in the group of `leader` (-1: a new group). It counts once the group is enabled.
     * Returns a handle >= 0, or -errno: EINVAL if the group is full. */
    int (*open)(void *ctx, const counter_event *event, pid_t thread, int leader);
    int (*enable)(void *ctx, int leader); /* enables the whole group, once all members are open; 0 or -errno */
    int (*read)(void *ctx, int handle, counter_reading *out);
    void (*close)(void *ctx, int handle);
    /* Says why `open` failed and how to mend it, in one line without a full stop. */
    void (*explain)(void *ctx, const counter_event *event, int error, char *out, size_t size);
} counter_backend;

/* perf_event_open of this system. */
const counter_backend *counters_perf(void);

/* ---- counting (counters.c) ---- */

typedef struct counter_value {
    const counter_event *event;
    bool counted;
    double value;     /* of all threads, scaled */
    double share;     /* of the enabled time that it was counted, 0 to 1 */
    char reason[256]; /* why it was not counted */
} counter_value;

typedef struct counter_set counter_set;

/* Opens counters of these events on these threads. An event that cannot be opened on every thread is left out, with a
 * reason. NULL only where memory is out. `event` must outlive the set. */
counter_set *counters_open(const counter_backend *backend, const counter_event *event, int events, const pid_t *thread,
                           int threads);
void counters_start(counter_set *set);
void counters_stop(counter_set *set);
int counters_groups(const counter_set *set); /* number of groups that take turns; 0: nothing is counted */

/* Totals over all times between start and stop: one figure for each event, in their order. */
void counters_read(const counter_set *set, counter_value *out);
void counters_close(counter_set *set);

#endif
