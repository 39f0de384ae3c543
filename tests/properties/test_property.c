/* Each property must be able to fail: a plain correct kernel is spoiled in one way after the other, and the property
 * that this way breaks must be among what is found; left alone, and under every trait that it may declare, nothing is
 * found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "machine/ceilings.h"
#include "problem.h"
#include "rows_impl.h"
#include "judge/trial.h"
#include "verify/trial_run.h"

/* ---- the kernel ------------------------------------------------------------------------------------------------ */

enum spoil {
    NOTHING,
    CONSTANT_ADDED,
    LARGE_CONSTANT_ADDED,
    FACTOR,
    CUBIC,
    SIGN_OF_QUERY,
    SIZE_OF_QUERY,
    VALUE_OF_OTHER_HEAD,
    QUERY_OF_OTHER_HEAD,
    ROWS_COUNTED,
    THREADS_COUNTED,
    KV_HEADS_COUNTED,
    KEYS_COUNTED,
    FIRST_KEY,
    BASE_2_LSE,
    MASKED_VALUE,
    MASKED_KEY,
    WEIGHTS_TOO_LARGE,
    CRASH_ON_ONE_KEY
};
static enum spoil spoil;

static float amiss(const attn_problem *p, const attn_args *args, const attn_exec *exec, int64_t h, int64_t g, int64_t i,
                   float o)
{
    const attn_tensor *q = attn_slot_of(args, ATTN_Q), *k = attn_slot_of(args, ATTN_K), *v = attn_slot_of(args, ATTN_V);
    const float *const query = attn_f32_row(q, 0, h, i);
    switch (spoil) {
    case CONSTANT_ADDED: return 1e-3f;
    case LARGE_CONSTANT_ADDED: return 100;
    case FACTOR: return 1e-3f * o;
    case CUBIC: return 1e-3f * o * o * o;
    case SIGN_OF_QUERY: return query[0] > 0 ? 1e-3f : 0;
    case SIZE_OF_QUERY: return 1e-3f * fabsf(query[0]);
    case VALUE_OF_OTHER_HEAD: return 1e-3f * attn_f32_row(v, 0, (g + 1) % p->hkv, 0)[0];
    case QUERY_OF_OTHER_HEAD: return 1e-3f * attn_f32_row(q, 0, (h + 1) % p->h, i)[0];
    case ROWS_COUNTED: return 1e-3f * (float)p->q;
    case THREADS_COUNTED: return 1e-3f * (float)exec->threads;
    case KV_HEADS_COUNTED: return 1e-3f * (float)p->hkv;
    case KEYS_COUNTED: return 1e-3f * (float)p->k;
    case FIRST_KEY: return 1e-3f * attn_f32_row(k, 0, g, 0)[0];
    case MASKED_VALUE: return 0 * attn_f32_row(v, 0, g, p->k - 1)[0];
    case MASKED_KEY: return 0 * attn_f32_row(k, 0, g, p->k - 1)[0];
    case CRASH_ON_ONE_KEY:
        if (p->k == 1) abort();
        return 0;
    default: return 0;
    }
}

