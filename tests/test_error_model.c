/* The error bound against float kernels simulated here: correct ones, in several orders and precisions, must stay
 * inside it; planted bugs must leave it. */
#include "error_rows.h"

enum { SEEDS = 150 };

/* ---- simulated kernels ------------------------------------------------------------------------------------------- */

typedef enum bug {
    NO_BUG,
    L_NOT_RESCALED,
    O_NOT_RESCALED,
    LAST_KEY_DROPPED,
    SCALE_OFF,
    SCALE_TWICE,
    LSE_BASE_2,
    LSE_WITHOUT_MAX,
    NO_MAX,
    SIXTEEN_BIT_SUMS,
    CAP_AFTER_ADD,
    NO_SINK,
    BUGS
} bug;

static float to_type(float value, uint32_t type, bool truncate)
{
    if (type == ATTN_F32 || !isfinite(value) || value == 0) return value;
    int exponent;
    (void)frexpf(value, &exponent); /* value = f * 2^exponent, 1/2 <= |f| < 1 */
    const int bits = type == ATTN_BF16 ? 8 : 11;
    const int least = type == ATTN_BF16 ? -125 : -13;
    const float step = ldexpf(1, (exponent < least ? least : exponent) - bits);
    return truncate ? truncf(value / step) * step : rintf(value / step) * step;
}

typedef struct partial {
    float m, l, o[DV];
} partial;

static struct result {
    float o[DV], lse, w[KEYS];
} got;

static float sum_pairwise(const float *terms, int64_t count)
{
    if (count <= 2) return count == 2 ? terms[0] + terms[1] : count == 1 ? terms[0] : 0;
    return sum_pairwise(terms, count / 2) + sum_pairwise(terms + count / 2, count - count / 2);
}

static float logit(const style *y, bug planted, int64_t j)
{
    float terms[D];
    for (int64_t c = 0; c < x.d; ++c) terms[c] = x.q[c] * x.k[j][c];
    float dot = 0;
    if (y->order == PAIRWISE)
        dot = sum_pairwise(terms, x.d);
    else
        for (int64_t c = 0; c < x.d; ++c) dot += terms[y->order == FORWARD ? c : x.d - 1 - c];
    float s = dot * x.scale;
    if (planted == SCALE_OFF) s *= 1.001f;
    if (planted == SCALE_TWICE) s *= x.scale;
    const float added = x.has_add ? x.add[j] : 0;
    if (planted == CAP_AFTER_ADD) s += added;
    if (x.softcap > 0) s = x.softcap * tanhf(s / x.softcap);
    if (x.has_add && planted != CAP_AFTER_ADD) s += added;
    return to_type(s, y->score_type, y->truncate);
}

static float power(const style *y, float difference)
{
    return y->base2 ? exp2f(difference * (float)M_LOG2E) : expf(difference);
}

/* Keys begin .. end - 1, in one part. */
static partial run_part(const style *y, bug planted, int64_t begin, int64_t end, bool with_sink, const float *s)
{
    const int64_t block = y->block > 0 ? y->block : end - begin;
    const bool sink = with_sink && x.sink > -INFINITY && planted != NO_SINK;
    partial r = {.m = sink ? x.sink : -INFINITY, .l = sink ? 1 : 0};
    for (int64_t at = begin; at < end; at += block) {
        const int64_t stop = at + block < end ? at + block : end;
        float top = r.m;
        for (int64_t j = at; j < stop; ++j) top = fmaxf(top, s[j]);
        if (planted == NO_MAX) top = 0;
        if (top > r.m + y->lazy || r.m == -INFINITY) {
            const float shrink = r.m == -INFINITY ? 0 : power(y, r.m - top);
            if (planted != L_NOT_RESCALED) r.l *= shrink;
            for (int c = 0; c < DV && planted != O_NOT_RESCALED; ++c) r.o[c] *= shrink;
            r.m = top;
        }
        float p[KEYS], rounded[KEYS], terms[KEYS];
        for (int64_t j = at; j < stop; ++j) {
            p[j - at] = power(y, s[j] - r.m);
            rounded[j - at] = y->normalised ? p[j - at] : to_type(p[j - at], y->weight_type, y->truncate);
        }
        const int64_t count = stop - at;
        const float *summed = y->l_rounded ? rounded : p;
        float divisor = 1;
        for (int c = -1; c < DV; ++c) { /* -1: the row sum, which normalised weights need first */
            for (int64_t j = 0; j < count; ++j) {
                const float weight =
                    y->normalised && c >= 0 ? to_type(p[j] / divisor, y->weight_type, y->truncate) : rounded[j];
                terms[j] = c < 0 ? summed[j] : weight * x.v[at + j][c];
            }
            float *into = c < 0 ? &r.l : &r.o[c];
            if (y->order == PAIRWISE) *into += sum_pairwise(terms, count);
            for (int64_t j = 0; j < count && y->order != PAIRWISE; ++j) {
                *into += terms[y->order == FORWARD ? j : count - 1 - j];
                if (planted == SIXTEEN_BIT_SUMS) *into = to_type(*into, ATTN_BF16, false);
            }
            if (c < 0 && y->normalised) divisor = r.l;
        }
    }
    return r;
}

