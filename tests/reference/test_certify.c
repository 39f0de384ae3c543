/* The reference's certificate: it holds for every mechanism and input class, and it is refused to a reference that is
 * wrong in its last digits. The second opinion is a row in plain loops, compensated sums and no library. */
#include <math.h>

#include "instance_fixture.h"

#include "judge/certificate.h"
#include "certify.h"
#include "error_model.h"
#include "tensors/inputs.h"

static const char *const specs[] = {
    "h=2,q=33,d=64",
    "h=2,q=9,k=1025,d=128",
    "h=2,q=48,d=64,mask=causal,softcap=30",
    "h=2,q=9,d=16,softcap=2,scale=4",
    "h=4,q=40,d=32,mask=causal,alibi=1",
    "h=2,q=9,k=40,d=32,alibi=1,q_pos=1099511627776",
    "b=2,h=2,q=24,d=32,scale=1,bias=2",
    "h=4,q=40,d=32,mask=window,window=16,sinks=1",
    "b=2,h=4,hkv=2,q=24,k=70,d=32,mask=causal,q_pos=end,softcap=20,alibi=1,sinks=1,bias=2",
    "h=4,hkv=2,q=1,k=96,d=64,kv_dtype=i8",
    "h=2,q=32,d=64,dtype=bf16",
    "h=4,hkv=1,q=1,k=70,d=96,dv=64,v_in_k=1",
    "b=2,h=2,q=10,k=30,d=32,sinks=1,lens=0+30",
};
enum { SPECS = sizeof specs / sizeof *specs };

static bool fits(const char *spec, input_class input)
{
    char reason[512];
    workload w;
    assert_int_equal(workload_parse(spec, builtin, &w, reason, sizeof reason), 1);
    const int fit = input_class_fits(&w, input, reason, sizeof reason);
    workload_free(&w);
    return fit;
}

typedef void row_test(const ref_row *row, const char *what);

/* Rows 0, the last and one between of every head, for each input class. */
static void each_row(row_test *test)
{
    char reason[256];
    for (int i = 0; i < SPECS; i++)
        for (int input = 0; input < INPUT_CLASSES; input++) {
            if (!fits(specs[i], (input_class)input)) continue;
            subject *s = make(specs[i], (input_class)input, 7);
            const attn_problem *p = &s->in.problem;
            attn_tensor slot[ATTN_SLOTS];
            const attn_args args = instance_args(&s->in, true, false, slot);
            ref_workspace *ws = ref_workspace_new(p->k, p->d, p->dv);
            for (int64_t h = 0; h < p->h; h++)
                for (int64_t at = 0; at<p->q; at += p->q> 2 ? (p->q - 1) / 2 : 1) {
                    const ref_row *row = ref_gather_row(ws, p, &args, p->b - 1, h, at, reason, sizeof reason);
                    if (!row) fail_msg("%s: %s", specs[i], reason);
                    test(row, specs[i]);
                }
            ref_workspace_free(ws);
            drop(s);
        }
}

static int certified;

static void is_certified(const ref_row *row, const char *what)
{
    char reason[320];
    if (!certify_row(row, reason, sizeof reason)) fail_msg("%s: %s", what, reason);
    certified += row->finite;
}

/* Fails on: a mechanism left out of the enclosure, or a reference that loses digits. */
static void every_mechanism_is_certified(void **state)
{
    (void)state;
    if (!certify_available()) skip();
    each_row(is_certified);
    assert_true(certified > 100);
}

/* Fails on: a certificate for any figure that is off by one part in 4e9, a thousandth of a float's last place. */
static void planted_errors_are_refused(void **state)
{
    (void)state;
    if (!certify_available()) skip();
    char reason[320];
    subject *s = make(specs[0], INPUT_NORMAL, 7);
    attn_tensor slot[ATTN_SLOTS];
    const attn_args args = instance_args(&s->in, true, false, slot);
    const attn_problem *p = &s->in.problem;
    ref_workspace *ws = ref_workspace_new(p->k, p->d, p->dv);
    for (int planted = 0; planted < 5; planted++) {
        const ref_row *gathered = ref_gather_row(ws, p, &args, 0, 1, 5, reason, sizeof reason);
        assert_non_null(gathered);
        ref_row row = *gathered;
        const double off = 1 + 0x1p-32;
        if (planted == 1) row.o[3] *= off;
        if (planted == 2) row.lse *= off;
        if (planted == 3) row.w[row.n - 1] *= off;
        if (planted == 4) row.o[0] = NAN;
        assert_int_equal(certify_row(&row, reason, sizeof reason), planted == 0);
    }
    ref_workspace_free(ws);
    drop(s);
}

