/* The line of keys of threaded/cut_impl.h for 1 to 256 simulated workers: every key of every row in exactly one piece,
 * pieces equal to a step, partial results apart. And slices of keys: the same keys, counted from 0. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "threaded/cut_impl.h"
#include "threaded/slice_impl.h"

enum { B = 5, WORKERS = 256, STEP = 16 };

typedef struct batch {
    attn_problem problem;
    attn_tensor slot[ATTN_SLOTS];
    attn_args args;
    int64_t key_lengths[B], query_lengths[B];
} batch;

static void batch_set(batch *t, uint32_t mask, int64_t q, int64_t q_pos)
{
    static const int64_t keys[B] = {1000, 0, 17, 4096, 1}, queries[B] = {3, 40, 0, 9, 1};
    memset(t, 0, sizeof *t);
    for (int b = 0; b < B; b++) t->key_lengths[b] = keys[b], t->query_lengths[b] = queries[b] < q ? queries[b] : q;
    t->slot[ATTN_KEY_LENGTHS] = (attn_tensor){t->key_lengths, ATTN_I64, 0, {B, 1, 1, 1}, {1, 1, 1, 1}};
    t->slot[ATTN_QUERY_LENGTHS] = (attn_tensor){t->query_lengths, ATTN_I64, 0, {B, 1, 1, 1}, {1, 1, 1, 1}};
    t->args = (attn_args){sizeof t->args, ATTN_SLOTS, t->slot};
    t->problem =
        (attn_problem){.size = sizeof t->problem, .b = B, .h = 6, .hkv = 2, .q = q, .k = 4096, .d = 8, .dv = 8};
    t->problem.mask = mask, t->problem.left = 100, t->problem.q_pos = q_pos;
}

/* Walks the pieces as a kernel does; counts how often each step of the line is taken. Fails on: a step lost or taken
 * twice at the border of a piece, a unit missed, keys outside of what rows see, two partial results in one place. */
static void check_pieces(const batch *t, const attn_cut *cut, unsigned char *taken)
{
    const attn_problem *p = &t->problem;
    memset(taken, 0, (size_t)cut->steps);
    int64_t units = 0, least = INT64_MAX, most = 0;
    for (int64_t piece = 0; piece < cut->pieces; piece++) {
        const int64_t begin = attn_piece_begin(cut, piece), end = attn_piece_begin(cut, piece + 1);
        int parts[2] = {0, 0};
        least = end - begin < least ? end - begin : least, most = end - begin > most ? end - begin : most;
        attn_unit u = attn_unit_at(p, &t->args, cut, begin);
        assert_true(u.at <= begin && begin < u.at + u.steps);
        for (int64_t at = begin; at < end;) {
            const int64_t to = end < u.at + u.steps ? end : u.at + u.steps;
            if (at > u.at || to < u.at + u.steps) assert_int_equal(parts[at > begin]++, 0);
            if (at == u.at) units++;
            assert_true(u.begin % cut->step == 0 && u.begin <= u.end && u.end <= t->key_lengths[u.b]);
            for (; at < to; at++) {
                assert_int_equal(taken[at]++, 0);
                assert_int_equal(attn_piece_at(cut, at), piece);
            }
            if (at < end) u = attn_next_unit(p, &t->args, cut, &u);
        }
    }
    for (int64_t at = 0; at < cut->steps; at++) assert_int_equal(taken[at], 1);
    assert_int_equal(units, cut->units);
    assert_true(least >= 1 && most - least <= 1);
}

/* What rows see lies in their units, and units have no more steps than that needs. */
static void check_units(const batch *t, const attn_cut *cut)
{
    const attn_problem *p = &t->problem;
    int64_t rows = 0;
    attn_unit u = attn_unit_of(p, &t->args, cut, 0, 0);
    for (int64_t index = 0; index < cut->units; index++) {
        for (int64_t r = 0; r < u.rows; r++, rows++) {
            const attn_span s = attn_visible(p, &t->args, u.b, u.row + r);
            if (s.begin < s.end) assert_true(u.begin <= s.begin && s.end <= u.end);
        }
        const int64_t needed = (u.end - u.begin + cut->step - 1) / cut->step;
        assert_int_equal(u.steps, needed > 1 ? needed : 1);
        if (index + 1 < cut->units) u = attn_next_unit(p, &t->args, cut, &u);
    }
    int64_t wanted = 0;
    for (int b = 0; b < B; b++) wanted += p->hkv * t->query_lengths[b];
    assert_int_equal(rows, wanted);
}

