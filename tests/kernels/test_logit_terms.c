/* What joins a logit, as the grammar of workloads cannot say it: biases broadcast along any axis, biases of some keys
 * only, biases of -infinity, slopes and sinks that lie apart, and inputs of stride 0; every kernel that takes it,
 * against the reference. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "run/call.h"
#include "cpu.h"
#include "error_model.h"
#include "machine/pool.h"
#include "problem.h"
#include "registry.h"

enum { B = 2, H = 4, HKV = 2, Q = 70, K = 150, D = 16, DV = 8 };

typedef struct fixture {
    attn_problem problem;
    attn_tensor slot[ATTN_SLOTS];
    attn_args args;
    float q[B * H * Q * D], k[B * HKV * K * D], v[B * HKV * K * DV], o[B * H * Q * DV], lse[B * H * Q];
    float bias[B * H * Q * K], slopes[3 * H], sinks[2 * H];
} fixture;

static fixture f;

static void fill(float *x, size_t count, uint32_t state)
{
    for (size_t i = 0; i < count; i++) {
        state = state * 1664525u + 1013904223u;
        x[i] = (float)(state >> 8) * 0x1p-22f - 2;
    }
}

static attn_tensor dense(float *data, int64_t b, int64_t h, int64_t r, int64_t c)
{
    return (attn_tensor){data, ATTN_F32, 0, {b, h, r, c}, {h * r * c, r * c, c, 1}};
}

static void start(void)
{
    memset(&f, 0, sizeof f);
    fill(f.q, B * H * Q * D, 1);
    fill(f.k, B * HKV * K * D, 2);
    fill(f.v, B * HKV * K * DV, 3);
    fill(f.bias, B * H * Q * K, 4);
    fill(f.slopes, 3 * H, 5);
    fill(f.sinks, 2 * H, 6);
    f.problem = (attn_problem){.size = sizeof f.problem,
                               .mask = ATTN_MASK_LEFT | ATTN_MASK_RIGHT | ATTN_MASK_PREFIX,
                               .scale = 0.25f,
                               .b = B,
                               .h = H,
                               .hkv = HKV,
                               .q = Q,
                               .k = K,
                               .d = D,
                               .dv = DV,
                               .q_pos = 60,
                               .left = 90,
                               .right = 10,
                               .prefix = 3};
    f.slot[ATTN_Q] = dense(f.q, B, H, Q, D);
    f.slot[ATTN_K] = dense(f.k, B, HKV, K, D);
    f.slot[ATTN_V] = dense(f.v, B, HKV, K, DV);
    f.slot[ATTN_O] = dense(f.o, B, H, Q, DV);
    f.slot[ATTN_LSE] = dense(f.lse, B, H, Q, 1);
    f.args = (attn_args){sizeof f.args, ATTN_SLOTS, f.slot};
}

static void hold(const attn_kernel *kernel, const attn_plan *plan, ref_workspace *ws)
{
    const accuracy own = accuracy_of_reference();
    accuracy promised;
    char reason[200];
    double bound[DV], bound_own[DV], bound_lse, bound_lse_own;
    assert_true(accuracy_of_plan(plan, &promised, reason, sizeof reason));
    for (int64_t b = 0; b < B; b++)
        for (int64_t h = 0; h < H; h++)
            for (int64_t i = 0; i < f.problem.q; i++) {
                const ref_row *row = ref_gather_row(ws, &f.problem, &f.args, b, h, i, reason, sizeof reason);
                if (!row) fail_msg("%s", reason);
                error_bound(row, &promised, bound, &bound_lse, NULL);
                error_bound(row, &own, bound_own, &bound_lse_own, NULL);
                const float *o = f.o + ((b * H + h) * Q + i) * DV, lse = f.lse[(b * H + h) * Q + i];
                const bool empty = row->lse == -INFINITY; /* nothing takes part: exactly 0 and -infinity */
                for (int c = 0; c < DV; c++)
                    if (!(empty ? o[c] == 0 : fabs((double)o[c] - row->o[c]) <= bound[c] + bound_own[c]))
                        fail_msg("%s: O[%d,%d,%d,%d] is %g, must be %g", kernel->name, (int)b, (int)h, (int)i, c,
                                 (double)o[c], row->o[c]);
                if (!(empty ? lse == -INFINITY : fabs((double)lse - row->lse) <= bound_lse + bound_lse_own))
                    fail_msg("%s: LSE[%d,%d,%d] is %g, must be %g", kernel->name, (int)b, (int)h, (int)i, (double)lse,
                             row->lse);
            }
}

/* Every kernel that takes the problem as it stands now; returns how many. */
static int hold_kernels(void)
{
    int count, taken = 0;
    char reason[320];
    const attn_kernel *const *kernels = attn_kernels(&count);
    const attn_machine machine = {.size = sizeof machine, .threads = 1, .isa = attn_cpu_isa()};
    ref_workspace *ws = ref_workspace_new(K, D, DV);
    if (!attn_check(&f.problem, &f.args, reason, sizeof reason)) fail_msg("%s", reason);
    for (int i = 0; i < count; i++) {
        call c;
        if (!attn_supports(kernels[i], &f.problem, &f.args, machine.isa, reason, sizeof reason)) continue;
        if (!call_prepare(&c, kernels[i], &f.problem, &f.args, &machine, exec_serial(), reason, sizeof reason))
            fail_msg("%s: %s", kernels[i]->name, reason);
        fill(f.o, B * H * Q * DV, 7);
        fill(f.lse, B * H * Q, 8);
        assert_int_equal(call_once(&c, NULL), ATTN_OK);
        hold(kernels[i], &c.plan, ws);
        call_release(&c);
        taken++;
    }
    ref_workspace_free(ws);
    return taken;
}

