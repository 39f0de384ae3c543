/* Validation, needed features, visible keys and work. Visible keys are held against the reference's own predicate,
 * which was written apart from kernels/problem.c: a boundary off by one in either shows here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "problem.h"
#include "reference.h"

typedef struct fixture {
    attn_problem problem;
    attn_tensor slot[ATTN_SLOTS];
    attn_args args;
    int64_t lengths[8], positions[8];
} fixture;

static attn_tensor dense(uint32_t type, int64_t b, int64_t h, int64_t r, int64_t c)
{
    return (attn_tensor){NULL, type, 0, {b, h, r, c}, {h * r * c, r * c, c, 1}};
}

static void make(fixture *f, int64_t b, int64_t h, int64_t hkv, int64_t q, int64_t k, int64_t d, int64_t dv)
{
    memset(f, 0, sizeof *f);
    f->problem = (attn_problem){
        .size = sizeof f->problem, .scale = 0.5f, .b = b, .h = h, .hkv = hkv, .q = q, .k = k, .d = d, .dv = dv};
    f->slot[ATTN_Q] = dense(ATTN_F32, b, h, q, d);
    f->slot[ATTN_K] = dense(ATTN_F32, b, hkv, k, d);
    f->slot[ATTN_V] = dense(ATTN_F32, b, hkv, k, dv);
    f->slot[ATTN_O] = dense(ATTN_F32, b, h, q, dv);
    f->args = (attn_args){sizeof f->args, ATTN_SLOTS, f->slot};
}

static void add_lengths(fixture *f)
{
    f->slot[ATTN_KEY_LENGTHS] = dense(ATTN_I64, f->problem.b, 1, 1, 1);
    f->slot[ATTN_KEY_LENGTHS].data = f->lengths;
}

static void refused(fixture *f, const char *word)
{
    char reason[256] = "";
    assert_int_equal(attn_check(&f->problem, &f->args, reason, sizeof reason), 0);
    assert_non_null(strstr(reason, word));
    assert_null(strchr(reason, '\n'));
}

static void accepts_good_problems(void **state)
{
    (void)state;
    fixture f;
    char reason[256];
    make(&f, 2, 4, 2, 3, 5, 8, 6);
    assert_int_equal(attn_check(&f.problem, &f.args, reason, sizeof reason), 1);
    make(&f, 1, 1, 1, 1, 0, 1, 1); /* no key at all is legal */
    assert_int_equal(attn_check(&f.problem, &f.args, reason, sizeof reason), 1);
    f.slot[ATTN_K].stride[0] = 0;
    assert_int_equal(attn_check(&f.problem, &f.args, reason, sizeof reason), 1);
}

static void refuses_bad_problems_by_name(void **state)
{
    (void)state;
    fixture f;
#define BAD(change, word) make(&f, 2, 4, 2, 3, 5, 8, 6), change, refused(&f, word)
    BAD(f.problem.b = 0, "b is 0");
    BAD(f.problem.q = -1, "q is -1");
    BAD(f.problem.k = -1, "k is -1");
    BAD(f.problem.d = 577, "d is 577");
    BAD(f.problem.hkv = 3, "hkv = 3 does not divide h = 4");
    BAD(f.problem.scale = NAN, "scale");
    BAD(f.problem.softcap = -1, "softcap");
    BAD(f.problem.q_pos = INT64_MAX, "q_pos");
    BAD(f.problem.left = -1, "left");
    BAD(f.problem.mask = 32, "mask");
    BAD(f.problem.mask = ATTN_MASK_BLOCKS, "mask_block_q");
    BAD(f.problem.size = 8, "size");
    BAD(f.slot[ATTN_V].type = ATTN_ABSENT, "V is missing");
    BAD(f.slot[ATTN_O].extent[2] = 4, "O has extent 4");
    BAD(f.slot[ATTN_O].stride[1] = 0, "stride 0");
    BAD(f.slot[ATTN_K].stride[2] = -8, "stride -8");
    BAD(f.slot[ATTN_K].stride[2] = INT64_C(1) << 50, "2^48");
    BAD(f.slot[ATTN_Q].type = 99, "type");
    BAD(f.slot[ATTN_KEY_LENGTHS] = dense(ATTN_F32, 2, 1, 1, 1), "must be i64");
    BAD((add_lengths(&f), f.lengths[1] = 6), "KEY_LENGTHS[1] is 6");
#undef BAD
}

