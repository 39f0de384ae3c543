/* From tensors to rows: elements widened, masks key by key, rows gathered with every feature at once, refusals. */
#include "gather_fixture.h"

/* ---- elements ---------------------------------------------------------------------------------------------------- */

static void elements_widen_exactly(void **state)
{
    (void)state;
    uint16_t half[] = {0x3c00, 0xc000, 0x7bff, 0x0001, 0x83ff, 0x0400, 0x8000, 0x3555};
    const double halves[] = {1, -2, 65504, 0x1p-24, -1023 * 0x1p-24, 0x1p-14, -0.0, 1365 * 0x1p-12};
    uint16_t brain[] = {0x3f80, 0xc0a0, 0x0001, 0x7f7f};
    const double brains[] = {1, -5, 0x1p-133, 255 * 0x1p120};
    int8_t bytes[] = {-128, 127};
    int64_t longs[] = {INT64_C(1) << 40};
    attn_tensor t = tensor_of(half, ATTN_F16, 1, 1, 1, COUNT(half));
    for (int64_t c = 0; c < COUNT(half); ++c) near_to(ref_element(&t, 0, 0, 0, c), halves[c], 0);
    assert_true(signbit(ref_element(&t, 0, 0, 0, 6)));
    half[0] = 0xfc00;
    half[1] = 0x7e01;
    assert_true(ref_element(&t, 0, 0, 0, 0) == -INFINITY && isnan(ref_element(&t, 0, 0, 0, 1)));
    t = tensor_of(brain, ATTN_BF16, 1, 1, 1, COUNT(brain));
    for (int64_t c = 0; c < COUNT(brain); ++c) near_to(ref_element(&t, 0, 0, 0, c), brains[c], 0);
    t = tensor_of(bytes, ATTN_I8, 1, 1, 1, 2);
    near_to(ref_element(&t, 0, 0, 0, 0), -128, 0);
    near_to(ref_element(&t, 0, 0, 0, 1), 127, 0);
    t = tensor_of(longs, ATTN_I64, 1, 1, 1, 1);
    near_to(ref_element(&t, 0, 0, 0, 0), 0x1p40, 0);

    float grid[36];
    for (int x = 0; x < 36; ++x) grid[x] = (float)x;
    t = (attn_tensor){
        grid, ATTN_F32, 0, {2, 3, 2, 2}, {1, 2, 6, 17}}; /* every stride counts, none is another's product */
    near_to(ref_element(&t, 1, 2, 1, 1), 1 + 4 + 6 + 17, 0);
}

/* ---- masks ------------------------------------------------------------------------------------------------------- */

/* Rows as drawn, '#' kept. Fails on: a window off by one, PREFIX lifting the right limit, a position without q_pos. */
static void masks_as_drawn(void **state)
{
    (void)state;
    static const struct {
        uint32_t mask;
        int64_t q_pos, left, right, prefix;
        const char *drawn[3];
    } cases[] = {
        {0, 0, 0, 0, 0, {"######", "######", "######"}},
        {ATTN_MASK_RIGHT, 0, 0, 0, 0, {"#.....", "##....", "###..."}},
        {ATTN_MASK_RIGHT, 3, 0, 0, 0, {"####..", "#####.", "######"}},
        {ATTN_MASK_RIGHT, -2, 0, 0, 0, {"......", "......", "#....."}},
        {ATTN_MASK_RIGHT, 0, 0, 2, 0, {"###...", "####..", "#####."}},
        {ATTN_MASK_LEFT, 2, 1, 0, 0, {".#####", "..####", "...###"}},
        {ATTN_MASK_LEFT | ATTN_MASK_RIGHT, 2, 1, 0, 0, {".##...", "..##..", "...##."}},
        {ATTN_MASK_LEFT | ATTN_MASK_RIGHT | ATTN_MASK_PREFIX, 2, 0, 0, 1, {"#.#...", "#..#..", "#...#."}},
        {ATTN_MASK_LEFT | ATTN_MASK_RIGHT | ATTN_MASK_PREFIX, 0, 0, 0, 2, {"#.....", "##....", "###..."}},
        {ATTN_MASK_RIGHT | ATTN_MASK_PREFIX_FREE, 0, 0, 0, 2, {"##....", "##....", "###..."}},
        {ATTN_MASK_LEFT | ATTN_MASK_PREFIX_FREE, 4, 0, 0, 1, {"#...##", "#....#", "#....."}},
        {ATTN_MASK_LEFT | ATTN_MASK_RIGHT, 9, 1, 0, 0, {"......", "......", "......"}},
    };
    const attn_args args = {.size = sizeof args};
    for (int64_t x = 0; x < COUNT(cases); ++x) {
        const attn_problem problem = {.mask = cases[x].mask,
                                      .b = 1,
                                      .h = 1,
                                      .hkv = 1,
                                      .q = 3,
                                      .k = 6,
                                      .d = 1,
                                      .dv = 1,
                                      .q_pos = cases[x].q_pos,
                                      .left = cases[x].left,
                                      .right = cases[x].right,
                                      .prefix = cases[x].prefix};
        for (int i = 0; i < 3; ++i) {
            for (int j = 0; j < 6; ++j) {
                if (ref_sees(&problem, &args, 0, i, j) != (cases[x].drawn[i][j] == '#'))
                    fail_msg("mask case %d, row %d, key %d: wanted '%c'", (int)x, i, j, cases[x].drawn[i][j]);
            }
        }
        assert_false(ref_sees(&problem, &args, 0, 0, -1));
        assert_false(ref_sees(&problem, &args, 0, 0, 6));
    }
}

