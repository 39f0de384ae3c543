/* Identity probe and needle must see what they are there for: a weight slightly off in one window of keys, whichever it
 * is, and a value taken from another key; and must not accuse a kernel that is right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "machine/ceilings.h"
#include "problem.h"
#include "rows_impl.h"
#include "judge/trial.h"
#include "verify/trial_run.h"

/* ---- a plain correct kernel in double, and ways to spoil it ------------------------------------------------------ */

enum { MOST_KEYS = 2048, NO_KEY = -1 };
static int64_t light_key = NO_KEY;   /* its weight is a ten-thousandth too small */
static int64_t swapped_key = NO_KEY; /* its value is the next key's */

static int run(const attn_problem *p, const attn_plan *plan, const attn_args *args, const attn_exec *exec,
               const void *shared, void *workspace)
{
    (void)plan, (void)exec, (void)shared, (void)workspace;
    const attn_tensor *q = attn_slot_of(args, ATTN_Q), *k = attn_slot_of(args, ATTN_K), *v = attn_slot_of(args, ATTN_V);
    const attn_tensor *o = attn_slot_of(args, ATTN_O), *lse = attn_slot_of(args, ATTN_LSE);
    for (int64_t h = 0; h < p->h; h++)
        for (int64_t i = 0; i < p->q; i++) {
            const int64_t g = h / (p->h / p->hkv);
            const attn_span span = attn_visible(p, args, 0, i);
            double s[MOST_KEYS], sum = 0, max = -INFINITY;
            for (int64_t j = span.begin; j < span.end; j++) {
                s[j] = 0;
                for (int64_t c = 0; c < p->d; c++)
                    s[j] += (double)p->scale * attn_f32_row(q, 0, h, i)[c] * attn_f32_row(k, 0, g, j)[c];
                max = fmax(max, s[j]);
            }
            for (int64_t j = span.begin; j < span.end; j++) sum += exp(s[j] - max);
            for (int64_t c = 0; c < p->dv; c++) {
                double x = 0;
                for (int64_t j = span.begin; j < span.end; j++) {
                    const int64_t from = j == swapped_key && j + 1 < p->k ? j + 1 : j;
                    const double weight = exp(s[j] - max) / sum * (j == light_key ? 1 - 1e-4 : 1);
                    x += weight * attn_f32_row(v, 0, g, from)[c];
                }
                attn_f32_row(o, 0, h, i)[c] = (float)x;
            }
            if (lse) *attn_f32_row(lse, 0, h, i) = (float)(span.begin < span.end ? max + log(sum) : -INFINITY);
        }
    return ATTN_OK;
}

static int plan(const attn_problem *p, const attn_args *args, const attn_machine *m, const attn_exec *e, attn_plan *out)
{
    (void)p, (void)args, (void)m, (void)e;
    out->storage_type = out->score_type = out->weight_type = out->accumulator_type = out->output_type = ATTN_F32;
    out->kappa = out->kappa_log = 2, out->rho = 1;
    return ATTN_OK;
}

static const uint64_t types[] = ATTN_TYPES_F32;
static const attn_kernel kernel = {
    .size = sizeof kernel,
    .abi = ATTN_ABI,
    .name = "of_this_test",
    .idea = "plain double",
    .role = ATTN_ROLE_TEACHING,
    .caps = {ATTN_CAP_RIGHT | ATTN_CAP_LEFT | ATTN_CAP_POSITION | ATTN_CAP_GQA | ATTN_CAP_DV,
             ATTN_SLOTS_QKVO | ATTN_SLOT_BIT(ATTN_LSE)},
    .type_count = sizeof types / 8,
    .types = types,
    .plan = plan,
    .run = run};

static findings try_it(const char *line, const char *name)
{
    workload w = {0};
    trial_group g;
    char reason[256] = "";
    const trial_job job = {&kernel, 1};
    const attn_machine machine = ceilings_machine(NULL, 0, 1);
    const check_list only = {&name, 1};
    const trial_settings settings = {.machine = &machine, .budget = 1e7, .time_limit = 20, .only = name ? &only : NULL};
    assert_int_equal(workload_parse(line, NULL, &w, reason, sizeof reason), 1);
    assert_int_equal(trial_group_run(&w, INPUT_NORMAL, 1, &job, 1, &settings, &g, reason, sizeof reason), 1);
    const findings found = g.trial[0].found;
    trial_group_free(&g);
    workload_free(&w);
    return found;
}

/* ---- tests ----------------------------------------------------------------------------------------------------- */

static void a_correct_kernel_is_not_accused(void **state)
{
    (void)state;
    static const char *const lines[] = {"h=4,hkv=2,q=9,k=12,d=8",
                                        "h=2,q=9,k=100,d=32,dv=16",
                                        "h=2,q=9,k=900,d=16",
                                        "h=2,q=40,d=24,mask=causal",
                                        "h=2,q=40,d=24,mask=window,window=7",
                                        "h=2,q=5,k=300,d=32,scale=-0.25",
                                        "h=1,q=3,k=5,d=1",
                                        "h=2,q=3,k=0,d=4"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        const findings found = try_it(lines[i], NULL);
        if (found.count) fail_msg("%s: [%s] %s", lines[i], found.item[0].check, found.item[0].reason);
    }
}

/* Fails on: a window that leaves keys out, weights held against another key's, a bound that is not relative to the
 * weight. */
static void a_light_key_shows_in_every_window(void **state)
{
    (void)state;
    static const int64_t keys[] = {0, 15, 16, 47, 80, 95, 99};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        light_key = keys[i];
        const findings probe = try_it("h=2,q=9,k=100,d=32,dv=17", "identity-probe");
        const findings bound = try_it("h=2,q=9,k=100,d=32,dv=17", "output-bound");
        light_key = NO_KEY;
        if (probe.count != 1) fail_msg("key %lld: not seen", (long long)keys[i]);
        assert_int_equal(bound.count, 0); /* which is why there is a probe */
    }
}

/* Fails on: a needle that does not lead, or is not named. */
static void a_swapped_key_is_named(void **state)
{
    (void)state;
    for (swapped_key = 0; swapped_key < 9; swapped_key += 4) {
        const findings found = try_it("h=2,q=60,k=10,d=32", "needle");
        char words[64];
        snprintf(words, sizeof words, "attends to key %d instead of key %d", (int)swapped_key + 1, (int)swapped_key);
        assert_int_equal(found.count, 1);
        if (!strstr(found.item[0].reason, words)) fail_msg("%s", found.item[0].reason);
    }
    swapped_key = NO_KEY;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_correct_kernel_is_not_accused),
        cmocka_unit_test(a_light_key_shows_in_every_window),
        cmocka_unit_test(a_swapped_key_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
