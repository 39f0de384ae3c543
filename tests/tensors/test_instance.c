/* test_instance.c: tensors lie where they should, faults and canaries catch strays, and metadata says what the
 * workload says. */
#include "tensors/inputs.h"
#include "instance_fixture.h"

#include <math.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- memory ---------------------------------------------------------------------------------------------------- */

static void assert_layout(const subject *s, int slot, const int64_t extent[4], const int64_t stride[4])
{
    const attn_tensor *t = &s->in.slot[slot];
    for (int axis = 0; axis < 4; axis++)
        if (t->extent[axis] != extent[axis] || t->stride[axis] != stride[axis])
            fail_msg("%s axis %d: extent %ld stride %ld", attn_slot_name(slot), axis, (long)t->extent[axis],
                     (long)t->stride[axis]);
}
#define LAYOUT(s, slot, e0, e1, e2, e3, s0, s1, s2, s3)                                                                \
    assert_layout(s, slot, (int64_t[]){e0, e1, e2, e3}, (int64_t[]){s0, s1, s2, s3})

static void test_layouts(void **state)
{
    (void)state;
    subject *s = make("b=2,h=6,hkv=3,q=5,k=7,d=4,dv=2", INPUT_NORMAL, 1);
    LAYOUT(s, ATTN_Q, 2, 6, 5, 4, 120, 20, 4, 1);
    LAYOUT(s, ATTN_K, 2, 3, 7, 4, 84, 28, 4, 1);
    LAYOUT(s, ATTN_V, 2, 3, 7, 2, 42, 14, 2, 1);
    LAYOUT(s, ATTN_O, 2, 6, 5, 2, 60, 10, 2, 1);
    LAYOUT(s, ATTN_LSE, 2, 6, 5, 1, 30, 5, 1, 1);
    LAYOUT(s, ATTN_WEIGHTS, 2, 6, 5, 7, 210, 35, 7, 1);
    drop(s);
    s = make("b=2,h=6,hkv=3,q=5,k=7,d=4,dv=2,layout=bshd,row_pad=1", INPUT_NORMAL, 1);
    LAYOUT(s, ATTN_Q, 2, 6, 5, 4, 150, 5, 30, 1);
    LAYOUT(s, ATTN_K, 2, 3, 7, 4, 105, 5, 15, 1);
    LAYOUT(s, ATTN_V, 2, 3, 7, 2, 63, 3, 9, 1);
    LAYOUT(s, ATTN_O, 2, 6, 5, 2, 90, 3, 18, 1);
    drop(s);
    s = make("b=2,h=2,hkv=1,q=5,k=7,d=4,dv=2,v_in_k=1,kv_cap=10", INPUT_NORMAL, 1);
    LAYOUT(s, ATTN_K, 2, 1, 7, 4, 40, 40, 4, 1);
    LAYOUT(s, ATTN_V, 2, 1, 7, 2, 40, 40, 4, 1);
    assert_ptr_equal(s->in.slot[ATTN_V].data, s->in.slot[ATTN_K].data);
    assert_null(s->in.map[ATTN_V].base);
    drop(s);
    s = make("b=2,h=4,hkv=2,q=4,k=9,d=8,ragged=1,lens=9+5,q_lens=1+4,mask=causal,q_pos=end", INPUT_NORMAL, 1);
    LAYOUT(s, ATTN_Q, 2, 4, 5, 8, 0, 40, 8, 1);
    LAYOUT(s, ATTN_K, 2, 2, 14, 8, 0, 112, 8, 1);
    drop(s);
    s = make("b=2,h=4,hkv=2,q=1,k=9,d=8,page=4,lens=9+5", INPUT_NORMAL, 1);
    LAYOUT(s, ATTN_K, 6, 2, 4, 8, 64, 32, 8, 1);
    LAYOUT(s, ATTN_PAGES, 2, 1, 3, 1, 3, 6, 1, 1);
    drop(s);
    s = make("b=2,h=4,hkv=2,q=3,k=9,d=8,kv_dtype=i8,bias=2", INPUT_NORMAL, 1);
    LAYOUT(s, ATTN_K_SCALES, 2, 2, 9, 8, 18, 9, 1, 0);
    LAYOUT(s, ATTN_BIAS, 2, 4, 3, 9, 0, 27, 9, 1);
    drop(s);
    s = make("b=2,h=4,hkv=2,q=3,k=9,d=8,dv=4,channel_stride=2,row_pad=1", INPUT_NORMAL, 1);
    LAYOUT(s, ATTN_Q, 2, 4, 3, 8, 204, 51, 17, 2);
    LAYOUT(s, ATTN_V, 2, 2, 9, 4, 162, 81, 9, 2);
    LAYOUT(s, ATTN_O, 2, 4, 3, 4, 60, 15, 5, 1);
    assert_true(isnan(((const float *)s->in.slot[ATTN_K].data)[1])); /* what lies between channels is nobody's */
    drop(s);
}

