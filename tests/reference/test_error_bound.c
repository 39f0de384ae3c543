/* The error bound's own behaviour: its formula written out a second time, what it does where nothing can be promised,
 * its growth, and how a plan's declarations enter it. */
#include "error_fixture_rows.h"

/* ---- the formula ------------------------------------------------------------------------------------------------- */

typedef struct bounds {
    double o[DV], lse;
} bounds;

/* B and B_lse written out a second time, term by term and without care for speed or underflow: double entry. */
static bounds written_out(const accuracy *y)
{
    const ref_row *r = &x.row;
    const double n = (double)r->n, d = (double)r->d, u = y->u, scale = fabs(r->scale);
    const double big_r = fmin(y->rescales, n + 1) + (y->merge_lse ? 1 : 0);
    const double dot = (d + 5) * u / (1 - (d + 5) * u);
    const double acc = (n + 1) * u / (1 - (n + 1) * u) + big_r * (y->kappa + 2) * u;
    const double pi = y->u_p * (1 + acc);
    const double half = y->fp16_weight ? y->u_p * 0x1p-14 : 0; /* 2^-25 to nearest */
    double wt[KEYS], den = 0, worst = 0, q_most = 0, products = 0, largest_product = 0;
    for (int64_t c = 0; c < r->d; ++c) q_most = fmax(q_most, fabs(r->q[c]));
    for (int64_t j = 0; j < r->n; ++j) {
        const double s = r->s[j];
        double e = (dot + y->u_q) * r->a[j] + y->eta * (scale * d + x.k_abs[j] + 1);
        if (r->softcap > 0) {
            const double c = r->softcap, move = e + 3 * u * fabs(r->raw[j]);
            const double slope = 1 - pow(tanh(fmax(fabs(r->raw[j]) - move, 0) / c), 2);
            e = slope * move + u * ((y->kappa_t + 2) * fabs(c * tanh(r->raw[j] / c)) + c * y->tau);
        }
        if (r->add) e += u * (3 * fabs(r->add[j]) + fabs(s));
        e += y->u_s * fabs(s) + (y->fp16_score ? 0x1p-25 : 0);
        e += (2 + y->kappa_1) * u * (r->m - s + 2 * y->lambda);
        if (y->merge_lse) e += u * (4 * (fabs(s) + r->m - s) + (4 + y->kappa_log) * log(n + 1));
        e += scale * y->delta_q / 2 * q_most * x.k_abs[j];
        wt[j] = exp(s - r->m + e) / r->l - r->w[j] + y->kappa * u * exp(s - r->m + e) / r->l;
        den += wt[j];
        products += (r->w[j] + wt[j]) * r->v_scale[j];
        largest_product = fmax(largest_product, (r->w[j] + wt[j]) * r->v_scale[j]);
        worst = fmax(worst, e);
    }
    double wt_sink = 0;
    if (r->sink > -INFINITY) {
        const double e = 3 * u * fabs(r->sink) + (2 + y->kappa_1) * u * (r->m - r->sink + 2 * y->lambda);
        wt_sink = r->w_sink * (exp(e) - 1) + y->kappa * u * r->w_sink * exp(e);
        worst = fmax(worst, e);
    }
    den += wt_sink;
    const double rounded = y->l_from_rounded ? y->u_p + half * n / r->l : 0;
    const double t = den + acc + rounded;

    bounds b;
    for (int c = 0; c < DV; ++c) {
        const double o = r->o[c];
        double unscaled = 0, apart = 0, size = 0, size_stored = 0, sum = 0, far_end = r->sink > -INFINITY ? fabs(o) : 0,
               largest = 0;
        for (int64_t j = 0; j < r->n; ++j) {
            const double v = r->v[j * DV + c];
            apart += wt[j] * fabs(v - o);
            size += (r->w[j] + wt[j]) * fabs(v);
            size_stored += (r->w[j] + wt[j]) * (y->l_from_rounded ? fabs(v - o) : fabs(v));
            sum += fabs(v);
            unscaled = fmax(unscaled, fabs(v) / r->v_scale[j]);
            far_end = fmax(far_end, fabs(v - o));
            largest = fmax(largest, fabs(v));
        }
        double a =
            half * sum / (y->weights_normalised ? 1 : r->l) + (y->l_from_rounded ? half * n * fabs(o) / r->l : 0);
        a += y->delta_p / 2 * fmin(n * largest_product, y->key_block * products) * unscaled;
        const double num = apart + wt_sink * fabs(o) + acc * size + acc * (1 + den) * fabs(o) + pi * size_stored + a;
        const double b1 = t < 1 ? num / (1 - t) : INFINITY;
        const double b2 = far_end + (2 * acc + pi) / (1 - acc) * largest + a;
        const double before = fmin(b1, b2);
        b.o[c] = before + (y->rho * u + y->u_out) * (fabs(o) + before) + 0x1p-126 * sum + (n + big_r + 2) * y->eta +
                 y->out_step;
    }
    const double first = t < 1 ? -log(1 - t) : INFINITY;
    const double second = worst + log(1 + y->kappa * u) + 2 * acc + 2 * rounded;
    b.lse = fmin(first, second) + u * (2 * fabs(r->m) + (2 + y->kappa_log) * log(r->l) + fabs(r->lse));
    return b;
}