/* The spans of problem.c and the predicate here were written apart: they must say the same of every key. */
static void masks_agree_with_spans(void **state)
{
    (void)state;
    gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
    gsl_rng_set(rng, 11);
    attn_tensor slot[ATTN_SLOTS] = {{0}};
    int64_t lengths[2], positions[2];
    slot[ATTN_KEY_LENGTHS] = tensor_of(lengths, ATTN_I64, 2, 1, 1, 1);
    slot[ATTN_QUERY_POSITIONS] = tensor_of(positions, ATTN_I64, 2, 1, 1, 1);
    const attn_args args = {sizeof args, ATTN_SLOTS, slot};
    for (int round = 0; round < 4000; ++round) {
        attn_problem problem = {.size = sizeof problem, .b = 2, .h = 1, .hkv = 1, .q = 4, .d = 1, .dv = 1};
        problem.mask = (uint32_t)gsl_rng_uniform_int(rng, 16);
        problem.k = (int64_t)gsl_rng_uniform_int(rng, 12);
        problem.q_pos = (int64_t)gsl_rng_uniform_int(rng, 20) - 8 + (round % 3 == 0 ? (INT64_C(1) << 40) - 4 : 0);
        problem.left = (int64_t)gsl_rng_uniform_int(rng, 6);
        problem.right = (int64_t)gsl_rng_uniform_int(rng, 6);
        problem.prefix =
            problem.mask & (ATTN_MASK_PREFIX | ATTN_MASK_PREFIX_FREE) ? (int64_t)gsl_rng_uniform_int(rng, 6) : 0;
        for (int b = 0; b < 2; ++b) {
            lengths[b] = (int64_t)gsl_rng_uniform_int(rng, (unsigned long)problem.k + 1);
            positions[b] = (int64_t)gsl_rng_uniform_int(rng, 5) - (round % 3 == 0 ? INT64_C(1) << 40 : 0);
        }
        for (int64_t b = 0; b < 2; ++b) {
            for (int64_t i = 0; i < problem.q; ++i) {
                const attn_span span = attn_visible(&problem, &args, b, i);
                for (int64_t j = 0; j < problem.k; ++j) {
                    const bool in_span = j < span.prefix || (j >= span.begin && j < span.end);
                    if (in_span != ref_sees(&problem, &args, b, i, j))
                        fail_msg("round %d: sequence %d, row %d, key %d: span %d, predicate %d", round, (int)b, (int)i,
                                 (int)j, in_span, !in_span);
                }
            }
        }
    }
    gsl_rng_free(rng);
}

/* ---- gathering --------------------------------------------------------------------------------------------------- */