/* Row choice. Fails on: fewer rows than asked for, rows beyond the list, large rows taken for cheap ones. */
static void asked_rows_are_certified(void **state)
{
    (void)state;
    if (!certify_available()) skip();
    subject *s = make("h=2,q=33,d=64", INPUT_NORMAL, 7), *large = make("h=1,q=1,k=2049,d=64", INPUT_NORMAL, 7);
    attn_tensor slot[ATTN_SLOTS];
    const attn_args args = instance_args(&s->in, true, false, slot);
    row_list rows;
    certificate got;
    assert_int_equal(rows_choose(&s->in.problem, &args, NULL, 0, 1e9, 1, &rows), 1);
    static const struct {
        int64_t asked, got;
    } known[] = {{CERTIFY_CHEAP, 2}, {0, 0}, {1, 1}, {5, 5}, {66, 66}, {1000, 66}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        certify_rows(&s->in, &rows, known[i].asked, &got);
        assert_int_equal(got.rows, known[i].got);
        assert_false(got.failed);
    }
    rows.count = 1;
    certify_rows(&large->in, &rows, CERTIFY_CHEAP, &got);
    assert_int_equal(got.rows, 0);
    certify_rows(&large->in, &rows, 1, &got);
    assert_int_equal(got.rows, 1);
    rows_free(&rows);
    drop(s);
    drop(large);
}

/* ---- second opinion ---------------------------------------------------------------------------------------------- */

/* A sum with its rounding errors carried along (Neumaier). */
typedef struct sum {
    double value, lost;
} sum;

static void add(sum *s, double x)
{
    const double next = s->value + x;
    s->lost += fabs(s->value) >= fabs(x) ? (s->value - next) + x : (x - next) + s->value;
    s->value = next;
}

static void agrees(const char *what, const char *figure, double got, double wanted, double bound)
{
    if (!(fabs(got - wanted) <= bound))
        fail_msg("%s: %s %.17g, in plain loops %.17g, bound %g", what, figure, got, wanted, bound);
}

static void agrees_with_plain_loops(const ref_row *row, const char *what)
{
    static double s[2048], bound_o[ATTN_MAX_D];
    if (!row->finite || !(row->l > 0)) return;
    double m = row->sink, bound_lse;
    assert_true(row->n <= 2048);
    for (int64_t j = 0; j < row->n; j++) {
        sum dot = {0, 0};
        for (int64_t c = 0; c < row->d; c++) add(&dot, row->q[c] * row->k[j * row->d + c]);
        s[j] = (dot.value + dot.lost) * row->scale;
        if (row->softcap > 0) s[j] = row->softcap * tanh(s[j] / row->softcap);
        if (row->add) s[j] += row->add[j];
        m = fmax(m, s[j]);
    }
    sum l = {0, 0};
    add(&l, exp(row->sink - m));
    for (int64_t j = 0; j < row->n; j++) add(&l, exp(s[j] - m));
    const double total = l.value + l.lost;
    const accuracy own = accuracy_of_reference();
    error_bound(row, &own, bound_o, &bound_lse, NULL);
    agrees(what, "LSE", row->lse, m + log(total), 2 * bound_lse); /* both may be off by one bound */
    for (int64_t c = 0; c < row->dv; c++) {
        sum o = {0, 0};
        for (int64_t j = 0; j < row->n; j++) add(&o, exp(s[j] - m) * row->v[j * row->dv + c]);
        agrees(what, "output", row->o[c], (o.value + o.lost) / total, 2 * bound_o[c]);
    }
}

/* Fails on: a reference that does not mean what its definition says, with or without FLINT at hand. */
static void plain_loops_agree(void **state)
{
    (void)state;
    each_row(agrees_with_plain_loops);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_mechanism_is_certified),
        cmocka_unit_test(planted_errors_are_refused),
        cmocka_unit_test(asked_rows_are_certified),
        cmocka_unit_test(plain_loops_agree),
    };
    return cmocka_run_group_tests(tests, make_set, free_set);
}