static void needs_each_feature(void **state)
{
    (void)state;
    fixture f;
    uint64_t needs[2];
    char names[128];
    make(&f, 2, 4, 4, 3, 5, 8, 8);
    attn_needs(&f.problem, &f.args, needs);
    assert_int_equal(needs[0], 0);
    assert_int_equal(needs[1], ATTN_SLOTS_QKVO);
#define NEEDS(change, word0, word1)                                                                                    \
    make(&f, 2, 4, 4, 3, 5, 8, 8), change, attn_needs(&f.problem, &f.args, needs),                                     \
        assert_int_equal(needs[0], (word0)), assert_int_equal(needs[1], ATTN_SLOTS_QKVO | (word1))
    NEEDS(f.problem.hkv = 2, ATTN_CAP_GQA, 0);
    NEEDS(f.problem.dv = 4, ATTN_CAP_DV, 0);
    NEEDS(f.problem.mask = ATTN_MASK_LEFT, ATTN_CAP_LEFT, 0);
    NEEDS(f.problem.mask = ATTN_MASK_RIGHT, ATTN_CAP_RIGHT, 0);
    NEEDS(f.problem.mask = ATTN_MASK_PREFIX, ATTN_CAP_PREFIX, 0);
    NEEDS(f.problem.mask = ATTN_MASK_PREFIX_FREE, ATTN_CAP_PREFIX_FREE, 0);
    NEEDS(f.problem.mask = ATTN_MASK_BLOCKS, ATTN_CAP_BLOCKS, 0);
    NEEDS(f.problem.q_pos = -3, ATTN_CAP_POSITION, 0);
    NEEDS(f.problem.softcap = 30, ATTN_CAP_SOFTCAP, 0);
    NEEDS(f.problem.score = ATTN_SCORE_COSINE, ATTN_CAP_COSINE, 0);
    NEEDS(f.problem.score = ATTN_SCORE_ADDITIVE, ATTN_CAP_ADDITIVE, 0);
    NEEDS(f.problem.pass = ATTN_BACKWARD, ATTN_CAP_BACKWARD, 0);
    NEEDS(f.problem.form = ATTN_LINEAR, ATTN_CAP_LINEAR, 0);
    NEEDS(f.problem.form = ATTN_LOW_RANK, ATTN_CAP_LOW_RANK, 0);
    NEEDS(f.problem.form = ATTN_TOP_K, ATTN_CAP_TOP_K, 0);
    NEEDS(f.problem.bias_k0 = 1, ATTN_CAP_BIAS_OFFSET, 0);
    NEEDS(f.slot[ATTN_Q].stride[3] = 2, ATTN_CAP_CHANNEL_STRIDE, 0);
    NEEDS(add_lengths(&f), 0, ATTN_SLOT_BIT(ATTN_KEY_LENGTHS));
    NEEDS(f.slot[ATTN_SINK_LOGITS] = dense(ATTN_F32, 1, 4, 1, 1), 0, ATTN_SLOT_BIT(ATTN_SINK_LOGITS));
#undef NEEDS
    attn_needs_names((uint64_t[2]){ATTN_CAP_SOFTCAP, ATTN_SLOT_BIT(ATTN_PAGES)}, names, sizeof names);
    assert_string_equal(names, "softcap, PAGES");
    attn_needs_names((uint64_t[2]){UINT64_C(1) << 60, 0}, names, sizeof names);
    assert_string_equal(names, "a feature newer than this build");
}

static void supports_by_bits_types_isa_and_abi(void **state)
{
    (void)state;
    static const uint64_t types[] = {[ATTN_Q] = ATTN_TYPE_BIT(ATTN_F32),
                                     [ATTN_K] = ATTN_TYPE_BIT(ATTN_F32),
                                     [ATTN_V] = ATTN_TYPE_BIT(ATTN_F32),
                                     [ATTN_O] = ATTN_TYPE_BIT(ATTN_F32)};
    attn_kernel kernel = {.size = sizeof kernel,
                          .abi = ATTN_ABI,
                          .name = "k",
                          .caps = {0, ATTN_SLOTS_QKVO},
                          .type_count = 4,
                          .types = types};
    fixture f;
    char reason[256];
    make(&f, 1, 2, 2, 3, 5, 8, 8);
    assert_int_equal(attn_supports(&kernel, &f.problem, &f.args, 0, reason, sizeof reason), 1);
    f.problem.softcap = 5;
    assert_int_equal(attn_supports(&kernel, &f.problem, &f.args, 0, reason, sizeof reason), 0);
    assert_string_equal(reason, "does not have: softcap");
    f.problem.softcap = 0;
    f.slot[ATTN_K].type = ATTN_BF16;
    assert_int_equal(attn_supports(&kernel, &f.problem, &f.args, 0, reason, sizeof reason), 0);
    assert_string_equal(reason, "does not take bf16 as type of K");
    f.slot[ATTN_K].type = ATTN_F32;
    kernel.isa = ATTN_ISA_AVX2 | ATTN_ISA_AVX512;
    assert_int_equal(attn_supports(&kernel, &f.problem, &f.args, ATTN_ISA_AVX2, reason, sizeof reason), 0);
    assert_string_equal(reason, "needs instruction sets that this CPU or ATTNBENCH_ISA does not give: avx512");
    kernel.isa = 0;
    kernel.abi = ATTN_ABI + 1; /* a newer minor version than this host */
    assert_int_equal(attn_supports(&kernel, &f.problem, &f.args, 0, reason, sizeof reason), 0);
    kernel.abi = ATTN_ABI + 0x10000;
    assert_int_equal(attn_supports(&kernel, &f.problem, &f.args, 0, reason, sizeof reason), 0);
    assert_non_null(strstr(reason, "ABI 2.0"));
}

