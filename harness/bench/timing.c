/* timing.c: from judged trials to Google Benchmark's entries. */
#include "timing.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run/call.h"
#include "verify/case_report.h"
#include "util/child_process.h"
#include "record/context.h"
#include "record/crossover.h"
#include "machine/own_threads.h"
#include "plugin/plugin_isolation.h"
#include "machine/pool.h"
#include "problem.h"
#include "record/record_rows.h"
#include "util/console.h"
#include "timing_child.h"
#include "timing_spot_check.h"
#include "timing_roofline.h"
#include "verify/trial_run.h"

/* One case while its workload is being timed. */
typedef struct timed_case {
    trial_group *group;
    timing_watch *watch;
    int index;            /* of its trial */
    const trial *checked; /* what the judge said of it in the child */
    call call;
    rotation *sets; /* of the group; NULL: its inputs do not rotate */
    attn_args args;
    attn_tensor slot[ATTN_SLOTS];
    timing_secret secret;
} timed_case;

/* Pools of the thread counts of one group. */
typedef struct pools {
    pool **made; /* room for every selected number of threads */
    int *threads, count;
    attn_exec own; /* of a kernel with threads of its own, which is the only one then */
} pools;

static const attn_exec *exec_for(pools *p, const trial *checked, char *reason, size_t size)
{
    const int threads = checked->threads;
    if (checked->kernel->traits & ATTN_TRAIT_OWN_THREADS) return own_threads(threads, &p->own);
    if (threads == 1) return exec_serial();
    for (int i = 0; i < p->count; i++)
        if (p->threads[i] == threads) return pool_exec(p->made[i]);
    pool *made = pool_new(threads, reason, size);
    if (!made) return NULL;
    p->threads[p->count] = threads;
    p->made[p->count++] = made;
    return pool_exec(made);
}

static void note_call(timed_case *c)
{
    c->watch->current = c->index;
    c->watch->beat++;
}

static double call_timed(void *context)
{
    timed_case *c = context;
    note_call(c);
    double pack = 0;
    if (c->sets) rotation_turn(c->sets, &c->call);
    if (call_once(&c->call, &pack) != ATTN_OK) return -1;
    return pack * 1e9;
}

static void evict(void *context)
{
    const timed_case *c = context;
    residency_evict(&c->group->in, &c->call);
}

static void between(void *context)
{
    timed_case *c = context;
    note_call(c);
    timing_secret_between(&c->secret);
}

static const char *check_again(void *context)
{
    timed_case *c = context;
    note_call(c);
    return timing_secret_check(&c->secret);
}

static const char *keep_text(timing *t, const char *text)
{
    char **grown = realloc(t->kept, (t->kept_count + 1) * sizeof *grown);
    if (!grown) return "";
    t->kept = grown;
    t->kept[t->kept_count] = strdup(text);
    return t->kept[t->kept_count] ? t->kept[t->kept_count++] : "";
}

void timing_name(const selection *s, const trial_job *job, const workload *w, char *out, size_t size)
{
    snprintf(out, size, "%s/%s%s/threads:%d", job->kernel->name, w->name, residency_variant(s->residency),
             job->threads);
}

/* More threads than processors have no higher ceiling: how many times one thread's they have. */
static int limits_of(int threads)
{
    const int usable = machine_facts_get()->threads;
    return threads < usable ? threads : usable;
}

