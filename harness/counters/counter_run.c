/* counter_run.c: opens, probes and runs counters around calls, and explains which events could not be counted. */
#include "counter_run.h"

#include "counters_groups.h"
#include "machine/machine.h"
#include "machine/pool.h"
#include "util/console.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double probe_seconds = 1e-3;
static const double group_seconds = 20e-3; /* groups take turns every 1 to 10 ms */

int counter_run_probe(const counter_backend *backend, const counter_event *event, int events, counter_value *out)
{
    pid_t self;
    pool_thread_ids(exec_serial(), &self);
    counter_set *const set = counters_open(backend, event, events, &self, 1);
    if (!set) return 0;
    const double until = clock_seconds() + probe_seconds * (counters_groups(set) + 1);
    counters_start(set);
    while (clock_seconds() < until) {
    }
    counters_stop(set);
    counters_read(set, out);
    counters_close(set);
    return 1;
}

int counter_run_open(counter_run *c, const counter_backend *backend, const char *list, char *reason, size_t reason_size)
{
    memset(c, 0, sizeof *c);
    c->backend = backend;
    c->events = counters_parse(list, c->event, reason, reason_size);
    if (!c->events) return 0;
    if (counter_run_probe(backend, c->event, c->events, c->last)) return 1;
    snprintf(reason, reason_size, "out of memory");
    return 0;
}

static bool is_news(const counter_run *c, int i) { return !c->last[i].counted && !c->told[i][0]; }

void counter_run_complain(counter_run *c)
{
    for (int i = 0; i < c->events; i++) {
        char names[1024];
        size_t used = 0;
        if (!is_news(c, i)) continue;
        for (int k = i; k < c->events; k++) {
            if (!is_news(c, k) || strcmp(c->last[k].reason, c->last[i].reason) != 0) continue;
            snprintf(c->told[k], sizeof c->told[k], "%s", c->last[k].reason);
            const int n = snprintf(names + used, sizeof names - used, "%s%s", used ? ", " : "", c->event[k].name);
            if (n > 0 && (size_t)n < sizeof names - used) used += (size_t)n;
        }
        complain("not counted: %s: %s", names, c->last[i].reason);
    }
}

/* Calls until the time is over. Returns the number of calls, 0 if one failed. */
static int64_t call_while_counting(counter_set *set, const counted_call *what)
{
    const double until = clock_seconds() + group_seconds * counters_groups(set);
    int64_t calls = 0;
    bool good = true;
    if (!what->before) counters_start(set);
    do {
        if (what->before) {
            what->before(what->ctx);
            counters_start(set);
        }
        good = what->call(what->ctx) >= 0;
        calls++;
        if (what->before) counters_stop(set);
    } while (good && clock_seconds() < until);
    if (!what->before) counters_stop(set);
    return good ? calls : 0;
}

static json_t *figures_json(const counter_run *c, const counted_call *what, int64_t calls)
{
    json_t *const values = json_object(), *const shares = json_object();
    for (int i = 0; values && shares && i < c->events; i++) {
        if (!c->last[i].counted) continue;
        json_object_set_new(values, c->event[i].name, json_real(c->last[i].value / (double)calls));
        json_object_set_new(shares, c->event[i].name, json_real(c->last[i].share));
    }
    if (json_object_size(values)) {
        json_t *const derived =
            counters_derived(c->last, c->events, (double)calls, what->operations, (double)machine_facts_get()->line);
        return json_pack("{s:o, s:o, s:o}", "counters", values, "counters_running", shares, "derived", derived);
    }
    json_decref(values);
    json_decref(shares);
    return NULL;
}

json_t *counter_run_count(counter_run *c, const counted_call *what)
{
    const int threads = (int)what->exec->threads;
    pid_t *const thread = calloc((size_t)threads, sizeof *thread);
    counter_set *set = NULL;
    json_t *result = NULL;
    if (thread) {
        pool_thread_ids(what->exec, thread);
        set = counters_open(c->backend, c->event, c->events, thread, threads);
    }
    if (set && counters_groups(set)) {
        const int64_t calls = call_while_counting(set, what);
        counters_read(set, c->last);
        if (calls) result = figures_json(c, what, calls);
    } else if (set) {
        counters_read(set, c->last);
    }
    counter_run_complain(c);
    counters_close(set);
    free(thread);
    return result;
}

json_t *counter_run_context(const counter_run *c)
{
    json_t *const array = json_array();
    for (int i = 0; array && i < c->events; i++) {
        json_t *const one = json_pack("{s:s}", "name", c->event[i].name);
        if (c->event[i].event[0]) json_object_set_new(one, "event", json_string(c->event[i].event));
        if (c->told[i][0]) json_object_set_new(one, "reason", json_string(c->told[i]));
        json_array_append_new(array, one);
    }
    return array;
}
