/* The judge must be able to fail: kernels that are wrong, or that misbehave, each in its own way, go through a whole
 * trial here and must come out with the right status; and one that is right must pass. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "machine/ceilings.h"
#include "problem.h"
#include "rows_impl.h"
#include "judge/trial.h"
#include "verify/trial_run.h"

/* ---- a plain correct kernel in double, and ways to spoil it ------------------------------------------------------ */

enum spoil {
    NOTHING,
    WRONG_LAST_KEY,
    NAN_ROW,
    UNWRITTEN_ROW,
    PAST_THE_END,
    BEFORE_THE_BEGIN,
    WRITES_INPUT,
    CRASHES,
    HANGS,
    INTERRUPTED_ALONE, /* by what the terminal also sends to our parent, and no one has seen there yet */
    EXITS,
    REFUSES,
    BASE_2_LSE,
    FINITE_MASKED_LSE,
    NO_SUCH_ACCURACY,
    SECOND_CALL,
    OTHER_BITS,       /* of the last place, in every call */
    OTHER_VALUES_ONCE /* in the fourth call alone */
};
static enum spoil spoil;

static void spoil_call(const attn_args *args)
{
    static int calls; /* of this process */
    float *o = attn_slot_of(args, ATTN_O)->data;
    calls++;
    switch (spoil) {
    case SECOND_CALL:
        if (calls > 1) o[0] = nextafterf(o[0], 9);
        break;
    case OTHER_BITS: o[0] = nextafterf(o[0], calls % 2 ? 9 : -9); break;
    case OTHER_VALUES_ONCE:
        if (calls == 4) o[0] += 1e-3f;
        break;
    case CRASHES: abort();
    case HANGS:
        for (;;) usleep(1000);
    case INTERRUPTED_ALONE:
        raise(SIGINT);
        raise(SIGTERM);
        raise(SIGHUP);
        break;
    case EXITS: exit(0);
    case NAN_ROW: o[3] = NAN; break;
    case UNWRITTEN_ROW: memcpy(o + 8, (uint32_t[]){0x7fc0dead}, 4); break;
    case PAST_THE_END: o[attn_slot_of(args, ATTN_O)->stride[0]] = 1; break;
    case BEFORE_THE_BEGIN: o[-1] = 1; break;
    case WRITES_INPUT: *(volatile float *)attn_slot_of(args, ATTN_Q)->data = 2; break;
    default: break;
    }
}

static int run(const attn_problem *p, const attn_plan *plan, const attn_args *args, const attn_exec *exec,
               const void *shared, void *workspace)
{
    (void)plan, (void)exec, (void)shared, (void)workspace;
    const attn_tensor *q = attn_slot_of(args, ATTN_Q), *k = attn_slot_of(args, ATTN_K), *v = attn_slot_of(args, ATTN_V);
    const attn_tensor *o = attn_slot_of(args, ATTN_O), *lse = attn_slot_of(args, ATTN_LSE);
    for (int64_t h = 0; h < p->h; h++)
        for (int64_t i = 0; i < p->q; i++) {
            double s[64], sum = 0, max = -INFINITY;
            const attn_span span = attn_visible(p, args, 0, i);
            const int64_t end = span.end - (spoil == WRONG_LAST_KEY && i == p->q - 1);
            for (int64_t j = span.begin; j < end; j++) {
                s[j] = 0;
                for (int64_t c = 0; c < p->d; c++)
                    s[j] += (double)p->scale * attn_f32_row(q, 0, h, i)[c] * attn_f32_row(k, 0, h, j)[c];
                max = fmax(max, s[j]);
            }
            for (int64_t j = span.begin; j < end; j++) sum += exp(s[j] - max);
            for (int64_t c = 0; c < p->dv; c++) {
                double x = 0;
                for (int64_t j = span.begin; j < end; j++) x += exp(s[j] - max) / sum * attn_f32_row(v, 0, h, j)[c];
                attn_f32_row(o, 0, h, i)[c] = (float)x;
            }
            double log_sum = span.begin < end ? max + log(sum) : spoil == FINITE_MASKED_LSE ? -1e30 : -INFINITY;
            if (spoil == BASE_2_LSE) log_sum /= log(2);
            if (lse) *attn_f32_row(lse, 0, h, i) = (float)log_sum;
        }
    spoil_call(args);
    return spoil == REFUSES ? ATTN_FAILED : ATTN_OK;
}

static int plan(const attn_problem *p, const attn_args *args, const attn_machine *m, const attn_exec *e, attn_plan *out)
{
    (void)p, (void)args, (void)m, (void)e;
    out->storage_type = out->score_type = out->weight_type = out->accumulator_type = out->output_type = ATTN_F32;
    out->kappa = spoil == NO_SUCH_ACCURACY ? -1 : 2;
    out->kappa_log = 2, out->rho = 1;
    return ATTN_OK;
}

