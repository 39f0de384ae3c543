/* Where rows lie: packed sequences and pages give the reference the same numbers as rows in plain order. */
#include "gather_fixture.h"

enum { PAGE = 4, PAGES = 3 }; /* keys a page, pages a sequence */

/* A fixture's rows, behind each other as packed sequences, or its keys in pages; with channels two apart. */
typedef struct moved {
    attn_tensor slot[ATTN_SLOTS];
    attn_args args;
    float q[H * B * Q * D * 2], k[B * PAGES * HKV * PAGE * D * 2], v[B * PAGES * HKV * PAGE * DV * 2],
        bias[H * B * Q * COLUMNS];
    int64_t query_starts[B + 1], key_starts[B + 1], pages[B * PAGES];
} moved;

static void copy_row(const attn_tensor *from, int64_t b, int64_t h, int64_t r, const attn_tensor *to, int64_t to_b,
                     int64_t to_r)
{
    float *const at = (float *)to->data + to_b * to->stride[0] + h * to->stride[1] + to_r * to->stride[2];
    for (int64_t c = 0; c < from->extent[3]; ++c) at[c * to->stride[3]] = (float)ref_element(from, b, h, r, c);
}

static attn_tensor spread(float *data, int64_t b, int64_t h, int64_t r, int64_t c)
{
    return (attn_tensor){data, ATTN_F32, 0, {b, h, r, c}, {h * r * c * 2, r * c * 2, c * 2, 2}};
}

static void pack_batch(const fixture *f, const int64_t *queries, moved *m)
{
    memset(m, 0, sizeof *m);
    memcpy(m->slot, f->slot, sizeof m->slot);
    m->args = (attn_args){sizeof m->args, ATTN_SLOTS, m->slot};
    for (int b = 0; b < B; ++b) {
        m->query_starts[b + 1] = m->query_starts[b] + queries[b];
        m->key_starts[b + 1] = m->key_starts[b] + f->lengths[b];
    }
    m->slot[ATTN_Q] = spread(m->q, B, H, m->query_starts[B], D);
    m->slot[ATTN_K] = spread(m->k, B, HKV, m->key_starts[B], D);
    m->slot[ATTN_V] = spread(m->v, B, HKV, m->key_starts[B], DV);
    m->slot[ATTN_BIAS] = tensor_of(m->bias, ATTN_F32, B, H, m->query_starts[B], COLUMNS);
    for (int slot = ATTN_Q; slot <= ATTN_BIAS; ++slot) m->slot[slot].stride[0] = 0;
    m->slot[ATTN_KEY_LENGTHS] = (attn_tensor){0};
    m->slot[ATTN_QUERY_STARTS] = tensor_of(m->query_starts, ATTN_I64, B + 1, 1, 1, 1);
    m->slot[ATTN_KEY_STARTS] = tensor_of(m->key_starts, ATTN_I64, B + 1, 1, 1, 1);
    for (int b = 0; b < B; ++b) {
        for (int h = 0; h < H; ++h) {
            for (int i = 0; i < queries[b]; ++i) {
                copy_row(&f->slot[ATTN_Q], b, h, i, &m->slot[ATTN_Q], 0, m->query_starts[b] + i);
                copy_row(&f->slot[ATTN_BIAS], b, h, i, &m->slot[ATTN_BIAS], 0, m->query_starts[b] + i);
            }
            for (int j = 0; h < HKV && j < f->lengths[b]; ++j) {
                copy_row(&f->slot[ATTN_K], b, h, j, &m->slot[ATTN_K], 0, m->key_starts[b] + j);
                copy_row(&f->slot[ATTN_V], b, h, j, &m->slot[ATTN_V], 0, m->key_starts[b] + j);
            }
        }
    }
}

