/* Each input class is what its statement says: logits of the size and the order that it promises, values that sum to
 * what they should, and numbers that are not finite where it puts them. */
#include <math.h>

#include "tensors/inputs.h"
#include "instance_fixture.h"

static double logit(const subject *s, int64_t h, int64_t i, int64_t j)
{
    const attn_problem *const p = &s->in.problem;
    double sum = 0;
    for (int64_t c = 0; c < p->d; c++)
        sum += element(s, ATTN_Q, 0, h, i, c) * element(s, ATTN_K, 0, h / (p->h / p->hkv), j, c);
    return (double)p->scale * sum;
}

/* The least and the largest logit, of all rows. */
static void range_of(const subject *s, double *least, double *most)
{
    *least = INFINITY, *most = -INFINITY;
    for (int64_t h = 0; h < s->in.problem.h; h++)
        for (int64_t i = 0; i < s->in.problem.q; i++)
            for (int64_t j = 0; j < s->in.problem.k; j++) {
                *least = fmin(*least, logit(s, h, i, j));
                *most = fmax(*most, logit(s, h, i, j));
            }
}

static const char *const lines[] = {"h=4,hkv=2,q=9,k=50,d=8", "h=2,q=9,k=50,d=40,scale=-0.5",
                                    "h=2,q=9,k=50,d=8,dtype=bf16"};
enum { LINES = sizeof lines / sizeof *lines };

static void logits_have_their_size(void **state)
{
    (void)state;
    static const struct {
        input_class input;
        double from, to; /* with the rounding of bf16: two factors of 1 + 2^-8 */
    } sizes[] = {
        {INPUT_NEAR_200, -210, -198},          {INPUT_NEAR_20000, -20170, -19800}, {INPUT_NEAR_1E6, -1.01e6, -0.99e6},
        {INPUT_NEAR_1E30, -1.01e30, -0.99e30}, {INPUT_PLUS_MINUS, -10110, 10110},  {INPUT_SPREAD, -202, 0},
    };
    for (size_t n = 0; n < sizeof sizes / sizeof *sizes; n++)
        for (int line = 0; line < LINES; line++) {
            double least, most;
            subject *s = make(lines[line], sizes[n].input, 3);
            range_of(s, &least, &most);
            assert_true(least >= sizes[n].from && most <= sizes[n].to);
            if (sizes[n].input == INPUT_SPREAD) assert_true(least < -190 && most > -10);
            if (sizes[n].input == INPUT_PLUS_MINUS) assert_true(least < -9900 && most > 9900);
            drop(s);
        }
}

static void falling_logits_fall(void **state)
{
    (void)state;
    subject *s = make("h=2,q=9,k=50,d=8", INPUT_DECREASING, 3);
    for (int64_t h = 0; h < 2; h++)
        for (int64_t i = 0; i < 9; i++)
            for (int64_t j = 1; j < 50; j++) assert_true(logit(s, h, i, j) < logit(s, h, i, j - 1));
    drop(s);
}

static void the_second_half_drops(void **state)
{
    (void)state;
    subject *s = make("h=2,q=9,k=50,d=40,scale=-0.5,left=60,q_pos=0", INPUT_DROP, 3);
    for (int64_t h = 0; h < 2; h++)
        for (int64_t i = 0; i < 9; i++)
            for (int64_t j = 0; j < 50; j++) {
                const double x = logit(s, h, i, j);
                assert_true(j < 25 ? x <= 0 && x > -1.1 : x < -198 && x > -210);
            }
    drop(s);
}

static void one_hot_rows_have_one_key(void **state)
{
    (void)state;
    for (int line = 0; line < 2; line++) { /* not bf16, whose angles are too coarse */
        subject *s = make(lines[line], INPUT_ONE_HOT, 3);
        for (int64_t h = 0; h < s->in.problem.h; h++)
            for (int64_t i = 0; i < 9; i++) {
                double first = -INFINITY, second = -INFINITY;
                for (int64_t j = 0; j < 50; j++) {
                    const double x = logit(s, h, i, j);
                    second = x > first ? first : fmax(second, x);
                    first = fmax(first, x);
                }
                assert_true(first - second > 110);
            }
        drop(s);
    }
}

