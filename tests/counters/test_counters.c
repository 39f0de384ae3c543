/* test_counters.c: groups, scaling and absence of events, against a processor that exists only here: it has so
 * many counters, lacks some events, and lets groups take turns by a clock that the tests move. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "counters/counters.h"
#include "counters/counter_run.h"
#include "machine/pool.h"
#include "record/record.h"
#include "util/console.h"
#include "output/record_forms.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- the processor --------------------------------------------------------------------------------------------- */

#define HANDLES 64
#define ASLEEP 99 /* a thread that never runs */

typedef struct fake_counter {
    bool open, on;
    int leader; /* itself where it leads */
    uint64_t rate;
    pid_t thread;
    counter_reading now;
} fake_counter;

typedef struct fake {
    int slots;        /* events of one group */
    uint64_t missing; /* the event with this config does not exist */
    int error;        /* every opening fails with it */
    int stays_off;    /* thread on which no group can be enabled */
    bool starved;     /* nothing ever runs */
    bool unreadable;
    int refused_thread;
    int turn, opened, closed;
    fake_counter c[HANDLES];
} fake;

static int members(const fake *f, int leader)
{
    int n = 0;
    for (int i = 0; i < f->opened; i++) n += f->c[i].open && f->c[i].leader == leader;
    return n;
}

static int fake_open(void *ctx, const counter_event *event, pid_t thread, int leader)
{
    fake *f = ctx;
    if (f->error) return -f->error;
    if (event->config == f->missing) return -ENOENT;
    if (f->refused_thread && thread == f->refused_thread) return -ESRCH;
    if (leader >= 0 && (!f->c[leader].open || f->c[leader].thread != thread)) return -EBADF;
    if (leader >= 0 && members(f, leader) >= f->slots) return -EINVAL;
    const int handle = f->opened++;
    f->c[handle] =
        (fake_counter){.open = true, .leader = leader < 0 ? handle : leader, .rate = event->config, .thread = thread};
    return handle;
}

static int fake_enable(void *ctx, int leader)
{
    fake *f = ctx;
    if (f->stays_off && f->c[leader].thread == f->stays_off) return -EBUSY;
    for (int i = 0; i < f->opened; i++)
        if (f->c[i].leader == leader) f->c[i].on = true;
    return 0;
}

static int fake_read(void *ctx, int handle, counter_reading *out)
{
    *out = ((fake *)ctx)->c[handle].now;
    return ((fake *)ctx)->unreadable ? -EIO : 0;
}

static void fake_close(void *ctx, int handle)
{
    fake *f = ctx;
    assert_true(f->c[handle].open);
    f->c[handle].open = false;
    f->closed++;
}

static void fake_explain(void *ctx, const counter_event *event, int error, char *out, size_t size)
{
    (void)ctx;
    snprintf(out, size, "%s: error %d", event->name, error);
}

static counter_backend backend_of(fake *f)
{
    return (counter_backend){f, fake_open, fake_enable, fake_read, fake_close, fake_explain};
}

/* `ns` pass: on each thread the groups take turns. */
static void pass(fake *f, uint64_t ns)
{
    for (int i = 0; i < f->opened; i++) {
        fake_counter *c = &f->c[i];
        if (!c->open || !c->on || c->thread == ASLEEP) continue;
        int groups = 0, own = 0;
        for (int k = 0; k < f->opened; k++) {
            if (!f->c[k].open || f->c[k].leader != k || f->c[k].thread != c->thread) continue;
            if (k == c->leader) own = groups;
            groups++;
        }
        c->now.enabled += ns;
        if (f->starved || f->turn % groups != own) continue;
        c->now.running += ns;
        c->now.value += ns * c->rate;
    }
    f->turn++;
}

static counter_event event_of(const char *name, uint64_t rate)
{
    counter_event e = {.config = rate, .user = true};
    snprintf(e.name, sizeof e.name, "%s", name);
    return e;
}

/* ---- counting -------------------------------------------------------------------------------------------------- */

static const pid_t three_threads[] = {11, 12, 13};

