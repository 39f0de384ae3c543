/* A child's own tensors: in other places with the same contents, changed in place and back, unseen by the shared ones;
 * and snapshots of outputs, which hold elements only. */
#include "instance_fixture.h"

#include "tensors/instance_copy.h"
#include "tensors/instance_internal.h"
#include "tensors/snapshot.h"

static const char *const lines[] = {"h=4,hkv=2,q=9,k=13,d=7", "b=2,h=2,q=5,k=9,d=16,row_pad=3,layout=bshd",
                                    "h=4,hkv=1,q=2,k=9,d=12,dv=8,v_in_k=1", "h=2,q=5,k=9,d=8,kv_dtype=i8",
                                    "b=3,h=2,q=9,k=20,d=8,q_pos=end,ragged=1,q_lens=9+1+4,lens=20+3+7"};
enum { LINES = sizeof lines / sizeof *lines };

static void copies_lie_at_the_guard_pages(void **state)
{
    (void)state;
    for (int i = 0; i < LINES; i++) {
        subject *s = make(lines[i], INPUT_NORMAL, 1);
        for (int place = PLACED_FRONT; place <= PLACED_REAR; place++) {
            instance copy;
            assert_true(instance_copy(&s->in, (placement)place, 0, &copy));
            for (int slot = 0; slot < ATTN_SLOTS; slot++) {
                const attn_tensor *t = &copy.slot[slot];
                if (t->type == ATTN_ABSENT) continue;
                const size_t bytes = (size_t)tensor_bytes(t);
                assert_memory_equal(t->data, s->in.slot[slot].data, bytes);
                if (!copy.map[slot].base) continue;
                const unsigned char *first = t->data, *end = copy.map[slot].begin + copy.map[slot].bytes;
                assert_ptr_equal(place == PLACED_FRONT ? first : first + bytes,
                                 place == PLACED_FRONT ? copy.map[slot].begin : end);
            }
            if (s->w.v_in_k) assert_ptr_equal(copy.slot[ATTN_V].data, copy.slot[ATTN_K].data);
            instance_free(&copy);
        }
        drop(s);
    }
}

/* Changes `in` by `change`, which must change Q or V and twice must change nothing. */
static void twice_is_nothing(instance *in, void (*change)(instance *))
{
    instance before;
    assert_true(instance_copy(in, PLACED_FRONT, 0, &before));
    change(in);
    const size_t q = (size_t)tensor_bytes(&in->slot[ATTN_Q]);
    assert_true(memcmp(in->slot[ATTN_Q].data, before.slot[ATTN_Q].data, q) != 0);
    change(in);
    for (int slot = 0; slot < ATTN_SLOTS; slot++)
        if (in->slot[slot].type != ATTN_ABSENT)
            assert_memory_equal(in->slot[slot].data, before.slot[slot].data, (size_t)tensor_bytes(&in->slot[slot]));
    instance_free(&before);
}

static void changes_undo_themselves(void **state)
{
    (void)state;
    for (int i = 0; i < LINES; i++) {
        subject *s = make(lines[i], INPUT_NORMAL, 1);
        twice_is_nothing(&s->in, instance_flip);
        twice_is_nothing(&s->in, instance_negate);
        drop(s);
    }
}

static void negation_changes_every_sign(void **state)
{
    (void)state;
    subject *s = make(lines[1], INPUT_NORMAL, 1);
    const double q = element(s, ATTN_Q, 1, 1, 4, 15), k = element(s, ATTN_K, 1, 0, 8, 0);
    instance_negate(&s->in);
    assert_true(element(s, ATTN_Q, 1, 1, 4, 15) == -q && q != 0);
    assert_true(element(s, ATTN_K, 1, 0, 8, 0) == -k && k != 0);
    drop(s);
}

static void detached_inputs_keep_place_and_contents(void **state)
{
    (void)state;
    subject *s = make(lines[0], INPUT_NORMAL, 1);
    const void *place = s->in.slot[ATTN_K].data;
    const double before = element(s, ATTN_K, 0, 1, 12, 6);
    instance_protect(&s->in, true);
    assert_true(instance_detach(&s->in));
    assert_ptr_equal(s->in.slot[ATTN_K].data, place);
    assert_true(element(s, ATTN_K, 0, 1, 12, 6) == before);
    instance_flip(&s->in); /* faults where they are not writable */
    drop(s);
}

static void snapshots_hold_elements_only(void **state)
{
    (void)state;
    for (int i = 0; i < LINES; i++) {
        subject *s = make(lines[i], INPUT_NORMAL, 1);
        const snapshot_layout layout = snapshot_layout_of(&s->in);
        char *a = malloc(layout.bytes), *b = malloc(layout.bytes);
        instance_poison(&s->in, 0);
        snapshot_take(&layout, &s->in, a);
        unsigned char *end = (unsigned char *)s->in.slot[ATTN_O].data + tensor_bytes(&s->in.slot[ATTN_O]);
        if (end < s->in.map[ATTN_O].begin + s->in.map[ATTN_O].bytes) *end = 1;
        if (s->w.row_pad) ((float *)s->in.slot[ATTN_O].data)[s->in.slot[ATTN_O].extent[3]] = 1;
        snapshot_take(&layout, &s->in, b);
        assert_int_equal(snapshot_differs(&layout, a, b, 7), -1);
        ((float *)s->in.slot[ATTN_LSE].data)[0] = 1;
        snapshot_take(&layout, &s->in, b);
        assert_int_equal(snapshot_differs(&layout, a, b, 7), ATTN_LSE);
        assert_int_equal(snapshot_differs(&layout, a, b, 1), -1);
        free(a), free(b);
        drop(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_lie_at_the_guard_pages),
        cmocka_unit_test(changes_undo_themselves),
        cmocka_unit_test(negation_changes_every_sign),
        cmocka_unit_test(snapshots_hold_elements_only),
        cmocka_unit_test(detached_inputs_keep_place_and_contents),
    };
    return cmocka_run_group_tests(tests, make_set, free_set);
}