static void values_are_what_they_should_be(void **state)
{
    (void)state;
    double least, most;
    subject *s = make("h=2,q=3,k=40,d=8", INPUT_EQUAL, 3);
    for (int64_t j = 1; j < 40; j++)
        for (int64_t c = 0; c < 8; c++) {
            assert_true(element(s, ATTN_K, 0, 1, j, c) == element(s, ATTN_K, 0, 1, 0, c));
            assert_true(fabs(element(s, ATTN_V, 0, 1, j, c)) <= 8);
            assert_true(element(s, ATTN_V, 0, 1, j, c) == rint(element(s, ATTN_V, 0, 1, j, c)));
        }
    assert_true(element(s, ATTN_K, 0, 0, 0, 0) != element(s, ATTN_K, 0, 1, 0, 0));
    drop(s);
    s = make("h=2,q=3,k=40,d=8", INPUT_ONES, 3);
    assert_true(element(s, ATTN_V, 0, 1, 39, 7) == 1 && element(s, ATTN_V, 0, 0, 0, 0) == 1);
    drop(s);
    s = make("h=2,q=3,k=40,d=8", INPUT_CONSTANT, 3);
    for (int64_t j = 0; j < 40; j++) assert_true(element(s, ATTN_V, 0, 1, j, 3) == element(s, ATTN_V, 0, 1, 0, 3));
    range_of(s, &least, &most);
    assert_true(most > least);
    drop(s);
    s = make("h=2,q=3,k=40,d=8", INPUT_CANCELLING, 3);
    for (int64_t j = 1; j < 40; j++)
        assert_true(element(s, ATTN_V, 0, 1, j, 0) * element(s, ATTN_V, 0, 1, j - 1, 0) < -9e5);
    drop(s);
    s = make("h=2,q=3,k=40,d=8", INPUT_SUBNORMAL, 3);
    for (int64_t j = 0; j < 40; j++) {
        assert_int_equal(fpclassify((float)element(s, ATTN_V, 0, 1, j, 3)), FP_SUBNORMAL);
        const float product = (float)element(s, ATTN_Q, 0, 1, 0, 3) * (float)element(s, ATTN_K, 0, 1, j, 3);
        assert_true(fabsf(product) < 0x1p-126f);
    }
    drop(s);
}

static int64_t rows_not_finite(const subject *s, int slot)
{
    const attn_tensor *const t = &s->in.slot[slot];
    int64_t rows = 0;
    for (int64_t h = 0; h < t->extent[1]; h++)
        for (int64_t i = 0; i < t->extent[2]; i++) {
            int64_t wrong = 0;
            for (int64_t c = 0; c < t->extent[3]; c++) wrong += !isfinite(element(s, slot, 0, h, i, c));
            rows += wrong > 0;
        }
    return rows;
}

static void numbers_that_are_not_finite_are_where_they_should_be(void **state)
{
    (void)state;
    for (int slot = ATTN_Q; slot <= ATTN_V; slot++) {
        const input_class classes[] = {INPUT_NONFINITE_Q, INPUT_NONFINITE_K, INPUT_NONFINITE_V};
        subject *s = make("h=2,q=60,k=60,d=8", classes[slot - ATTN_Q], 3);
        for (int other = ATTN_Q; other <= ATTN_V; other++)
            assert_int_equal(rows_not_finite(s, other), other != slot ? 0 : slot == ATTN_Q ? 40 : 4);
        drop(s);
    }
    subject *s = make("b=1,h=2,q=5,k=20,d=8,lens=12", INPUT_PADDING, 3);
    assert_int_equal(rows_not_finite(s, ATTN_K), 16);
    assert_int_equal(rows_not_finite(s, ATTN_V), 16);
    assert_int_equal(rows_not_finite(s, ATTN_Q), 0);
    drop(s);
}

