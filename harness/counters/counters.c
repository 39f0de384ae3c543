/* counters.c: opens groups of counters on several threads, reads them at start and stop, and scales their figures.
 *
 * A group is enabled once, after all its members are open, because a member that joins a running group may wait for the
 * next switch of threads. It then runs until it is closed; start and stop only read it. */
#include "counters.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* One event on all threads: handle[thread], all of the same group. */
typedef struct counter {
    int group; /* -1: not counted */
    int *handle;
    counter_reading *base, *total; /* [thread]: at the last start; total between starts and stops */
    char reason[256];
} counter;

struct counter_set {
    const counter_backend *backend;
    const counter_event *event;
    int events, threads, groups;
    const pid_t *thread; /* only while opening */
    counter *counter;
    int *leader; /* [groups][threads] */
};

static void close_counter(counter_set *set, counter *c, int opened)
{
    for (int t = 0; t < opened; t++) set->backend->close(set->backend->ctx, c->handle[t]);
    c->group = -1;
}

/* Opens an event on every thread as a member of `group`, or as the leader of a new one. Returns 0 or an errno. */
static int open_in(counter_set *set, int i, int group)
{
    const counter_backend *b = set->backend;
    counter *c = &set->counter[i];
    for (int t = 0; t < set->threads; t++) {
        int *leader = &set->leader[group * set->threads + t];
        const int handle = b->open(b->ctx, &set->event[i], set->thread[t], group == set->groups ? -1 : *leader);
        if (handle < 0) {
            close_counter(set, c, t);
            return -handle;
        }
        if (group == set->groups) *leader = handle;
        c->handle[t] = handle;
    }
    c->group = group;
    if (group == set->groups) set->groups++;
    return 0;
}

/* Opens an event in the first group with room, else in a new one. */
static void open_counter(counter_set *set, int i)
{
    int error = EINVAL;
    if (set->event[i].absent[0]) {
        snprintf(set->counter[i].reason, sizeof set->counter[i].reason, "%s", set->event[i].absent);
        return;
    }
    for (int group = 0; group <= set->groups && error == EINVAL; group++) {
        const bool last = group == set->groups;
        error = open_in(set, i, group);
        if (last) break;
    }
    if (error)
        set->backend->explain(set->backend->ctx, &set->event[i], error, set->counter[i].reason,
                              sizeof set->counter[i].reason);
}

/* Enables all groups. A group that is off on one thread would look as if that thread slept, so if one cannot be enabled
 * all its events are not counted. */
static void enable_groups(counter_set *set)
{
    for (int i = 0; i < set->groups * set->threads; i++) {
        const int error = -set->backend->enable(set->backend->ctx, set->leader[i]);
        for (int k = 0; error && k < set->events; k++)
            if (set->counter[k].group == i / set->threads)
                set->backend->explain(set->backend->ctx, &set->event[k], error, set->counter[k].reason,
                                      sizeof set->counter[k].reason);
    }
}

static bool allocate_counter(counter *c, int threads)
{
    c->group = -1;
    c->handle = calloc((size_t)threads, sizeof *c->handle);
    c->base = calloc((size_t)threads, sizeof *c->base);
    c->total = calloc((size_t)threads, sizeof *c->total);
    return c->handle && c->base && c->total;
}

counter_set *counters_open(const counter_backend *backend, const counter_event *event, int events, const pid_t *thread,
                           int threads)
{
    counter_set *set = calloc(1, sizeof *set);
    if (!set) return NULL;
    *set = (counter_set){.backend = backend, .event = event, .events = events, .threads = threads, .thread = thread};
    set->counter = calloc((size_t)events + 1, sizeof *set->counter);
    set->leader = calloc((size_t)events * (size_t)threads + 1, sizeof *set->leader);
    bool no_memory = false;
    for (int i = 0; set->counter && i < events; i++) {
        if (!allocate_counter(&set->counter[i], threads)) no_memory = true;
    }
    if (no_memory || !set->counter || !set->leader) {
        counters_close(set);
        return NULL;
    }
    for (int i = 0; i < events; i++) open_counter(set, i);
    enable_groups(set);
    set->thread = NULL;
    return set;
}

/* Reads every counter: at a start keeps the reading, at a stop adds what was counted since. */
static void read_counters(counter_set *set, bool ends)
{
    const counter_backend *b = set->backend;
    for (int i = 0; i < set->events; i++) {
        counter *c = &set->counter[i];
        for (int t = 0; c->group >= 0 && t < set->threads; t++) {
            counter_reading now;
            if (b->read(b->ctx, c->handle[t], &now)) {
                snprintf(c->reason, sizeof c->reason, "it could not be read");
            } else if (ends) {
                c->total[t].value += now.value - c->base[t].value;
                c->total[t].enabled += now.enabled - c->base[t].enabled;
                c->total[t].running += now.running - c->base[t].running;
            } else {
                c->base[t] = now;
            }
        }
    }
}

void counters_start(counter_set *set) { read_counters(set, false); }

void counters_stop(counter_set *set) { read_counters(set, true); }

int counters_groups(const counter_set *set) { return set->groups; }

/* Sums one event over threads. A thread that slept all the time was enabled for no time, and its 0 is a count. One that
 * ran and was never counted makes the sum unknown. */
static void read_counter(const counter_set *set, const counter *c, counter_value *out)
{
    double enabled = 0, running = 0;
    for (int t = 0; t < set->threads; t++) {
        const counter_reading r = c->total[t];
        if (r.enabled > 0 && r.running == 0) {
            snprintf(out->reason, sizeof out->reason,
                     "it never had a counter of the processor in its %d groups: ask for fewer events at once, or free "
                     "the one that the watchdog holds: sudo sysctl kernel.nmi_watchdog=0",
                     set->groups);
            return;
        }
        if (r.running) out->value += (double)r.value * ((double)r.enabled / (double)r.running);
        enabled += (double)r.enabled;
        running += (double)r.running;
    }
    if (enabled <= 0) {
        snprintf(out->reason, sizeof out->reason, "no thread ran while it was counted");
        return;
    }
    out->share = running / enabled;
    out->counted = true;
}

void counters_read(const counter_set *set, counter_value *out)
{
    for (int i = 0; i < set->events; i++) {
        const counter *c = &set->counter[i];
        out[i] = (counter_value){.event = &set->event[i]};
        if (c->reason[0])
            snprintf(out[i].reason, sizeof out[i].reason, "%s", c->reason);
        else
            read_counter(set, c, &out[i]);
        if (!out[i].counted) out[i].value = 0;
    }
}

/* Members are closed before their leaders: if a leader is closed first, its members become groups of their own. */
void counters_close(counter_set *set)
{
    if (!set) return;
    for (int i = set->events - 1; set->counter && i >= 0; i--) {
        if (set->counter[i].handle && set->counter[i].group >= 0) close_counter(set, &set->counter[i], set->threads);
        free(set->counter[i].handle);
        free(set->counter[i].base);
        free(set->counter[i].total);
    }
    free(set->counter);
    free(set->leader);
    free(set);
}