static const uint64_t types[] = ATTN_TYPES_F32;
static const attn_kernel kernel = {
    .size = sizeof kernel,
    .abi = ATTN_ABI,
    .name = "of_this_test",
    .idea = "plain double",
    .role = ATTN_ROLE_TEACHING,
    .caps = {ATTN_CAP_RIGHT | ATTN_CAP_POSITION, ATTN_SLOTS_QKVO | ATTN_SLOT_BIT(ATTN_LSE)},
    .traits = ATTN_TRAIT_REPEATABLE,
    .type_count = sizeof types / 8,
    .types = types,
    .plan = plan,
    .run = run};

static attn_kernel tried;

static void try_it(const char *line, input_class input, trial_group *g)
{
    static workload w;
    static attn_machine machine;
    char reason[256] = "";
    const trial_job job = {&tried, 1};
    if (!tried.run) tried = kernel;
    machine = ceilings_machine(NULL, 0, 1);
    const trial_settings settings = {.machine = &machine, .budget = 1e7, .time_limit = spoil == HANGS ? 0.2 : 20};
    workload_free(&w);
    memset(&w, 0, sizeof w);
    assert_int_equal(workload_parse(line, NULL, &w, reason, sizeof reason), 1);
    assert_int_equal(trial_group_run(&w, input, 1, &job, 1, &settings, g, reason, sizeof reason), 1);
    assert_int_equal(g->count, 1);
}

static void expect_of_class(enum spoil how, const char *line, input_class input, trial_status status, const char *word)
{
    trial_group g;
    spoil = how;
    try_it(line, input, &g);
    assert_string_equal(trial_status_name(g.trial[0].status), trial_status_name(status));
    bool said = strstr(g.trial[0].reason, word) != NULL;
    for (int i = 0; i < g.trial[0].found.count; i++) said |= strstr(g.trial[0].found.item[i].reason, word) != NULL;
    if (!said) fail_msg("'%s' not in '%s'", word, g.trial[0].reason);
    trial_group_free(&g);
    spoil = NOTHING;
}

static void expect_status(enum spoil how, const char *line, trial_status status, const char *word)
{
    expect_of_class(how, line, INPUT_NORMAL, status, word);
}

static const char plain[] = "h=2,q=9,k=12,d=8";
static const char causal[] = "h=1,q=9,k=12,d=8,mask=causal,q_pos=-3";

static void a_correct_kernel_passes(void **state)
{
    (void)state;
    trial_group g;
    for (int input = 0; input < INPUT_CLASSES; input++) {
        const bool not_here = input == INPUT_LATE_KEYS || input == INPUT_SINK_ABOVE || input == INPUT_INT8_EXTREMES ||
                              input == INPUT_DROP;
        if (not_here) continue;
        try_it(causal, (input_class)input, &g);
        assert_string_equal(g.trial[0].reason, "");
        assert_int_equal(g.trial[0].status, TRIAL_PASS);
        assert_true(g.trial[0].full && g.trial[0].rows_checked == g.rows.total && g.rows.total == 9);
        assert_true(g.trial[0].verdict.output.judged && g.trial[0].verdict.lse.judged);
        assert_true(g.trial[0].verdict.output.ratio <= 1);
        trial_group_free(&g);
    }
}

static void wrong_values_fail(void **state)
{
    (void)state;
    expect_status(WRONG_LAST_KEY, plain, TRIAL_FAIL, "q 8");
    expect_status(NAN_ROW, plain, TRIAL_FAIL, "got nan");
    expect_status(BASE_2_LSE, plain, TRIAL_FAIL, "LSE");
    expect_status(FINITE_MASKED_LSE, causal, TRIAL_FAIL, "LSE");
    expect_status(UNWRITTEN_ROW, plain, TRIAL_FAIL, "never written");
    expect_status(NO_SUCH_ACCURACY, plain, TRIAL_FAIL, "kappa");
}

static void misbehaviour_is_told_apart(void **state)
{
    (void)state;
    expect_status(SECOND_CALL, plain, TRIAL_FAIL, "second call");
    expect_status(CRASHES, plain, TRIAL_CRASH, "signal 6");
    expect_status(HANGS, plain, TRIAL_HANG, "not finished");
    expect_status(INTERRUPTED_ALONE, plain, TRIAL_PASS, "");
    expect_status(EXITS, plain, TRIAL_FAIL, "exit(0)");
    expect_status(REFUSES, plain, TRIAL_FAIL, "run: failed");
    expect_status(WRITES_INPUT, plain, TRIAL_CRASH, "a write to the read-only input Q, at its byte 0");
    expect_status(PAST_THE_END, plain, TRIAL_CRASH, "byte 0 behind the end of O");
    /* In the plain class tensors lie at either end of their pages too. */
    expect_status(BEFORE_THE_BEGIN, plain, TRIAL_CRASH, "byte 4 before the beginning of O");
    expect_status(PAST_THE_END, "h=2,q=9,k=12,d=9", TRIAL_CRASH, "byte 0 behind the end of O");
    /* In the others 9 channels do not fill the last 64 bytes before the guard page: the bytes between are watched. */
    expect_of_class(BEFORE_THE_BEGIN, plain, INPUT_OUTLIERS, TRIAL_FAIL, "wrote outside of O");
    expect_of_class(PAST_THE_END, "h=2,q=9,k=12,d=9", INPUT_OUTLIERS, TRIAL_FAIL, "wrote outside of O");
}

