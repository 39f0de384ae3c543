/* One row of the double reference: known answers, the order of a logit's steps, sinks, rows without keys, inputs that
 * are not finite. Expected figures are published or worked out here, never taken from the code under test. */
#include <dlfcn.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "reference.h"

enum { MOST_KEYS = 8, MOST_CHANNELS = 4 };

static void near_to(double got, double wanted, double tolerance)
{
    if (!(fabs(got - wanted) <= tolerance)) fail_msg("got %.12g, wanted %.12g", got, wanted);
}

typedef struct plain_row {
    ref_row row;
    double k_abs[MOST_KEYS], raw[MOST_KEYS], a[MOST_KEYS], s[MOST_KEYS], w[MOST_KEYS], o[MOST_CHANNELS];
} plain_row;

static ref_row *plain(plain_row *p, int64_t n, int64_t d, int64_t dv, const double *q, const double *k, const double *v)
{
    memset(p, 0, sizeof *p);
    p->row = (ref_row){.d = d, .dv = dv, .n = n, .scale = 1, .sink = -INFINITY, .q = q, .k = k, .v = v};
    p->row.k_abs = p->k_abs;
    p->row.raw = p->raw;
    p->row.a = p->a;
    p->row.s = p->s;
    p->row.w = p->w;
    p->row.o = p->o;
    return &p->row;
}

/* Fails on: a wrong scale, softmax over the wrong axis, weights not divided by their sum, K read by columns. */
static void worked_example_a(void **state)
{
    (void)state;
    static const double q[3][2] = {{1, 2}, {3, 4}, {5, 6}};
    static const double k[] = {1, 0, 0, 1, 1, 1}, v[] = {2, 0, 0, 2, 2, 2};
    static const double weights[3][3] = {{0.140029245, 0.283995410, 0.575975345},
                                         {0.050132994, 0.101675476, 0.848191531},
                                         {0.013770407, 0.027927969, 0.958301623}};
    static const double scaled[3][2] = {
        {1.432009181, 1.719941510}, {1.796649049, 1.899734013}, {1.944144061, 1.972459185}};
    static const double unscaled[3][2] = {
        {1.510543058, 1.819938854}, {1.906774755, 1.965704349}, {1.986647175, 1.995087770}};
    static const double scores[3][3] = {{1, 2, 3}, {3, 4, 7}, {5, 6, 11}};
    plain_row p;
    for (int i = 0; i < 3; ++i) {
        ref_row *row = plain(&p, 3, 2, 2, q[i], k, v);
        ref_row_compute(row);
        for (int j = 0; j < 3; ++j) near_to(row->raw[j], scores[i][j], 0);
        for (int c = 0; c < 2; ++c) near_to(row->o[c], unscaled[i][c], 1e-9);
        row->scale = 1 / sqrt(2);
        ref_row_compute(row);
        for (int j = 0; j < 3; ++j) near_to(row->w[j], weights[i][j], 1e-9);
        for (int c = 0; c < 2; ++c) near_to(row->o[c], scaled[i][c], 1e-9);
        near_to(row->lse, log(exp(row->s[0]) + exp(row->s[1]) + exp(row->s[2])), 1e-14);
        assert_true(row->finite);
    }
}

static void worked_examples_b_and_c(void **state)
{
    (void)state;
    static const double x[] = {1, 2, 3}, y[] = {4, 5, 6}, b[] = {2.981361072, 2.993217263, 2.997515134};
    static const double qk[] = {0.1, 0.2, 0.3}, v[] = {0.4, 0.5, 0.6}, c[] = {0.500666656, 0.501333244, 0.501999700};
    static const double second[] = {0.326689331, 0.333288893, 0.340021776};
    plain_row p;
    for (int i = 0; i < 3; ++i) {
        ref_row *row = plain(&p, 3, 1, 1, &y[i], x, x);
        ref_row_compute(row);
        near_to(row->o[0], b[i], 1e-9);
        row = plain(&p, 3, 1, 1, &qk[i], qk, v);
        ref_row_compute(row);
        near_to(row->o[0], c[i], 1e-9);
        for (int j = 0; i == 1 && j < 3; ++j) near_to(row->w[j], second[j], 1e-9);
    }
}

