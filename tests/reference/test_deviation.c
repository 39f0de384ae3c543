/* Deviation and projection against the simulated kernels: correct ones must stay within what chance allows and within
 * the projection's bound; planted bugs that the bound cannot see must not. */
#include "error_fixture_kernels.h"

#include "deviation.h"
#include "projection.h"
#include "judge/z_scores.h"

enum { SEEDS = 150 };

static const int64_t sizes[] = {2, 3, 17, 64, KEYS};

/* Inputs whose V is continuous and random: constructed cancellation is not. */
static bool is_random(input in) { return in != CANCELLING && in != HUGE_LOGITS && in != INCREASING; }

/* Is judged by the bound alone: its roundings are not to nearest, or their steps are large for most weights. */
static bool has_no_deviation(const style *y) { return y->truncate || y->steps > 0; }

static void signs(gsl_rng *rng, double r[DV])
{
    for (int c = 0; c < DV; ++c) r[c] = gsl_rng_uniform(rng) < 0.5 ? -1 : 1;
}

/* z of the outputs and of their projection over all sizes and seeds. */
typedef struct scores {
    z_scores outputs, projections;
    double worst; /* projected error over its bound */
} scores;

static void add_row(const style *y, gsl_rng *rng, scores *into)
{
    double r[DV], sigma[DV], error[DV], bound[DV], lse;
    const int64_t at[3] = {0, 0, 0};
    const accuracy a = accuracy_of(y);
    projection p;
    assert_int_equal(projection_new(x.n, &p), 1);
    signs(rng, r);
    projection_of_row(&x.row, r, &p);
    double projected = -p.o;
    for (int c = 0; c < DV; ++c) {
        error[c] = (double)got.o[c] - x.o[c];
        projected += r[c] * (double)got.o[c];
    }
    error_bound(&x.row, &a, bound, &lse, NULL);
    const double alone = projection_bound(&x.row, &a, &p, NULL), limit = projection_bound(&x.row, &a, &p, bound);
    assert_true(limit <= alone);
    if (!(fabs(projected) <= limit + 1e-12)) into->worst = INFINITY;
    if (limit > 0 && isfinite(limit)) into->worst = fmax(into->worst, fabs(projected) / (limit + 1e-12));
    if (deviation_applies(&x.row, &a)) {
        deviation_of_outputs(&x.row, &a, sigma);
        z_scores_add(&into->outputs, error, sigma, DV, at);
        *sigma = projection_deviation(&x.row, &a, &p);
        z_scores_add(&into->projections, &projected, sigma, 1, at);
    }
    projection_free(&p);
}

static scores scores_of(const style *y, input in, bug planted)
{
    gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
    scores s = {0};
    for (unsigned long seed = 0; seed < SEEDS; ++seed) {
        make_row(in, sizes[seed % COUNT(sizes)], seed);
        simulate(y, planted);
        add_row(y, rng, &s);
    }
    gsl_rng_free(rng);
    return s;
}

static bool accused(const z_scores *z)
{
    return z->rows > 0 && (z_scores_rms(z) > z_scores_rms_limit(z->rows) || z->max > z_scores_max_limit(z->elements));
}

/* Fails on: a term left out of sigma; a sample larger than there are rows. */
static void correct_kernels_are_not_accused(void **state)
{
    (void)state;
    for (size_t k = 0; k < COUNT(styles); ++k) {
        scores all = {0};
        for (int in = 0; in < INPUTS; ++in) {
            if (!is_random((input)in)) continue;
            const scores s = scores_of(&styles[k], (input)in, NO_BUG);
            if (accused(&s.outputs) || accused(&s.projections))
                fail_msg(
                    "%s, %s: rms z %.3g (limit %.3g), max z %.3g (limit %.3g) over %lld rows; projected %.3g, %.3g",
                    styles[k].name, input_names[in], z_scores_rms(&s.outputs), z_scores_rms_limit(s.outputs.rows),
                    s.outputs.max, z_scores_max_limit(s.outputs.elements), (long long)s.outputs.rows,
                    z_scores_rms(&s.projections), s.projections.max);
            z_scores_pool(&all.outputs, &s.outputs);
            z_scores_pool(&all.projections, &s.projections);
        }
        print_message("%-24s rms z %.2f, max %.1f; projected %.2f, %.1f\n", styles[k].name, z_scores_rms(&all.outputs),
                      all.outputs.max, z_scores_rms(&all.projections), all.projections.max);
        assert_true(has_no_deviation(&styles[k]) == (all.outputs.rows == 0));
    }
}