static void events_that_fit_are_one_group(void **state)
{
    (void)state;
    fake f = {.slots = 4};
    const counter_backend b = backend_of(&f);
    const counter_event event[] = {event_of("a", 1), event_of("b", 2), event_of("c", 5)};
    counter_set *set = counters_open(&b, event, 3, three_threads, 3);
    counter_value v[3];
    pass(&f, 1000); /* before the start: counts nothing */
    counters_start(set);
    pass(&f, 10);
    pass(&f, 30);
    counters_stop(set);
    pass(&f, 1000);
    counters_read(set, v);
    assert_int_equal(counters_groups(set), 1);
    for (int i = 0; i < 3; i++) {
        assert_ptr_equal(v[i].event, &event[i]);
        assert_true(v[i].counted);
        assert_true(v[i].value == 3 * 40.0 * (double)event[i].config);
        assert_true(v[i].share == 1);
    }
    counters_close(set);
    assert_int_equal(f.opened, 9);
    assert_int_equal(f.closed, 9);
}

static void groups_take_turns_and_are_scaled(void **state)
{
    (void)state;
    fake f = {.slots = 2};
    const counter_backend b = backend_of(&f);
    const counter_event event[] = {event_of("a", 1), event_of("b", 2), event_of("c", 3), event_of("d", 4),
                                   event_of("e", 5)};
    const pid_t thread = 7;
    counter_set *set = counters_open(&b, event, 5, &thread, 1);
    counter_value v[5];
    assert_int_equal(counters_groups(set), 3);
    counters_start(set);
    for (int tick = 0; tick < 30; tick++) pass(&f, 100);
    counters_stop(set);
    counters_read(set, v);
    for (int i = 0; i < 5; i++) {
        assert_true(v[i].counted);
        assert_true(v[i].share > 0.33 && v[i].share < 0.34);
        assert_true(v[i].value == 3000.0 * (double)event[i].config); /* as if it had been counted all the time */
    }
    counters_close(set);
    assert_int_equal(f.closed, f.opened);
}

static void a_missing_event_is_absent_with_its_reason(void **state)
{
    (void)state;
    fake f = {.slots = 4, .missing = 2};
    const counter_backend b = backend_of(&f);
    const counter_event event[] = {event_of("none", 2), event_of("some", 3)};
    const pid_t thread = 7;
    counter_set *set = counters_open(&b, event, 2, &thread, 1);
    counter_value v[2];
    counters_start(set);
    pass(&f, 10);
    counters_stop(set);
    counters_read(set, v);
    assert_false(v[0].counted);
    assert_string_equal(v[0].reason, "none: error 2");
    assert_true(v[1].counted && v[1].value == 30);
    counters_close(set);
}

static void an_event_that_one_thread_refuses_is_absent(void **state)
{
    (void)state;
    fake f = {.slots = 4, .refused_thread = 13};
    const counter_backend b = backend_of(&f);
    const counter_event event = event_of("a", 1);
    counter_set *set = counters_open(&b, &event, 1, three_threads, 3);
    counter_value v;
    counters_read(set, &v);
    assert_int_equal(counters_groups(set), 0);
    assert_false(v.counted);
    counters_close(set);
    assert_int_equal(f.opened, 2); /* and closed again */
    assert_int_equal(f.closed, 2);
}

static void a_group_that_stays_off_on_one_thread_is_absent(void **state)
{
    (void)state;
    fake f = {.slots = 4, .stays_off = 13};
    const counter_backend b = backend_of(&f);
    const counter_event event = event_of("a", 1);
    counter_set *set = counters_open(&b, &event, 1, three_threads, 3);
    counter_value v;
    char wanted[32];
    counters_start(set);
    pass(&f, 10);
    counters_stop(set);
    counters_read(set, &v);
    assert_false(v.counted); /* and not what the other two counted */
    snprintf(wanted, sizeof wanted, "a: error %d", EBUSY);
    assert_string_equal(v.reason, wanted);
    counters_close(set);
}

static void what_never_ran_is_absent_and_no_zero(void **state)
{
    (void)state;
    fake f = {.slots = 4, .starved = true};
    const counter_backend b = backend_of(&f);
    const counter_event event = event_of("a", 1);
    counter_set *set = counters_open(&b, &event, 1, three_threads, 3);
    counter_value v;
    counters_read(set, &v); /* not even started */
    assert_false(v.counted);
    counters_start(set);
    pass(&f, 10);
    counters_stop(set);
    counters_read(set, &v);
    assert_false(v.counted);
    assert_non_null(strstr(v.reason, "never had a counter"));
    counters_close(set);

    f = (fake){.slots = 4, .unreadable = true};
    set = counters_open(&b, &event, 1, three_threads, 3);
    counters_start(set);
    pass(&f, 10);
    counters_stop(set);
    counters_read(set, &v);
    assert_false(v.counted);
    assert_non_null(strstr(v.reason, "could not be read"));
    counters_close(set);
}