/* At least `least` kernels; vector kernels take no prefix, and few rows another way. */
static void hold_all(int least)
{
    static const int of_rows[] = {ATTN_Q, ATTN_O, ATTN_LSE, ATTN_BIAS};
    static const int64_t rows[] = {Q, Q, 3}, prefix[] = {3, 0, 0};
    const uint32_t mask = f.problem.mask;
    for (int x = 0; x < 3; x++) {
        f.problem.mask = prefix[x] ? mask : mask & ~(uint32_t)ATTN_MASK_PREFIX;
        f.problem.prefix = prefix[x];
        f.problem.q = rows[x];
        for (int i = 0; i < 4; i++)
            if (f.slot[of_rows[i]].type != ATTN_ABSENT) f.slot[of_rows[i]].extent[2] = rows[x];
        assert_true(hold_kernels() >= least);
    }
}

/* Fails on: a stride of the bias replaced by its product of extents, on any axis. */
static void bias_is_broadcast_along_any_axis(void **state)
{
    (void)state;
    for (int axis = 0; axis < 4; axis++) {
        start();
        f.slot[ATTN_BIAS] = dense(f.bias, B, H, Q, K);
        f.slot[ATTN_BIAS].stride[axis] = 0;
        hold_all(axis < 3 ? 4 : 2); /* one value for all keys of a row is a channel stride other than 1 */
    }
    start();
    f.slot[ATTN_BIAS] = dense(f.bias, B, H, Q, K);
    memset(f.slot[ATTN_BIAS].stride, 0, 3 * sizeof(int64_t));
    hold_all(4);
}

/* Fails on: bias_k0 ignored, or columns beyond the last one read. */
static void bias_of_some_keys(void **state)
{
    (void)state;
    static const int64_t first[] = {0, 60, 127, 149, 150}, columns[] = {40, 67, 23, 1, 0};
    for (int x = 0; x < 5; x++) {
        start();
        f.slot[ATTN_BIAS] = dense(f.bias, B, H, Q, columns[x]);
        f.problem.bias_k0 = first[x];
        hold_all(4);
    }
}

/* A bias of -infinity masks a key; on every key of a row it leaves nothing, or the sink. Fails on: -inf minus -inf. */
static void bias_of_minus_infinity(void **state)
{
    (void)state;
    for (int with_sinks = 0; with_sinks < 2; with_sinks++) {
        start();
        f.slot[ATTN_BIAS] = dense(f.bias, B, H, Q, K);
        if (with_sinks) f.slot[ATTN_SINK_LOGITS] = dense(f.sinks, 1, H, 1, 1);
        for (int64_t x = 0; x < B * H * Q; x++)
            for (int64_t j = 0; j < K; j++)
                if (x % 3 == 0 || (x % 3 == 1 && j < 70) || j % 5 == 0) f.bias[x * K + j] = -INFINITY;
        hold_all(4);
    }
}

/* How models hide keys: the bias of least finite value, which leaves nothing of a logit. A row that has it everywhere
 * attends to all of its keys alike. Fails on: logits that are multiplied by log2(e), where it becomes -infinity. */
static void bias_of_the_least_float(void **state)
{
    (void)state;
    start();
    f.slot[ATTN_BIAS] = dense(f.bias, B, H, Q, K);
    for (int64_t x = 0; x < B * H * Q; x++)
        for (int64_t j = 0; j < K; j++)
            if (x % 3 == 0 || (x % 3 == 1 && j < 70) || j % 5 == 0) f.bias[x * K + j] = -FLT_MAX;
    hold_all(4);
}

/* Fails on: slopes or sinks taken one behind the other, or the sink of another head. */
static void slopes_and_sinks_lie_apart(void **state)
{
    (void)state;
    start();
    f.slot[ATTN_SLOPES] = (attn_tensor){f.slopes, ATTN_F32, 0, {1, H, 1, 1}, {0, 3, 0, 0}};
    f.slot[ATTN_SINK_LOGITS] = (attn_tensor){f.sinks, ATTN_F32, 0, {1, H, 1, 1}, {0, 2, 0, 0}};
    hold_all(4);
    f.slot[ATTN_SLOPES].stride[1] = f.slot[ATTN_SINK_LOGITS].stride[1] = 0; /* one for all heads */
    hold_all(4);
}

/* One query, key or value for all rows, heads or sequences. Fails on: a stride of 0 handed to a library that takes
 * none. */
static void inputs_are_broadcast(void **state)
{
    (void)state;
    for (int slot = ATTN_Q; slot <= ATTN_V; slot++)
        for (int axis = 0; axis < 3; axis++) {
            start();
            f.slot[slot].stride[axis] = 0;
            hold_all(4);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bias_is_broadcast_along_any_axis), cmocka_unit_test(bias_of_some_keys),
        cmocka_unit_test(bias_of_minus_infinity),           cmocka_unit_test(bias_of_the_least_float),
        cmocka_unit_test(slopes_and_sinks_lie_apart),       cmocka_unit_test(inputs_are_broadcast),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
