/* scripted_exec.c: each as a list of ranges; team needs all its threads at once and gets a pool. */
#include "scripted_exec.h"

#include <stdlib.h>
#include <unistd.h>

typedef void each_task(void *arg, int64_t begin, int64_t end, int thread);
typedef void team_task(void *arg, int thread);

enum { delay_us = 300 }; /* many times what a small task takes */

const char *exec_order_name(exec_order order)
{
    static const char *const names[] = {"ascending", "reversed", "shuffled", "delayed"};
    return names[order];
}

/* A step of the generator of Knuth's MMIX; its upper bits are good enough to shuffle by. */
static uint64_t draw(exec_script *s, uint64_t below)
{
    s->random = s->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (s->random >> 33) % below;
}

static pool *threads_of(exec_script *s)
{
    char reason[160];
    if (!s->threads) s->threads = pool_new((int)s->exec.threads, reason, sizeof reason);
    if (!s->threads) s->unable = true;
    return s->threads;
}

/* ---- late threads ---------------------------------------------------------------------------------------------- */

typedef struct late {
    each_task *each;
    team_task *team;
    void *arg;
} late;

static void each_late(void *arg, int64_t begin, int64_t end, int thread)
{
    const late *l = arg;
    if (begin == 0) usleep(delay_us);
    l->each(l->arg, begin, end, thread);
}

static void team_late(void *arg, int thread)
{
    const late *l = arg;
    if (thread == 0) usleep(delay_us);
    l->team(l->arg, thread);
}

/* ---- the exec -------------------------------------------------------------------------------------------------- */

static void run_range(exec_script *s, int64_t range, int64_t n, int64_t grain, each_task *task, void *arg, int thread)
{
    const int64_t begin = range * grain;
    s->inside = true;
    task(arg, begin, n - begin > grain ? begin + grain : n, thread);
    s->inside = false;
}

/* Fisher and Yates; NULL where memory is short. */
static int64_t *shuffled(exec_script *s, int64_t count)
{
    int64_t *order = malloc((size_t)count * sizeof *order);
    for (int64_t i = 0; order && i < count; i++) {
        const int64_t j = (int64_t)draw(s, (uint64_t)i + 1);
        order[i] = order[j];
        order[j] = i;
    }
    return order;
}

static void script_each(const attn_exec *exec, int64_t n, int64_t grain, each_task *task, void *arg)
{
    exec_script *s = exec->ctx;
    if (n <= 0) return;
    if (grain < 1) grain = 1;
    const int64_t ranges = (n - 1) / grain + 1, workers = exec->threads;
    if (s->inside) {
        for (int64_t r = 0; r < ranges; r++) task(arg, r * grain, r + 1 < ranges ? (r + 1) * grain : n, 0);
    } else if (s->order == ORDER_DELAYED) {
        late l = {.each = task, .arg = arg};
        pool *threads = threads_of(s);
        if (threads) pool_exec(threads)->each(pool_exec(threads), n, grain, each_late, &l);
    } else if (s->order == ORDER_SHUFFLED) {
        int64_t *order = shuffled(s, ranges);
        if (!order) s->unable = true;
        for (int64_t i = 0; order && i < ranges; i++)
            run_range(s, order[i], n, grain, task, arg, (int)draw(s, (uint64_t)workers));
        free(order);
    } else {
        for (int64_t i = 0; i < ranges; i++) {
            const int64_t r = s->order == ORDER_REVERSED ? ranges - 1 - i : i;
            run_range(s, r, n, grain, task, arg, (int)(r % workers));
        }
    }
}

static void script_team(const attn_exec *exec, team_task *task, void *arg)
{
    exec_script *s = exec->ctx;
    if (s->inside) {
        task(arg, 0);
        return;
    }
    late l = {.team = task, .arg = arg};
    pool *threads = threads_of(s);
    if (!threads) return;
    pool_exec(threads)->team(pool_exec(threads), s->order == ORDER_DELAYED ? team_late : task,
                             s->order == ORDER_DELAYED ? (void *)&l : arg);
}

static void script_barrier(const attn_exec *exec)
{
    const exec_script *s = exec->ctx;
    if (s->threads) pool_exec(s->threads)->barrier(pool_exec(s->threads));
}

void exec_script_open(exec_script *out, exec_order order, int workers)
{
    *out = (exec_script){.order = order, .random = 1};
    out->exec = (attn_exec){.size = sizeof(attn_exec),
                            .threads = (uint32_t)workers,
                            .ctx = out,
                            .each = script_each,
                            .team = script_team,
                            .barrier = script_barrier};
}

void exec_script_close(exec_script *s) { pool_free(s->threads); }
