/* The judge on outputs made from the reference itself: rounded to float they pass; moved in ways that the bound of
 * single elements does not see, the check that is there for it finds them, and no other. */
#include <math.h>

#include "instance_fixture.h"

#include "judge/judge.h"
#include "verify/caveats.h"

static const char line[] = "h=2,q=40,k=96,d=64";

/* What a kernel with this contract wrote, and what is expected of it. */
typedef struct fixture {
    subject *s;
    row_list rows;
    accuracy contract;
    expectation expected;
    verdict verdict;
    findings found;
} fixture;

static accuracy plain_contract(void)
{
    const attn_plan plan = {.size = sizeof plan,
                            .storage_type = ATTN_F32,
                            .score_type = ATTN_F32,
                            .weight_type = ATTN_F32,
                            .accumulator_type = ATTN_F32,
                            .output_type = ATTN_F32,
                            .kappa = 4,
                            .kappa_1 = 1,
                            .kappa_log = 4,
                            .rho = 1,
                            .rescales = 3};
    accuracy a;
    char capped[200];
    assert_int_equal(accuracy_of_plan(&plan, &a, capped, sizeof capped), 1);
    return a;
}

static float *entry(fixture *f, int slot, int64_t r, int64_t c)
{
    const row_id *id = &f->rows.row[r];
    const attn_tensor *t = &f->s->in.slot[slot];
    return (float *)t->data + id->b * t->stride[0] + id->h * t->stride[1] + id->row * t->stride[2] + c;
}

static fixture right_outputs(const char *spec, input_class input)
{
    char reason[256];
    fixture f = {.s = make(spec, input, 1), .contract = plain_contract()};
    attn_tensor slot[ATTN_SLOTS];
    const attn_args args = instance_args(&f.s->in, true, false, slot);
    assert_int_equal(rows_choose(&f.s->in.problem, &args, NULL, 0, 1e9, 1, &f.rows), 1);
    if (!expect_rows(&f.s->in, &f.rows, &f.contract, 1, false, &f.expected, reason, sizeof reason))
        fail_msg("%s", reason);
    for (int64_t r = 0; r < f.rows.count; r++) {
        *entry(&f, ATTN_LSE, r, 0) = (float)f.expected.lse[r];
        for (int64_t c = 0; c < f.expected.dv; c++)
            *entry(&f, ATTN_O, r, c) = (float)f.expected.output[r * f.expected.dv + c];
    }
    return f;
}

static void judge(fixture *f)
{
    const outputs_view got = {&f->s->in.slot[ATTN_O], &f->s->in.slot[ATTN_LSE], NULL};
    memset(&f->found, 0, sizeof f->found);
    judge_rows(&f->rows, &f->expected, &got, &f->verdict, &f->found);
}

static void release(fixture *f)
{
    expectation_free(&f->expected);
    rows_free(&f->rows);
    drop(f->s);
}

static bool found(const fixture *f, const char *name)
{
    for (int i = 0; i < f->found.count; i++)
        if (strcmp(f->found.item[i].check, name) == 0) return true;
    return false;
}

/* Fails on: a limit or a sigma of another row, channel or head; signs that differ between reference and output. */
static void rounded_reference_passes(void **state)
{
    (void)state;
    static const char *const specs[] = {line, "h=4,hkv=2,q=40,d=64,mask=causal", "b=2,h=2,q=9,k=50,d=32,lens=50+0",
                                        "b=3,h=2,q=20,k=60,d=32,q_lens=20+1+9,lens=60+7+33,ragged=1,layout=bshd"};
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        fixture f = right_outputs(specs[i], INPUT_NORMAL);
        judge(&f);
        if (f.found.count) fail_msg("%s: [%s] %s", specs[i], f.found.item[0].check, f.found.item[0].reason);
        assert_true(f.verdict.z.rows > 0 && f.verdict.projected_rows == f.rows.count);
        release(&f);
    }
}

/* Every element off by several standard deviations, yet far within its bound. */
static void coarse_rounding_shows_in_the_rms(void **state)
{
    (void)state;
    fixture f = right_outputs(line, INPUT_NORMAL);
    for (int64_t r = 0; r < f.rows.count; r++)
        for (int64_t c = 0; c < f.expected.dv; c++)
            *entry(&f, ATTN_O, r, c) +=
                (float)(((r + c) % 2 ? 2 : -2) * f.expected.output_sigma[r * f.expected.dv + c]);
    judge(&f);
    assert_true(found(&f, "rms-deviation"));
    assert_false(found(&f, "output-bound"));
    assert_false(found(&f, "max-deviation"));
    release(&f);
}

static void one_bad_element_shows_in_the_maximum(void **state)
{
    (void)state;
    fixture f = right_outputs(line, INPUT_NORMAL);
    *entry(&f, ATTN_O, 17, 5) += (float)(9 * f.expected.output_sigma[17 * f.expected.dv + 5]);
    judge(&f);
    assert_true(found(&f, "max-deviation"));
    assert_int_equal(f.verdict.z.where[3], 5);
    assert_false(found(&f, "output-bound"));
    assert_false(found(&f, "rms-deviation"));
    release(&f);
}