static void test_alignment(void **state)
{
    (void)state;
    static const char *const lines[] = {"h=2,q=5,d=7", "h=2,q=5,d=7,align=4", "h=2,q=5,d=7,align=60",
                                        "h=2,q=5,d=7,dtype=f16,align=34", "h=1,q=64,d=16,align=20"};
    static const uintptr_t offsets[] = {0, 4, 60, 34, 20};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        subject *s = make(lines[i], INPUT_NORMAL, 1);
        for (int slot = ATTN_Q; slot <= ATTN_O; slot++) {
            const mapping *map = &s->in.map[slot];
            const attn_tensor *t = &s->in.slot[slot];
            const unsigned char *data = t->data;
            const ptrdiff_t size = (ptrdiff_t)((size_t)(2 * 5 * 7) * attn_type_size(t->type));
            assert_int_equal((uintptr_t)data % 64, offsets[i]);
            assert_true(data >= map->begin);
            if (i < 4) assert_true(map->begin + map->bytes - (data + size) < 64); /* near the rear guard page */
        }
        drop(s);
    }
}

static unsigned char *probe_at;
static bool probe_writes;

/* Does touching probe_at kill a child? */
static bool faults(unsigned char *at, bool write)
{
    probe_at = at;
    probe_writes = write;
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        signal(SIGSEGV, SIG_DFL);
        signal(SIGBUS, SIG_DFL);
        volatile unsigned char *const p = probe_at;
        if (probe_writes)
            *p = 1;
        else
            (void)*p;
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && (WTERMSIG(status) == SIGSEGV || WTERMSIG(status) == SIGBUS);
}

static void test_guard_pages(void **state)
{
    (void)state;
    subject *s = make("b=1,h=2,q=8,k=24,d=32,lens=20", INPUT_NORMAL,
                      1); /* all sizes multiples of 64 bytes, but LSE and lengths */
    for (int slot = 0; slot < ATTN_SLOTS; slot++) {
        const mapping *const map = &s->in.map[slot];
        if (!map->base) continue;
        assert_true(faults(map->begin - 1, false));
        assert_true(faults(map->begin + map->bytes, false));
        assert_false(faults(map->begin, false));
        assert_false(faults(map->begin + map->bytes - 1, true));
    }
    for (int slot = ATTN_Q; slot <= ATTN_O; slot++) {
        const attn_tensor *const t = &s->in.slot[slot];
        unsigned char *const end =
            (unsigned char *)t->data + t->extent[0] * t->extent[1] * t->extent[2] * t->extent[3] * 4;
        assert_false(faults(end - 1, false));
        assert_true(faults(end, false));
    }
    drop(s);
}

static void test_protection(void **state)
{
    (void)state;
    subject *s = make("b=2,h=2,q=3,k=4,d=8,lens=4+2,bias=1,mask=causal,q_pos=end", INPUT_NORMAL, 1);
    instance_protect(&s->in, true);
    for (int slot = 0; slot < ATTN_SLOTS; slot++) {
        if (!s->in.slot[slot].data) continue;
        const bool output = slot == ATTN_O || slot == ATTN_LSE || slot == ATTN_WEIGHTS;
        if (faults(s->in.slot[slot].data, true) == output) fail_msg("%s", attn_slot_name(slot));
        assert_false(faults(s->in.slot[slot].data, false));
    }
    instance_protect(&s->in, false);
    for (int slot = 0; slot < ATTN_SLOTS; slot++)
        if (s->in.slot[slot].data) assert_false(faults(s->in.slot[slot].data, true));
    drop(s);
}

