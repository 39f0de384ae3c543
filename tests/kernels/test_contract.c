/* test_contract.c: the binary contract, pinned. Kernels that others built against attention.h must go on working, so no
 * struct that crosses the boundary may change its layout (fields are only appended, with a new ABI_MINOR) and no
 * enumerator its value. A row that fails here is a broken plugin somewhere: change the header, not the row, unless the
 * major version changes.
 *
 * The figures are those of LP64 (64-bit long and pointers), which all supported systems share. The structs have no
 * padding: each field begins where the one before ends, so a field that a table forgets, or that is inserted, shows as
 * a gap. */
#include "attention.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* ---- layout ------------------------------------------------------------------------------------------------ */

typedef struct row {
    const char *type, *field; /* field NULL: the size of the type */
    size_t actual, expected, bytes;
} row;

#define SIZE(type, expected)                                                                                           \
    {                                                                                                                  \
#type, NULL, sizeof(type), expected, 0                                                                         \
    }
#define FIELD(type, field, expected)                                                                                   \
    {                                                                                                                  \
#type, #field, offsetof(type, field), expected, sizeof(((type *)NULL)->field)                                  \
    }

/* clang-format off: one row a field */
static const row rows[] = {
    SIZE(attn_tensor, 80),
    FIELD(attn_tensor, data, 0),
    FIELD(attn_tensor, type, 8),
    FIELD(attn_tensor, flags, 12),
    FIELD(attn_tensor, extent, 16),
    FIELD(attn_tensor, stride, 48),
    SIZE(attn_args, 16),
    FIELD(attn_args, size, 0),
    FIELD(attn_args, count, 4),
    FIELD(attn_args, slot, 8),
    SIZE(attn_problem, 168),
    FIELD(attn_problem, size, 0),
    FIELD(attn_problem, score, 4),
    FIELD(attn_problem, mask, 8),
    FIELD(attn_problem, pass, 12),
    FIELD(attn_problem, form, 16),
    FIELD(attn_problem, scale, 20),
    FIELD(attn_problem, softcap, 24),
    FIELD(attn_problem, reserved, 28),
    FIELD(attn_problem, b, 32),
    FIELD(attn_problem, h, 40),
    FIELD(attn_problem, hkv, 48),
    FIELD(attn_problem, q, 56),
    FIELD(attn_problem, k, 64),
    FIELD(attn_problem, d, 72),
    FIELD(attn_problem, dv, 80),
    FIELD(attn_problem, q_pos, 88),
    FIELD(attn_problem, left, 96),
    FIELD(attn_problem, right, 104),
    FIELD(attn_problem, prefix, 112),
    FIELD(attn_problem, mask_block_q, 120),
    FIELD(attn_problem, mask_block_k, 128),
    FIELD(attn_problem, page_size, 136),
    FIELD(attn_problem, bias_k0, 144),
    FIELD(attn_problem, rank, 152),
    FIELD(attn_problem, topk, 160),
    SIZE(attn_bandwidth, 16),
    FIELD(attn_bandwidth, footprint, 0),
    FIELD(attn_bandwidth, bytes_per_second, 8),
    SIZE(attn_machine, 72),
    FIELD(attn_machine, size, 0),
    FIELD(attn_machine, threads, 4),
    FIELD(attn_machine, isa, 8),
    FIELD(attn_machine, l1d, 16),
    FIELD(attn_machine, l2, 24),
    FIELD(attn_machine, l3, 32),
    FIELD(attn_machine, line, 40),
    FIELD(attn_machine, rates, 48),
    FIELD(attn_machine, bandwidths, 52),
    FIELD(attn_machine, rate, 56),
    FIELD(attn_machine, bandwidth, 64),
    SIZE(attn_exec, 40),
    FIELD(attn_exec, size, 0),
    FIELD(attn_exec, threads, 4),
    FIELD(attn_exec, ctx, 8),
    FIELD(attn_exec, each, 16),
    FIELD(attn_exec, team, 24),
    FIELD(attn_exec, barrier, 32),
    SIZE(attn_plan, 320),
    FIELD(attn_plan, size, 0),
    FIELD(attn_plan, ceiling, 4),
    FIELD(attn_plan, expected_share, 8),
    FIELD(attn_plan, inner, 16),
    FIELD(attn_plan, row_block, 24),
    FIELD(attn_plan, key_block, 32),
    FIELD(attn_plan, shared_bytes, 40),
    FIELD(attn_plan, shared_stride, 48),
    FIELD(attn_plan, workspace_bytes, 56),
    FIELD(attn_plan, state, 64),
    FIELD(attn_plan, inner_state, 128),
    FIELD(attn_plan, handle, 192),
    FIELD(attn_plan, storage_type, 200),
    FIELD(attn_plan, score_type, 204),
    FIELD(attn_plan, weight_type, 208),
    FIELD(attn_plan, accumulator_type, 212),
    FIELD(attn_plan, output_type, 216),
    FIELD(attn_plan, accuracy_flags, 220),
    FIELD(attn_plan, kappa, 224),
    FIELD(attn_plan, kappa_1, 232),
    FIELD(attn_plan, kappa_t, 240),
    FIELD(attn_plan, tau, 248),
    FIELD(attn_plan, kappa_log, 256),
    FIELD(attn_plan, rho, 264),
    FIELD(attn_plan, u_q, 272),
    FIELD(attn_plan, lambda, 280),
    FIELD(attn_plan, delta_q, 288),
    FIELD(attn_plan, delta_p, 296),
    FIELD(attn_plan, logit_limit, 304),
    FIELD(attn_plan, rescales, 312),
    SIZE(attn_kernel, 128),
    FIELD(attn_kernel, size, 0),
    FIELD(attn_kernel, abi, 4),
    FIELD(attn_kernel, name, 8),
    FIELD(attn_kernel, idea, 16),
    FIELD(attn_kernel, improves_on, 24),
    FIELD(attn_kernel, role, 32),
    FIELD(attn_kernel, alignment, 36),
    FIELD(attn_kernel, isa, 40),
    FIELD(attn_kernel, caps, 48),
    FIELD(attn_kernel, traits, 64),
    FIELD(attn_kernel, type_count, 72),
    FIELD(attn_kernel, reserved, 76),
    FIELD(attn_kernel, types, 80),
    FIELD(attn_kernel, accepts, 88),
    FIELD(attn_kernel, plan, 96),
    FIELD(attn_kernel, release, 104),
    FIELD(attn_kernel, pack, 112),
    FIELD(attn_kernel, run, 120),
    SIZE(attn_plugin, 32),
    FIELD(attn_plugin, size, 0),
    FIELD(attn_plugin, abi, 4),
    FIELD(attn_plugin, build_id, 8),
    FIELD(attn_plugin, count, 16),
    FIELD(attn_plugin, reserved, 20),
    FIELD(attn_plugin, kernels, 24),
};
/* clang-format on */
#define ROWS (sizeof rows / sizeof *rows)