/* Fails on: a term of B_r left out, or too small. */
static void projections_stay_inside_their_bound(void **state)
{
    (void)state;
    double worst = 0;
    for (size_t k = 0; k < COUNT(styles); ++k)
        for (int in = 0; in < INPUTS; ++in) {
            if (in == HUGE_LOGITS && styles[k].score_type == ATTN_F16) continue;
            const scores s = scores_of(&styles[k], (input)in, NO_BUG);
            if (!(s.worst <= 1)) fail_msg("%s, %s: %.3g of its bound", styles[k].name, input_names[in], s.worst);
            worst = fmax(worst, s.worst);
        }
    print_message("worst projected error %.3f of its bound\n", worst);
    assert_true(worst > 0.01); /* a bound that is never approached is no bound */
}

/* Fails on: sigma so large that nothing is ever accused. */
static void planted_bugs_are_accused(void **state)
{
    (void)state;
    static const bug planted[] = {SCALE_OFF, LAST_KEY_DROPPED, SIXTEEN_BIT_SUMS, O_NOT_RESCALED, SCALE_TWICE};
    for (size_t b = 0; b < COUNT(planted); ++b) {
        const scores s = scores_of(&f32_online, NORMAL, planted[b]);
        if (!accused(&s.outputs)) fail_msg("bug %d: rms z %.3g", planted[b], z_scores_rms(&s.outputs));
        if (!accused(&s.projections))
            fail_msg("bug %d: projected rms z %.3g", planted[b], z_scores_rms(&s.projections));
    }
}

/* Equal logits round alike, truncation always downwards, huge logits by more than a linear term sees. Fails on: sigma
 * taken for the truth there. */
static void applies_only_where_errors_are_independent(void **state)
{
    (void)state;
    const accuracy f32 = accuracy_of(&f32_forward), cut = accuracy_of(&styles[COUNT(styles) - 1]);
    make_row(NORMAL, 64, 1);
    assert_true(deviation_applies(&x.row, &f32));
    assert_false(deviation_applies(&x.row, &cut));
    x.row.scale = 0;
    ref_row_compute(&x.row);
    assert_false(deviation_applies(&x.row, &f32));
    make_row(NORMAL, 1, 1);
    assert_false(deviation_applies(&x.row, &f32));
    make_row(NORMAL, 64, 1);
    x.row.scale *= 1e7;
    ref_row_compute(&x.row);
    assert_false(deviation_applies(&x.row, &f32));
}

/* sigma written out a second time, for fp32 and no extras, as the text gives it. Fails on: any term of it changed. */
static void matches_the_formula_written_out(void **state)
{
    (void)state;
    accuracy a = accuracy_of(&f32_online);
    a.u_p = 0x1p-8;
    a.u_out = 0x1p-11;
    make_row(SINK, 40, 3);
    double sigma[DV];
    deviation_of_outputs(&x.row, &a, sigma);
    const double third = a.u * a.u / 3, big_n = (double)x.n + 1, d = (double)x.d, scale2 = x.row.scale * x.row.scale;
    for (int c = 0; c < DV; ++c) {
        double logits = 0, v2 = 0, sum = 0;
        for (int64_t j = 0; j < x.n; ++j) {
            double products = 0, dot = 0;
            for (int64_t k = 0; k < x.d; ++k) {
                const double product = x.wide_q[k] * x.wide_k[j * x.d + k];
                products += product * product;
                dot += product;
            }
            const double below = x.row.m - x.s[j], v = x.wide_v[j * DV + c];
            const double eps2 = third * (scale2 * ((d / 2 + 1) * products + (d + 2) / 3 * dot * dot) +
                                         2 * x.s[j] * x.s[j] + below * below + a.kappa * a.kappa);
            logits += x.w[j] * x.w[j] * (v - x.o[c]) * (v - x.o[c]) * eps2;
            v2 += x.w[j] * x.w[j] * v * v;
            sum += v * v;
        }
        const double o2 = x.o[c] * x.o[c], rescales = fmin(a.rescales, big_n), below = x.row.m - x.row.sink;
        double variance = logits + third * (big_n * (o2 / 3 + v2 / 2) + big_n * o2 / 3 +
                                            (9 + rescales * (a.kappa + 2) * (a.kappa + 2)) * o2);
        variance += a.u_p * a.u_p / 3 * v2 + a.u_out * a.u_out / 3 * o2;
        variance += x.row.w_sink * x.row.w_sink * o2 * third *
                    (2 * x.row.sink * x.row.sink + below * below + a.kappa * a.kappa);
        variance += ((double)x.n + rescales + 2) * a.eta * a.eta + a.eta * a.eta * sum / (x.row.l * x.row.l);
        if (!(fabs(sigma[c] / sqrt(variance) - 1) <= 1e-12))
            fail_msg("sigma %g, written out %g", sigma[c], sqrt(variance));
    }
}