/* The parent sees what a child wrote: the judge lives of it. */
static void test_shared_with_children(void **state)
{
    (void)state;
    subject *s = make("h=1,q=2,d=4", INPUT_NORMAL, 1);
    float *const o = s->in.slot[ATTN_O].data;
    const pid_t child = fork();
    if (child == 0) {
        o[3] = 42;
        _exit(0);
    }
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_true(o[3] == 42);
    drop(s);
}

/* Writes every element of every output that a kernel may write. */
static void write_outputs(const subject *s)
{
    static const int outputs[] = {ATTN_O, ATTN_LSE, ATTN_WEIGHTS};
    const attn_args args = all(s);
    for (size_t o = 0; o < sizeof outputs / sizeof outputs[0]; o++) {
        const attn_tensor *t = &s->in.slot[outputs[o]];
        const int64_t *const starts = s->in.slot[ATTN_QUERY_STARTS].data;
        for (int64_t b = 0; b < t->extent[0]; b++)
            for (int64_t h = 0; h < t->extent[1]; h++)
                for (int64_t i = 0; i < attn_query_count(&s->in.problem, &args, b); i++)
                    for (int64_t c = 0; c < t->extent[3]; c++)
                        ((float *)t->data)[b * t->stride[0] + h * t->stride[1] +
                                           ((starts ? starts[b] : 0) + i) * t->stride[2] + c] = 1;
    }
}

static const char *const canary_lines[] = {
    "b=2,h=3,q=5,k=6,d=8,dv=7",
    "b=2,h=3,q=5,k=6,d=8,row_pad=3",
    "b=2,h=3,q=5,k=6,d=8,row_pad=1,channel_stride=2",
    "b=2,h=3,q=5,k=6,d=8,layout=bshd,row_pad=2,align=12",
    "b=2,h=2,q=5,k=6,d=8,q_lens=5+2",
    "b=2,h=2,q=5,k=6,d=8,q_lens=5+2,ragged=1",
    "b=2,h=2,q=5,k=6,d=8,q_lens=0,layout=bshd",
    "h=2,q=3,k=0,d=8",
    "h=2,q=3,k=0,d=8,page=4",
};

static void test_canaries_hold(void **state)
{
    (void)state;
    int slot;
    for (size_t i = 0; i < sizeof canary_lines / sizeof canary_lines[0]; i++) {
        subject *s = make(canary_lines[i], INPUT_NORMAL, 1);
        assert_true(instance_canaries_hold(&s->in, 0x7fc0dead, &slot)); /* filling poisons the outputs */
        static const uint32_t patterns[] = {0x7fc0dead, 0x7149f2ca, 0};
        for (int p = 0; p < 3; p++) {
            instance_poison(&s->in, patterns[p]);
            write_outputs(s);
            if (!instance_canaries_hold(&s->in, patterns[p], &slot))
                fail_msg("%s: %s", canary_lines[i], attn_slot_name(slot));
        }
        drop(s);
    }
}

/* Every byte of every output's mapping is either an element or watched. */
static void test_canaries_see_every_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof canary_lines / sizeof canary_lines[0]; i++) {
        subject *s = make(canary_lines[i], INPUT_NORMAL, 1);
        static const int outputs[] = {ATTN_O, ATTN_LSE, ATTN_WEIGHTS};
        for (size_t o = 0; o < sizeof outputs / sizeof outputs[0]; o++) {
            const mapping *const map = &s->in.map[outputs[o]];
            instance_poison(&s->in, 0);
            write_outputs(s);
            unsigned char *const written = malloc(map->bytes);
            assert_non_null(written);
            memcpy(written, map->begin, map->bytes);
            for (size_t at = 0; at < map->bytes; at++) {
                const size_t word = at / 4 * 4; /* 1.0f is 00 00 80 3f: a word with 0x3f is an element */
                const bool is_element = written[word + 3] == 0x3f;
                int slot = -1;
                map->begin[at] ^= 0xa5;
                const bool held = instance_canaries_hold(&s->in, 0, &slot);
                map->begin[at] ^= 0xa5;
                if (held != is_element || (!held && slot != outputs[o]))
                    fail_msg("%s: %s byte %zu of %zu", canary_lines[i], attn_slot_name(outputs[o]), at, map->bytes);
            }
            free(written);
        }
        drop(s);
    }
}