static void sizes_and_offsets_are_pinned(void **state)
{
    (void)state;
    size_t wrong = 0;
    for (size_t i = 0; i < ROWS; i++) {
        if (rows[i].actual == rows[i].expected) continue;
        wrong++;
        print_error("%s%s%s: %zu, the contract says %zu\n", rows[i].type, rows[i].field ? "." : "",
                    rows[i].field ? rows[i].field : "", rows[i].actual, rows[i].expected);
    }
    assert_int_equal(wrong, 0);
}

static void tables_name_every_field(void **state)
{
    (void)state;
    size_t gaps = 0, end = 0, size = 0;
    for (size_t i = 0; i < ROWS; i++) {
        if (!rows[i].field) {
            size = rows[i].actual;
            end = 0;
            continue;
        }
        const bool last = i + 1 == ROWS || !rows[i + 1].field;
        const bool gap = rows[i].actual != end || (last && end + rows[i].bytes != size);
        if (gap) print_error("%s: the table has a gap at %s\n", rows[i].type, rows[i].field);
        gaps += gap;
        end += rows[i].bytes;
    }
    assert_int_equal(gaps, 0);
}

/* Every struct but the frozen ones says its size first, or a host could not tell how much of it there is. */
static void growing_structs_begin_with_their_size(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        if (rows[i].field) continue;
        const bool frozen = !strcmp(rows[i].type, "attn_tensor") || !strcmp(rows[i].type, "attn_bandwidth");
        assert_int_equal(!strcmp(rows[i + 1].field, "size") && rows[i + 1].bytes == sizeof(uint32_t), !frozen);
    }
}

/* ---- values ------------------------------------------------------------------------------------------------- */

