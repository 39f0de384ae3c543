/* test_pool.c: the promises of attn_exec, on pools from 1 to 64 threads: every index once, in ascending order, to
 * whichever thread is free; teams at the same time; nested calls serially; each thread at its place. Their lives:
 * test_pool_life.c.
 *
 * Tasks never assert: they run on other threads, so they only record. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "machine/pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MOST_THREADS 64
#define MOST_ITEMS 1001
#define PATIENCE 120 /* seconds for what comes at once unless it never comes */

static const int thread_counts[] = {1, 2, 3, 5, 7, 16, 64};
#define THREAD_COUNTS ((int)(sizeof thread_counts / sizeof *thread_counts))

static pool *make(int threads)
{
    char reason[200] = "";
    pool *p = pool_new(threads, reason, sizeof reason);
    if (!p) fail_msg("%s", reason);
    assert_int_equal(pool_exec(p)->threads, threads);
    assert_int_equal(pool_exec(p)->size, sizeof(attn_exec));
    return p;
}

static double seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void rest(long ns) { nanosleep(&(struct timespec){.tv_sec = 0, .tv_nsec = ns}, NULL); }

/* ---- who works --------------------------------------------------------------------------------------------- */

static void thread_ids_are_those_of_the_threads(void **state)
{
    (void)state;
    pid_t id[5] = {0};
    pool *p = make(5);
    pool_thread_ids(pool_exec(p), id);
    assert_int_equal(id[0], gettid());
    for (int t = 0; t < 5; t++) {
        char path[64];
        snprintf(path, sizeof path, "/proc/self/task/%d", (int)id[t]);
        assert_int_equal(access(path, F_OK), 0);
        for (int other = 0; other < t; other++) assert_int_not_equal(id[t], id[other]);
    }
    pool_free(p);
    pool_thread_ids(exec_serial(), id);
    assert_int_equal(id[0], gettid());
}

/* ---- each -------------------------------------------------------------------------------------------------- */

typedef struct coverage {
    int64_t n, grain;
    int threads;
    int hits[MOST_ITEMS];       /* plain on purpose: two threads on one index are a race that the sanitizer sees */
    int64_t last[MOST_THREADS]; /* begin of each thread's last range */
    int64_t size[MOST_ITEMS];   /* of the range that begins here */
    _Atomic int64_t started;    /* items of ranges begun so far */
    atomic_int wrong_range, wrong_thread, wrong_order;
} coverage;

static void cover(void *arg, int64_t begin, int64_t end, int thread)
{
    coverage *c = arg;
    const int64_t started_before = atomic_fetch_add(&c->started, end - begin);
    if (thread < 0 || thread >= c->threads) {
        atomic_fetch_add(&c->wrong_thread, 1);
        return;
    }
    if (begin < 0 || end > c->n || end <= begin || end - begin > c->grain) {
        atomic_fetch_add(&c->wrong_range, 1);
        return;
    }
    /* Each other thread can have taken at most one lower range without having begun it. */
    if (begin <= c->last[thread] || started_before < begin - (c->threads - 1) * c->grain)
        atomic_fetch_add(&c->wrong_order, 1);
    c->size[begin] = end - begin;
    c->last[thread] = begin;
    for (int64_t i = begin; i < end; i++) c->hits[i]++;
}

static void check_coverage(const attn_exec *exec, int64_t n, int64_t grain)
{
    static coverage c;
    memset(&c, 0, sizeof c);
    c.n = n, c.grain = grain, c.threads = (int)exec->threads;
    for (int t = 0; t < MOST_THREADS; t++) c.last[t] = -1;
    exec->each(exec, n, grain, cover, &c);
    if (c.wrong_thread || c.wrong_range || c.wrong_order)
        fail_msg("%d threads, %d ranges, %d out of order", c.wrong_thread, c.wrong_range, c.wrong_order);
    assert_int_equal(c.started, n);
    for (int64_t i = 0; i < n; i++) assert_int_equal(c.hits[i], 1);
    /* Threads can end together: nobody takes more than half of what would be his share of the rest. */
    for (int64_t i = 0; c.threads > 1 && i < n; i += c.size[i])
        assert_true(c.size[i] == 1 || c.size[i] * 2 * c.threads <= n - i);
}