/* 20,000 keys whose weights mostly lie below the last bit of their sum, which a sequential sum loses one by one. Fails
 * on: such losses taken for chance. */
static void vanishing_weights_are_not_judged(void **state)
{
    (void)state;
    enum { MANY = 20000, ROWS = 40 };
    static double k[MANY], v[MANY], k_abs[MANY], raw[MANY], products[MANY], squares[MANY], s[MANY], w[MANY];
    double q = 3.5, o, sigma, worst = 0;
    gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
    z_scores z = {0};
    for (int row = 0; row < ROWS; ++row) {
        float l = 0, sum = 0;
        for (int j = 0; j < MANY; ++j) {
            k[j] = (double)normal(rng, 1);
            v[j] = (double)normal(rng, 1);
            k_abs[j] = fabs(k[j]);
        }
        k[0] = 4.5; /* the largest comes first, so that all others are added to it */
        ref_row r = {.d = 1,
                     .dv = 1,
                     .n = MANY,
                     .scale = 1,
                     .sink = -INFINITY,
                     .q = &q,
                     .k = k,
                     .k_abs = k_abs,
                     .v = v,
                     .raw = raw,
                     .a = products,
                     .squares = squares,
                     .s = s,
                     .w = w,
                     .o = &o};
        ref_row_compute(&r);
        for (int j = 0; j < MANY; ++j) {
            const float p = expf((float)q * (float)k[j] - (float)r.m);
            l += p;
            sum += p * (float)v[j];
        }
        const double error = (double)(sum / l) - o;
        const accuracy a = accuracy_of(&f32_forward);
        deviation_of_outputs(&r, &a, &sigma);
        z_scores_add(&z, &error, &sigma, 1, (int64_t[3]){0, 0, row});
        double small = 0;
        for (int j = 0; j < MANY; ++j) small += w[j] < 0x1p-22 ? w[j] : 0;
        worst = fmax(worst, small);
    }
    gsl_rng_free(rng);
    assert_true(worst > 1e-5); /* many u */
    if (accused(&z)) fail_msg("rms z %.3g over %lld rows", z_scores_rms(&z), (long long)z.rows);
}

/* Published quantiles, and that they stay smooth where GSL's own inverse stops converging. */
static void limits_are_quantiles(void **state)
{
    (void)state;
    static const struct {
        int64_t rows;
        double limit;
    } known[] = {{1, 6.11}, {4, 3.46}, {16, 2.17}, {64, 1.56}, {256, 1.27}, {1024, 1.14}};
    for (size_t i = 0; i < COUNT(known); ++i)
        assert_true(fabs(z_scores_rms_limit(known[i].rows) - known[i].limit) < 0.006);
    double last = INFINITY;
    for (int64_t rows = 1; rows < 100000000; rows += 1 + rows / 50) {
        const double limit = z_scores_rms_limit(rows);
        if (!(limit < last && limit > 1)) fail_msg("limit %g for %lld rows after %g", limit, (long long)rows, last);
        last = limit;
    }
    assert_true(fabs(z_scores_rms_limit(10001) - z_scores_rms_limit(10000)) < 1e-5);
    assert_true(fabs(z_scores_max_limit(1) - 6.1094) < 1e-3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(correct_kernels_are_not_accused),
        cmocka_unit_test(projections_stay_inside_their_bound),
        cmocka_unit_test(planted_bugs_are_accused),
        cmocka_unit_test(applies_only_where_errors_are_independent),
        cmocka_unit_test(matches_the_formula_written_out),
        cmocka_unit_test(vanishing_weights_are_not_judged),
        cmocka_unit_test(limits_are_quantiles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