static void a_sleeping_thread_counts_as_zero(void **state)
{
    (void)state;
    fake f = {.slots = 4};
    const counter_backend b = backend_of(&f);
    const counter_event event = event_of("a", 4);
    const pid_t thread[] = {7, ASLEEP};
    counter_set *set = counters_open(&b, &event, 1, thread, 2);
    counter_value v;
    counters_start(set);
    pass(&f, 10);
    counters_stop(set);
    counters_read(set, &v);
    assert_true(v.counted && v.value == 40 && v.share == 1);
    counters_close(set);
}

/* ---- the counting run ------------------------------------------------------------------------------------------ */

typedef struct ticking {
    fake f;
    int calls, befores;
    bool fails;
} ticking;

static double tick(void *ctx)
{
    ticking *t = ctx;
    t->calls++;
    pass(&t->f, 100);
    return t->fails ? -1 : 0;
}

/* What happens before a call is not counted: this would multiply every figure. */
static void before_tick(void *ctx)
{
    ticking *t = ctx;
    t->befores++;
    pass(&t->f, 100000);
}

static void figures_are_a_call(void **state)
{
    (void)state;
    for (int cold = 0; cold < 2; cold++) {
        ticking t = {.f = {.slots = 4, .missing = 9}};
        const counter_backend b = backend_of(&t.f);
        counter_run c = {.backend = &b, .events = 2, .event = {event_of("a", 2), event_of("gone", 9)}};
        const counted_call what = {tick, cold ? before_tick : NULL, &t, exec_serial(), 1};
        json_t *j = counter_run_count(&c, &what);
        const json_t *values = json_object_get(j, "counters");
        assert_int_equal(json_object_size(values), 1);
        assert_true(json_real_value(json_object_get(values, "a")) == 200);
        assert_true(json_real_value(json_object_get(json_object_get(j, "counters_running"), "a")) == 1);
        assert_true(t.calls > 0);
        assert_int_equal(t.befores, cold ? t.calls : 0);
        assert_int_equal(t.f.closed, t.f.opened);

        json_t *context = counter_run_context(&c);
        assert_null(json_object_get(json_array_get(context, 0), "reason"));
        assert_string_equal(json_string_value(json_object_get(json_array_get(context, 1), "reason")), "gone: error 2");
        json_decref(context);
        json_decref(j);
    }
}

static void a_failing_call_has_no_figures(void **state)
{
    (void)state;
    ticking t = {.f = {.slots = 4}, .fails = true};
    const counter_backend b = backend_of(&t.f);
    counter_run c = {.backend = &b, .events = 1, .event = {event_of("a", 2)}};
    const counted_call what = {tick, NULL, &t, exec_serial(), 1};
    assert_null(counter_run_count(&c, &what));
    assert_int_equal(t.calls, 1);

    t = (ticking){.f = {.error = EACCES}};
    assert_null(counter_run_count(&c, &what));
    assert_int_equal(t.calls, 0); /* nothing to count: nothing is called */
    assert_string_equal(c.told[0], "a: error 13");
}

/* What a processor has no event for is absent, and is never opened. */
static void what_has_no_event_here_is_absent(void **state)
{
    (void)state;
    fake f = {.slots = 4};
    const counter_backend b = backend_of(&f);
    counter_event event[] = {event_of("none", 2), event_of("some", 3)};
    const pid_t thread = 7;
    snprintf(event[0].absent, sizeof event[0].absent, "no such unit");
    counter_set *set = counters_open(&b, event, 2, &thread, 1);
    counter_value v[2];
    counters_start(set);
    pass(&f, 10);
    counters_stop(set);
    counters_read(set, v);
    assert_false(v[0].counted);
    assert_string_equal(v[0].reason, "no such unit");
    assert_true(v[1].counted);
    assert_int_equal(f.opened, 1);
    counters_close(set);
}

/* ---- records --------------------------------------------------------------------------------------------------- */