static int run(const attn_problem *p, const attn_plan *plan, const attn_args *args, const attn_exec *exec,
               const void *shared, void *workspace)
{
    (void)plan, (void)shared, (void)workspace;
    const attn_tensor *q = attn_slot_of(args, ATTN_Q), *k = attn_slot_of(args, ATTN_K), *v = attn_slot_of(args, ATTN_V);
    const attn_tensor *o = attn_slot_of(args, ATTN_O), *lse = attn_slot_of(args, ATTN_LSE);
    const attn_tensor *weights = attn_slot_of(args, ATTN_WEIGHTS);
    for (int64_t h = 0; h < p->h; h++)
        for (int64_t i = 0; i < p->q; i++) {
            const int64_t g = h / (p->h / p->hkv);
            const attn_span span = attn_visible(p, args, 0, i);
            double s[64], sum = 0, max = -INFINITY;
            for (int64_t j = span.begin; j < span.end; j++) {
                s[j] = 0;
                for (int64_t c = 0; c < p->d; c++)
                    s[j] += (double)p->scale * attn_f32_row(q, 0, h, i)[c] * attn_f32_row(k, 0, g, j)[c];
                max = fmax(max, s[j]);
            }
            for (int64_t j = span.begin; j < span.end; j++) sum += exp(s[j] - max);
            for (int64_t c = 0; c < p->dv; c++) {
                double x = 0;
                for (int64_t j = span.begin; j < span.end; j++)
                    x += exp(s[j] - max) / sum * attn_f32_row(v, 0, g, j)[c];
                attn_f32_row(o, 0, h, i)[c] = (float)x + amiss(p, args, exec, h, g, i, (float)x);
            }
            const double log_sum = span.begin < span.end ? max + log(sum) : -INFINITY;
            if (lse) *attn_f32_row(lse, 0, h, i) = (float)(spoil == BASE_2_LSE ? log_sum / M_LN2 : log_sum);
            for (int64_t j = 0; weights && j < p->k; j++) {
                const double w = j >= span.begin && j < span.end ? exp(s[j] - max) / sum : 0;
                attn_f32_row(weights, 0, h, i)[j] = (float)(spoil == WEIGHTS_TOO_LARGE ? 1.01 * w : w);
            }
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
static attn_kernel kernel = {.size = sizeof kernel,
                             .abi = ATTN_ABI,
                             .name = "of_this_test",
                             .idea = "plain double",
                             .role = ATTN_ROLE_TEACHING,
                             .caps = {ATTN_CAP_RIGHT | ATTN_CAP_LEFT | ATTN_CAP_POSITION | ATTN_CAP_GQA,
                                      ATTN_SLOTS_QKVO | ATTN_SLOT_BIT(ATTN_LSE) | ATTN_SLOT_BIT(ATTN_WEIGHTS)},
                             .type_count = sizeof types / 8,
                             .types = types,
                             .plan = plan,
                             .run = run};

static const uint64_t all_same =
    ATTN_TRAIT_THREADED | ATTN_TRAIT_REPEATABLE | ATTN_TRAIT_SAME_AT_ANY_THREADS | ATTN_TRAIT_SAME_IN_SLICES;

/* ---- trials ---------------------------------------------------------------------------------------------------- */

static findings try_it(enum spoil how, uint64_t traits, const char *line, const check_list *only)
{
    workload w = {0};
    trial_group g;
    char reason[256] = "";
    const trial_job job = {&kernel, 1};
    const attn_machine machine = ceilings_machine(NULL, 0, 1);
    const trial_settings settings = {.machine = &machine, .budget = 1e7, .time_limit = 20, .only = only};
    spoil = how;
    kernel.traits = traits;
    assert_int_equal(workload_parse(line, NULL, &w, reason, sizeof reason), 1);
    assert_int_equal(trial_group_run(&w, INPUT_NORMAL, 1, &job, 1, &settings, &g, reason, sizeof reason), 1);
    const findings found = g.trial[0].found;
    assert_int_equal(g.trial[0].status, found.count ? TRIAL_FAIL : TRIAL_PASS);
    trial_group_free(&g);
    workload_free(&w);
    spoil = NOTHING;
    return found;
}

static bool names(const findings *f, const char *name)
{
    for (int i = 0; i < f->count; i++)
        if (strcmp(f->item[i].check, name) == 0) return true;
    return false;
}

static const char plain[] = "h=4,hkv=2,q=9,k=12,d=8", causal[] = "h=2,q=9,k=12,d=8,mask=causal,q_pos=end",
                  window[] = "h=2,q=12,k=12,d=8,mask=window,window=5",
                  weighted[] = "h=2,q=9,k=12,d=8,outputs=o+weights";

static void a_correct_kernel_is_not_accused(void **state)
{
    (void)state;
    static const uint64_t traits[] = {0, ATTN_TRAIT_THREADED, ATTN_TRAIT_REPEATABLE | ATTN_TRAIT_MASKED_V_FINITE};
    const char *const lines[] = {plain, causal, window, weighted, "h=2,q=1,k=1,d=8", "h=2,q=3,k=0,d=4"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        for (size_t t = 0; t < sizeof traits / sizeof *traits; t++)
            assert_int_equal(try_it(NOTHING, traits[t], lines[i], NULL).count, 0);
        assert_int_equal(try_it(NOTHING, all_same, lines[i], NULL).count, 0);
    }
}

static void each_property_fails(void **state)
{
    (void)state;
    static const struct {
        enum spoil how;
        const char *line, *check;
    } cases[] = {
        {CONSTANT_ADDED, plain, "scale-v-by-power-of-two"},
        {CONSTANT_ADDED, plain, "negate-v"},
        {CONSTANT_ADDED, plain, "one-key"},
        {CONSTANT_ADDED, plain, "constant-v"},
        {CONSTANT_ADDED, plain, "linear-in-v"},
        {LARGE_CONSTANT_ADDED, causal, "hull-of-v"},
        {FACTOR, plain, "shift-v"},
        {CUBIC, plain, "linear-in-v"},
        {SIZE_OF_QUERY, plain, "scale-q-against-k"},
        {SIGN_OF_QUERY, plain, "negate-q-and-k"},
        {VALUE_OF_OTHER_HEAD, plain, "other-kv-heads"},
        {QUERY_OF_OTHER_HEAD, plain, "other-query-heads"},
        {ROWS_COUNTED, causal, "slice-of-rows"},
        {THREADS_COUNTED, plain, "thread-count"},
        {KV_HEADS_COUNTED, plain, "repeated-kv-heads"},
        {FIRST_KEY, plain, "permute-keys"},
        {KEYS_COUNTED, plain, "duplicate-keys"},
        {FIRST_KEY, causal, "shift-k"},
        {BASE_2_LSE, causal, "split-and-merge"},
        {BASE_2_LSE, plain, "duplicate-keys"},
        {MASKED_VALUE, causal, "masked-keys"},
        {MASKED_KEY, window, "masked-keys"},
        {WEIGHTS_TOO_LARGE, weighted, "weights-sum-to-1"},
        {CRASH_ON_ONE_KEY, plain, "one-key"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const findings found = try_it(cases[i].how, all_same, cases[i].line, NULL);
        if (!names(&found, cases[i].check))
            fail_msg("spoiled %d: %s does not notice", (int)cases[i].how, cases[i].check);
    }
    const findings finite = try_it(MASKED_KEY, all_same | ATTN_TRAIT_MASKED_V_FINITE, causal, NULL);
    assert_true(names(&finite, "masked-keys-finite-v"));
}

/* A kernel that reads masked V may declare so. */
static void what_is_declared_is_not_held_against_it(void **state)
{
    (void)state;
    assert_int_equal(try_it(MASKED_VALUE, all_same | ATTN_TRAIT_MASKED_V_FINITE, causal, NULL).count, 0);
}

static void only_what_is_asked_for_is_found(void **state)
{
    (void)state;
    const char *const one[] = {"negate-v"}, *const none_broken[] = {"shift-v", "scale-q-against-k"};
    const check_list negate = {one, 1}, others = {none_broken, 2};
    const findings found = try_it(CONSTANT_ADDED, all_same, plain, &negate);
    assert_int_equal(found.count, 1);
    assert_string_equal(found.item[0].check, "negate-v");
    assert_int_equal(try_it(CONSTANT_ADDED, all_same, plain, &others).count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_correct_kernel_is_not_accused),
        cmocka_unit_test(each_property_fails),
        cmocka_unit_test(what_is_declared_is_not_held_against_it),
        cmocka_unit_test(only_what_is_asked_for_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