static void each_covers_every_index_once_and_ascends(void **state)
{
    (void)state;
    const int64_t counts[] = {0, 1, 2, 7, 63, 64, 65, 1000, MOST_ITEMS}, grains[] = {1, 2, 3, 64, 5000};
    for (int i = 0; i < THREAD_COUNTS; i++) {
        pool *p = make(thread_counts[i]);
        for (size_t n = 0; n < sizeof counts / sizeof *counts; n++)
            for (size_t g = 0; g < sizeof grains / sizeof *grains; g++)
                check_coverage(pool_exec(p), counts[n], grains[g]);
        pool_free(p);
    }
}

static void count_items(void *arg, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    atomic_fetch_add((_Atomic int64_t *)arg, end > begin && begin >= 0 ? end - begin : INT64_MIN);
}

/* An end that is computed before it is compared runs past INT64_MAX here. */
static void each_takes_the_largest_sizes(void **state)
{
    (void)state;
    pool *p = make(7);
    const attn_exec *const execs[] = {pool_exec(p), exec_serial()};
    for (int i = 0; i < 2; i++) {
        _Atomic int64_t items = 0;
        execs[i]->each(execs[i], INT64_MAX, INT64_MAX / 2 + 1, count_items, &items);
        assert_int_equal(items, INT64_MAX);
    }
    pool_free(p);
}

typedef struct slow_first {
    int64_t n;
    atomic_int others;
    atomic_bool gave_up;
} slow_first;

static void wait_for_others(void *arg, int64_t begin, int64_t end, int thread)
{
    (void)end;
    (void)thread;
    slow_first *s = arg;
    if (begin != 0) {
        atomic_fetch_add(&s->others, 1);
        return;
    }
    const double until = seconds(CLOCK_MONOTONIC) + PATIENCE;
    while (atomic_load(&s->others) < s->n - 1 && !atomic_load(&s->gave_up)) {
        if (seconds(CLOCK_MONOTONIC) > until) atomic_store(&s->gave_up, true);
        sched_yield();
    }
}

/* With ranges dealt out beforehand the slow thread would keep its share to itself. */
static void each_gives_work_to_whoever_is_free(void **state)
{
    (void)state;
    pool *p = make(2);
    slow_first s = {.n = 100};
    pool_exec(p)->each(pool_exec(p), s.n, 1, wait_for_others, &s);
    assert_false(s.gave_up);
    assert_int_equal(s.others, s.n - 1);
    pool_free(p);
}

static void add_one(void *arg, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    int *values = arg;
    for (int64_t i = begin; i < end; i++) values[i]++;
}

/* Pauses around the moment at which a worker stops to spin and falls asleep: a lost wake-up hangs, a late one loses
 * writes. */
static void dispatches_find_sleeping_and_waking_workers(void **state)
{
    (void)state;
    for (int threads = 2; threads <= 3; threads++) {
        pool *p = make(threads);
        int values[16] = {0};
        const int rounds = 1500;
        for (int i = 0; i < rounds; i++) {
            pool_exec(p)->each(pool_exec(p), 16, 1, add_one, values);
            if (i % 3 != 0) rest((i * 7919) % 120 * 1000L);
        }
        for (int i = 0; i < 16; i++) assert_int_equal(values[i], rounds);
        pool_free(p);
    }
}

/* ---- team -------------------------------------------------------------------------------------------------- */

typedef struct meeting {
    const attn_exec *exec;
    int phases;
    int slot[MOST_THREADS]; /* plain: only the barrier orders writers and readers */
    atomic_int calls[MOST_THREADS];
    atomic_int bad;
} meeting;

static void meet(void *arg, int thread)
{
    meeting *m = arg;
    const int threads = (int)m->exec->threads;
    if (thread < 0 || thread >= threads) {
        atomic_fetch_add(&m->bad, 1);
        return;
    }
    atomic_fetch_add(&m->calls[thread], 1);
    for (int phase = 1; phase <= m->phases; phase++) {
        m->slot[thread] = phase;
        m->exec->barrier(m->exec);
        for (int t = 0; t < threads; t++)
            if (m->slot[t] != phase) atomic_fetch_add(&m->bad, 1);
        m->exec->barrier(m->exec);
    }
}