typedef struct value {
    const char *name;
    uint64_t actual, expected;
} value;

#define VALUE(name, expected)                                                                                          \
    {                                                                                                                  \
#name, (uint64_t)(name), UINT64_C(expected)                                                                    \
    }

/* clang-format off: one paragraph an enum */
static const value values[] = {
    VALUE(ATTN_ABI, 0x10000),
    VALUE(ATTN_MAX_D, 576),
    VALUE(ATTN_ABSENT, 0),
    VALUE(ATTN_F32, 1),
    VALUE(ATTN_F16, 2),
    VALUE(ATTN_BF16, 3),
    VALUE(ATTN_I8, 4),
    VALUE(ATTN_I64, 5),
    VALUE(ATTN_F8_E4M3, 6),
    VALUE(ATTN_F8_E5M2, 7),
    VALUE(ATTN_Q8_BLOCK32, 8),
    VALUE(ATTN_Q4_BLOCK32, 9),
    VALUE(ATTN_TYPES, 10),
    VALUE(ATTN_Q, 0),
    VALUE(ATTN_K, 1),
    VALUE(ATTN_V, 2),
    VALUE(ATTN_O, 3),
    VALUE(ATTN_LSE, 4),
    VALUE(ATTN_WEIGHTS, 5),
    VALUE(ATTN_BIAS, 6),
    VALUE(ATTN_KEY_LENGTHS, 7),
    VALUE(ATTN_QUERY_LENGTHS, 8),
    VALUE(ATTN_QUERY_POSITIONS, 9),
    VALUE(ATTN_QUERY_STARTS, 10),
    VALUE(ATTN_KEY_STARTS, 11),
    VALUE(ATTN_PAGES, 12),
    VALUE(ATTN_SLOPES, 13),
    VALUE(ATTN_SINK_LOGITS, 14),
    VALUE(ATTN_HEAD_SCALE, 15),
    VALUE(ATTN_K_SCALES, 16),
    VALUE(ATTN_V_SCALES, 17),
    VALUE(ATTN_SCORE_VECTOR, 18),
    VALUE(ATTN_MASK_STARTS, 19),
    VALUE(ATTN_MASK_INDICES, 20),
    VALUE(ATTN_DO, 21),
    VALUE(ATTN_DQ, 22),
    VALUE(ATTN_DK, 23),
    VALUE(ATTN_DV, 24),
    VALUE(ATTN_SLOTS, 25),
    VALUE(ATTN_SCORE_DOT, 0),
    VALUE(ATTN_SCORE_COSINE, 1),
    VALUE(ATTN_SCORE_ADDITIVE, 2),
    VALUE(ATTN_FORWARD, 0),
    VALUE(ATTN_BACKWARD, 1),
    VALUE(ATTN_EXACT, 0),
    VALUE(ATTN_LINEAR, 1),
    VALUE(ATTN_LOW_RANK, 2),
    VALUE(ATTN_TOP_K, 3),
    VALUE(ATTN_MASK_LEFT, 1),
    VALUE(ATTN_MASK_RIGHT, 2),
    VALUE(ATTN_MASK_PREFIX, 4),
    VALUE(ATTN_MASK_PREFIX_FREE, 8),
    VALUE(ATTN_MASK_BLOCKS, 16),
    VALUE(ATTN_CAP_GQA_BIT, 0),
    VALUE(ATTN_CAP_DV_BIT, 1),
    VALUE(ATTN_CAP_LEFT_BIT, 2),
    VALUE(ATTN_CAP_RIGHT_BIT, 3),
    VALUE(ATTN_CAP_PREFIX_BIT, 4),
    VALUE(ATTN_CAP_PREFIX_FREE_BIT, 5),
    VALUE(ATTN_CAP_BLOCKS_BIT, 6),
    VALUE(ATTN_CAP_POSITION_BIT, 7),
    VALUE(ATTN_CAP_SOFTCAP_BIT, 8),
    VALUE(ATTN_CAP_COSINE_BIT, 9),
    VALUE(ATTN_CAP_ADDITIVE_BIT, 10),
    VALUE(ATTN_CAP_BACKWARD_BIT, 11),
    VALUE(ATTN_CAP_LINEAR_BIT, 12),
    VALUE(ATTN_CAP_LOW_RANK_BIT, 13),
    VALUE(ATTN_CAP_TOP_K_BIT, 14),
    VALUE(ATTN_CAP_BIAS_OFFSET_BIT, 15),
    VALUE(ATTN_CAP_CHANNEL_STRIDE_BIT, 16),
    VALUE(ATTN_CAP_FIELD_BITS, 17),
    VALUE(ATTN_TRAIT_THREADED, 1),
    VALUE(ATTN_TRAIT_ALLOCATES, 2),
    VALUE(ATTN_TRAIT_OWN_THREADS, 4),
    VALUE(ATTN_TRAIT_REPEATABLE, 8),
    VALUE(ATTN_TRAIT_SAME_AT_ANY_THREADS, 16),
    VALUE(ATTN_TRAIT_SAME_IN_SLICES, 32),
    VALUE(ATTN_TRAIT_MASKED_V_FINITE, 64),
    VALUE(ATTN_ROLE_BASELINE, 1),
    VALUE(ATTN_ROLE_TEACHING, 2),
    VALUE(ATTN_ROLE_PRODUCT, 3),
    VALUE(ATTN_ISA_AVX2_BIT, 0),
    VALUE(ATTN_ISA_AVX512_BIT, 1),
    VALUE(ATTN_ISA_AVX512BF16_BIT, 2),
    VALUE(ATTN_ISA_AVX512VNNI_BIT, 3),
    VALUE(ATTN_ISA_AVX512FP16_BIT, 4),
    VALUE(ATTN_ISA_AMXBF16_BIT, 5),
    VALUE(ATTN_ISA_AMXINT8_BIT, 6),
    VALUE(ATTN_ISA_AVX512VBMI_BIT, 7),
    VALUE(ATTN_ISA_NEON_BIT, 32),
    VALUE(ATTN_ISA_DOTPROD_BIT, 33),
    VALUE(ATTN_ISA_BF16MM_BIT, 34),
    VALUE(ATTN_ISA_I8MM_BIT, 35),
    VALUE(ATTN_ISA_SVE_BIT, 36),
    VALUE(ATTN_CEILING_NONE, 0),
    VALUE(ATTN_CEILING_BANDWIDTH, 1),
    VALUE(ATTN_CEILING_FP32_PORTABLE, 2),
    VALUE(ATTN_CEILING_FP32_AVX2, 3),
    VALUE(ATTN_CEILING_FP32_AVX512, 4),
    VALUE(ATTN_CEILING_BF16_DOT, 5),
    VALUE(ATTN_CEILING_BF16_TILES, 6),
    VALUE(ATTN_CEILING_INT8_DOT, 7),
    VALUE(ATTN_CEILING_INT8_TILES, 8),
    VALUE(ATTN_CEILING_TANH, 9),
    VALUE(ATTN_CEILING_FP32_NEON, 10),
    VALUE(ATTN_CEILINGS, 11),
    VALUE(ATTN_L_FROM_ROUNDED, 1),
    VALUE(ATTN_WEIGHTS_NORMALISED, 2),
    VALUE(ATTN_MERGE_LSE, 4),
    VALUE(ATTN_FLUSHES_SUBNORMALS, 8),
    VALUE(ATTN_SCORE_TRUNCATES, 16),
    VALUE(ATTN_WEIGHT_TRUNCATES, 32),
    VALUE(ATTN_ACCUMULATOR_TRUNCATES, 64),
    VALUE(ATTN_OUTPUT_TRUNCATES, 128),
    VALUE(ATTN_OK, 0),
    VALUE(ATTN_UNSUPPORTED, 1),
    VALUE(ATTN_NO_MEMORY, 2),
    VALUE(ATTN_FAILED, 3),
};
/* clang-format on */