/* Fails on: any term of the formula left out or changed, on either side. */
static void matches_the_formula_written_out(void **state)
{
    (void)state;
    for (size_t k = 0; k < COUNT(styles); ++k) {
        if (styles[k].truncate) continue; /* written out for rounding to nearest */
        accuracy a = accuracy_of(&styles[k]);
        a.kappa_1 = 1; /* figures that no style uses */
        a.tau = 6;
        a.u_q = 0x1p-22;
        a.delta_q = a.weights_normalised ? 0 : 1e-4;
        a.delta_p = a.weights_normalised || a.l_from_rounded ? 0 : 1e-4;
        a.key_block = 16;
        for (int in = 0; in < INPUTS; ++in) {
            if (in == HUGE_LOGITS) continue; /* written out without care for overflow */
            for (unsigned long seed = 0; seed < 10; ++seed) {
                double o[DV], lse;
                make_row((input)in, 1 + 12 * (int64_t)seed, seed);
                error_bound(&x.row, &a, o, &lse, NULL);
                const bounds wanted = written_out(&a);
                if (!(fabs(lse - wanted.lse) <= 1e-7 * lse))
                    fail_msg("%s, %s: B_lse %g, written out %g", styles[k].name, input_names[in], lse, wanted.lse);
                for (int c = 0; c < DV; ++c) {
                    if (!(fabs(o[c] - wanted.o[c]) <= 1e-7 * o[c]))
                        fail_msg("%s, %s: B %g, written out %g", styles[k].name, input_names[in], o[c], wanted.o[c]);
                }
            }
        }
    }
}

/* ---- the bound's own behaviour ----------------------------------------------------------------------------------- */

static void nothing_promised_is_infinite(void **state)
{
    (void)state;
    double o[DV], lse, w[KEYS];
    accuracy a = accuracy_of(&f32_forward);

    make_row(NORMAL, KEYS, 1);
    a.u = 0x1p-8; /* n u > 1: not even a sum is known */
    error_bound(&x.row, &a, o, &lse, w);
    assert_true(isinf(o[0]) && o[0] > 0 && isinf(lse) && lse > 0 && isinf(w[0]) && w[0] > 0);

    a = accuracy_of(&f32_forward);
    a.u_s = 0.5; /* t >= 1 by the logits alone: num / (1 - t) would be negative; the hull of V still holds */
    make_row(LARGE, 64, 1);
    error_bound(&x.row, &a, o, &lse, w);
    for (int c = 0; c < DV; ++c) {
        double low = INFINITY, high = -INFINITY;
        for (int64_t j = 0; j < x.n; ++j) {
            low = fmin(low, (double)x.v[j][c]);
            high = fmax(high, (double)x.v[j][c]);
        }
        const double far_end = fmax(high - x.o[c], x.o[c] - low);
        assert_true(o[c] >= far_end && o[c] <= 1.001 * far_end);
    }
    assert_true(lse > 0 && isfinite(lse));
    a.u_s = 1e3;
    make_row(NORMAL, 1, 1);
    x.sink = (float)x.s[0] - 3; /* draws O towards 0, which joins the hull of V */
    widen_and_compute();
    error_bound(&x.row, &a, o, &lse, w);
    for (int c = 0; c < DV; ++c) assert_true(o[c] >= fmax(fabs(x.o[c]), fabs((double)x.v[0][c] - x.o[c])));

    a = accuracy_of(&f32_forward);
    make_row(LARGE, 64, 1);
    a.logit_limit = x.row.m / 2;
    error_bound(&x.row, &a, o, &lse, w);
    assert_true(isinf(o[0]) && isinf(lse) && isinf(w[0]));
    a.logit_limit = 1e6;
    error_bound(&x.row, &a, o, &lse, w);
    assert_true(isfinite(o[0]) && isfinite(lse) && isfinite(w[0]));

    x.v[3][2] = NAN;
    widen_and_compute();
    error_bound(&x.row, &a, o, &lse, NULL);
    assert_true(isfinite(o[1]) && isinf(o[2]) && isfinite(lse));
    x.k[3][0] = NAN;
    widen_and_compute();
    error_bound(&x.row, &a, o, &lse, w);
    assert_true(isinf(o[1]) && isinf(lse) && isinf(w[0]));
}

