/* A case that fails becomes the smallest one that does, the same one every time, by the same check. The kernels here
 * are right or wrong as their problem says: nothing but the size decides. */
#include <math.h>

#include "machine/ceilings.h"
#include "verify/shrink.h"
#include "instance_fixture.h"
#include "verify/trial_run.h"

enum fault { WRONG_VALUES, CRASHES_TOO };
static enum fault fault;

/* Wrong where a second KV head has more than 12 keys under a softcap; with fewer than 20 keys CRASHES_TOO crashes
 * instead. */
static bool is_wrong(const attn_problem *p) { return p->hkv >= 2 && p->k > 12 && p->softcap > 0; }

static int run(const attn_problem *p, const attn_plan *plan, const attn_args *args, const attn_exec *exec,
               const void *shared, void *workspace)
{
    (void)plan, (void)exec, (void)shared, (void)workspace;
    ref_workspace *ws = ref_workspace_new(p->k, p->d, p->dv);
    char reason[256];
    if (fault == CRASHES_TOO && is_wrong(p) && p->k < 20) abort();
    for (int64_t b = 0; b < p->b; b++)
        for (int64_t h = 0; h < p->h; h++)
            for (int64_t i = 0; i < p->q; i++) {
                const ref_row *row = ref_gather_row(ws, p, args, b, h, i, reason, sizeof reason);
                const attn_tensor *o = attn_slot_of(args, ATTN_O), *lse = attn_slot_of(args, ATTN_LSE);
                float *to = (float *)o->data + b * o->stride[0] + h * o->stride[1] + i * o->stride[2];
                for (int64_t c = 0; c < p->dv; c++) to[c] = (float)row->o[c] + (is_wrong(p) ? 1 : 0);
                if (lse)
                    ((float *)lse->data)[b * lse->stride[0] + h * lse->stride[1] + i * lse->stride[2]] =
                        (float)row->lse;
            }
    ref_workspace_free(ws);
    return ATTN_OK;
}

static int plan(const attn_problem *p, const attn_args *args, const attn_machine *machine, const attn_exec *exec,
                attn_plan *out)
{
    (void)p, (void)args, (void)machine, (void)exec;
    out->storage_type = out->score_type = out->weight_type = out->accumulator_type = out->output_type = ATTN_F32;
    out->kappa = 2, out->rho = 1, out->kappa_t = 4, out->tau = 4, out->kappa_log = 2;
    return ATTN_OK;
}

static const uint64_t types[] = {[ATTN_Q] = ATTN_TYPE_BIT(ATTN_F32),   [ATTN_K] = ATTN_TYPE_BIT(ATTN_F32),
                                 [ATTN_V] = ATTN_TYPE_BIT(ATTN_F32),   [ATTN_O] = ATTN_TYPE_BIT(ATTN_F32),
                                 [ATTN_LSE] = ATTN_TYPE_BIT(ATTN_F32), [ATTN_KEY_LENGTHS] = ATTN_TYPE_BIT(ATTN_I64)};
static const attn_kernel kernel = {
    .size = sizeof kernel,
    .abi = ATTN_ABI,
    .name = "reference_with_a_fault",
    .idea = "right but for some sizes",
    .caps = {ATTN_CAP_GQA | ATTN_CAP_DV | ATTN_CAP_RIGHT | ATTN_CAP_POSITION | ATTN_CAP_SOFTCAP,
             ATTN_SLOTS_QKVO | ATTN_SLOT_BIT(ATTN_LSE) | ATTN_SLOT_BIT(ATTN_KEY_LENGTHS)},
    .type_count = sizeof types / sizeof *types,
    .types = types,
    .plan = plan,
    .run = run,
};

static const double unlimited = 1e9; /* seconds */

static void shrinks_to(const char *spec, double seconds, bool finished, const char *wanted)
{
    char reason[512];
    workload w;
    trial_group g;
    shrunk s;
    const attn_machine machine = ceilings_machine(NULL, 0, 1);
    const trial_settings settings = {.machine = &machine, .budget = 1e7, .time_limit = 60};
    const trial_job job = {&kernel, 1};
    if (!workload_parse(spec, builtin, &w, reason, sizeof reason)) fail_msg("%s", reason);
    if (!trial_group_run(&w, INPUT_NORMAL, 1, &job, 1, &settings, &g, reason, sizeof reason)) fail_msg("%s", reason);
    assert_int_equal(g.trial[0].status, TRIAL_FAIL);
    if (!shrink_case(&g, &g.trial[0], &settings, seconds, &s, reason, sizeof reason)) fail_msg("%s", reason);
    assert_int_equal(s.finished, finished);
    if (!strstr(s.reproducer, wanted)) fail_msg("'%s' lacks '%s'", s.reproducer, wanted);
    trial_group_free(&g);
    workload_free(&w);
}

static void test_smallest(void **state)
{
    (void)state;
    static const char big[] = "b=3,h=12,hkv=4,q=20,k=40,d=24,dv=16,mask=causal,q_pos=20,softcap=5,lens=40+33+21";
    fault = WRONG_VALUES;
    for (int again = 0; again < 2; again++)
        shrinks_to(big, unlimited, true, "'h=2,q=1,k=13,d=1,softcap=5' --class normal --threads 1 --seed 1");
}

static void test_not_another_failure(void **state)
{
    (void)state;
    fault = CRASHES_TOO;
    shrinks_to("h=4,hkv=2,q=3,k=50,d=8,softcap=5", unlimited, true, "'h=2,q=1,k=20,d=1,softcap=5'");
}

static void test_no_time(void **state)
{
    (void)state;
    fault = WRONG_VALUES;
    shrinks_to("h=4,hkv=2,q=3,k=50,d=8,softcap=5", 0, false, "'h=4,hkv=2,q=3,k=50,d=8,softcap=5'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_smallest),
        cmocka_unit_test(test_not_another_failure),
        cmocka_unit_test(test_no_time),
    };
    return cmocka_run_group_tests(tests, make_set, free_set);
}