static void finish(const style *y, bug planted, float m, float l, const float *o)
{
    const float inverse = 1 / l;
    for (int c = 0; c < DV; ++c) {
        const float value = y->normalised ? o[c] : y->reciprocal ? o[c] * inverse : o[c] / l;
        got.o[c] = to_type(value, y->output_type, y->truncate);
    }
    const float log_l = logf(l);
    got.lse = planted == LSE_WITHOUT_MAX ? log_l : m + log_l;
    if (planted == LSE_BASE_2) got.lse *= (float)M_LOG2E;
}

static void simulate(const style *y, bug planted)
{
    static float s[KEYS];
    const int64_t n = planted == LAST_KEY_DROPPED ? x.n - 1 : x.n;
    for (int64_t j = 0; j < n; ++j) s[j] = logit(y, planted, j);
    const int64_t parts = y->parts > 0 && y->parts <= n ? y->parts : 1;
    if (parts == 1) {
        const partial r = run_part(y, planted, 0, n, true, s);
        finish(y, planted, r.m, r.l, r.o);
        for (int64_t j = 0; j < x.n; ++j) got.w[j] = j < n ? power(y, s[j] - r.m) / r.l : 0;
        return;
    }
    float lse[8], o[8][DV], m = -INFINITY;
    for (int64_t part = 0; part < parts; ++part) {
        const partial r = run_part(y, planted, n * part / parts, n * (part + 1) / parts, part == 0, s);
        lse[part] = r.m + logf(r.l);
        for (int c = 0; c < DV; ++c) o[part][c] = r.o[c] / r.l;
        m = fmaxf(m, lse[part]);
    }
    partial all = {.m = m};
    for (int64_t part = 0; part < parts; ++part) {
        const float share = power(y, lse[part] - m);
        all.l += share;
        for (int c = 0; c < DV; ++c) all.o[c] += share * o[part][c];
    }
    finish(y, planted, all.m, all.l, all.o);
    for (int64_t j = 0; j < x.n; ++j) got.w[j] = j < n ? power(y, s[j] - got.lse) : 0;
}

/* ---- judging ----------------------------------------------------------------------------------------------------- */

typedef struct verdict {
    double o, lse, w; /* worst error over its bound; infinite where the comparison fails with NaN */
} verdict;

static double ratio(double value, double wanted, double bound)
{
    const double error = fabs(value - wanted);
    if (!(bound >= 0)) fail_msg("bound %g is negative or NaN", bound);
    if (!(error <= INFINITY)) return INFINITY;
    return error == 0 ? 0 : error / bound;
}

static verdict judge(const style *y)
{
    static double o[DV], ref_o[DV], w[KEYS], ref_w[KEYS];
    double lse, ref_lse;
    const accuracy a = accuracy_of(y), exact = accuracy_of_reference();
    error_bound(&x.row, &a, o, &lse, w);
    error_bound(&x.row, &exact, ref_o, &ref_lse, ref_w);
    verdict r = {.lse = ratio((double)got.lse, x.row.lse, lse + ref_lse)};
    for (int c = 0; c < DV; ++c) r.o = fmax(r.o, ratio((double)got.o[c], x.o[c], o[c] + ref_o[c]));
    for (int64_t j = 0; j < x.n; ++j) r.w = fmax(r.w, ratio((double)got.w[j], x.w[j], w[j] + ref_w[j]));
    return r;
}