/* Against which limit, and how much work. */
static void describe(timing *t, const trial_group *g, const trial *checked, const call *prepared, gbench_case *out)
{
    attn_tensor slot[ATTN_SLOTS];
    const attn_args args = instance_args(&g->in, false, false, slot);
    const attn_work_count work = attn_work(&g->in.problem, &args);
    char name[2048];
    const trial_job job = {checked->kernel, checked->threads};
    timing_name(t->s, &job, g->in.w, name, sizeof name);
    memset(out, 0, sizeof *out);
    out->name = keep_text(t, name);
    out->label = keep_text(t, g->in.w->spec);
    out->threads = checked->threads;
    const int runs = limits_of(checked->threads);
    out->operations = work.operations;
    out->bytes = work.bytes;
    out->bandwidth = ceilings_bandwidth(&t->limits, work.bytes) * runs;
    if (!prepared) return;
    const attn_plan *plan = &prepared->plan;
    out->by_bandwidth = plan->ceiling == ATTN_CEILING_BANDWIDTH;
    out->peak = out->by_bandwidth               ? out->bandwidth
                : plan->ceiling < ATTN_CEILINGS ? t->limits.rate[plan->ceiling] * runs
                                                : 0;
    out->packs = prepared->kernel->pack && plan->shared_bytes > 0;
}

/* Counts in a run of its own, apart from the timing. */
static void count_case(timing *t, timed_case *c, const gbench_case *entry)
{
    if (!t->counting || interrupted || c->secret.message[0]) return;
    if (c->call.kernel->traits & ATTN_TRAIT_OWN_THREADS) {
        complain("not counted: %s: it starts threads of its own, which have no counters", c->call.kernel->name);
        return;
    }
    const counted_call what = {.call = call_timed,
                               .before = t->s->residency == RESIDENCY_COLD ? evict : NULL,
                               .ctx = c,
                               .exec = c->call.exec,
                               .operations = entry->operations};
    json_t *figures = counter_run_count(t->counting, &what);
    if (figures) json_object_update(json_object_get(t->notes, entry->name), figures);
    json_decref(figures);
}

/* What the record says of an entry's inputs; and for cold ones what a call costs together with its eviction. */
static void place_inputs(timing *t, timed_case *c, gbench_case *entry)
{
    char text[96];
    residency_describe(t->s->residency, c->sets, text, sizeof text);
    json_object_set_new(json_object_get(t->notes, entry->name), "inputs", json_string(text));
    if (t->s->residency != RESIDENCY_COLD) return;
    entry->before = evict;
    for (int warm = 0; warm < 2; warm++) {
        const double begin = clock_seconds();
        evict(c);
        call_timed(c);
        entry->seconds_with_before = clock_seconds() - begin;
    }
}

/* The kernel's first call in this process, its inputs in the caches as later calls find them: what is set up lazily
 * shows. */
static void time_first(timing *t, timed_case *c, const char *name)
{
    enum { PASSES = 3 }; /* outer caches may keep only what was read more than once */
    if (t->s->residency != RESIDENCY_HOT) return;
    for (int i = 0; i < PASSES; i++) instance_touch(&c->group->in, 64);
    const double begin = clock_seconds();
    call_timed(c);
    json_object_set_new(json_object_get(t->notes, name), "first_call_ms", json_real(1e3 * (clock_seconds() - begin)));
}

static int prepare(timing *t, trial_group *g, const trial *checked, pools *p, rotation *sets, timed_case *c,
                   gbench_case *entry)
{
    char reason[256];
    *c = (timed_case){
        .group = g, .watch = t->watch, .index = (int)(checked - g->trial), .checked = checked, .sets = sets};
    note_call(c);
    c->args = instance_args(&g->in, g->in.w->want_lse, g->in.w->want_weights, c->slot);
    const attn_exec *exec = exec_for(p, checked, reason, sizeof reason);
    const attn_kernel *kernel = exec ? plugin_resolve(checked->kernel, reason, sizeof reason) : NULL;
    if (kernel && call_prepare(&c->call, kernel, &g->in.problem, &c->args, &t->machine, exec, reason, sizeof reason)) {
        describe(t, g, checked, &c->call, entry);
        json_t *note = json_object();
        if (entry->peak > 0) json_object_set_new(note, "ceiling", json_string(attn_ceiling_name(c->call.plan.ceiling)));
        json_object_set_new(note, "limits", shares_note(entry, c->call.plan.ceiling, limits_of(entry->threads)));
        json_object_set_new(t->notes, entry->name, note);
        c->secret = (timing_secret){g, checked, &c->call, c->slot, sets ? NULL : &t->watch->negated, 0, ""};
        entry->call = call_timed;
        entry->between = between;
        entry->check = check_again;
        entry->ctx = c;
        time_first(t, c, entry->name);
        place_inputs(t, c, entry);
        return 1;
    }
    describe(t, g, checked, NULL, entry);
    gbench_report_error(t->g, entry, reason);
    return 0;
}