/* A kernel that promises nothing may give other bits in every call; each call's values are judged all the same. */
static void bits_that_nobody_promised_are_judged_within_the_bounds(void **state)
{
    (void)state;
    tried = kernel;
    tried.traits = 0;
    expect_status(OTHER_BITS, plain, TRIAL_PASS, "");
    expect_status(OTHER_VALUES_ONCE, plain, TRIAL_FAIL, "its bound");
    tried = kernel;
    expect_status(OTHER_BITS, plain, TRIAL_FAIL, "other bits");
}

static void unknown_features_are_unsupported(void **state)
{
    (void)state;
    expect_status(NOTHING, "h=4,hkv=2,q=9,d=8", TRIAL_UNSUPPORTED, "grouped KV heads");
    expect_status(NOTHING, "h=2,q=9,d=8,dtype=bf16", TRIAL_UNSUPPORTED, "bf16");
    expect_status(NOTHING, "h=2,q=9,d=8,sinks=1", TRIAL_UNSUPPORTED, "SINK_LOGITS");
}

/* ---- the rows of large cases ------------------------------------------------------------------------------------- */

static int has_row(const row_list *list, int64_t i)
{
    for (int64_t r = 0; r < list->count; r++)
        if (list->row[r].i == i) return 1;
    return 0;
}

static void large_cases_look_at_telling_rows(void **state)
{
    (void)state;
    attn_problem p = {.size = sizeof p, .scale = 1, .b = 2, .h = 8, .hkv = 8, .q = 5000, .k = 5000, .d = 64, .dv = 64};
    const attn_tensor none[1] = {{0}};
    const attn_args args = {sizeof args, 0, none};
    const int64_t borders[] = {96, 2500};
    row_list list;
    assert_int_equal(rows_choose(&p, &args, borders, 2, 2e8, 1, &list), 1);
    assert_true(list.count < list.total && list.total == 80000);
    const int64_t wanted[] = {0,    1,   4998, 4999, 95, 96, 97, 191, 192, 193, 2499, 2500,
                              2501, 127, 128,  129,  63, 64, 65, 15,  16,  17,  4991, 4992};
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) assert_true(has_row(&list, wanted[i]));
    int heads[16] = {0};
    for (int64_t r = 0; r < list.count; r++) {
        heads[list.row[r].b * 8 + list.row[r].h] = 1;
        assert_true(list.row[r].i >= 0 && list.row[r].i < 5000);
    }
    for (int h = 0; h < 16; h++) assert_int_equal(heads[h], 1);
    rows_free(&list);
    int64_t lengths[2] = {3, 5000}; /* rows beyond a query length are not looked at; its own last row is */
    attn_tensor slot[ATTN_SLOTS] = {{0}};
    slot[ATTN_QUERY_LENGTHS] = (attn_tensor){lengths, ATTN_I64, 0, {2, 1, 1, 1}, {1, 1, 1, 1}};
    const attn_args short_first = {sizeof short_first, ATTN_SLOTS, slot};
    assert_int_equal(rows_choose(&p, &short_first, borders, 2, 2e8, 1, &list), 1);
    assert_true(list.total == 8 * 5003 && has_row(&list, 2));
    for (int64_t r = 0; r < list.count; r++) assert_true(list.row[r].i < lengths[list.row[r].b]);
    rows_free(&list);
    p.q = p.k = 10; /* small: all rows */
    assert_int_equal(rows_choose(&p, &args, borders, 2, 1e9, 1, &list), 1);
    assert_int_equal(list.count, 160);
    rows_free(&list);
    lengths[1] = 10;
    assert_int_equal(rows_choose(&p, &short_first, borders, 2, 1e9, 1, &list), 1);
    assert_int_equal(list.count, 8 * 13);
    rows_free(&list);
    p.q = 1, p.k = 100000, p.h = p.hkv = 4000; /* decode: more heads than rows that fit, spread over them */
    assert_int_equal(rows_choose(&p, &args, borders, 2, 1e6, 1, &list), 1);
    assert_true(list.count >= 40 && list.count < 100);
    assert_true(list.row[list.count - 1].b == 1 && list.row[list.count - 1].h > 3500);
    rows_free(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_correct_kernel_passes),
        cmocka_unit_test(wrong_values_fail),
        cmocka_unit_test(bits_that_nobody_promised_are_judged_within_the_bounds),
        cmocka_unit_test(misbehaviour_is_told_apart),
        cmocka_unit_test(unknown_features_are_unsupported),
        cmocka_unit_test(large_cases_look_at_telling_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
