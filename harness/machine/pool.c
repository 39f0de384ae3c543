/* pool.c: the threads that all kernels share.
 *
 * In a dispatch, the caller writes a job, raises the event `dispatch`, works as thread 0 and waits for the event
 * `done`, which the last worker raises. A small decode takes microseconds, so an idle worker first spins on the event
 * for SPIN_NS and only then sleeps on a condition variable. With fewer processors than threads nobody spins, because a
 * spinning thread would keep a working one off its processor. The ranges of `each` are handed out in ascending order as
 * threads become free; towards the end they become shorter, down to one item, so that threads end together (guided
 * self-scheduling, Polychronopoulos and Kuck 1987).
 *
 * A pool is used by one thread at a time. Pools that one thread made are freed in reverse order.
 *
 * Invariants: `job` is written only while every worker waits for `dispatch`. A worker inside a job has not yet lowered
 * `pending`, so the caller cannot have returned. Words that several threads write often lie on lines of their own, of
 * 128 bytes because processors fetch lines in pairs. */
#include "pool.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define LINE 128
#define SPIN_NS 40000    /* about the cost of sleeping and waking: spinning first then at most doubles the wait */
#define PAUSES_A_LOOK 32 /* pauses between two readings of the clock */

typedef void each_task(void *arg, int64_t begin, int64_t end, int thread);
typedef void team_task(void *arg, int thread);

/* A number, and the threads that wait for it to change. */
typedef struct event {
    _Alignas(LINE) atomic_uint value;
    atomic_int sleepers;
    _Alignas(LINE) pthread_mutex_t lock;
    pthread_cond_t changed;
} event;

typedef struct job {
    each_task *each; /* both NULL: the worker ends */
    team_task *team;
    void *arg;
    int64_t n, grain;
} job;

typedef struct worker {
    pool *owner;
    pthread_t id;
    int thread;
} worker;

struct pool {
    event dispatch, done, barrier;
    _Alignas(LINE) atomic_int_least64_t next; /* first item of `each` not yet handed out */
    _Alignas(LINE) atomic_int pending;        /* workers still inside the job */
    _Alignas(LINE) atomic_int arrived;        /* threads at the barrier */
    _Alignas(LINE) job job;
    attn_exec exec;
    int64_t spin_ns;
    int started; /* workers */
    int pinned;
    worker *worker;    /* [threads - 1]; thread t is worker[t - 1] */
    size_t set_size;   /* bytes of the next two */
    cpu_set_t *usable; /* processors the process may use */
    cpu_set_t *before; /* the caller's own affinity, restored by pool_free */
    const pool *outer; /* the pool that had pinned the caller before */
};

/* Where this thread is. A call from inside a task runs serially; only threads of a team meet at a barrier. */
static _Thread_local struct place {
    bool in_task;
    const pool *team;
} place;

static _Thread_local const pool *pinned_by;

/* ---- events ------------------------------------------------------------------------------------------------ */

