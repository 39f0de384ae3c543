/* test_residency.c: copies in rotation are the inputs and lie apart, views stay views; what was flushed is slow to read;
 * and nothing of it is in the time that Google Benchmark reports. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "run/call.h"
#include "bench/gbench.h"
#include "tensors/instance.h"
#include "machine/pool.h"
#include "run/residency.h"
#include "util/status.h"

#include <math.h>

static void fill(instance *in, workload *w, const char *spec)
{
    char reason[512] = "";
    if (!workload_parse(spec, NULL, w, reason, sizeof reason)) fail_msg("%s", reason);
    assert_true(instance_describe(in, w, INPUT_NORMAL, 1, reason, sizeof reason));
    assert_true(instance_fill(in, reason, sizeof reason));
}

static call call_of(const instance *in)
{
    call c = {.exec = exec_serial()};
    memcpy(c.slot, in->slot, sizeof in->slot);
    return c;
}

static void sets_are_copies_and_come_round(void **state)
{
    (void)state;
    instance in;
    workload w;
    rotation r;
    char reason[256], text[96];
    fill(&in, &w, "b=2,h=2,q=8,k=32,d=16,lens=9:32");
    call c = call_of(&in);
    const size_t keys = 2 * 2 * 32 * 16 * sizeof(float);
    assert_true(rotation_make(&r, &in, 10.0 * 1e6, reason, sizeof reason));
    assert_true(r.sets > 1 && (double)r.bytes >= 10e6 && (double)(r.bytes - r.set_bytes) < 10e6);
    const void *first = NULL, *last = in.slot[ATTN_K].data;
    for (int64_t turn = 0; turn < r.sets; turn++) {
        rotation_turn(&r, &c);
        if (turn == 0) first = c.slot[ATTN_K].data;
        assert_ptr_not_equal(c.slot[ATTN_K].data, last);
        if (turn) assert_ptr_not_equal(c.slot[ATTN_K].data, first);
        last = c.slot[ATTN_K].data;
        assert_memory_equal(c.slot[ATTN_K].data, in.slot[ATTN_K].data, keys);
        assert_memory_equal(c.slot[ATTN_KEY_LENGTHS].data, in.slot[ATTN_KEY_LENGTHS].data, 2 * sizeof(int64_t));
        assert_ptr_equal(c.slot[ATTN_O].data, in.slot[ATTN_O].data); /* outputs stay */
        /* The same place in a line, or alignment would change with the turn. */
        assert_int_equal((uintptr_t)c.slot[ATTN_Q].data % 64, (uintptr_t)in.slot[ATTN_Q].data % 64);
    }
    rotation_turn(&r, &c);
    assert_ptr_equal(c.slot[ATTN_K].data, first);
    residency_describe(RESIDENCY_ROTATED, &r, text, sizeof text);
    assert_non_null(strstr(text, "rotated over "));
    rotation_free(&r);
    instance_free(&in);
    workload_free(&w);
}

static void a_view_of_k_stays_one(void **state)
{
    (void)state;
    instance in;
    workload w;
    rotation r;
    char reason[256];
    fill(&in, &w, "h=2,hkv=1,q=1,k=32,d=24,dv=16,v_in_k=1");
    call c = call_of(&in);
    assert_true(rotation_make(&r, &in, 1e6, reason, sizeof reason));
    for (int turn = 0; turn < 3; turn++) {
        rotation_turn(&r, &c);
        assert_ptr_equal(c.slot[ATTN_V].data, c.slot[ATTN_K].data);
    }
    rotation_free(&r);
    instance_free(&in);
    workload_free(&w);
}

static void what_exceeds_the_caches_is_one_set(void **state)
{
    (void)state;
    instance in;
    workload w;
    rotation r;
    char reason[256];
    fill(&in, &w, "h=1,q=64,k=512,d=64");
    call c = call_of(&in);
    assert_true(rotation_make(&r, &in, 1000, reason, sizeof reason));
    assert_int_equal(r.sets, 1);
    rotation_turn(&r, &c);
    assert_ptr_equal(c.slot[ATTN_K].data, in.slot[ATTN_K].data);
    rotation_free(&r);
    instance_free(&in);
    workload_free(&w);
    assert_true(rotation_wanted() >= 1 << 20);
}