static void exact_rows_have_exact_bounds(void **state)
{
    (void)state;
    double o[DV], lse;
    const accuracy a = accuracy_of(&f32_forward);
    make_row(NORMAL, 1, 1);
    x.n = 0;
    widen_and_compute();
    error_bound(&x.row, &a, o, &lse, NULL);
    assert_true(o[0] == 0 && lse == 0);
    x.sink = 3;
    widen_and_compute();
    error_bound(&x.row, &a, o, &lse, NULL);
    assert_true(o[0] == 0 && lse > 0 && lse < 1e-5);
    x.n = 1; /* one key: O is V, whatever its logit; only the roundings of p v / l remain */
    x.sink = -INFINITY;
    widen_and_compute();
    error_bound(&x.row, &a, o, &lse, NULL);
    for (int c = 0; c < DV; ++c) assert_true(o[c] <= 32 * 0x1p-24 * fabs(x.o[c]));
}

/* Two keys, the second so far below the first that its weight is lost, with values that make it count. */
static double bound_of_lost_weight(const accuracy *a, float below, float value)
{
    double o[DV], lse;
    make_row(TINY, 2, 1);
    x.has_add = true;
    x.add[1] = -below;
    memset(x.q, 0, sizeof x.q);
    memset(x.v, 0, sizeof x.v);
    x.v[1][0] = value;
    widen_and_compute();
    error_bound(&x.row, a, o, &lse, NULL);
    return o[0];
}

/* Fails on: no allowance for an exp that becomes 0 below the normal floats, or for a weight that is 0 even in double
 * although the error of its logit would lift it. */
static void lost_weights_are_allowed_for(void **state)
{
    (void)state;
    accuracy a = accuracy_of(&f32_forward);
    assert_true(bound_of_lost_weight(&a, 88, 1e30f) >= 0x1p-126 * 1e30); /* exp(-88) is below 2^-126 */
    assert_true(bound_of_lost_weight(&a, 88, 1e30f) <= 2 * 0x1p-126 * 1e30);
    a.u_s = 0.9;
    assert_true(bound_of_lost_weight(&a, 760, 1e38f) >= exp(0.9 * 760 - 760) * 1e38);
}

/* An additive mask of -inf takes no part: the bounds are those of the row without the key, but for its place in n. */
static void minus_infinity_takes_no_part(void **state)
{
    (void)state;
    double o[DV], lse, w[KEYS], without_o[DV], without_lse;
    const accuracy a = accuracy_of(&f32_forward);
    make_row(ADDED, 16, 2);
    error_bound(&x.row, &a, without_o, &without_lse, NULL);
    x.n = 17;
    x.add[16] = -INFINITY;
    widen_and_compute();
    error_bound(&x.row, &a, o, &lse, w);
    for (int c = 0; c < DV; ++c) assert_true(o[c] >= without_o[c] && o[c] <= 1.2 * without_o[c]);
    assert_true(lse >= without_lse && lse <= 1.2 * without_lse && w[16] < 1e-30);
}

/* The weights' O(n) formula must equal B of O for a V of unit vectors. */
static void weights_are_unit_vectors(void **state)
{
    (void)state;
    for (size_t k = 0; k < COUNT(styles); ++k) {
        if (styles[k].steps > 0) continue; /* quantised with the scales of V, which weights leave without */
        accuracy a = accuracy_of(&styles[k]);
        a.u_out = 0; /* weights are always stored in f32 */
        a.out_step = 0;
        for (int in = 0; in < INPUTS; ++in) {
            double o[DV], lse, w[KEYS];
            make_row((input)in, 40, 3);
            for (int64_t j = 0; j < x.n; ++j) {
                for (int c = 0; c < DV; ++c) x.v[j][c] = j == 5 * c ? 1 : 0;
            }
            widen_and_compute();
            error_bound(&x.row, &a, o, &lse, w);
            for (int c = 0; c < DV; ++c) {
                if (fabs(o[c] - w[5 * c]) > 1e-9 * o[c])
                    fail_msg("%s, %s: %g as a channel, %g as a weight", styles[k].name, input_names[in], o[c],
                             w[5 * c]);
            }
        }
    }
}