static void enumerators_keep_their_values(void **state)
{
    (void)state;
    size_t wrong = 0;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        if (values[i].actual == values[i].expected) continue;
        wrong++;
        print_error("%s: %llu, the contract says %llu\n", values[i].name, (unsigned long long)values[i].actual,
                    (unsigned long long)values[i].expected);
    }
    assert_int_equal(wrong, 0);
}

/* The masks are built from the bit numbers; this catches a mask built from another's number. */
static void masks_are_their_bits(void **state)
{
    (void)state;
    const uint64_t caps[] = {ATTN_CAP_GQA,           ATTN_CAP_DV,          ATTN_CAP_LEFT,     ATTN_CAP_RIGHT,
                             ATTN_CAP_PREFIX,        ATTN_CAP_PREFIX_FREE, ATTN_CAP_BLOCKS,   ATTN_CAP_POSITION,
                             ATTN_CAP_SOFTCAP,       ATTN_CAP_COSINE,      ATTN_CAP_ADDITIVE, ATTN_CAP_BACKWARD,
                             ATTN_CAP_LINEAR,        ATTN_CAP_LOW_RANK,    ATTN_CAP_TOP_K,    ATTN_CAP_BIAS_OFFSET,
                             ATTN_CAP_CHANNEL_STRIDE};
    assert_int_equal(sizeof caps / sizeof *caps, ATTN_CAP_FIELD_BITS);
    for (int bit = 0; bit < ATTN_CAP_FIELD_BITS; bit++) assert_true(caps[bit] == UINT64_C(1) << bit);

    const uint64_t x86[] = {ATTN_ISA_AVX2,       ATTN_ISA_AVX512,  ATTN_ISA_AVX512BF16, ATTN_ISA_AVX512VNNI,
                            ATTN_ISA_AVX512FP16, ATTN_ISA_AMXBF16, ATTN_ISA_AMXINT8,    ATTN_ISA_AVX512VBMI};
    const uint64_t arm[] = {ATTN_ISA_NEON, ATTN_ISA_DOTPROD, ATTN_ISA_BF16MM, ATTN_ISA_I8MM, ATTN_ISA_SVE};
    for (size_t bit = 0; bit < sizeof x86 / sizeof *x86; bit++) assert_true(x86[bit] == UINT64_C(1) << bit);
    for (size_t bit = 0; bit < sizeof arm / sizeof *arm; bit++) assert_true(arm[bit] == UINT64_C(1) << (32 + bit));
    assert_true(ATTN_ISA_PORTABLE == 0);

    assert_true(ATTN_SLOTS_QKVO == 15);
    assert_true(ATTN_SLOT_BIT(ATTN_DV) == UINT64_C(1) << 24);
    assert_true(ATTN_TYPE_BIT(ATTN_BF16) == 8);
    assert_string_equal(ATTN_PLUGIN_ENTRY, "attn_plugin_entry");
}