/* What no row owns holds NaN in inputs, so that reading it shows. */
static void test_gaps_of_inputs(void **state)
{
    (void)state;
    subject *s = make("b=2,h=2,q=3,k=5,d=8,row_pad=2,kv_cap=9", INPUT_NORMAL, 1);
    const attn_tensor *k = &s->in.slot[ATTN_K];
    const float *data = k->data;
    for (int64_t h = 0; h < 2; h++)
        for (int64_t j = 0; j < 9; j++)
            for (int64_t c = 0; c < 10; c++) {
                if (h == 1 && (j > 4 || (j == 4 && c > 7))) continue; /* the last head ends with its last row */
                assert_int_equal(isnan(data[h * k->stride[1] + j * k->stride[2] + c]), j > 4 || c > 7);
            }
    for (const float *at = (const float *)(const void *)s->in.map[ATTN_K].begin; at < data; at++)
        assert_true(isnan(*at));
    drop(s);
    s = make("h=2,q=3,k=5,d=8,page=4,dtype=bf16", INPUT_NORMAL, 1); /* the tail of the last page */
    const int64_t *const table = s->in.slot[ATTN_PAGES].data;
    for (int64_t r = 0; r < 4; r++) assert_int_equal(isnan(element(s, ATTN_K, table[1], 1, r, 3)), r > 0);
    drop(s);
}

static void test_memory_limits(void **state)
{
    (void)state;
    char reason[512] = "";
    workload w;
    instance in;
    assert_int_equal(workload_parse("b=4096,h=64,q=1,k=1048576,d=512", NULL, &w, reason, sizeof reason), 1);
    assert_int_equal(instance_describe(&in, &w, INPUT_NORMAL, 1, reason, sizeof reason), 1);
    assert_null(in.slot[ATTN_K].data);
    assert_int_equal(in.slot[ATTN_WEIGHTS].type, ATTN_ABSENT); /* larger than 64 MiB and not asked for */
    assert_int_equal(in.slot[ATTN_LSE].type, ATTN_F32);
    assert_true(instance_bytes(&in) > 5e14);
    assert_int_equal(instance_fill(&in, reason, sizeof reason), 0);
    assert_non_null(strstr(reason, "MB are available"));
    assert_null(strchr(reason, '\n'));
    instance_free(&in);
    workload_free(&w);
    subject *s = make("h=12,q=512,d=8", INPUT_NORMAL, 1);
    double mapped = 0;
    for (int slot = 0; slot < ATTN_SLOTS; slot++) mapped += (double)s->in.map[slot].mapped;
    assert_true(mapped == instance_bytes(&s->in));
    assert_int_equal(s->in.slot[ATTN_WEIGHTS].type, ATTN_F32);
    attn_tensor slot[ATTN_SLOTS];
    attn_args args = instance_args(&s->in, false, false, slot);
    assert_true(!attn_slot_of(&args, ATTN_LSE) && !attn_slot_of(&args, ATTN_WEIGHTS) && attn_slot_of(&args, ATTN_O));
    args = instance_args(&s->in, true, true, slot);
    assert_true(attn_slot_of(&args, ATTN_LSE) && attn_slot_of(&args, ATTN_WEIGHTS));
    drop(s);
}

/* ---- metadata -------------------------------------------------------------------------------------------------- */