/* A kernel that declares worse arithmetic is never given a smaller bound. */
static void worse_declarations_never_shrink_it(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t offset;
        double step;
    } figures[] = {
        {"kappa", offsetof(accuracy, kappa), 3},         {"kappa_1", offsetof(accuracy, kappa_1), 2},
        {"kappa_t", offsetof(accuracy, kappa_t), 3},     {"tau", offsetof(accuracy, tau), 6},
        {"kappa_log", offsetof(accuracy, kappa_log), 3}, {"rho", offsetof(accuracy, rho), 2},
        {"lambda", offsetof(accuracy, lambda), 4},       {"rescales", offsetof(accuracy, rescales), 5},
        {"u", offsetof(accuracy, u), 0x1p-20},           {"u_q", offsetof(accuracy, u_q), 0x1p-12},
        {"u_s", offsetof(accuracy, u_s), 0x1p-9},        {"u_p", offsetof(accuracy, u_p), 0x1p-9},
        {"u_out", offsetof(accuracy, u_out), 0x1p-9},    {"eta", offsetof(accuracy, eta), 0x1p-40},
        {"delta_q", offsetof(accuracy, delta_q), 0.01},  {"delta_p", offsetof(accuracy, delta_p), 0.001},
    };
    for (size_t k = 0; k < COUNT(styles); ++k) {
        for (int in = 0; in < INPUTS; ++in) {
            make_row((input)in, 33, 4);
            accuracy base = accuracy_of(&styles[k]);
            base.rescales = 1; /* away from its cap, the number of keys */
            double o[DV], lse, w[KEYS], o_worse[DV], lse_worse, w_worse[KEYS];
            error_bound(&x.row, &base, o, &lse, w);
            for (size_t f = 0; f < COUNT(figures); ++f) {
                accuracy worse = base;
                double value;
                memcpy(&value, (const char *)&worse + figures[f].offset, sizeof value);
                value += figures[f].step;
                memcpy((char *)&worse + figures[f].offset, &value, sizeof value);
                error_bound(&x.row, &worse, o_worse, &lse_worse, w_worse);
                bool shrunk = lse_worse<lse, grew = lse_worse> lse;
                for (int c = 0; c < DV; ++c) shrunk |= o_worse[c]<o[c], grew |= o_worse[c]> o[c];
                for (int64_t j = 0; j < x.n; ++j) shrunk |= w_worse[j]<w[j], grew |= w_worse[j]> w[j];
                if (shrunk)
                    fail_msg("%s, %s: a larger %s shrinks the bound", styles[k].name, input_names[in], figures[f].name);
                const bool of_tanh = strcmp(figures[f].name, "kappa_t") == 0 || strcmp(figures[f].name, "tau") == 0;
                if (!grew && in == (of_tanh ? CAPPED : NORMAL))
                    fail_msg("%s, %s: %s has no effect", styles[k].name, input_names[in], figures[f].name);
            }
        }
    }
}

/* ---- plans ------------------------------------------------------------------------------------------------------- */

static void plans_become_roundings(void **state)
{
    (void)state;
    accuracy a = accuracy_of(&f32_forward);
    assert_true(a.u == 0x1p-24 && a.u_s == 0 && a.u_p == 0 && a.u_out == 0 && a.eta == 0x1p-150 && !a.merge_lse);
    style y = f32_forward;
    y.normalised = true;
    assert_true(accuracy_of(&y).u_p == 0x1p-24);
    y = (style){.score_type = ATTN_BF16, .weight_type = ATTN_F16, .output_type = ATTN_BF16, .parts = 2};
    a = accuracy_of(&y);
    assert_true(a.u_s == 0x1p-8 && a.u_p == 0x1p-11 && a.u_out == 0x1p-8 && a.merge_lse);
    assert_true(a.fp16_weight && !a.fp16_score && a.out_step == 0x1p-134);
    y.truncate = true;
    a = accuracy_of(&y);
    assert_true(a.u_s == 0x1p-7 && a.u_p == 0x1p-10 && a.u_out == 0x1p-7);
    attn_plan plan = plan_of(&f32_forward);
    plan.accuracy_flags = ATTN_ACCUMULATOR_TRUNCATES | ATTN_FLUSHES_SUBNORMALS | ATTN_L_FROM_ROUNDED;
    char capped[200];
    assert_true(accuracy_of_plan(&plan, &a, capped, sizeof capped));
    assert_true(a.u == 0x1p-23 && a.eta == 0x1p-126 && a.l_from_rounded);
}