/* Seconds to read all of K once, a word a line. */
static double read_keys(const instance *in)
{
    const volatile float *const k = in->slot[ATTN_K].data;
    float sum = 0;
    const double begin = clock_seconds();
    for (int64_t i = 0; i < in->slot[ATTN_K].extent[2] * in->slot[ATTN_K].extent[3]; i += 16) sum += k[i];
    const double seconds = clock_seconds() - begin;
    return sum < INFINITY ? seconds : 0;
}

static void what_was_flushed_is_slow_to_read(void **state)
{
    (void)state;
    instance in;
    workload w;
    char reason[256];
    double hot = INFINITY, cold = INFINITY;
    if (getenv("ATTNBENCH_EMULATED")) skip(); /* an emulator has no caches */
    if (!residency_possible(RESIDENCY_COLD, reason, sizeof reason)) skip();
    fill(&in, &w, "h=1,q=16,k=512,d=64"); /* 128 KB of keys */
    const call c = call_of(&in);
    for (int i = 0; i < 50; i++) {
        residency_evict(&in, &c);
        cold = fmin(cold, read_keys(&in));
        hot = fmin(hot, read_keys(&in));
    }
    assert_true(cold > 1.5 * hot);
    instance_free(&in);
    workload_free(&w);
}

/* ---- in the benchmark ------------------------------------------------------------------------------------------ */

typedef struct paced {
    int calls, befores;
    bool order_held;
} paced;

static void spin(double seconds)
{
    const double until = clock_seconds() + seconds;
    while (clock_seconds() < until) {
    }
}

static void before(void *ctx)
{
    paced *p = ctx;
    p->order_held = p->order_held && p->befores == p->calls;
    p->befores++;
    spin(2e-3);
}

static double call_it(void *ctx)
{
    paced *p = ctx;
    p->calls++;
    p->order_held = p->order_held && p->befores == p->calls;
    spin(100e-6);
    return 0;
}

static void what_comes_before_is_not_timed(void **state)
{
    (void)state;
    char reason[512], repetitions[] = "--benchmark_repetitions=1", min_time[] = "--benchmark_min_time=0.02";
    char *flags[] = {repetitions, min_time};
    paced p = {.order_held = true};
    gbench *g = gbench_open(2, flags, 0, NULL, true, reason, sizeof reason);
    assert_non_null(g);
    const gbench_case c = {.name = "k/w/cold/threads:1",
                           .label = "spec",
                           .threads = 1,
                           .call = call_it,
                           .before = before,
                           .seconds_with_before = 2.1e-3,
                           .ctx = &p,
                           .operations = 1e6};
    gbench_run(g, &c, 1, NULL);
    const char *json = gbench_json(g);
    assert_non_null(strstr(json, "\"name\": \"k/w/cold/threads:1\""));
    const char *time = strstr(json, "\"real_time\": "), *cpu = strstr(json, "\"cpu_time\": ");
    assert_non_null(time);
    const double ns = strtod(time + strlen("\"real_time\": "), NULL);
    assert_true(ns >= 100e3 && ns < 1e6); /* of which 2 ms would be 20 times too much */
    assert_true(strtod(cpu + strlen("\"cpu_time\": "), NULL) < 1e6);
    assert_true(p.order_held);
    assert_int_equal(p.calls, 10); /* 20 ms of calls that take 2.1 ms with what comes before them */
    gbench_close(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_are_copies_and_come_round),     cmocka_unit_test(a_view_of_k_stays_one),
        cmocka_unit_test(what_exceeds_the_caches_is_one_set), cmocka_unit_test(what_was_flushed_is_slow_to_read),
        cmocka_unit_test(what_comes_before_is_not_timed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