static void assert_vector(const subject *s, int slot, int64_t n, const int64_t *wanted)
{
    assert_int_equal(s->in.slot[slot].type, ATTN_I64);
    for (int64_t i = 0; i < n; i++)
        assert_int_equal(((const int64_t *)s->in.slot[slot].data)[i * s->in.slot[slot].stride[0]], wanted[i]);
}

static void test_lengths_and_positions(void **state)
{
    (void)state;
    subject *s = make("b=3,h=1,q=6,k=9,d=4,lens=9+0+5,q_lens=6+1+2,mask=causal,q_pos=end", INPUT_NORMAL, 1);
    assert_vector(s, ATTN_KEY_LENGTHS, 3, (int64_t[]){9, 0, 5});
    assert_vector(s, ATTN_QUERY_LENGTHS, 3, (int64_t[]){6, 1, 2});
    const attn_args args = all(s);
    for (int64_t b = 0; b < 3; b++) /* the last row stands at the last key */
        assert_int_equal(s->in.problem.q_pos + attn_metadata(&args, ATTN_QUERY_POSITIONS, b, 99) +
                             ((int64_t[]){6, 1, 2})[b],
                         ((int64_t[]){9, 0, 5})[b]);
    drop(s);
    s = make("b=2,h=1,q=6,k=9,d=4,mask=causal,q_pos=end,lens=8", INPUT_NORMAL, 1); /* all alike: no slot */
    assert_int_equal(s->in.slot[ATTN_QUERY_POSITIONS].type, ATTN_ABSENT);
    assert_int_equal(s->in.problem.q_pos, 2);
    drop(s);
    s = make("b=3,h=1,q=6,k=9,d=4,lens=9+0+5,q_lens=6+1+2,ragged=1", INPUT_NORMAL, 1);
    assert_vector(s, ATTN_QUERY_STARTS, 4, (int64_t[]){0, 6, 7, 9});
    assert_vector(s, ATTN_KEY_STARTS, 4, (int64_t[]){0, 9, 9, 14});
    assert_int_equal(s->in.slot[ATTN_KEY_LENGTHS].type, ATTN_ABSENT);
    drop(s);
}

static void test_pages(void **state)
{
    (void)state;
    subject *s = make("b=3,h=2,q=1,k=50,d=8,page=4,lens=50+7+31", INPUT_NORMAL, 5);
    bool seen[39] = {false}, shuffled = false;
    const int64_t *const table = s->in.slot[ATTN_PAGES].data;
    for (int i = 0; i < 39; i++) {
        assert_in_range(table[i], 0, 38);
        assert_false(seen[table[i]]);
        seen[table[i]] = true;
        shuffled = shuffled || table[i] != i;
    }
    assert_true(shuffled);
    drop(s);
}

static void assert_csr(const subject *s, int64_t rows, int64_t columns)
{
    const int64_t *const starts = s->in.slot[ATTN_MASK_STARTS].data, *const list = s->in.slot[ATTN_MASK_INDICES].data;
    assert_int_equal(s->in.slot[ATTN_MASK_STARTS].extent[2], rows + 1);
    assert_int_equal(starts[0], 0);
    assert_int_equal(s->in.slot[ATTN_MASK_INDICES].extent[2], starts[rows]);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t e = starts[r]; e < starts[r + 1]; e++) {
            assert_true(list[e] >= 0 && list[e] < columns);
            assert_true(e == starts[r] || list[e - 1] < list[e]);
        }
}

