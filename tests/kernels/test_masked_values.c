/* A key that only some rows see may hold NaN or infinity: the others must not notice, in O and in LSE, bit by bit.
 * Every forward kernel of f32 that does not declare otherwise, causal and with a window, few rows and many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu.h"
#include "problem.h"
#include "registry.h"

enum { Q_ROWS_MOST = 150, D = 37, DV = 21 };

typedef struct tensors {
    float q[Q_ROWS_MOST][D], k[Q_ROWS_MOST][D], v[Q_ROWS_MOST][DV], o[Q_ROWS_MOST][DV], lse[Q_ROWS_MOST];
} tensors;

static void each(const attn_exec *exec, int64_t n, int64_t grain, void (*task)(void *, int64_t, int64_t, int),
                 void *arg)
{
    (void)exec;
    for (int64_t begin = 0; begin < n; begin += grain) task(arg, begin, begin + grain < n ? begin + grain : n, 0);
}

static void team(const attn_exec *exec, void (*task)(void *, int), void *arg)
{
    (void)exec;
    task(arg, 0);
}

static void barrier(const attn_exec *exec) { (void)exec; }

static const attn_exec serial = {sizeof serial, 1, NULL, each, team, barrier};

static attn_tensor matrix(void *data, int64_t rows, int64_t columns)
{
    return (attn_tensor){data, ATTN_F32, 0, {1, 1, rows, columns}, {rows * columns, rows * columns, columns, 1}};
}

/* Returns 0 where the kernel does not do this. */
static int compute(const attn_kernel *kernel, const attn_problem *problem, tensors *t)
{
    const attn_tensor slot[] = {[ATTN_Q] = matrix(t->q, problem->q, D),
                                [ATTN_K] = matrix(t->k, problem->k, D),
                                [ATTN_V] = matrix(t->v, problem->k, DV),
                                [ATTN_O] = matrix(t->o, problem->q, DV),
                                [ATTN_LSE] = matrix(t->lse, problem->q, 1)};
    const attn_args args = {sizeof args, sizeof slot / sizeof slot[0], slot};
    const attn_machine machine = {.size = sizeof machine, .threads = 1, .isa = attn_cpu_isa()};
    attn_plan plan = {.size = sizeof plan};
    char reason[200];
    if (!attn_supports(kernel, problem, &args, machine.isa, reason, sizeof reason)) return 0;
    assert_int_equal(kernel->plan(problem, &args, &machine, &serial, &plan), ATTN_OK);
    void *const workspace = aligned_alloc(128, (size_t)ATTN_WORKSPACE_STRIDE(&plan) + 128);
    void *const shared = aligned_alloc(128, (size_t)(plan.shared_bytes + 127) / 128 * 128 + 128);
    assert_non_null(workspace);
    assert_non_null(shared);
    if (kernel->pack) assert_int_equal(kernel->pack(problem, &plan, &args, &serial, shared), ATTN_OK);
    assert_int_equal(kernel->run(problem, &plan, &args, &serial, shared, workspace), ATTN_OK);
    if (kernel->release) kernel->release(&plan);
    free(workspace);
    free(shared);
    return 1;
}

/* Poisons key `hidden`, in K or in V, and compares the rows that do not see it. */
static void hide_one_key(const attn_kernel *kernel, const attn_problem *problem, tensors *clean, int64_t hidden)
{
    static const float poisons[] = {NAN, INFINITY, -INFINITY};
    const attn_args none = {sizeof none, 0, NULL};
    static tensors dirty;
    for (int i = 0; i < 6; i++) {
        dirty = *clean;
        float *const row = i % 2 ? dirty.k[hidden] : dirty.v[hidden];
        for (int c = 0; c < (i % 2 ? D : DV); c++) row[c] = poisons[i / 2];
        assert_true(compute(kernel, problem, &dirty));
        int64_t unseeing = 0;
        for (int64_t r = 0; r < problem->q; r++) {
            const attn_span span = attn_visible(problem, &none, 0, r);
            if (hidden >= span.begin && hidden < span.end) continue;
            unseeing++;
            if (memcmp(dirty.o[r], clean->o[r], sizeof clean->o[r]) || memcmp(&dirty.lse[r], &clean->lse[r], 4))
                fail_msg("%s: %g in %s of key %lld shows in row %lld", kernel->name, (double)poisons[i / 2],
                         i % 2 ? "K" : "V", (long long)hidden, (long long)r);
        }
        assert_true(unseeing > 0);
    }
}

static void masked_keys_do_not_show(void **state)
{
    (void)state;
    static tensors clean;
    static const int64_t row_counts[] = {3, 8, 30, 150};
    int count, done = 0;
    const attn_kernel *const *kernels = attn_kernels(&count);
    srand(1);
    for (float *x = clean.q[0]; x < clean.o[0]; x++) *x = (float)rand() / (float)RAND_MAX - 0.5f;
    for (int n = 0; n < count; n++) {
        if (kernels[n]->traits & ATTN_TRAIT_MASKED_V_FINITE) continue;
        for (int kind = 0; kind < 2; kind++) {
            for (int s = 0; s < 4; s++) {
                attn_problem problem = {.size = sizeof problem, .scale = 0.3f, .b = 1, .h = 1, .hkv = 1};
                problem.q = row_counts[s], problem.k = Q_ROWS_MOST, problem.d = D, problem.dv = DV;
                problem.mask = kind ? ATTN_MASK_LEFT | ATTN_MASK_RIGHT : ATTN_MASK_RIGHT;
                problem.left = kind ? 20 : 0;
                problem.q_pos = Q_ROWS_MOST - problem.q;
                if (!compute(kernels[n], &problem, &clean)) continue;
                done++;
                hide_one_key(kernels[n], &problem, &clean, Q_ROWS_MOST - 1);
                hide_one_key(kernels[n], &problem, &clean, Q_ROWS_MOST - 2);
                if (problem.q > 70) hide_one_key(kernels[n], &problem, &clean, 70);
            }
        }
    }
    assert_true(done > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(masked_keys_do_not_show)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
