/* Control bits that a kernel leaves changed are put back by whoever calls it. The kernel here changes the rounding in
 * plan, pack and run, which every architecture can do; flush-to-zero is looked at where its bits are handled. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fenv.h>

#include "run/call.h"
#include "machine/cpu_state.h"
#include "machine/pool.h"

static uint32_t seen[3]; /* the bits that plan, pack and run were entered with */
static int calls;

static void note_and_change(void)
{
    seen[calls++] = cpu_state_save();
    fesetround(FE_UPWARD);
}

static int plan(const attn_problem *problem, const attn_args *args, const attn_machine *machine, const attn_exec *exec,
                attn_plan *out)
{
    (void)problem, (void)args, (void)machine, (void)exec, (void)out;
    note_and_change();
    return ATTN_OK;
}

static int pack(const attn_problem *problem, const attn_plan *plan_, const attn_args *args, const attn_exec *exec,
                void *shared)
{
    (void)problem, (void)plan_, (void)args, (void)exec, (void)shared;
    note_and_change();
    return ATTN_OK;
}

static int run(const attn_problem *problem, const attn_plan *plan_, const attn_args *args, const attn_exec *exec,
               const void *shared, void *workspace)
{
    (void)problem, (void)plan_, (void)args, (void)exec, (void)shared, (void)workspace;
    note_and_change();
    return ATTN_OK;
}

/* Where control bits are handled, saved states with different rounding differ. */
static int handled(void)
{
    const uint32_t nearest = cpu_state_save();
    fesetround(FE_UPWARD);
    const uint32_t upward = cpu_state_save();
    fesetround(FE_TONEAREST);
    return nearest != upward;
}

static void what_a_kernel_changes_is_put_back(void **state)
{
    (void)state;
    if (!handled()) skip();
    const attn_kernel kernel = {.size = sizeof kernel, .abi = ATTN_ABI, .plan = plan, .pack = pack, .run = run};
    const attn_problem problem = {.size = sizeof problem, .b = 1, .h = 1, .hkv = 1, .q = 1, .k = 1, .d = 1, .dv = 1};
    const attn_tensor none[1] = {{0}};
    const attn_args args = {sizeof args, 0, none};
    call c;
    char reason[128];
    const uint32_t before = cpu_state_save();
    calls = 0;
    assert_int_equal(call_prepare(&c, &kernel, &problem, &args, NULL, exec_serial(), reason, sizeof reason), 1);
    assert_int_equal(cpu_state_save(), before);
    assert_int_equal(call_once(&c, NULL), ATTN_OK);
    assert_int_equal(cpu_state_save(), before);
    assert_int_equal(calls, 3);
    assert_int_equal(seen[0], before);
    assert_int_equal(seen[1], before);
    assert_true(seen[2] != before); /* one call: what pack does, run may see */
    fesetround(FE_TONEAREST);
    call_release(&c);
}

static void sticky_flags_are_left_alone(void **state)
{
    (void)state;
    const uint32_t before = cpu_state_save();
    feclearexcept(FE_ALL_EXCEPT);
    feraiseexcept(FE_DIVBYZERO);
    assert_int_equal(cpu_state_save(), before);
    cpu_state_restore(before);
    assert_true(fetestexcept(FE_DIVBYZERO) != 0);
    feclearexcept(FE_ALL_EXCEPT);
}

static void flush_to_zero_is_recognised(void **state)
{
    (void)state;
    if (!handled()) skip();
    const uint32_t before = cpu_state_save();
    volatile float tiny = 1e-39f, one = 1;
    assert_false(cpu_state_flushes(before));
    assert_true(tiny * one > 0);
    const uint32_t bits[] = {0x8000, 0x40};
    for (int i = 0; i < 2; i++) {
        cpu_state_restore(before | bits[i]);
        const float product = tiny * one;
        const int flushes = cpu_state_flushes(cpu_state_save());
        cpu_state_restore(before);
        assert_int_equal(flushes, 1);
        assert_true(product == 0);
    }
    assert_true(tiny * one > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_kernel_changes_is_put_back),
        cmocka_unit_test(sticky_flags_are_left_alone),
        cmocka_unit_test(flush_to_zero_is_recognised),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