/* ---- growing ------------------------------------------------------------------------------------------------ */

/* What an older module fills is shorter: a field is there only if all of its bytes are. */
static void a_smaller_struct_lacks_appended_fields(void **state)
{
    (void)state;
    attn_plan plan = {.size = sizeof(attn_plan)};
    assert_true(ATTN_HAS(&plan, rescales));
    plan.size = offsetof(attn_plan, rescales) + sizeof plan.rescales - 1;
    assert_false(ATTN_HAS(&plan, rescales));
    assert_true(ATTN_HAS(&plan, logit_limit));
    plan.size = offsetof(attn_plan, rescales);
    assert_false(ATTN_HAS(&plan, rescales));
    plan.size = offsetof(attn_plan, inner_state) + sizeof plan.inner_state / 2;
    assert_false(ATTN_HAS(&plan, inner_state));
    assert_true(ATTN_HAS(&plan, state));
    plan.size = 0;
    assert_false(ATTN_HAS(&plan, size));

    const attn_kernel older = {.size = offsetof(attn_kernel, run)};
    assert_false(ATTN_HAS(&older, run));
    assert_true(ATTN_HAS(&older, pack));
}

static void workspaces_of_threads_share_no_lines(void **state)
{
    (void)state;
    const int64_t bytes[] = {0, 1, 127, 128, 129, INT64_C(1) << 40};
    const int64_t strides[] = {0, 128, 128, 128, 256, INT64_C(1) << 40};
    for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++) {
        const attn_plan plan = {.workspace_bytes = bytes[i]};
        assert_true(ATTN_WORKSPACE_STRIDE(&plan) == strides[i]);
    }
}

int main(void)
{
    if (sizeof(void *) != 8 || sizeof(long) != 8) {
        puts("skipped: the figures are pinned for systems with 64-bit pointers and longs");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_and_offsets_are_pinned),
        cmocka_unit_test(tables_name_every_field),
        cmocka_unit_test(growing_structs_begin_with_their_size),
        cmocka_unit_test(enumerators_keep_their_values),
        cmocka_unit_test(masks_are_their_bits),
        cmocka_unit_test(a_smaller_struct_lacks_appended_fields),
        cmocka_unit_test(workspaces_of_threads_share_no_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