static void pause_hint(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
    __asm__ volatile("yield");
#else
    sched_yield();
#endif
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void event_raise(event *e, unsigned value)
{
    /* Either the sleeper reads `value` after this store, or we read `sleepers` after its increment: both are
     * sequentially consistent, so no wake-up is lost. It is an exchange and not a store because qemu 7.2 on an x86 host
     * lets an aarch64 store-release pass a later load-acquire. */
    atomic_exchange(&e->value, value);
    if (atomic_load(&e->sleepers) == 0) return;
    pthread_mutex_lock(&e->lock);
    pthread_cond_broadcast(&e->changed);
    pthread_mutex_unlock(&e->lock);
}

/* Waits until the value is no longer `old`, and returns it. */
static unsigned event_wait(event *e, unsigned old, int64_t spin_ns)
{
    unsigned value = atomic_load(&e->value);
    if (value != old) return value;
    if (spin_ns > 0) {
        const int64_t until = now_ns() + spin_ns;
        do {
            for (int i = 0; i < PAUSES_A_LOOK; i++) {
                pause_hint();
                value = atomic_load_explicit(&e->value, memory_order_acquire);
                if (value != old) return value;
            }
        } while (now_ns() < until);
    }
    pthread_mutex_lock(&e->lock);
    atomic_fetch_add(&e->sleepers, 1);
    while ((value = atomic_load(&e->value)) == old) pthread_cond_wait(&e->changed, &e->lock);
    atomic_fetch_sub(&e->sleepers, 1);
    pthread_mutex_unlock(&e->lock);
    return value;
}

static void event_init(event *e)
{
    atomic_init(&e->value, 0);
    atomic_init(&e->sleepers, 0);
    pthread_mutex_init(&e->lock, NULL);
    pthread_cond_init(&e->changed, NULL);
}

static void event_destroy(event *e)
{
    pthread_mutex_destroy(&e->lock);
    pthread_cond_destroy(&e->changed);
}

/* ---- jobs -------------------------------------------------------------------------------------------------- */

/* Takes the next range of an `each` job; false if none is left. */
static bool take_range(pool *p, int64_t *begin, int64_t *end)
{
    const int64_t n = p->job.n;
    *begin = atomic_load_explicit(&p->next, memory_order_relaxed);
    do {
        if (*begin >= n) return false;
        int64_t items = (n - *begin) / (2 * (p->started + 1));
        if (items > p->job.grain) items = p->job.grain;
        *end = *begin + (items > 1 ? items : 1);
    } while (!atomic_compare_exchange_weak_explicit(&p->next, begin, *end, memory_order_relaxed, memory_order_relaxed));
    return true;
}

static void work(pool *p, int thread)
{
    const job *j = &p->job;
    const struct place outer = place;
    place = (struct place){.in_task = true, .team = j->team ? p : NULL};
    if (j->team) {
        j->team(j->arg, thread);
    } else {
        int64_t begin, end;
        while (take_range(p, &begin, &end)) j->each(j->arg, begin, end, thread);
    }
    place = outer;
}

static void each_serially(const job *j)
{
    for (int64_t begin = 0, end; begin < j->n; begin = end) {
        end = j->n - begin > j->grain ? begin + j->grain : j->n;
        j->each(j->arg, begin, end, 0);
    }
}

static void run_serially(const job *j)
{
    const struct place outer = place;
    place = (struct place){.in_task = true};
    if (j->team)
        j->team(j->arg, 0);
    else
        each_serially(j);
    place = outer;
}

static void run_on_all(pool *p, const job *j)
{
    const unsigned last = atomic_load(&p->dispatch.value);
    p->job = *j;
    atomic_store_explicit(&p->next, 0, memory_order_relaxed);
    atomic_store_explicit(&p->pending, p->started, memory_order_relaxed);
    event_raise(&p->dispatch, last + 1);
    work(p, 0);
    event_wait(&p->done, last, p->spin_ns);
}

static void *worker_main(void *arg)
{
    const worker *w = arg;
    pool *p = w->owner;
    for (unsigned seen = 0;;) {
        seen = event_wait(&p->dispatch, seen, p->spin_ns);
        if (!p->job.each && !p->job.team) return NULL;
        work(p, w->thread);
        if (atomic_fetch_sub(&p->pending, 1) == 1) event_raise(&p->done, seen);
    }
}

static job each_job(int64_t n, int64_t grain, each_task *task, void *arg)
{
    if (grain < 1) grain = 1;
    return (job){.each = task, .arg = arg, .n = n, .grain = grain < n ? grain : n};
}

static void pool_each(const attn_exec *exec, int64_t n, int64_t grain, each_task *task, void *arg)
{
    pool *p = exec->ctx;
    const job j = each_job(n, grain, task, arg);
    if (place.in_task || n <= 1 || p->started == 0) {
        run_serially(&j);
    } else {
        run_on_all(p, &j);
    }
}

static void pool_team(const attn_exec *exec, team_task *task, void *arg)
{
    pool *p = exec->ctx;
    const job j = {.team = task, .arg = arg};
    if (place.in_task || p->started == 0) {
        run_serially(&j);
    } else {
        run_on_all(p, &j);
    }
}

static void pool_barrier(const attn_exec *exec)
{
    pool *p = exec->ctx;
    if (place.team != p) return; /* a serial call is a team of one */
    const unsigned phase = atomic_load(&p->barrier.value);
    if (atomic_fetch_add(&p->arrived, 1) == p->started) {
        atomic_store(&p->arrived, 0);
        event_raise(&p->barrier, phase + 1);
    } else {
        event_wait(&p->barrier, phase, p->spin_ns);
    }
}

/* ---- processors ---------------------------------------------------------------------------------------------- */

/* The calling thread's affinity, in a set as large as the system needs; NULL where it cannot be read. */
static cpu_set_t *own_affinity(size_t *size)
{
    for (size_t processors = CPU_SETSIZE; processors <= 1 << 20; processors *= 2) {
        cpu_set_t *set = CPU_ALLOC(processors);
        if (!set) return NULL;
        *size = CPU_ALLOC_SIZE(processors);
        const int failed = pthread_getaffinity_np(pthread_self(), *size, set);
        if (!failed) return set;
        CPU_FREE(set);
        if (failed != EINVAL) return NULL;
    }
    return NULL;
}

/* Pins thread t to the t-th usable processor; further threads may run on all of them. */
static void pin_threads(pool *p)
{
    cpu_set_t *one = p->usable ? malloc(p->set_size) : NULL;
    if (!one) return;
    size_t cpu = 0;
    for (int t = 0; t <= p->started; t++) {
        while (cpu < 8 * p->set_size && !CPU_ISSET_S(cpu, p->set_size, p->usable)) cpu++;
        const bool spare = cpu >= 8 * p->set_size;
        CPU_ZERO_S(p->set_size, one);
        if (!spare) CPU_SET_S(cpu, p->set_size, one);
        const pthread_t id = t == 0 ? pthread_self() : p->worker[t - 1].id;
        const int failed = pthread_setaffinity_np(id, p->set_size, spare ? p->usable : one);
        if (!failed && !spare) p->pinned++;
        cpu++;
    }
    free(one);
}

/* Starts the workers with all signals from outside blocked, so that the caller's thread gets these. Returns 0 or an
 * errno. */
static int start_workers(pool *p, int threads)
{
    sigset_t blocked, before;
    sigfillset(&blocked);
    const int own_faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT};
    for (size_t i = 0; i < sizeof own_faults / sizeof *own_faults; i++) sigdelset(&blocked, own_faults[i]);
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    int failed = 0;
    for (int t = 1; t < threads && !failed; t++) {
        worker *w = &p->worker[t - 1];
        *w = (worker){.owner = p, .thread = t};
        failed = pthread_create(&w->id, NULL, worker_main, w);
        if (!failed) p->started++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

/* ---- pools -------------------------------------------------------------------------------------------------- */

pool *pool_new(int threads, char *reason, size_t reason_size)
{
    if (threads < 1) {
        snprintf(reason, reason_size, "a pool of %d threads: give 1 or more", threads);
        return NULL;
    }
    pool *p = aligned_alloc(LINE, sizeof *p);
    worker *workers = calloc((size_t)threads, sizeof *workers);
    if (!p || !workers) {
        snprintf(reason, reason_size, "no memory for a pool of %d threads", threads);
        free(workers);
        free(p);
        return NULL;
    }
    memset(p, 0, sizeof *p);
    p->worker = workers;
    event_init(&p->dispatch);
    event_init(&p->done);
    event_init(&p->barrier);
    p->exec = (attn_exec){.size = sizeof(attn_exec),
                          .threads = (uint32_t)threads,
                          .ctx = p,
                          .each = pool_each,
                          .team = pool_team,
                          .barrier = pool_barrier};

    /* The affinity of a thread that another pool has pinned is one processor; that pool knows all of them. */
    p->before = own_affinity(&p->set_size);
    p->usable = p->before ? malloc(p->set_size) : NULL;
    const bool nested = pinned_by && pinned_by->usable && pinned_by->set_size == p->set_size;
    if (p->usable) memcpy(p->usable, nested ? pinned_by->usable : p->before, p->set_size);
    p->outer = pinned_by;
    const int processors = p->usable ? CPU_COUNT_S(p->set_size, p->usable) : 0;
    p->spin_ns = threads <= processors ? SPIN_NS : 0;

    const int failed = start_workers(p, threads);
    pinned_by = p;
    if (failed) {
        snprintf(reason, reason_size,
                 "thread %d of %d could not be started (%s): ask for fewer threads or raise ulimit -u", p->started + 1,
                 threads, strerror(failed));
        pool_free(p);
        return NULL;
    }
    pin_threads(p);
    return p;
}

void pool_free(pool *p)
{
    if (!p) return;
    p->job = (job){0};
    event_raise(&p->dispatch, atomic_load(&p->dispatch.value) + 1);
    for (int t = 0; t < p->started; t++) pthread_join(p->worker[t].id, NULL);
    if (p->before) pthread_setaffinity_np(pthread_self(), p->set_size, p->before);
    pinned_by = p->outer;
    event_destroy(&p->dispatch);
    event_destroy(&p->done);
    event_destroy(&p->barrier);
    CPU_FREE(p->before);
    free(p->usable);
    free(p->worker);
    free(p);
}

const attn_exec *pool_exec(const pool *p) { return &p->exec; }

int pool_pinned(const pool *p) { return p->pinned; }

static void note_thread(void *arg, int thread)
{
    pid_t *const id = arg;
    id[thread] = (pid_t)syscall(SYS_gettid);
}

void pool_thread_ids(const attn_exec *exec, pid_t *out) { exec->team(exec, note_thread, out); }

/* ---- one thread ------------------------------------------------------------------------------------------------ */

static void serial_each(const attn_exec *exec, int64_t n, int64_t grain, each_task *task, void *arg)
{
    (void)exec;
    const job j = each_job(n, grain, task, arg);
    each_serially(&j);
}

static void serial_team(const attn_exec *exec, team_task *task, void *arg)
{
    (void)exec;
    task(arg, 0);
}

static void serial_barrier(const attn_exec *exec) { (void)exec; }

const attn_exec *exec_serial(void)
{
    static const attn_exec serial = {
        .size = sizeof(attn_exec), .threads = 1, .each = serial_each, .team = serial_team, .barrier = serial_barrier};
    return &serial;
}