/* Fails on: a stranger's exp of 10^6 ulp taken at its word, or lowered without a word. */
static void boasts_are_capped(void **state)
{
    (void)state;
    accuracy a;
    char capped[200];
    attn_plan plan = plan_of(&f32_forward);
    plan.kappa = 1e6;
    plan.u_q = 0.1;
    plan.delta_p = 0.01;
    assert_true(accuracy_of_plan(&plan, &a, capped, sizeof capped));
    assert_string_equal(capped, "kappa, u_q, delta_p");
    assert_true(a.kappa == 16 && a.u_q == 0x1p-22 && a.delta_p == 0);

    plan = plan_of(&f32_forward);
    plan.kappa_1 = plan.kappa_t = plan.tau = plan.kappa_log = plan.rho = plan.lambda = 1e9;
    plan.logit_limit = 1;
    assert_true(accuracy_of_plan(&plan, &a, capped, sizeof capped));
    assert_string_equal(capped, "kappa_1, kappa_t, tau, kappa_log, rho, lambda, logit_limit");
    char little[8];
    assert_true(accuracy_of_plan(&plan, &a, little, sizeof little));
    assert_string_equal(little, "kappa_1");

    plan = plan_of(&f32_forward); /* an exp for bf16 weights may err by half of their rounding */
    plan.weight_type = ATTN_BF16;
    plan.kappa = 0x1p-9 * 0x1p24;
    assert_true(accuracy_of_plan(&plan, &a, capped, sizeof capped));
    assert_string_equal(capped, "");
    plan.kappa += 1;
    assert_true(accuracy_of_plan(&plan, &a, capped, sizeof capped));
    assert_string_equal(capped, "kappa");

    double o[DV], lse, o_more[DV], lse_more; /* more rescales than keys cannot happen */
    make_row(NORMAL, 5, 1);
    a = accuracy_of(&f32_forward);
    a.rescales = 6;
    error_bound(&x.row, &a, o, &lse, NULL);
    a.rescales = 1e9;
    error_bound(&x.row, &a, o_more, &lse_more, NULL);
    assert_true(o[0] == o_more[0] && lse == lse_more);
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    accuracy a;
    char reason[300];
    attn_plan plan = plan_of(&f32_forward);
    plan.kappa = -1;
    assert_false(accuracy_of_plan(&plan, &a, reason, sizeof reason));
    assert_non_null(strstr(reason, "kappa = -1"));
    plan = plan_of(&f32_forward);
    plan.rho = (double)NAN;
    assert_false(accuracy_of_plan(&plan, &a, reason, sizeof reason));
    assert_non_null(strstr(reason, "rho"));
    plan = plan_of(&f32_forward);
    plan.rescales = -1;
    assert_false(accuracy_of_plan(&plan, &a, reason, sizeof reason));
    static const size_t types[] = {offsetof(attn_plan, storage_type), offsetof(attn_plan, score_type),
                                   offsetof(attn_plan, weight_type), offsetof(attn_plan, accumulator_type),
                                   offsetof(attn_plan, output_type)};
    for (size_t k = 0; k < COUNT(types); ++k) {
        const uint32_t absent = ATTN_ABSENT;
        plan = plan_of(&f32_forward);
        memcpy((char *)&plan + types[k], &absent, sizeof absent);
        assert_false(accuracy_of_plan(&plan, &a, reason, sizeof reason));
        assert_non_null(strstr(reason, "types"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_the_formula_written_out),
        cmocka_unit_test(nothing_promised_is_infinite),
        cmocka_unit_test(exact_rows_have_exact_bounds),
        cmocka_unit_test(lost_weights_are_allowed_for),
        cmocka_unit_test(minus_infinity_takes_no_part),
        cmocka_unit_test(weights_are_unit_vectors),
        cmocka_unit_test(worse_declarations_never_shrink_it),
        cmocka_unit_test(plans_become_roundings),
        cmocka_unit_test(boasts_are_capped),
        cmocka_unit_test(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