static void time_group(timing *t, trial_group *g, rotation *sets)
{
    timed_case *c = calloc((size_t)g->count + 1, sizeof *c);
    gbench_case *entry = calloc((size_t)g->count + 1, sizeof *entry);
    const size_t most = (size_t)t->s->thread_counts;
    pools p = {.made = calloc(most, sizeof *p.made), .threads = calloc(most, sizeof *p.threads)};
    const bool ready = c && entry && p.made && p.threads;
    size_t count = 0;
    for (int i = 0; ready && i < g->count; i++) {
        const trial *checked = &g->trial[i];
        if (checked->status == TRIAL_UNSUPPORTED) {
            t->unsupported++;
        } else if (checked->status != TRIAL_PASS) {
            char message[400];
            gbench_case failed;
            snprintf(message, sizeof message, "%s: %s", trial_status_name(checked->status), checked->reason);
            describe(t, g, checked, NULL, &failed);
            gbench_report_error(t->g, &failed, message);
            t->failed++;
        } else if (prepare(t, g, checked, &p, sets, &c[count], &entry[count])) {
            count++;
        } else {
            t->failed++;
        }
    }
    for (int i = 0; i < p.count; i++)
        if (pool_pinned(p.made[i]) > t->most_pinned) t->most_pinned = pool_pinned(p.made[i]);
    if (ready) gbench_run(t->g, entry, count, &t->watch->stop);
    for (size_t i = 0; i < count; i++) {
        if (c[i].secret.message[0])
            t->failed++;
        else
            t->timed++;
        count_case(t, &c[i], &entry[i]);
        call_release(&c[i].call);
    }
    for (int i = 0; i < p.count; i++) pool_free(p.made[i]);
    free(p.made);
    free(p.threads);
    free(c);
    free(entry);
}

static void time_placed(timing *t, trial_group *g)
{
    rotation sets;
    char reason[256];
    if (t->s->residency != RESIDENCY_ROTATED) {
        time_group(t, g, NULL);
    } else if (rotation_make(&sets, &g->in, rotation_wanted(), reason, sizeof reason)) {
        time_group(t, g, &sets);
        rotation_free(&sets);
    } else {
        complain("%s: %s", g->in.w->name, reason);
        t->refused++;
    }
}

/* The bandwidth for what the workload reads; and everything again now and then: measured once, it may have met a busy
 * neighbour. */
static void refine_limits(timing *t, const instance *in)
{
    const double every = 20; /* seconds: measuring takes about one */
    attn_tensor slot[ATTN_SLOTS];
    const attn_args args = instance_args(in, false, false, slot);
    ceilings_footprint(t->s->isa, attn_work(&in->problem, &args).bytes, &t->limits);
    if (clock_seconds() - t->limits_at > every) {
        ceilings_refine(t->s->isa, &t->limits);
        t->limits_at = clock_seconds();
    }
    t->machine = ceilings_machine(&t->limits, t->s->isa, t->s->threads[t->s->thread_counts - 1]);
}

