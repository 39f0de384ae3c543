/* timing_child.c: parts, children, blame. */
#include "timing_child.h"

#include <stdio.h>
#include <stdlib.h>

#include "util/child_process.h"
#include "tensors/instance_copy.h"
#include "util/console.h"
#include "verify/trial_run.h"
#include "run/process_use.h"

typedef struct apart {
    timing *t;
    trial_group *part;
    void (*time_group)(timing *t, trial_group *part);
    FILE *entries, *notes;
} apart;

/* What the child leaves in shared memory. */
static void note_counts(timing_watch *w, const timing *t)
{
    w->timed = t->timed;
    w->failed = t->failed;
    w->unsupported = t->unsupported;
    w->refused = t->refused;
    w->most_pinned = t->most_pinned;
}

static void take_counts(timing *t, const timing_watch *w)
{
    t->timed = w->timed;
    t->failed = w->failed;
    t->unsupported = w->unsupported;
    t->refused = w->refused;
    t->most_pinned = w->most_pinned;
}

static void time_in_child(void *arg)
{
    apart *a = arg;
    process_use_note_others();
    instance_touch(&a->part->in,
                   4096); /* a forked child finds shared memory unmapped, and the first timed call would pay */
    instance_protect(&a->part->in, true);
    gbench_send(a->t->g, a->entries);
    a->time_group(a->t, a->part);
    note_counts(a->t->watch, a->t);
    json_dumpf(a->t->notes, a->notes, JSON_REAL_PRECISION(17));
    fflush(a->entries);
    fflush(a->notes);
}

static void take_notes(timing *t, FILE *from)
{
    json_error_t error;
    rewind(from);
    json_t *notes = json_loadf(from, 0, &error);
    if (notes) json_object_update(t->notes, notes);
    json_decref(notes);
}

/* Runs the child; true where all is done, else one more trial of the part is marked as failed. */
static bool time_once(timing *t, trial_group *part, void (*time_group)(timing *, trial_group *))
{
    const child_limit limit = {
        .seconds = trial_time_limit(part->in.w), .beat = &t->watch->beat, .stop = &t->watch->stop};
    char reason[256];
    apart a = {t, part, time_group, tmpfile(), tmpfile()};
    if (!a.entries || !a.notes) {
        if (a.entries) fclose(a.entries);
        complain("%s: not timed: no temporary file", part->in.w->name);
        t->failed++;
        return true;
    }
    t->watch->current = -1;
    const child_end end = child_run(time_in_child, &a, &limit, reason, sizeof reason);
    const int current = t->watch->current;
    if (t->watch->negated) instance_negate(&part->in); /* it died between two changes */
    t->watch->negated = 0;
    bool done = true;
    if (end == CHILD_DONE) {
        rewind(a.entries);
        progress_clear();
        gbench_take(t->g, a.entries);
        take_counts(t, t->watch);
        take_notes(t, a.notes);
    } else if (current < 0) {
        complain("%s: not timed: %s", part->in.w->name, reason);
        t->failed++;
    } else {
        trial *blamed = &part->trial[current];
        complain("%s, %s: %s while it was timed", blamed->kernel->name, part->in.w->name, reason);
        blamed->status = end == CHILD_HUNG ? TRIAL_HANG : end == CHILD_CRASHED ? TRIAL_CRASH : TRIAL_FAIL;
        snprintf(blamed->reason, sizeof blamed->reason, "%s while it was timed", reason);
        done = interrupted;
    }
    fclose(a.entries);
    fclose(a.notes);
    return done;
}

static bool own_threaded(const trial *c) { return (c->kernel->traits & ATTN_TRAIT_OWN_THREADS) != 0; }

static bool share_a_child(const timing *t, const trial *a, const trial *b)
{
    if (own_threaded(a) || own_threaded(b)) return false;
    return t->plugins_isolated || plugin_of(a->kernel) == plugin_of(b->kernel);
}

void timing_apart(timing *t, trial_group *g, void (*time_group)(timing *, trial_group *))
{
    trial_group part = *g;
    bool *taken = calloc((size_t)g->count + 1, sizeof *taken);
    part.trial = calloc((size_t)g->count + 1, sizeof *part.trial);
    for (int first = 0; taken && part.trial && first < g->count && !interrupted; first++) {
        if (taken[first]) continue;
        part.count = 0;
        for (int i = first; i < g->count; i++) {
            if (taken[i] || (i > first && !share_a_child(t, &g->trial[first], &g->trial[i]))) continue;
            taken[i] = true;
            part.trial[part.count++] = g->trial[i];
        }
        while (!time_once(t, &part, time_group)) continue;
    }
    free(taken);
    free(part.trial);
}