/* All channels of each row off in the direction of r, by less than a standard deviation each. */
static void shared_errors_show_in_the_projection(void **state)
{
    (void)state;
    fixture f = right_outputs(line, INPUT_NORMAL);
    for (int64_t r = 0; r < f.rows.count; r++) {
        double sign[ATTN_MAX_D];
        projection_signs(f.s->in.seed, f.rows.row[r].b, f.rows.row[r].h, f.expected.dv, sign);
        for (int64_t c = 0; c < f.expected.dv; c++)
            *entry(&f, ATTN_O, r, c) += (float)(0.8 * sign[c] * f.expected.output_sigma[r * f.expected.dv + c]);
    }
    judge(&f);
    assert_true(found(&f, "projection-deviation"));
    assert_false(found(&f, "rms-deviation"));
    release(&f);
}

/* What the weights share cancels in the projection. Fails on: a bound that is the sum of the channels' bounds. */
static void projection_bound_is_sharper_than_the_sum(void **state)
{
    (void)state;
    fixture f = right_outputs(line, INPUT_NORMAL);
    for (int64_t r = 0; r < f.rows.count; r++) {
        double sum = 0;
        for (int64_t c = 0; c < f.expected.dv; c++) sum += f.expected.output_limit[r * f.expected.dv + c];
        assert_true(f.expected.projected_limit[r] < sum / 2);
    }
    release(&f);
}

/* Fails on: z taken where inputs are constructed, or where the contract truncates; a verdict that does not say so. */
static void deviation_says_why_it_is_not_judged(void **state)
{
    (void)state;
    fixture f = right_outputs(line, INPUT_LARGE);
    judge(&f);
    assert_int_equal(f.verdict.z.rows, 0);
    assert_non_null(f.verdict.no_sigma);
    release(&f);
    f = right_outputs("h=2,q=9,k=40,d=64,scale=0", INPUT_NORMAL);
    judge(&f);
    assert_int_equal(f.verdict.z.rows, 0);
    assert_non_null(f.verdict.no_sigma);
    release(&f);
}

/* A contract that gives up below the logits at hand bounds nothing: NaN is still found, and the rows are counted. */
static void rows_without_a_finite_bound_are_counted(void **state)
{
    (void)state;
    fixture f = right_outputs(line, INPUT_NORMAL);
    char reason[256];
    expectation_free(&f.expected);
    f.contract.logit_limit = 1e-3;
    assert_int_equal(expect_rows(&f.s->in, &f.rows, &f.contract, 1, false, &f.expected, reason, sizeof reason), 1);
    judge(&f);
    assert_int_equal(f.found.count, 0);
    assert_int_equal(f.verdict.unbounded, f.rows.count);
    *entry(&f, ATTN_O, 3, 3) = NAN;
    judge(&f);
    assert_true(found(&f, "output-bound"));
    release(&f);
}

/* Rows by projection and LSE alone. Fails on: a row left out, NaN let through. */
static void projections_alone_find_a_bad_row(void **state)
{
    (void)state;
    fixture f = right_outputs(line, INPUT_NORMAL);
    const outputs_view got = {&f.s->in.slot[ATTN_O], &f.s->in.slot[ATTN_LSE], NULL};
    expectation alone;
    char reason[256];
    assert_int_equal(expect_projections(&f.s->in, &f.rows, &f.contract, 1, &alone, reason, sizeof reason), 1);
    judge_projections(&f.rows, &alone, &got, &f.verdict, &f.found);
    assert_int_equal(f.found.count, 0);
    assert_int_equal(f.verdict.projected_rows, f.rows.count);
    for (int bug = 0; bug < 3; bug++) {
        float *bad = bug == 2 ? entry(&f, ATTN_LSE, 20, 0) : entry(&f, ATTN_O, 20, 7), right = *bad;
        *bad = bug == 0 ? NAN : right + 0.01f;
        memset(&f.verdict, 0, sizeof f.verdict);
        memset(&f.found, 0, sizeof f.found);
        judge_projections(&f.rows, &alone, &got, &f.verdict, &f.found);
        assert_true(found(&f, bug == 2 ? "lse-bound" : "projection"));
        *bad = right;
    }
    expectation_free(&alone);
    release(&f);
}

/* Fails on: a pass that hides that only the output was seen, or that no row had a bound. */
static void verdicts_say_what_they_rest_upon(void **state)
{
    (void)state;
    trial t = {.rows_checked = 10, .full = true};
    reservations r = {0};
    assert_string_equal(verdict_kind(&t), "full");
    reservations_add(&r, &t);
    assert_int_equal(r.output_only + r.unbounded + r.capped, 0);
    t.full = false;
    t.verdict.unbounded = 3;
    assert_string_equal(verdict_kind(&t), "output-only");
    reservations_add(&r, &t);
    t.verdict.unbounded = 10;
    assert_string_equal(verdict_kind(&t), "no-bound");
    reservations_add(&r, &t);
    assert_int_equal(r.output_only, 2);
    assert_int_equal(r.unbounded, 2);
    assert_int_equal(r.unbounded_whole, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounded_reference_passes),
        cmocka_unit_test(coarse_rounding_shows_in_the_rms),
        cmocka_unit_test(one_bad_element_shows_in_the_maximum),
        cmocka_unit_test(shared_errors_show_in_the_projection),
        cmocka_unit_test(projection_bound_is_sharper_than_the_sum),
        cmocka_unit_test(deviation_says_why_it_is_not_judged),
        cmocka_unit_test(rows_without_a_finite_bound_are_counted),
        cmocka_unit_test(projections_alone_find_a_bad_row),
        cmocka_unit_test(verdicts_say_what_they_rest_upon),
    };
    return cmocka_run_group_tests(tests, make_set, free_set);
}