static int64_t draw(int64_t low, int64_t high) { return low + rand() % (high - low + 1); }

/* Random masks and positions: ranges, pairs and K/V rows counted key by key. */
static void work_and_ranges_match_brute_force(void **state)
{
    (void)state;
    srand(7);
    for (int round = 0; round < 3000; round++) {
        fixture f;
        const int64_t b = draw(1, 3), hkv = draw(1, 2), h = hkv * draw(1, 3), q = draw(1, 9), k = draw(0, 12);
        make(&f, b, h, hkv, q, k, 4, 3);
        f.problem.mask = (uint32_t)draw(0, 15);
        f.problem.left = draw(0, 5), f.problem.right = draw(0, 4), f.problem.prefix = draw(0, 5);
        f.problem.q_pos = draw(-12, 14);
        if (draw(0, 1)) {
            add_lengths(&f);
            for (int64_t s = 0; s < b; s++) f.lengths[s] = draw(0, k);
        }
        if (draw(0, 1)) {
            f.slot[ATTN_QUERY_POSITIONS] = dense(ATTN_I64, b, 1, 1, 1);
            f.slot[ATTN_QUERY_POSITIONS].data = f.positions;
            for (int64_t s = 0; s < b; s++) f.positions[s] = draw(-3, 3);
        }
        double pairs = 0, rows = 0;
        for (int64_t s = 0; s < b; s++) {
            int seen[12] = {0};
            for (int64_t i = 0; i < q; i++) {
                const attn_span span = attn_visible(&f.problem, &f.args, s, i);
                assert_true(span.prefix >= 0 && span.prefix <= span.begin && span.begin <= span.end && span.end <= k);
                for (int64_t j = 0; j < k; j++) {
                    const int sees = ref_sees(&f.problem, &f.args, s, i, j);
                    assert_int_equal(sees, j < span.prefix || (j >= span.begin && j < span.end));
                    pairs += sees;
                    seen[j] |= sees;
                }
            }
            for (int64_t j = 0; j < k; j++) rows += seen[j];
        }
        const attn_work_count work = attn_work(&f.problem, &f.args);
        assert_true(work.pairs == pairs * (double)h);
        assert_true(work.operations == 2 * work.pairs * 7);
        assert_true(work.bytes == 4 * ((double)(b * h * q * 7) + rows * (double)hkv * 7));
    }
}

static void block_masks_count_listed_blocks(void **state)
{
    (void)state;
    fixture f;
    int64_t starts[] = {0, 1, 3}, indices[] = {1, 0, 2}; /* rows 0-1 see block 1; rows 2-3 see blocks 0 and 2 */
    make(&f, 1, 2, 1, 4, 5, 4, 4);
    f.problem.mask = ATTN_MASK_BLOCKS;
    f.problem.mask_block_q = f.problem.mask_block_k = 2;
    f.slot[ATTN_MASK_STARTS] = dense(ATTN_I64, 1, 1, 3, 1);
    f.slot[ATTN_MASK_STARTS].data = starts;
    f.slot[ATTN_MASK_INDICES] = dense(ATTN_I64, 1, 1, 3, 1);
    f.slot[ATTN_MASK_INDICES].data = indices;
    const attn_work_count work = attn_work(&f.problem, &f.args);
    assert_true(work.pairs == 2 * (2 * 2 + 2 * 3)); /* two heads; the last block has one key */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_good_problems),
        cmocka_unit_test(refuses_bad_problems_by_name),
        cmocka_unit_test(needs_each_feature),
        cmocka_unit_test(supports_by_bits_types_isa_and_abi),
        cmocka_unit_test(work_and_ranges_match_brute_force),
        cmocka_unit_test(block_masks_count_listed_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
