/* What int8 keys and values cost is measured against the numbers that they were rounded from, and only where there are
 * such. */
#include <math.h>

#include "instance_fixture.h"

#include "judge/quantisation.h"

static quantisation measure(const subject *s)
{
    row_list rows;
    quantisation q;
    char reason[320] = "";
    attn_tensor slot[ATTN_SLOTS];
    const attn_args args = instance_args(&s->in, true, false, slot);
    assert_true(rows_choose(&s->in.problem, &args, NULL, 0, 1e9, 1, &rows));
    if (!quantisation_of(&s->in, &rows, &q, reason, sizeof reason)) fail_msg("%s", reason);
    rows_free(&rows);
    return q;
}

/* No logit moves by more than scale sum|q| step / 2, where step is a row's scale, and LSE by no more than the logit
 * that moves most. Fails on: other rows drawn for the comparison, which would move logits by whole units. */
static void rounding_bounds_the_move_of_lse(void **state)
{
    (void)state;
    static const char *const lines[] = {"h=2,q=20,k=70,d=64,kv_dtype=i8",
                                        "b=2,h=4,hkv=2,q=9,k=40,d=24,page=8,kv_dtype=i8",
                                        "h=3,q=30,d=40,mask=causal,dtype=bf16,kv_dtype=i8"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        subject *s = make(lines[i], INPUT_NORMAL, 5);
        const attn_problem *p = &s->in.problem;
        const attn_tensor *scales = &s->in.slot[ATTN_K_SCALES];
        double q_most = 0, step = 0;
        for (int64_t b = 0; b < p->b; b++)
            for (int64_t h = 0; h < p->h; h++)
                for (int64_t r = 0; r < p->q; r++) {
                    double sum = 0;
                    for (int64_t c = 0; c < p->d; c++) sum += fabs(ref_element(&s->in.slot[ATTN_Q], b, h, r, c));
                    q_most = fmax(q_most, sum);
                }
        for (int64_t b = 0; b < scales->extent[0]; b++)
            for (int64_t g = 0; g < scales->extent[1]; g++)
                for (int64_t r = 0; r < scales->extent[2]; r++) step = fmax(step, ref_element(scales, b, g, r, 0));
        const quantisation q = measure(s);
        assert_true(q.rows > 8);
        assert_true(q.lse > 0 && q.lse <= 1.001 * (double)p->scale * q_most * step / 2);
        assert_true(q.output > 0 && q.relative > 1e-4 && q.relative < 0.1);
        drop(s);
    }
}

static void nothing_where_nothing_was_rounded(void **state)
{
    (void)state;
    subject *s = make("h=2,q=20,k=70,d=64", INPUT_NORMAL, 5);
    assert_true(measure(s).rows == 0);
    drop(s);
    s = make("h=2,q=20,k=70,d=64,kv_dtype=i8", INPUT_INT8_EXTREMES, 5);
    assert_true(measure(s).rows == 0);
    drop(s);
}

static void classes_keep_their_largest(void **state)
{
    (void)state;
    quantisation worst[INPUT_CLASSES];
    json_t *cases =
        json_pack("[{s:s,s:{s:i,s:f,s:f,s:f}}, {s:s,s:{s:i,s:f,s:f,s:s}}, {s:s}]", "class", "normal", "quantisation",
                  "rows", 4, "output", 0.5, "relative", 0.25, "lse", 0.125, "class", "normal", "quantisation", "rows",
                  5, "output", 0.25, "relative", 0.5, "lse", "Infinity", "class", "large");
    assert_non_null(cases);
    assert_int_equal(quantisation_of_classes(cases, worst), 1);
    const quantisation *q = &worst[INPUT_NORMAL];
    assert_true(q->rows == 9 && q->output == 0.5 && q->relative == 0.5 && isinf(q->lse));
    assert_true(worst[INPUT_LARGE].rows == 0);
    json_decref(cases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounding_bounds_the_move_of_lse),
        cmocka_unit_test(nothing_where_nothing_was_rounded),
        cmocka_unit_test(classes_keep_their_largest),
    };
    return cmocka_run_group_tests(tests, make_set, free_set);
}