/* Threads that ran one after the other instead of at once would never pass the barrier. */
static void team_runs_on_all_threads_at_once(void **state)
{
    (void)state;
    for (int i = 0; i < THREAD_COUNTS; i++) {
        pool *p = make(thread_counts[i]);
        for (int again = 0; again < 3; again++) {
            meeting m = {.exec = pool_exec(p), .phases = 20};
            m.exec->team(m.exec, meet, &m);
            assert_int_equal(m.bad, 0);
            for (int t = 0; t < thread_counts[i]; t++) assert_int_equal(m.calls[t], 1);
        }
        pool_free(p);
    }
}

/* ---- nested calls ------------------------------------------------------------------------------------------ */

typedef struct nest {
    const attn_exec *exec;
    atomic_int inner_calls, elsewhere, wrong_thread, wrong_range, outer_calls;
} nest;

typedef struct inner {
    nest *outer;
    pthread_t caller;
    int64_t next;
} inner;

static void inner_range(void *arg, int64_t begin, int64_t end, int thread)
{
    inner *in = arg;
    atomic_fetch_add(&in->outer->inner_calls, 1);
    if (!pthread_equal(pthread_self(), in->caller)) atomic_fetch_add(&in->outer->elsewhere, 1);
    if (thread != 0) atomic_fetch_add(&in->outer->wrong_thread, 1);
    if (begin != in->next || end - begin > 2) atomic_fetch_add(&in->outer->wrong_range, 1);
    in->next = end;
}

static void inner_member(void *arg, int thread)
{
    inner *in = arg;
    atomic_fetch_add(&in->outer->inner_calls, 1);
    if (!pthread_equal(pthread_self(), in->caller)) atomic_fetch_add(&in->outer->elsewhere, 1);
    if (thread != 0) atomic_fetch_add(&in->outer->wrong_thread, 1);
    in->outer->exec->barrier(in->outer->exec); /* of a team of one: returns at once */
}

static void call_both(nest *n)
{
    inner in = {.outer = n, .caller = pthread_self()};
    n->exec->each(n->exec, 5, 2, inner_range, &in);
    if (in.next != 5) atomic_fetch_add(&n->wrong_range, 1);
    n->exec->team(n->exec, inner_member, &in);
    atomic_fetch_add(&n->outer_calls, 1);
}

static void outer_range(void *arg, int64_t begin, int64_t end, int thread)
{
    (void)begin;
    (void)end;
    (void)thread;
    call_both(arg);
}

static void outer_member(void *arg, int thread)
{
    (void)thread;
    nest *n = arg;
    call_both(n);
    n->exec->barrier(n->exec); /* still the outer team's own */
    call_both(n);
}

static void check_nest(const nest *n, int outer_calls)
{
    assert_int_equal(n->outer_calls, outer_calls);
    assert_int_equal(n->inner_calls, 4 * outer_calls); /* ranges 0..1, 2..3, 4 and one team */
    assert_int_equal(n->elsewhere, 0);
    assert_int_equal(n->wrong_thread, 0);
    assert_int_equal(n->wrong_range, 0);
}

static void nested_calls_run_serially(void **state)
{
    (void)state;
    for (int i = 0; i < THREAD_COUNTS; i++) {
        const int threads = thread_counts[i];
        pool *p = make(threads);
        nest ranges = {.exec = pool_exec(p)};
        ranges.exec->each(ranges.exec, 40, 1, outer_range, &ranges);
        check_nest(&ranges, 40);
        nest one = {.exec = pool_exec(p)}; /* a single range runs on the caller, and is a task all the same */
        one.exec->each(one.exec, 1, 1, outer_range, &one);
        check_nest(&one, 1);
        nest members = {.exec = pool_exec(p)};
        members.exec->team(members.exec, outer_member, &members);
        check_nest(&members, 2 * threads);
        check_coverage(pool_exec(p), 1000, 3); /* and the pool is parallel again afterwards */
        meeting m = {.exec = pool_exec(p), .phases = 2};
        m.exec->team(m.exec, meet, &m);
        assert_int_equal(m.bad, 0);
        pool_free(p);
    }
}

