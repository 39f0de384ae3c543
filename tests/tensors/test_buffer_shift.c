/* A buffer some bytes further on: where the tensors lie, what they hold, what a kernel computes from them; and which
 * change counts as the largest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "run/call.h"
#include "machine/ceilings.h"
#include "cpu.h"
#include "tensors/instance_internal.h"
#include "compare/alignment_sweep.h"
#include "machine/pool.h"
#include "problem.h"
#include "registry.h"
#include "tensors/buffer_shift.h"

enum { PAGE = 4096 };

typedef struct fixture {
    workload_set *set;
    workload w;
    instance in;
    placement placed;
} fixture;

static void open_fixture(fixture *f, const char *spec)
{
    char reason[512];
    f->set = workload_set_new(reason, sizeof reason);
    assert_non_null(f->set);
    assert_true(workload_parse(spec, f->set, &f->w, reason, sizeof reason));
    assert_true(instance_describe(&f->in, &f->w, INPUT_NORMAL, 1, reason, sizeof reason));
    assert_true(instance_fill(&f->in, reason, sizeof reason));
    assert_true(placement_at_pages(&f->placed, &f->in, SHIFT_MOST, reason, sizeof reason));
}

static void close_fixture(fixture *f)
{
    placement_free(&f->placed);
    instance_free(&f->in);
    workload_free(&f->w);
    workload_set_free(f->set);
}

static bool same(const attn_tensor *a, const attn_tensor *b)
{
    return memcmp(a->data, b->data, (size_t)tensor_bytes(a)) == 0;
}

static void tensors_begin_at_pages(void **state)
{
    (void)state;
    fixture f;
    open_fixture(&f, "h=4,hkv=2,q=5,k=77,d=24,row_pad=3");
    for (int slot = ATTN_Q; slot <= ATTN_O; slot++) {
        assert_int_equal((uintptr_t)f.placed.in.slot[slot].data % PAGE, 0);
        assert_true(slot == ATTN_O || same(&f.placed.in.slot[slot], &f.in.slot[slot]));
    }
    close_fixture(&f);
}

static void contents_move_there_and_back(void **state)
{
    (void)state;
    fixture f;
    open_fixture(&f, "h=4,hkv=2,q=5,k=77,d=24");
    for (shifted_buffer b = SHIFTED_Q; b <= SHIFTED_WORKSPACE; b++) {
        const shift s = {b, b == SHIFTED_WORKSPACE ? 64 : 48};
        const instance moved = shift_pointers(&s, &f.placed.in);
        shift_contents(&s, &f.placed.in, true);
        for (int slot = ATTN_Q; slot <= ATTN_O; slot++) {
            const bool moves = b == SHIFTED_TENSORS || (int)b == slot - ATTN_Q;
            const ptrdiff_t by = (const char *)moved.slot[slot].data - (const char *)f.placed.in.slot[slot].data;
            assert_int_equal(by, moves ? s.bytes : 0);
            assert_true(slot == ATTN_O || same(&moved.slot[slot], &f.in.slot[slot]));
        }
        shift_contents(&s, &f.placed.in, false);
        for (int slot = ATTN_Q; slot < ATTN_O; slot++) assert_true(same(&f.placed.in.slot[slot], &f.in.slot[slot]));
    }
    close_fixture(&f);
}

static void a_view_moves_with_its_owner(void **state)
{
    (void)state;
    fixture f;
    open_fixture(&f, "h=4,hkv=1,q=1,k=33,d=24,dv=16,v_in_k=1");
    const shift keys = {SHIFTED_K, 32}, values = {SHIFTED_V, 32};
    assert_true(shift_applies(&keys, &f.placed.in));
    assert_false(shift_applies(&values, &f.placed.in));
    const instance moved = shift_pointers(&keys, &f.placed.in);
    assert_int_equal((char *)moved.slot[ATTN_V].data - (char *)f.placed.in.slot[ATTN_V].data, 32);
    close_fixture(&f);
}

static const attn_kernel *baseline(void)
{
    int kernels;
    const attn_kernel *const *kernel = attn_kernels(&kernels);
    for (int i = 0; i < kernels; i++)
        if (kernel[i]->role == ATTN_ROLE_BASELINE && !kernel[i]->improves_on) return kernel[i];
    return NULL;
}

static void outputs_do_not_change(void **state)
{
    (void)state;
    fixture f;
    char reason[256];
    const attn_kernel *const kernel = baseline();
    const attn_machine machine = ceilings_machine(NULL, attn_cpu_isa(), 1);
    open_fixture(&f, "h=2,q=9,k=40,d=16");
    for (shifted_buffer b = SHIFTED_Q; b <= SHIFTED_TENSORS; b++) {
        const shift s = {b, 16};
        const instance moved = shift_pointers(&s, &f.placed.in), *const at[2] = {&f.placed.in, &moved};
        float first[2 * 9 * 16];
        for (int lane = 0; lane < 2; lane++) {
            call c;
            attn_tensor slot[ATTN_SLOTS];
            const attn_args args = instance_args(at[lane], true, false, slot);
            int outside;
            shift_contents(&s, &f.placed.in, lane == 1);
            instance_poison(&f.placed.in, INSTANCE_POISON);
            assert_true(call_prepare(&c, kernel, &f.in.problem, &args, &machine, exec_serial(), reason, sizeof reason));
            assert_int_equal(call_once(&c, NULL), ATTN_OK);
            assert_true(instance_canaries_hold(at[lane], INSTANCE_POISON, &outside));
            if (lane == 0)
                memcpy(first, at[lane]->slot[ATTN_O].data, sizeof first);
            else
                assert_memory_equal(first, at[lane]->slot[ATTN_O].data, sizeof first);
            call_release(&c);
        }
        shift_contents(&s, &f.placed.in, false);
    }
    close_fixture(&f);
}

static alignment_cell cell(double median, double low, double high)
{
    return (alignment_cell){
        .what = "K", .bytes = 16, .timed = true, .figures = {.median = median, .median_interval = {low, high}}};
}

static void the_worst_is_the_largest_that_shows(void **state)
{
    (void)state;
    static alignment_sweep s;
    s = (alignment_sweep){.cells = 5};
    s.cell[0] = cell(0.03, 0.029, 0.031);
    s.cell[1] = cell(-0.05, -0.06, -0.04); /* faster counts too */
    s.cell[2] = cell(0.2, -0.1, 0.4);      /* could be nothing */
    s.cell[3] = cell(0.001, 0.0009, 0.0011);
    s.cell[4] = cell(0.5, 0.4, 0.6);
    s.cell[4].timed = false;
    assert_ptr_equal(alignment_worst(&s), &s.cell[1]);
    assert_false(alignment_shows(&s.cell[3]));
    s.cells = 0;
    assert_null(alignment_worst(&s));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tensors_begin_at_pages),
        cmocka_unit_test(contents_move_there_and_back),
        cmocka_unit_test(a_view_moves_with_its_owner),
        cmocka_unit_test(outputs_do_not_change),
        cmocka_unit_test(the_worst_is_the_largest_that_shows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