void timing_workload(timing *t, const workload *w, const trial_job *job, int jobs)
{
    const trial_settings settings = {.machine = &t->machine, .isa = t->s->isa, .budget = TRIAL_TIMED_BUDGET};
    trial_group g;
    char name[2048], reason[512];
    trial_job *selected = calloc((size_t)jobs + 1, sizeof *selected);
    int count = 0;
    for (int i = 0; selected && i < jobs; i++) {
        timing_name(t->s, &job[i], w, name, sizeof name);
        if (gbench_selects(t->g, name)) selected[count++] = job[i];
    }
    if (count == 0) {
        free(selected);
        return;
    }
    if (!trial_group_run(w, w->has_class ? w->input : INPUT_NORMAL, t->s->seed, selected, count, &settings, &g, reason,
                         sizeof reason)) {
        complain("%s: %s", w->name, reason);
        t->refused++;
        free(selected);
        return;
    }
    progress_clear();
    for (int i = 0; i < g.count; i++) {
        if (g.trial[i].status != TRIAL_PASS && g.trial[i].status != TRIAL_UNSUPPORTED)
            case_print(stderr, &g, &g.trial[i]);
        json_array_append_new(json_object_get(t->record, "cases"), case_json(&g, &g.trial[i]));
    }
    if (!interrupted) refine_limits(t, &g.in);
    if (!interrupted) timing_apart(t, &g, time_placed);
    trial_group_free(&g);
    free(selected);
}

/* A filter that matches nothing is a mistake, not an empty success. */
static int selects_something(const timing *t, char *reason, size_t reason_size)
{
    int jobs, found = 0;
    trial_job *job = trial_jobs(t->s, &jobs);
    for (int w = 0; job && !found && w < t->s->workloads; w++)
        for (int i = 0; !found && i < jobs; i++) {
            char name[2048];
            timing_name(t->s, &job[i], &t->s->workload[w], name, sizeof name);
            found = gbench_selects(t->g, name);
        }
    free(job);
    if (!found)
        snprintf(reason, reason_size,
                 "nothing to time: no entry such as kernel/%.80s/threads:1 is selected (serial kernels run at 1 thread "
                 "only; --benchmark_filter matches these names)",
                 t->s->workload[0].name);
    return found;
}

int timing_open(timing *t, const selection *s, int flags, char **flag, int defaults, char **default_flag, bool quiet,
                char *reason, size_t reason_size)
{
    memset(t, 0, sizeof *t);
    t->s = s;
    t->g = gbench_open(flags, flag, defaults, default_flag, quiet, reason, reason_size);
    if (!t->g) return 0;
    if (!selection_names_differ(s, reason, reason_size) || !selects_something(t, reason, reason_size)) {
        gbench_close(t->g);
        return 0;
    }
    t->record = record_new();
    t->watch = shared_new(sizeof *t->watch);
    t->notes = json_object();
    if (!t->record || !t->notes || !t->watch) {
        snprintf(reason, reason_size, "out of memory");
        gbench_close(t->g);
        return 0;
    }
    if (gbench_lists_only(t->g)) return 1;
    char shared[512];
    t->plugins_isolated = s->plugins.count < 2 || plugins_isolated(&s->plugins, shared, sizeof shared);
    if (!t->plugins_isolated) complain("note: the plugins are timed in processes of their own: %s", shared);
    progress("measuring this machine's ceilings");
    ceilings_measure(s->isa, &t->limits);
    t->limits_at = clock_seconds();
    progress_clear();
    t->machine = ceilings_machine(&t->limits, s->isa, s->threads[s->thread_counts - 1]);
    return 1;
}

/* An entry's place: its workload (versions with other keys after the workload itself), its kernel by the rate, slowest
 * first. */
typedef struct place {
    int workload_index;
    size_t variant;
    double rate;
    size_t index;
    json_t *entry;
} place;

static int by_place(const void *pa, const void *pb)
{
    const place *a = pa, *b = pb;
    if (a->workload_index != b->workload_index) return a->workload_index < b->workload_index ? -1 : 1;
    if (a->variant != b->variant) return a->variant < b->variant ? -1 : 1;
    if (a->rate != b->rate) return a->rate < b->rate ? -1 : 1;
    return a->index < b->index ? -1 : 1;
}

/* The rate of the run's first repetition, so that the entries of one run stay together. */
static double rate_of_run(const json_t *entries, const char *run_name)
{
    size_t i;
    json_t *entry;
    json_array_foreach(entries, i, entry)
    {
        const char *name = json_string_value(json_object_get(entry, "run_name"));
        if (name && strcmp(name, run_name) == 0) return json_number_value(json_object_get(entry, "gflops"));
    }
    return 0;
}