static void markdown_shows_scaling_and_absence(void **state)
{
    (void)state;
    char path[] = "/tmp/attnbench-counters-XXXXXX", text[8192] = "", reason[512];
    close(mkstemp(path));
    json_t *record = record_new();
    json_object_set_new(json_object_get(record, "context"), "attnbench",
                        json_pack("{s:[{s:s}, {s:s}, {s:s, s:s}, {s:s, s:s}]}", "counters", "name", "a_b", "name",
                                  "whole", "name", "gone", "reason", "no such thing", "name", "lost", "reason",
                                  "no such thing"));
    json_array_append_new(json_object_get(record, "benchmarks"),
                          json_pack("{s:s, s:s, s:f, s:{s:f, s:f}, s:{s:f, s:f}}", "name", "k/w/threads:2", "time_unit",
                                    "ns", "real_time", 5.0, "counters", "a_b", 1500.0, "whole", 7.0, "counters_running",
                                    "a_b", 0.25, "whole", 1.0));
    assert_true(record_write_markdown(record, path, reason, sizeof reason));
    FILE *const file = fopen(path, "r"); /* the record has taken the first file's place */
    assert_non_null(file);
    assert_true(fread(text, 1, sizeof text - 1, file) > 0);
    fclose(file);
    assert_non_null(strstr(text, "| workload | kernel | threads | a\\_b | whole |\n"));
    assert_non_null(strstr(text, "| w | k | 2 | 1500 (of 25 %) | 7 |\n"));
    assert_non_null(strstr(text, "- not counted: gone, lost: no such thing\n"));
    json_decref(record);
    unlink(path);
}

/* ---- this system ----------------------------------------------------------------------------------------------- */

static int faults; /* calls */

/* Touches one page that nobody has touched before, and takes some time. */
static double fault_once(void *ctx)
{
    (void)ctx;
    faults++;
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    volatile char *const fresh = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (fresh == MAP_FAILED) return -1;
    fresh[0] = 1;
    volatile double x = 1;
    for (int i = 0; i < 100000; i++) x = x * 1.0000001;
    munmap((void *)fresh, page);
    return 0;
}

static void fault_before(void *ctx) { fault_once(ctx); }

/* One a call, and a few of what is around it, however few calls a busy machine gives room for. */
static void assert_some_more(double faulted, double calls)
{
    if (!(faulted > 0.8 * calls && faulted < 1.2 * calls + 8)) fail_msg("%g faults of %g calls", faulted, calls);
}

/* Software events work wherever perf events are allowed at all, and the three make a group. */
static void this_system_counts_page_faults(void **state)
{
    (void)state;
    char reason[512];
    counter_run c;
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
    print_message("skipped: the sanitizer's own memory faults as well\n");
    skip();
#endif
    assert_true(counter_run_open(&c, counters_perf(), "task-clock,page-faults,minor-faults", reason, sizeof reason));
    if (!c.last[0].counted) {
        assert_true(c.last[0].reason[0]);
        print_message("skipped: %s\n", c.last[0].reason);
        skip();
    }
    pool *p = pool_new(2, reason, sizeof reason);
    assert_non_null(p);
    for (int before = 0; before < 2; before++) {
        const counted_call what = {fault_once, before ? fault_before : NULL, NULL, pool_exec(p), 1};
        faults = 0;
        const double begin = clock_seconds();
        json_t *j = counter_run_count(&c, &what);
        const double wall = clock_seconds() - begin, calls = before ? faults / 2.0 : faults;
        const json_t *counts = json_object_get(j, "counters");
        const double ns = json_real_value(json_object_get(counts, "task-clock"));
        assert_true(ns > 0 && 1e-9 * ns * calls < 1.01 * 2 * wall); /* no thread of two runs longer than it lasts */
        assert_some_more(calls * json_real_value(json_object_get(counts, "page-faults")), calls);
        assert_some_more(calls * json_real_value(json_object_get(counts, "minor-faults")), calls);
        json_decref(j);
    }
    pool_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_that_fit_are_one_group),
        cmocka_unit_test(groups_take_turns_and_are_scaled),
        cmocka_unit_test(a_missing_event_is_absent_with_its_reason),
        cmocka_unit_test(an_event_that_one_thread_refuses_is_absent),
        cmocka_unit_test(a_group_that_stays_off_on_one_thread_is_absent),
        cmocka_unit_test(what_never_ran_is_absent_and_no_zero),
        cmocka_unit_test(a_sleeping_thread_counts_as_zero),
        cmocka_unit_test(figures_are_a_call),
        cmocka_unit_test(a_failing_call_has_no_figures),
        cmocka_unit_test(what_has_no_event_here_is_absent),
        cmocka_unit_test(markdown_shows_scaling_and_absence),
        cmocka_unit_test(this_system_counts_page_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