/* Fails on: the sink left out of l, of LSE or of the maximum; a sink that carries a value. */
static void sink_is_a_logit_without_a_value(void **state)
{
    (void)state;
    static const double q[] = {1}, k[] = {0, 0}, v[] = {3, 5};
    plain_row p;
    ref_row *row = plain(&p, 2, 1, 1, q, k, v);
    row->sink = log(2.0);
    ref_row_compute(row);
    near_to(row->lse, log(4.0), 1e-15);
    near_to(row->w[0], 0.25, 1e-15);
    near_to(row->w_sink, 0.5, 1e-15);
    near_to(row->o[0], 2, 1e-15);
    near_to(row->l, 2, 1e-15); /* relative to the sink, which is the maximum */
    near_to(row->m, log(2.0), 0);
    row->sink = 900; /* exp(900) is no double */
    ref_row_compute(row);
    near_to(row->lse, 900, 0);
    near_to(row->o[0], 0, 0);
}

/* Fails on: softcap after the added terms, softcap before the scale, a negative scale's A. */
static void logit_steps_in_order(void **state)
{
    (void)state;
    static const double q[] = {2, -1}, k[] = {3, 1, -4, 2}, v[] = {1, 0}, add[] = {0.5, -1.5};
    plain_row p;
    ref_row *row = plain(&p, 2, 2, 1, q, k, v);
    row->scale = -0.5;
    row->softcap = 3;
    row->add = add;
    ref_row_compute(row);
    near_to(row->raw[0], -2.5, 0);
    near_to(row->raw[1], 5, 0);
    near_to(row->a[0], 3.5, 0);
    near_to(row->a[1], 5, 0);
    near_to(row->s[0], 3 * tanh(-2.5 / 3) + 0.5, 1e-15);
    near_to(row->s[1], 3 * tanh(5.0 / 3) - 1.5, 1e-15);
    near_to(row->o[0], 1 / (1 + exp(row->s[1] - row->s[0])), 1e-15);
}

static void no_key(void **state)
{
    (void)state;
    static const double q[] = {1};
    plain_row p;
    ref_row *row = plain(&p, 0, 1, 2, q, NULL, NULL);
    row->o[0] = row->o[1] = 7;
    ref_row_compute(row);
    assert_true(row->lse == -INFINITY && row->o[0] == 0 && row->o[1] == 0 && row->finite);
    row->sink = 1.5;
    row->o[0] = 7;
    ref_row_compute(row);
    assert_true(row->lse == 1.5 && row->o[0] == 0 && row->w_sink == 1);
}

/* Fails on: a NaN that BLAS skips because its weight or scale is 0; -inf that spoils its neighbours. */
static void not_finite(void **state)
{
    (void)state;
    double q[] = {1}, k[] = {1, 2, -2000}, v[] = {1, 2, 3, 4, 5, 6}, add[] = {0, 0, 0};
    plain_row p;
    ref_row *row = plain(&p, 3, 1, 2, q, k, v);
    v[5] = (double)NAN; /* its weight underflows to 0 */
    ref_row_compute(row);
    assert_true(!row->finite && isfinite(row->o[0]) && isnan(row->o[1]) && isfinite(row->lse));
    v[5] = 6;
    k[1] = (double)NAN;
    row->scale = 0;
    ref_row_compute(row);
    assert_true(!row->finite && isnan(row->o[0]) && isnan(row->lse) && isnan(row->w[0]));
    k[1] = 2;
    row->scale = 1;
    row->add = add;
    add[1] = -INFINITY;
    ref_row_compute(row);
    assert_true(!row->finite && row->w[1] == 0);
    near_to(row->o[0], 1, 1e-15);
    near_to(row->lse, 1, 1e-15);
    add[0] = add[2] = -INFINITY;
    ref_row_compute(row);
    assert_true(!row->finite && row->lse == -INFINITY && row->o[0] == 0);
    add[1] = INFINITY;
    ref_row_compute(row);
    assert_true(!row->finite && isnan(row->o[0]));
}

/* Fails on: another CBLAS linked before gslcblas, which would then be both judge and judged. */
static void gslcblas_answers(void **state)
{
    (void)state;
    Dl_info info;
    assert_int_not_equal(dladdr(ref_blas_address(), &info), 0);
    if (!strstr(info.dli_fname, "libgslcblas")) fail_msg("cblas_dgemv lies in %s", info.dli_fname);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(worked_example_a),
        cmocka_unit_test(worked_examples_b_and_c),
        cmocka_unit_test(sink_is_a_logit_without_a_value),
        cmocka_unit_test(logit_steps_in_order),
        cmocka_unit_test(no_key),
        cmocka_unit_test(not_finite),
        cmocka_unit_test(gslcblas_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