static void test_block_masks(void **state)
{
    (void)state;
    subject *s = make("h=1,q=640,d=8,block=16x32", INPUT_NORMAL, 1);
    assert_csr(s, 40, 20);
    const double share = (double)s->in.slot[ATTN_MASK_INDICES].extent[2] / (40 * 20);
    assert_true(share > 0.18 && share < 0.40);
    drop(s);
    s = make("h=1,q=70,k=50,d=8,block=10x10:band", INPUT_NORMAL, 1);
    assert_csr(s, 7, 5);
    assert_int_equal(s->in.slot[ATTN_MASK_INDICES].extent[2], 2 + 3 + 3 + 3 + 2 + 1);
    drop(s);
    s = make("h=1,q=40,k=30,d=8,graph=5", INPUT_NORMAL, 1);
    assert_csr(s, 40, 30);
    const int64_t *const starts = s->in.slot[ATTN_MASK_STARTS].data, *const list = s->in.slot[ATTN_MASK_INDICES].data;
    for (int64_t r = 0; r < 40; r++) {
        bool itself = false;
        for (int64_t e = starts[r]; e < starts[r + 1]; e++) itself = itself || list[e] == r;
        assert_int_equal(itself, r < 30);
        assert_in_range(starts[r + 1] - starts[r], 5, 6);
    }
    drop(s);
    s = make("h=1,q=9,d=8,graph=9", INPUT_NORMAL, 1); /* as many neighbours as keys: all */
    assert_int_equal(s->in.slot[ATTN_MASK_INDICES].extent[2], 81);
    drop(s);
}

static void test_per_head_slots(void **state)
{
    (void)state;
    subject *s = make("h=8,q=4,d=16,alibi=1,sinks=1,head_scale=1,score=additive", INPUT_NORMAL, 1);
    for (int64_t h = 0; h < 8; h++) {
        assert_true(element(s, ATTN_SLOPES, 0, h, 0, 0) == exp2(-(double)(h + 1)));
        const double scale = element(s, ATTN_HEAD_SCALE, 0, h, 0, 0);
        assert_true(scale > 5 && scale < 20);
        assert_true(h == 0 || element(s, ATTN_SINK_LOGITS, 0, h, 0, 0) != element(s, ATTN_SINK_LOGITS, 0, h - 1, 0, 0));
        assert_true(element(s, ATTN_SCORE_VECTOR, 0, h, 0, 15) != element(s, ATTN_SCORE_VECTOR, 0, h, 0, 14));
    }
    drop(s);
}

/* Every workload of the small suites can be made in every class that fits it, and says which features it needs. */
static void test_small_suites(void **state)
{
    (void)state;
    static const char *const suites[] = {"smoke", "edge", "worked-examples"};
    uint64_t needed[2] = {0, 0};
    for (size_t i = 0; i < sizeof suites / sizeof suites[0]; i++)
        for (const char *const *line = suite_members(builtin, suites[i]); *line; line++)
            for (int input = 0; input < INPUT_CLASSES; input++) {
                char reason[512];
                uint64_t needs[2];
                workload w;
                assert_true(workload_parse(*line, builtin, &w, reason, sizeof reason));
                const bool fits = w.has_class ? input == (int)w.input
                                              : input_class_fits(&w, (input_class)input, reason, sizeof reason);
                workload_free(&w);
                if (!fits) continue;
                subject *s = make(*line, (input_class)input, 3);
                const attn_args args = all(s);
                if (!attn_check(&s->in.problem, &args, reason, sizeof reason)) fail_msg("%s: %s", *line, reason);
                attn_needs(&s->in.problem, &args, needs);
                for (int word = 0; word < 2; word++) needed[word] |= needs[word];
                drop(s);
            }
    const uint64_t fields = (UINT64_C(1) << ATTN_CAP_FIELD_BITS) - 1 - ATTN_CAP_BIAS_OFFSET;
    assert_int_equal(needed[0], fields); /* no mechanism is missing from the suites */
    assert_int_equal(needed[1], (UINT64_C(1) << ATTN_SLOTS) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layouts),
        cmocka_unit_test(test_alignment),
        cmocka_unit_test(test_guard_pages),
        cmocka_unit_test(test_protection),
        cmocka_unit_test(test_shared_with_children),
        cmocka_unit_test(test_canaries_hold),
        cmocka_unit_test(test_canaries_see_every_byte),
        cmocka_unit_test(test_gaps_of_inputs),
        cmocka_unit_test(test_memory_limits),
        cmocka_unit_test(test_lengths_and_positions),
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_block_masks),
        cmocka_unit_test(test_per_head_slots),
        cmocka_unit_test(test_small_suites),
    };
    return cmocka_run_group_tests(tests, make_set, free_set);
}