/* O and LSE of one row straight from the definition, by indexes written out for this fixture. */
static void defined_row(const fixture *f, int b, int h, int i, double o[DV], double *lse)
{
    double sum = exp((double)f->sinks[h]);
    for (int c = 0; c < DV; ++c) o[c] = 0;
    const int64_t p = 5 + f->positions[b] + i;
    for (int j = 0; j < f->lengths[b]; ++j) {
        if (!((j >= p - 2 || j < 2) && j <= p + 1)) continue;
        double x = 0;
        for (int c = 0; c < D; ++c)
            x += (double)f->q[(b * H + h) * Q * 8 + i * 8 + c] *
                 (double)f->k[b * K * HKV * 7 + j * HKV * 7 + (h / 3) * 7 + c];
        x *= (double)0.4f * (double)f->scales[h];
        x = 1.5 * tanh(x / 1.5) - (double)f->slopes[h] * fabs((double)(p - j));
        if (j >= 2 && j < 2 + COLUMNS) x += (double)f->bias[(b * Q + i) * COLUMNS + j - 2];
        sum += exp(x);
        for (int c = 0; c < DV; ++c) o[c] += exp(x) * (double)f->v[(b * HKV + h / 3) * K * 4 + j * 4 + c];
    }
    for (int c = 0; c < DV; ++c) o[c] /= sum;
    *lse = log(sum);
}

static void compare_row(const fixture *f, ref_workspace *ws, int b, int h, int i)
{
    char reason[200] = "";
    double o[DV], lse;
    defined_row(f, b, h, i, o, &lse);
    const ref_row *row = ref_gather_row(ws, &f->problem, &f->args, b, h, i, reason, sizeof reason);
    if (!row) fail_msg("%s", reason);
    near_to(row->lse, lse, 1e-13);
    for (int c = 0; c < DV; ++c) near_to(row->o[c], o[c], 1e-13);
    for (int64_t x = 0; x < row->n; ++x) {
        assert_true(ref_sees(&f->problem, &f->args, b, i, ref_kept_keys(ws)[x]));
        double sum = 0;
        for (int c = 0; c < D; ++c) sum += fabs(row->k[x * D + c]);
        near_to(row->k_abs[x], sum, 1e-13);
    }
}

static void compare_all(const fixture *f, ref_workspace *ws)
{
    for (int b = 0; b < B; ++b) {
        for (int h = 0; h < H; ++h) {
            for (int i = 0; i < Q; ++i) compare_row(f, ws, b, h, i);
        }
    }
}

/* Fails on: a wrong KV head, a stride of another tensor, ALiBi by row number instead of position, bias_k0 ignored, a
 * sink or scale of another head, kept keys copied wrongly; and on K and V kept although others now lie at their
 * addresses. */
static void gathered_rows_match_the_definition(void **state)
{
    (void)state;
    fixture f;
    ref_workspace *ws = ref_workspace_new(K, D, DV);
    assert_non_null(ws);
    for (unsigned long seed = 1; seed < 4; ++seed) {
        fixture_set(&f, seed);
        compare_row(&f, ws, B - 1, H - 1, Q - 1); /* the KV head that the last round ended with */
        compare_all(&f, ws);
    }
    ref_workspace_free(ws);
}

/* Fails on: masked keys, keys past the length or row padding that reach the sums. */
static void masked_nan_does_not_show(void **state)
{
    (void)state;
    fixture f;
    fixture_set(&f, 5);
    f.lengths[0] = 4;
    for (int j = 4; j < K; ++j) {
        for (int c = 0; c < HKV * 7; ++c) f.k[j * HKV * 7 + c] = NAN;
        for (int g = 0; g < HKV; ++g) f.v[(g * K + j) * 4] = NAN;
    }
    for (int x = 7; x < H * Q * 8; x += 8) f.q[x] = NAN;
    ref_workspace *ws = ref_workspace_new(K, D, DV);
    compare_all(&f, ws);
    f.lengths[0] = 0;
    const ref_row *row = ref_gather_row(ws, &f.problem, &f.args, 0, 1, 1, NULL, 0);
    assert_non_null(row);
    assert_true(row->n == 0 && row->o[0] == 0 && row->lse == (double)f.sinks[1]);
    ref_workspace_free(ws);
}