/* Fails on: a term left out of B, or too small. */
static void correct_kernels_stay_inside(void **state)
{
    (void)state;
    static const int64_t sizes[] = {1, 2, 3, 17, 64, KEYS};
    for (size_t k = 0; k < COUNT(styles); ++k) {
        const style *y = &styles[k];
        verdict worst = {0, 0, 0};
        for (int in = 0; in < INPUTS; ++in) {
            /* Logits past fp16's range are no kernel's with fp16 scores. */
            if (in == HUGE_LOGITS && y->score_type == ATTN_F16) continue;
            for (unsigned long seed = 0; seed < SEEDS; ++seed) {
                const int64_t n = sizes[seed % COUNT(sizes)];
                make_row((input)in, n, seed);
                simulate(y, NO_BUG);
                const verdict r = judge(y);
                if (!(r.o <= 1 && r.lse <= 1 && r.w <= 1))
                    fail_msg("%s accused: %s, n = %d, seed %lu: err/B of O %g, LSE %g, weights %g", y->name,
                             input_names[in], (int)n, seed, r.o, r.lse, r.w);
                worst.o = fmax(worst.o, r.o);
                worst.lse = fmax(worst.lse, r.lse);
                worst.w = fmax(worst.w, r.w);
            }
        }
        print_message("  worst err/B: O %.3f  LSE %.3f  weights %.3f  %s\n", worst.o, worst.lse, worst.w, y->name);
    }
}

/* Fails on: a bound so wide that it hides a mistake. `by` says which output must see it, on every seed. */
static void planted_bugs_leave_it(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bug planted;
        input in;
        int64_t n;
        char by; /* o, l or w */
    } cases[] = {
        {"l not rescaled, by O", L_NOT_RESCALED, INCREASING, 100, 'o'},
        {"l not rescaled, by LSE", L_NOT_RESCALED, INCREASING, 100, 'l'},
        {"O not rescaled", O_NOT_RESCALED, INCREASING, 100, 'o'},
        {"last key dropped, by O", LAST_KEY_DROPPED, NORMAL, 17, 'o'},
        {"last key dropped, by LSE", LAST_KEY_DROPPED, NORMAL, 17, 'l'},
        {"last key dropped, by weights", LAST_KEY_DROPPED, NORMAL, KEYS, 'w'},
        {"scale 0.1% off", SCALE_OFF, LARGE, 64, 'l'},
        {"scale twice", SCALE_TWICE, NORMAL, 64, 'o'},
        {"LSE base 2", LSE_BASE_2, NORMAL, 64, 'l'},
        {"LSE without its maximum", LSE_WITHOUT_MAX, NORMAL, 64, 'l'},
        {"no maximum subtracted", NO_MAX, HUGE_LOGITS, 64, 'l'},
        {"16-bit sums, by O", SIXTEEN_BIT_SUMS, NORMAL, KEYS, 'o'},
        {"16-bit sums, by LSE", SIXTEEN_BIT_SUMS, NORMAL, KEYS, 'l'},
        {"softcap after the bias", CAP_AFTER_ADD, ADDED, 64, 'l'},
        {"sink forgotten", NO_SINK, SINK, 17, 'l'},
    };
    for (size_t k = 0; k < COUNT(cases); ++k) {
        double least = INFINITY;
        for (unsigned long seed = 0; seed < SEEDS; ++seed) {
            make_row(cases[k].in, cases[k].n, seed);
            if (cases[k].planted == CAP_AFTER_ADD) x.softcap = 5;
            if (cases[k].planted == NO_SINK) x.sink = 1; /* among the logits: far below them none could see it */
            widen_and_compute();
            simulate(&f32_online, cases[k].planted);
            const verdict r = judge(&f32_online);
            least = fmin(least, cases[k].by == 'o' ? r.o : cases[k].by == 'l' ? r.lse : r.w);
        }
        print_message("  least err/B %8.3g  %s\n", least, cases[k].name);
        if (!(least > 1)) fail_msg("%s stays inside the bound", cases[k].name);
    }
}

/* A scale that is 0.1% off hides in O behind 16-bit weights; LSE still shows it. */
static void lse_sees_what_coarse_weights_hide(void **state)
{
    (void)state;
    style y = f32_online;
    y.weight_type = ATTN_BF16;
    for (unsigned long seed = 0; seed < SEEDS; ++seed) {
        make_row(LARGE, 64, seed);
        simulate(&y, SCALE_OFF);
        assert_true(judge(&y).lse > 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(correct_kernels_stay_inside),
        cmocka_unit_test(planted_bugs_leave_it),
        cmocka_unit_test(lse_sees_what_coarse_weights_hide),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
