/* test_cache_state.c: copies in rotation are the inputs and lie apart, views stay views; what is flushed is every line
 * of a call; and nothing of it is in the time that Google Benchmark reports. That what was flushed is slow to read,
 * only a real clock can tell (real_clock.c). */
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
#include "machine/machine.h"
#include "machine/pool.h"
#include "run/cache_state.h"

#include <math.h>
#include <time.h>

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

/* Where lines were flushed: the bytes of one buffer after the other. */
typedef struct seen {
    const unsigned char *begin[ATTN_SLOTS + 2];
    size_t bytes[ATTN_SLOTS + 2];
    unsigned char *flushed[ATTN_SLOTS + 2];
    int buffers, elsewhere;
} seen;

static void watch(seen *s, const void *begin, size_t bytes)
{
    s->begin[s->buffers] = begin;
    s->bytes[s->buffers] = bytes;
    s->flushed[s->buffers] = calloc(bytes, 1);
    assert_non_null(s->flushed[s->buffers++]);
}

static void see(void *ctx, const void *at)
{
    seen *s = ctx;
    for (int i = 0; i < s->buffers; i++) {
        const uintptr_t offset = (uintptr_t)at - (uintptr_t)s->begin[i];
        if (offset >= s->bytes[i]) continue;
        s->flushed[i][offset] = 1;
        return;
    }
    s->elsewhere++;
}

/* Inputs, outputs, workspace, packed copy: from the first line to the last, no two looks further apart than a line. */
static void every_line_of_a_call_is_flushed(void **state)
{
    (void)state;
    enum { ROOM = 4096 };
    static _Alignas(64) unsigned char workspace[ROOM], packed[ROOM];
    const size_t line = machine_facts_get()->line > 0 ? (size_t)machine_facts_get()->line : 16;
    instance in;
    workload w;
    seen s = {.buffers = 0};
    fill(&in, &w, "b=2,hkv=1,h=2,q=16,k=333,d=24,lens=9:333");
    call c = call_of(&in);
    c.workspace = workspace;
    c.shared = packed;
    c.plan = (attn_plan){.workspace_bytes = 1000, .shared_bytes = 1030};
    for (int slot = 0; slot < ATTN_SLOTS; slot++)
        if (in.slot[slot].type != ATTN_ABSENT && in.map[slot].base) watch(&s, in.map[slot].begin, in.map[slot].bytes);
    assert_true(s.buffers >= 5); /* Q K V O and the lengths */
    watch(&s, workspace, (size_t)ATTN_WORKSPACE_STRIDE(&c.plan));
    watch(&s, packed, 1030);
    residency_each_line(&in, &c, see, &s);
    assert_int_equal(s.elsewhere, 0);
    for (int i = 0; i < s.buffers; i++) {
        size_t since = 0;
        assert_true(s.flushed[i][0] && s.flushed[i][s.bytes[i] - 1]);
        for (size_t at = 0; at < s.bytes[i]; at++) {
            since = s.flushed[i][at] ? 0 : since + 1;
            assert_true(since < line);
        }
        free(s.flushed[i]);
    }
    instance_free(&in);
    workload_free(&w);
}

/* ---- in the benchmark ------------------------------------------------------------------------------------------ */

/* A call takes 100 us and what comes before it 2 ms, by a clock of their own. */
typedef struct paced {
    int calls, befores;
    bool order_held;
    double clock, processor; /* seconds; those of the processor before calls */
} paced;

static double processor_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double paced_now(void *ctx) { return ((paced *)ctx)->clock; }

static void before(void *ctx)
{
    paced *p = ctx;
    const double begin = processor_seconds();
    volatile double x = 1;
    p->order_held = p->order_held && p->befores == p->calls;
    p->befores++;
    p->clock += 2e-3;
    for (int i = 0; i < 2000000; i++) x = x * 1.0000001;
    p->processor += processor_seconds() - begin;
}

static double call_it(void *ctx)
{
    paced *p = ctx;
    p->calls++;
    p->order_held = p->order_held && p->befores == p->calls;
    p->clock += 100e-6;
    return 0;
}

static double after_key(const char *json, const char *key)
{
    const char *at = strstr(json, key);
    assert_non_null(at);
    return strtod(at + strlen(key), NULL);
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
                           .now = paced_now,
                           .ctx = &p,
                           .operations = 1e6};
    const double begin = processor_seconds();
    gbench_run(g, &c, 1, NULL);
    const double processor = processor_seconds() - begin;
    const char *json = gbench_json(g);
    assert_non_null(strstr(json, "\"name\": \"k/w/cold/threads:1\""));
    assert_true(fabs(after_key(json, "\"real_time\": ") / 100e3 - 1) < 1e-6);
    assert_int_equal(p.calls, 10); /* 20 ms of calls that take 2.1 ms with what comes before them */
    /* What was counted on the processor is a part of the run, and no part of what came before. */
    assert_true(1e-9 * p.calls * after_key(json, "\"cpu_time\": ") <= processor - p.processor);
    assert_true(p.order_held);
    gbench_close(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_are_copies_and_come_round),     cmocka_unit_test(a_view_of_k_stays_one),
        cmocka_unit_test(what_exceeds_the_caches_is_one_set), cmocka_unit_test(every_line_of_a_call_is_flushed),
        cmocka_unit_test(what_comes_before_is_not_timed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
