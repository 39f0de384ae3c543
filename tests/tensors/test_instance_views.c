/* Tensors that lie in unusual places: strides that all differ, inputs that share memory with themselves or each other,
 * heads that are further apart than 32-bit numbers count. */
#include "instance_fixture.h"

/* No two strides of one axis are equal, of Q, K, V, O and LSE. */
static void test_skew(void **state)
{
    (void)state;
    subject *s = make("b=2,h=4,hkv=2,q=20,k=20,d=32,skew=1", INPUT_NORMAL, 1);
    for (int axis = 0; axis < 3; axis++)
        for (int slot = ATTN_Q; slot <= ATTN_LSE; slot++)
            for (int other = ATTN_Q; other < slot; other++)
                assert_true(s->in.slot[slot].stride[axis] != s->in.slot[other].stride[axis]);
    drop(s);
}

static void test_shared_memory(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        int slot, axis;
    } cases[] = {
        {"b=3,h=4,hkv=2,q=4,k=9,d=8,broadcast=b", ATTN_K, 0},
        {"b=3,h=4,hkv=2,q=4,k=9,d=8,broadcast=b", ATTN_V, 0},
        {"b=3,h=4,hkv=2,q=4,k=9,d=8,broadcast=h+b", ATTN_V, 1},
        {"b=3,h=4,hkv=2,q=4,k=9,d=8,kv_dtype=i8,broadcast=k", ATTN_K_SCALES, 2},
        {"b=3,h=4,hkv=2,q=4,k=9,d=8,broadcast=q", ATTN_Q, 2},
    };
    for (size_t n = 0; n < sizeof cases / sizeof *cases; n++) {
        subject *s = make(cases[n].line, INPUT_NORMAL, 1);
        const attn_tensor *const t = &s->in.slot[cases[n].slot];
        assert_int_equal(t->stride[cases[n].axis], 0);
        assert_true(t->extent[cases[n].axis] > 1);
        assert_true(s->in.slot[ATTN_O].stride[2] > 0 && s->in.slot[ATTN_LSE].stride[0] > 0);
        drop(s);
    }
    subject *s = make("b=2,h=2,q=7,d=8,dv=4,k_in_q=1,v_in_k=1", INPUT_NORMAL, 1);
    assert_ptr_equal(s->in.slot[ATTN_K].data, s->in.slot[ATTN_Q].data);
    assert_ptr_equal(s->in.slot[ATTN_V].data, s->in.slot[ATTN_Q].data);
    assert_int_equal(s->in.slot[ATTN_V].extent[3], 4);
    drop(s);
}

/* The second head's keys lie more than 2^31 elements behind the first one's, and take no more memory than they need. */
static void test_far_offsets(void **state)
{
    (void)state;
    subject *s = make("h=2,q=5,k=40,d=64,kv_cap=40000000", INPUT_NORMAL, 1);
    assert_true(s->in.slot[ATTN_K].stride[1] > INT64_C(1) << 31);
    assert_true(instance_bytes(&s->in) < 1e6);
    assert_true(element(s, ATTN_K, 0, 1, 39, 63) != 0 && element(s, ATTN_V, 0, 1, 0, 0) != 0);
    drop(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_skew),
        cmocka_unit_test(test_shared_memory),
        cmocka_unit_test(test_far_offsets),
    };
    return cmocka_run_group_tests(tests, make_set, free_set);
}