/* A pool used inside another pool's task runs serially as well, and its barrier belongs to neither team. */
static void a_second_pool_inside_a_task_is_serial(void **state)
{
    (void)state;
    pool *outer = make(3);
    pool *second = make(2);
    nest n = {.exec = pool_exec(second)};
    pool_exec(outer)->each(pool_exec(outer), 6, 1, outer_range, &n);
    check_nest(&n, 6);
    pool_free(second);
    pool_free(outer);
}

/* ---- place --------------------------------------------------------------------------------------------------- */

typedef struct seat {
    cpu_set_t cpus[MOST_THREADS];
    atomic_int interruptible; /* threads that a signal of the outside could reach */
} seat;

static void look_around(void *arg, int thread)
{
    seat *s = arg;
    pthread_getaffinity_np(pthread_self(), sizeof s->cpus[thread], &s->cpus[thread]);
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    if (!sigismember(&blocked, SIGINT)) atomic_fetch_add(&s->interruptible, 1);
}

static cpu_set_t usable; /* as this program was started, before any pool */

/* Thread t sits on the t-th usable processor; threads beyond those are left free, and the caller is let go at the
 * end. */
static void threads_are_pinned_in_order(void **state)
{
    (void)state;
    if (CPU_COUNT(&usable) == 0) skip(); /* more processors than a cpu_set_t holds */
    const int processors = CPU_COUNT(&usable);
    for (int nested = 0; nested <= 1; nested++) {
        pool *around = nested ? make(1) : NULL; /* pins the caller: the pool inside must still see every processor */
        for (int i = 0; i < THREAD_COUNTS; i++) {
            const int threads = thread_counts[i];
            pool *p = make(threads);
            static seat s;
            memset(&s, 0, sizeof s);
            pool_exec(p)->team(pool_exec(p), look_around, &s);
            int alone = 0;
            size_t cpu = 0;
            for (int t = 0; t < threads; t++) {
                while (cpu < CPU_SETSIZE && !CPU_ISSET(cpu, &usable)) cpu++;
                if (t >= processors) {
                    assert_true(CPU_EQUAL(&s.cpus[t], &usable));
                } else if (CPU_COUNT(&s.cpus[t]) == 1 && CPU_ISSET(cpu, &s.cpus[t])) {
                    alone++;
                }
                cpu++;
            }
            assert_int_equal(pool_pinned(p), alone);
            /* A system that forbids pinning forbids it to the caller as well. */
            if (pool_pinned(p) > 0) assert_int_equal(alone, threads < processors ? threads : processors);
            assert_int_equal(s.interruptible, 1);
            pool_free(p);
        }
        pool_free(around);
        cpu_set_t after;
        assert_int_equal(pthread_getaffinity_np(pthread_self(), sizeof after, &after), 0);
        assert_true(CPU_EQUAL(&after, &usable));
    }
}

static void the_serial_exec_is_one_thread(void **state)
{
    (void)state;
    const attn_exec *exec = exec_serial();
    assert_int_equal(exec->threads, 1);
    assert_int_equal(exec->size, sizeof(attn_exec));
    check_coverage(exec, 0, 1);
    check_coverage(exec, 1000, 7);
    nest n = {.exec = exec};
    exec->each(exec, 4, 1, outer_range, &n);
    check_nest(&n, 4);
    meeting m = {.exec = exec, .phases = 2};
    exec->team(exec, meet, &m);
    assert_int_equal(m.bad, 0);
    assert_int_equal(m.calls[0], 1);
}

int main(void)
{
    pthread_getaffinity_np(pthread_self(), sizeof usable, &usable);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thread_ids_are_those_of_the_threads),
        cmocka_unit_test(each_covers_every_index_once_and_ascends),
        cmocka_unit_test(each_takes_the_largest_sizes),
        cmocka_unit_test(each_gives_work_to_whoever_is_free),
        cmocka_unit_test(dispatches_find_sleeping_and_waking_workers),
        cmocka_unit_test(team_runs_on_all_threads_at_once),
        cmocka_unit_test(nested_calls_run_serially),
        cmocka_unit_test(a_second_pool_inside_a_task_is_serial),
        cmocka_unit_test(threads_are_pinned_in_order),
        cmocka_unit_test(the_serial_exec_is_one_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
