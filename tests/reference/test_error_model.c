/* The error bound against float kernels simulated here: correct ones, in several orders and precisions, must stay
 * inside it; planted bugs must leave it. */
#include "error_fixture_kernels.h"

enum { SEEDS = 150 };

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