static void masked_values_may_be_finite(void **state)
{
    (void)state;
    subject *s = make("b=1,h=2,q=5,k=20,d=8,lens=12", INPUT_PADDING, 3);
    assert_true(inputs_hide_v(&s->in, true));
    assert_int_equal(rows_not_finite(s, ATTN_V), 0);
    assert_int_equal(rows_not_finite(s, ATTN_K), 16);
    assert_true(element(s, ATTN_V, 0, 0, 12, 0) > 9e29 && fabs(element(s, ATTN_V, 0, 0, 11, 0)) < 9);
    assert_true(inputs_hide_v(&s->in, false));
    assert_int_equal(rows_not_finite(s, ATTN_V), 16);
    drop(s);
}

static void late_rows_see_no_early_key(void **state)
{
    (void)state;
    static const char *const windows[] = {"h=1,q=20,k=100,d=8,mask=window,window=9,q_pos=end",
                                          "b=2,h=1,q=20,k=100,d=8,left=3,q_pos=0,lens=100+60"};
    for (int n = 0; n < 2; n++) {
        subject *s = make(windows[n], INPUT_LATE_KEYS, 3);
        const attn_args args = all(s);
        for (int64_t b = 0; b < s->in.problem.b; b++) {
            const attn_span span = attn_visible(&s->in.problem, &args, b, 0);
            assert_true(span.prefix == 0 && span.begin == 50 && span.end > span.begin);
        }
        drop(s);
    }
}

static void extremes_of_other_slots(void **state)
{
    (void)state;
    subject *s = make("h=3,q=4,d=8,sinks=1", INPUT_SINK_ABOVE, 3);
    for (int64_t h = 0; h < 3; h++) assert_true(element(s, ATTN_SINK_LOGITS, 0, h, 0, 0) > 90);
    drop(s);
    s = make("h=2,q=4,k=40,d=8,kv_dtype=i8", INPUT_INT8_EXTREMES, 3);
    int64_t lowest = 0, highest = 0, nothing = 0, negative = 0, large = 0;
    for (int64_t j = 0; j < 40; j++) {
        const double scale = element(s, ATTN_K_SCALES, 0, 1, j, 0);
        nothing += scale == 0, negative += scale < 0, large += element(s, ATTN_V_SCALES, 0, 1, j, 0) == 1;
        for (int64_t c = 0; c < 8; c++) {
            lowest += element(s, ATTN_K, 0, 1, j, c) == -128;
            highest += element(s, ATTN_K, 0, 1, j, c) == 127;
        }
    }
    assert_true(lowest > 40 && highest > 40 && nothing == 8 && negative == 4 && large == 3);
    drop(s);
}

static void classes_are_refused_where_they_mean_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *line, *word;
    } cases[] = {
        {"h=1,q=4,d=8,class=sink-above", "sinks=1"},      {"h=1,q=4,d=8,class=int8-extremes", "kv_dtype=i8"},
        {"h=1,q=4,d=1,class=one-hot", "d of at least 2"}, {"h=1,q=4,d=8,class=late-keys", "left limit"},
        {"h=1,q=4,d=8,class=drop", "left limit"},         {"h=1,q=4,d=8,class=padding", "lens="},
        {"h=1,q=4,d=8,dtype=f16,class=near-1e30", "f16"}, {"h=1,q=4,d=8,kv_dtype=i8,class=nonfinite-k", "float type"},
    };
    for (size_t n = 0; n < sizeof cases / sizeof *cases; n++) {
        workload w;
        char reason[300] = "";
        assert_false(workload_parse(cases[n].line, builtin, &w, reason, sizeof reason));
        assert_non_null(strstr(reason, cases[n].word));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logits_have_their_size),
        cmocka_unit_test(falling_logits_fall),
        cmocka_unit_test(the_second_half_drops),
        cmocka_unit_test(one_hot_rows_have_one_key),
        cmocka_unit_test(values_are_what_they_should_be),
        cmocka_unit_test(numbers_that_are_not_finite_are_where_they_should_be),
        cmocka_unit_test(masked_values_may_be_finite),
        cmocka_unit_test(late_rows_see_no_early_key),
        cmocka_unit_test(extremes_of_other_slots),
        cmocka_unit_test(classes_are_refused_where_they_mean_nothing),
    };
    return cmocka_run_group_tests(tests, make_set, free_set);
}