static void every_key_in_one_piece_for_any_number_of_workers(void **state)
{
    (void)state;
    static const struct {
        uint32_t mask;
        int64_t q, q_pos;
    } cases[] = {
        {0, 1, 0},
        {0, 40, 0},
        {ATTN_MASK_RIGHT, 40, 0},
        {ATTN_MASK_RIGHT, 40, 980},
        {ATTN_MASK_RIGHT, 40, -20},
        {ATTN_MASK_LEFT | ATTN_MASK_RIGHT, 40, 900},
        {ATTN_MASK_LEFT, 9, 5000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        batch t;
        batch_set(&t, cases[i].mask, cases[i].q, cases[i].q_pos);
        for (int64_t workers = 1; workers <= WORKERS; workers++) {
            const attn_cut cut = attn_cut_of(&t.problem, &t.args, 16, STEP, workers);
            unsigned char *taken = malloc((size_t)cut.steps);
            assert_non_null(taken);
            assert_true(cut.pieces == workers || cut.pieces == cut.steps);
            check_units(&t, &cut);
            check_pieces(&t, &cut, taken);
            free(taken);
        }
    }
}

/* A slice of keys sees what the whole sees of them. Fails on: positions that do not move, a length that stays, a
 * pointer left behind. */
static void slices_of_keys_see_the_same(void **state)
{
    (void)state;
    enum { K = 4096, D = 8 };
    batch t;
    batch_set(&t, ATTN_MASK_LEFT | ATTN_MASK_RIGHT, 9, 70);
    float *k = malloc(sizeof(float) * B * 2 * K * D);
    assert_non_null(k);
    t.slot[ATTN_K] = t.slot[ATTN_V] = (attn_tensor){k, ATTN_F32, 0, {B, 2, K, D}, {2 * K * D, K * D, D, 1}};
    for (int64_t k0 = 0; k0 < 160; k0 += STEP) {
        attn_slice slice;
        attn_slice_rows(&t.problem, &t.args, 3, 1, 2, 5, &slice);
        attn_slice_keys(&slice, k0, k0 + STEP);
        assert_int_equal(slice.problem.k, STEP);
        assert_int_equal(slice.problem.h, 3);
        assert_ptr_equal(slice.slot[ATTN_K].data, k + 3 * 2 * K * D + K * D + k0 * D);
        for (int64_t r = 0; r < 5; r++) {
            const attn_span whole = attn_visible(&t.problem, &t.args, 3, 2 + r);
            const attn_span part = attn_visible(&slice.problem, &slice.args, 0, r);
            for (int64_t j = 0; j < STEP; j++)
                assert_int_equal(part.begin <= j && j < part.end, whole.begin <= k0 + j && k0 + j < whole.end);
        }
    }
    free(k);
}

/* With pages, the block table moves and K stays. */
static void slices_of_paged_keys_begin_at_their_page(void **state)
{
    (void)state;
    int64_t pages[B * 256];
    float k[4];
    batch t;
    batch_set(&t, 0, 1, 0);
    t.problem.page_size = STEP;
    t.slot[ATTN_PAGES] = (attn_tensor){pages, ATTN_I64, 0, {B, 1, 256, 1}, {256, 256, 1, 1}};
    t.slot[ATTN_K] = t.slot[ATTN_V] = (attn_tensor){k, ATTN_F32, 0, {B * 256, 2, STEP, 8}, {256, 128, 8, 1}};
    attn_slice slice;
    attn_slice_rows(&t.problem, &t.args, 3, 0, 0, 1, &slice);
    attn_slice_keys(&slice, 7 * STEP, 9 * STEP);
    assert_ptr_equal(slice.slot[ATTN_PAGES].data, pages + 3 * 256 + 7);
    assert_ptr_equal(slice.slot[ATTN_K].data, k);
    assert_int_equal(attn_key_count(&slice.problem, &slice.args, 0), 2 * STEP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_in_one_piece_for_any_number_of_workers),
        cmocka_unit_test(slices_of_keys_see_the_same),
        cmocka_unit_test(slices_of_paged_keys_begin_at_their_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