static void page_keys(const fixture *f, moved *m)
{
    static const int64_t table[B * PAGES] = {3, 0, 5, 1, 4, 2};
    memset(m, 0, sizeof *m);
    memcpy(m->slot, f->slot, sizeof m->slot);
    m->args = (attn_args){sizeof m->args, ATTN_SLOTS, m->slot};
    memcpy(m->pages, table, sizeof table);
    m->slot[ATTN_PAGES] = (attn_tensor){m->pages, ATTN_I64, 0, {B, 1, PAGES, 1}, {PAGES, 0, 1, 0}};
    m->slot[ATTN_K] = spread(m->k, B * PAGES, HKV, PAGE, D);
    m->slot[ATTN_V] = spread(m->v, B * PAGES, HKV, PAGE, DV);
    for (int b = 0; b < B; ++b) {
        for (int h = 0; h < HKV; ++h) {
            for (int j = 0; j < f->lengths[b]; ++j) {
                copy_row(&f->slot[ATTN_K], b, h, j, &m->slot[ATTN_K], table[b * PAGES + j / PAGE], j % PAGE);
                copy_row(&f->slot[ATTN_V], b, h, j, &m->slot[ATTN_V], table[b * PAGES + j / PAGE], j % PAGE);
            }
        }
    }
}

/* Row i of every head of sequence b, gathered twice: the same numbers wherever they lie. */
static void compare_moved(const fixture *f, const attn_problem *problem, const moved *m, int b, int i)
{
    ref_workspace *here = ref_workspace_new(K, D, DV), *there = ref_workspace_new(K, D, DV);
    char reason[200] = "";
    for (int h = 0; h < H; ++h) {
        const ref_row *wanted = ref_gather_row(here, &f->problem, &f->args, b, h, i, reason, sizeof reason);
        const ref_row *got = ref_gather_row(there, problem, &m->args, b, h, i, reason, sizeof reason);
        if (!wanted || !got) fail_msg("sequence %d, row %d: %s", b, i, reason);
        assert_int_equal(got->n, wanted->n);
        near_to(got->lse, wanted->lse, 0);
        for (int c = 0; c < DV; ++c) near_to(got->o[c], wanted->o[c], 0);
    }
    ref_workspace_free(here);
    ref_workspace_free(there);
}

/* Fails on: starts ignored, or those of another sequence; a length taken from the wrong start; bias rows not packed. */
static void packed_sequences_are_found(void **state)
{
    (void)state;
    static const int64_t queries[][B] = {{2, 3}, {0, 3}, {3, 1}};
    fixture f;
    moved m;
    fixture_set(&f, 3);
    for (int64_t x = 0; x < COUNT(queries); ++x) {
        pack_batch(&f, queries[x], &m);
        for (int b = 0; b < B; ++b) {
            for (int i = 0; i < queries[x][b]; ++i) compare_moved(&f, &f.problem, &m, b, i);
        }
    }
    char reason[200] = "";
    ref_workspace *ws = ref_workspace_new(K, D, DV);
    assert_null(ref_gather_row(ws, &f.problem, &m.args, 1, 0, 1, reason, sizeof reason));
    assert_non_null(strstr(reason, "QUERY_STARTS"));
    ref_workspace_free(ws);
}

/* Fails on: pages in order of their numbers, the table of another sequence, a row's number not taken within its page, K
 * kept although the table has changed. */
static void pages_are_found(void **state)
{
    (void)state;
    fixture f;
    moved m;
    fixture_set(&f, 4);
    page_keys(&f, &m);
    attn_problem problem = f.problem;
    problem.page_size = PAGE;
    for (int b = 0; b < B; ++b) {
        for (int i = 0; i < Q; ++i) compare_moved(&f, &problem, &m, b, i);
    }
    char reason[200] = "";
    ref_workspace *ws = ref_workspace_new(K, D, DV);
    problem.mask = 0;
    const ref_row *row = ref_gather_row(ws, &problem, &m.args, 1, 0, 0, reason, sizeof reason);
    const double before = row ? row->lse : 0;
    m.pages[PAGES] = 5;
    row = ref_gather_row(ws, &problem, &m.args, 1, 0, 0, reason, sizeof reason);
    assert_true(row && row->lse != before);
    m.pages[PAGES] = B * PAGES;
    assert_null(ref_gather_row(ws, &problem, &m.args, 1, 0, 0, reason, sizeof reason));
    assert_non_null(strstr(reason, "does not have"));
    ref_workspace_free(ws);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packed_sequences_are_found),
        cmocka_unit_test(pages_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