/* Interleaved repetitions and cheapest-first groups leave entries in the order of their ends: back to the order of the
 * selection. */
static json_t *in_order(const selection *s, json_t *entries)
{
    const size_t count = json_array_size(entries);
    place *p = calloc(count + 1, sizeof *p);
    json_t *sorted = json_array();
    size_t i;
    json_t *entry;
    if (!p || !sorted) {
        free(p);
        json_decref(sorted);
        return json_incref(entries);
    }
    json_array_foreach(entries, i, entry)
    {
        const char *name = json_string_value(json_object_get(entry, "run_name"));
        const char *slash = name ? strchr(name, '/') : NULL;
        p[i] = (place){s->workloads, 0, name ? rate_of_run(entries, name) : 0, i, entry};
        for (int w = 0; slash && w < s->workloads; w++) {
            const size_t length = strlen(s->workload[w].name);
            if (strncmp(slash + 1, s->workload[w].name, length) || !strchr("/,", slash[1 + length])) continue;
            const size_t variant = strcspn(slash + 1, "/") - length;
            if (p[i].workload_index < s->workloads && variant >= p[i].variant)
                continue; /* the longest name that fits */
            p[i].workload_index = w;
            p[i].variant = variant;
        }
    }
    if (count) qsort(p, count, sizeof *p, by_place);
    for (i = 0; i < count; i++) json_array_append(sorted, p[i].entry);
    free(p);
    return sorted;
}

/* Counters belong to the first entry of a run: counted once, they are no figure of each repetition. */
static void add_notes(const json_t *notes, json_t *entries)
{
    json_t *const seen = json_object();
    json_t *entry;
    size_t i;
    json_array_foreach(entries, i, entry)
    {
        const char *run = json_string_value(json_object_get(entry, "run_name"));
        json_t *note = run ? json_object_get(notes, run) : NULL;
        if (!note) continue;
        json_object_del(note, "limits");
        if (json_object_get(seen, run))
            json_object_set(entry, "inputs", json_object_get(note, "inputs"));
        else
            json_object_update(entry, note);
        json_object_set(seen, run, note);
    }
    json_decref(seen);
}

json_t *timing_close(timing *t, int argc, char **argv)
{
    json_t *record = t->record;
    json_error_t error;
    if (t->timed > 0 && !interrupted) ceilings_refine(t->s->isa, &t->limits);
    json_t *measured = json_loads(gbench_json(t->g), 0, &error);
    if (measured) {
        json_object_set(record, "context", json_object_get(measured, "context"));
        json_object_set_new(record, "benchmarks", in_order(t->s, json_object_get(measured, "benchmarks")));
        json_decref(measured);
        shares_against(&t->limits, t->notes, json_object_get(record, "benchmarks"));
        add_notes(t->notes, json_object_get(record, "benchmarks"));
        record_mark_slow_beginnings(record);
    }
    json_decref(t->notes);
    int most = 1;
    for (int i = 0; i < t->s->thread_counts; i++) most = t->s->threads[i] > most ? t->s->threads[i] : most;
    const context_facts facts = {argc,       argv,         t->s->isa,     most,          most > 1 ? t->most_pinned : -1,
                                 &t->limits, t->s->kernel, t->s->kernels, &t->s->plugins};
    context_put(record, context_new(&facts));
    if (t->counting)
        json_object_set_new(json_object_get(json_object_get(record, "context"), "attnbench"), "counters",
                            counter_run_context(t->counting));
    json_object_set_new(json_object_get(json_object_get(record, "context"), "attnbench"), "crossovers",
                        crossovers_of(record));
    gbench_close(t->g);
    shared_free(t->watch, sizeof *t->watch);
    for (size_t i = 0; i < t->kept_count; i++) free(t->kept[i]);
    free(t->kept);
    t->kept = NULL;
    return record;
}