/* Fails on: scales left out, scales of another row, V's scales used for K. */
static void int8_keys_and_values_are_dequantised(void **state)
{
    (void)state;
    float q[] = {1, -2}, k_scales[] = {0.5f, 0.25f}, v_scales[] = {3};
    int8_t k[] = {-128, 127, 3, -4}, v[] = {10, -20};
    attn_tensor slot[ATTN_SLOTS] = {{0}};
    slot[ATTN_Q] = tensor_of(q, ATTN_F32, 1, 1, 1, 2);
    slot[ATTN_K] = tensor_of(k, ATTN_I8, 1, 1, 2, 2);
    slot[ATTN_V] = tensor_of(v, ATTN_I8, 1, 1, 2, 1);
    slot[ATTN_K_SCALES] = tensor_of(k_scales, ATTN_F32, 1, 1, 2, 1);
    slot[ATTN_V_SCALES] = (attn_tensor){v_scales, ATTN_F32, 0, {1, 1, 2, 1}, {0, 0, 0, 0}};
    const attn_args args = {sizeof args, ATTN_SLOTS, slot};
    const attn_problem problem = {
        .size = sizeof problem, .b = 1, .h = 1, .hkv = 1, .q = 1, .k = 2, .d = 2, .dv = 1, .scale = 1};
    ref_workspace *ws = ref_workspace_new(2, 2, 1);
    const ref_row *row = ref_gather_row(ws, &problem, &args, 0, 0, 0, NULL, 0);
    assert_non_null(row);
    near_to(row->raw[0], 0.5 * (-128 - 254), 0);
    near_to(row->raw[1], 0.25 * (3 + 8), 0);
    near_to(row->k_abs[0], 127.5, 0);
    near_to(row->v[0], 30, 0);
    near_to(row->v[1], -60, 0);
    ref_workspace_free(ws);
}

static void no_keys_at_all(void **state)
{
    (void)state;
    float q[] = {1};
    attn_tensor slot[ATTN_SLOTS] = {{0}};
    slot[ATTN_Q] = tensor_of(q, ATTN_F32, 1, 1, 1, 1);
    slot[ATTN_K] = tensor_of(NULL, ATTN_F32, 1, 1, 0, 1);
    slot[ATTN_V] = tensor_of(NULL, ATTN_F32, 1, 1, 0, 1);
    const attn_args args = {sizeof args, ATTN_SLOTS, slot};
    const attn_problem problem = {
        .size = sizeof problem, .b = 1, .h = 1, .hkv = 1, .q = 1, .k = 0, .d = 1, .dv = 1, .scale = 1};
    ref_workspace *ws = ref_workspace_new(0, 1, 1);
    assert_non_null(ws);
    const ref_row *row = ref_gather_row(ws, &problem, &args, 0, 0, 0, NULL, 0);
    assert_non_null(row);
    assert_true(row->n == 0 && row->o[0] == 0 && row->lse == -INFINITY);
    ref_workspace_free(ws);
}

/* Each change alone must be refused, with a reason that holds the word. */
static void refusals_say_why(void **state)
{
    (void)state;
    static const char *const words[] = {"pass",      "form",  "score", "mask",         "such row",
                                        "workspace", "pages", "data",  "QUERY_LENGTHS"};
    ref_workspace *ws = ref_workspace_new(K, D, DV);
    int64_t query_lengths[B] = {1, 1};
    for (int64_t x = 0; x < COUNT(words); ++x) {
        fixture f;
        fixture_set(&f, 1);
        int64_t i = 1;
        switch (x) {
        case 0: f.problem.pass = ATTN_BACKWARD; break;
        case 1: f.problem.form = ATTN_LINEAR; break;
        case 2: f.problem.score = ATTN_SCORE_COSINE; break;
        case 3: f.problem.mask |= ATTN_MASK_BLOCKS; break;
        case 4: i = Q; break;
        case 5: f.problem.k = K + 1; break;
        case 6: f.slot[ATTN_PAGES] = tensor_of(query_lengths, ATTN_I64, B, 1, 1, 1); break;
        case 7: f.slot[ATTN_V].data = NULL; break;
        default: f.slot[ATTN_QUERY_LENGTHS] = tensor_of(query_lengths, ATTN_I64, B, 1, 1, 1); break;
        }
        char reason[200] = "";
        assert_null(ref_gather_row(ws, &f.problem, &f.args, 0, 0, i, reason, sizeof reason));
        if (!strstr(reason, words[x])) fail_msg("reason '%s' does not say '%s'", reason, words[x]);
    }
    ref_workspace_free(ws);
    assert_null(ref_workspace_new(INT64_MAX / 4, 8, 8)); /* the product overflows */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_widen_exactly),   cmocka_unit_test(masks_as_drawn),
        cmocka_unit_test(masks_agree_with_spans),   cmocka_unit_test(gathered_rows_match_the_definition),
        cmocka_unit_test(masked_nan_does_not_show), cmocka_unit_test(int8_keys_and_values_are_dequantised),
        cmocka_unit_test(no_keys_at_all),           cmocka_unit_test(refusals_say_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
