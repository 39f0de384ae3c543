/* Scripted execs: every range comes once, whatever the order and the number of workers; the order is the one that was
 * asked for; calls from inside a task run serially; teams meet at their barrier. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdatomic.h>
#include <string.h>

#include "run/scripted_exec.h"

enum { ITEMS = 101, GRAIN = 4, RANGES = 26 };

typedef struct seen {
    const attn_exec *exec;
    atomic_int item[ITEMS], worker[64];
    atomic_int count, together;
    int64_t order[ITEMS];
} seen;

static void note(void *arg, int64_t begin, int64_t end, int thread)
{
    seen *s = arg;
    assert_true(thread >= 0 && thread < (int)s->exec->threads);
    assert_true(end > begin && end - begin <= GRAIN);
    s->order[atomic_fetch_add(&s->count, 1)] = begin;
    atomic_fetch_add(&s->worker[thread], 1);
    for (int64_t i = begin; i < end; i++) atomic_fetch_add(&s->item[i], 1);
}

static void run(exec_order order, int workers, seen *s)
{
    exec_script script;
    memset(s, 0, sizeof *s);
    exec_script_open(&script, order, workers);
    s->exec = &script.exec;
    assert_int_equal(script.exec.threads, workers);
    script.exec.each(&script.exec, ITEMS, GRAIN, note, s);
    assert_false(script.unable);
    exec_script_close(&script);
    assert_true(s->count >= RANGES); /* of threads, the last ones are shorter */
    for (int i = 0; i < ITEMS; i++) assert_int_equal(s->item[i], 1);
}

static void every_item_comes_once(void **state)
{
    (void)state;
    static const int workers[] = {1, 2, 3, 5, 7, 64};
    seen s;
    for (int order = 0; order < EXEC_ORDERS; order++)
        for (size_t i = 0; i < sizeof workers / sizeof *workers; i++) run((exec_order)order, workers[i], &s);
}

static void the_order_is_kept(void **state)
{
    (void)state;
    seen s;
    run(ORDER_ASCENDING, 3, &s);
    assert_int_equal(s.count, RANGES);
    for (int i = 0; i < RANGES; i++) assert_int_equal(s.order[i], i * GRAIN);
    assert_int_equal(s.worker[0], 9);
    assert_int_equal(s.worker[2], 8);
    run(ORDER_REVERSED, 3, &s);
    for (int i = 0; i < RANGES; i++) assert_int_equal(s.order[i], (RANGES - 1 - i) * GRAIN);
    run(ORDER_SHUFFLED, 3, &s);
    int in_place = 0, moved_workers = 0;
    for (int i = 0; i < RANGES; i++) in_place += s.order[i] == i * GRAIN;
    for (int w = 0; w < 3; w++) moved_workers += s.worker[w] > 0;
    assert_true(in_place < RANGES / 2);
    assert_int_equal(moved_workers, 3);
}

static void inner(void *arg, int64_t begin, int64_t end, int thread)
{
    seen *s = arg;
    assert_int_equal(thread, 0);
    for (int64_t i = begin; i < end; i++) atomic_fetch_add(&s->item[i], 1);
}

static void outer(void *arg, int64_t begin, int64_t end, int thread)
{
    seen *s = arg;
    (void)begin, (void)end, (void)thread;
    s->exec->each(s->exec, ITEMS, GRAIN, inner, s);
}

static void nested_calls_run_serially(void **state)
{
    (void)state;
    for (int order = 0; order < EXEC_ORDERS; order++) {
        exec_script script;
        seen s;
        memset(&s, 0, sizeof s);
        exec_script_open(&script, (exec_order)order, 3);
        s.exec = &script.exec;
        script.exec.each(&script.exec, 2, 1, outer, &s);
        exec_script_close(&script);
        for (int i = 0; i < ITEMS; i++) assert_int_equal(s.item[i], 2);
    }
}

static void meet(void *arg, int thread)
{
    seen *s = arg;
    atomic_fetch_add(&s->worker[thread], 1);
    atomic_fetch_add(&s->count, 1);
    s->exec->barrier(s->exec);
    if (s->count == (int)s->exec->threads) atomic_fetch_add(&s->together, 1);
}

static void teams_meet(void **state)
{
    (void)state;
    for (int order = 0; order < EXEC_ORDERS; order++) {
        exec_script script;
        seen s;
        memset(&s, 0, sizeof s);
        exec_script_open(&script, (exec_order)order, 5);
        s.exec = &script.exec;
        script.exec.team(&script.exec, meet, &s);
        exec_script_close(&script);
        assert_int_equal(s.together, 5);
        for (int t = 0; t < 5; t++) assert_int_equal(s.worker[t], 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_item_comes_once),
        cmocka_unit_test(the_order_is_kept),
        cmocka_unit_test(nested_calls_run_serially),
        cmocka_unit_test(teams_meet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
