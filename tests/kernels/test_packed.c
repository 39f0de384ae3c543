/* Keys and values packed once give what slices that pack for themselves give, for machines of 1 to 256 threads: every
 * kernel that packs, with the workspace that its plan asks for and no more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cpu.h"
#include "problem.h"
#include "registry.h"

enum { B = 2, H = 4, HKV = 2, Q = 400, K = 300, D = 37, DV = 21, CANARY = 0x5a, CANARY_BYTES = 128 };

typedef struct tensors {
    float q[B][H][Q][D], k[B][HKV][K][D], v[B][HKV][K][DV];
} tensors;

/* The same as bf16: the upper halves. */
typedef struct halves {
    uint16_t x[sizeof(tensors) / sizeof(float)];
} halves;

typedef struct results {
    float o[B][H][Q][DV], lse[B][H][Q];
} results;

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

static attn_tensor heads_of(void *data, uint32_t type, int64_t heads, int64_t rows, int64_t columns)
{
    return (attn_tensor){
        data, type, 0, {B, heads, rows, columns}, {heads * rows * columns, rows * columns, columns, 1}};
}

/* Computes with packed keys, or without. Returns the bytes that were packed, or -1 where the kernel does not do
 * this. */
static int64_t compute(const attn_kernel *kernel, const attn_problem *problem, tensors *t, halves *h, uint32_t threads,
                       int packs, results *out)
{
    const uint32_t type = h ? ATTN_BF16 : ATTN_F32;
    const size_t k_at = sizeof t->q / sizeof(float), v_at = k_at + sizeof t->k / sizeof(float);
    const attn_tensor slot[] = {
        [ATTN_Q] = heads_of(h ? (void *)h->x : t->q, type, H, Q, D),
        [ATTN_K] = heads_of(h ? (void *)(h->x + k_at) : t->k, type, HKV, K, D),
        [ATTN_V] = heads_of(h ? (void *)(h->x + v_at) : t->v, type, HKV, K, DV),
        [ATTN_O] = heads_of(out->o, ATTN_F32, H, Q, DV),
        [ATTN_LSE] = heads_of(out->lse, ATTN_F32, H, Q, 1),
    };
    const attn_args args = {sizeof args, sizeof slot / sizeof slot[0], slot};
    const attn_machine machine = {.size = sizeof machine, .threads = threads, .isa = attn_cpu_isa()};
    attn_exec sharing = serial;
    attn_plan plan = {.size = sizeof plan};
    char reason[200];
    sharing.threads = threads;
    if (!attn_supports(kernel, problem, &args, machine.isa, reason, sizeof reason)) return -1;
    assert_int_equal(kernel->plan(problem, &args, &machine, &sharing, &plan), ATTN_OK);
    if (!packs) plan.shared_bytes = 0;
    const size_t shared_bytes = (size_t)plan.shared_bytes;
    void *const workspace = aligned_alloc(128, (size_t)ATTN_WORKSPACE_STRIDE(&plan) + 128);
    unsigned char *const shared = aligned_alloc(128, (shared_bytes + 127) / 128 * 128 + CANARY_BYTES);
    assert_true(workspace && shared);
    memset(shared, 0xff, shared_bytes); /* NaN */
    memset(shared + shared_bytes, CANARY, CANARY_BYTES);
    memset(out, 0xff, sizeof *out);
    if (kernel->pack) assert_int_equal(kernel->pack(problem, &plan, &args, &serial, shared), ATTN_OK);
    assert_int_equal(kernel->run(problem, &plan, &args, &serial, shared, workspace), ATTN_OK);
    for (int i = 0; i < CANARY_BYTES; i++) assert_int_equal(shared[shared_bytes + (size_t)i], CANARY);
    if (kernel->release) kernel->release(&plan);
    free(workspace);
    free(shared);
    return (int64_t)shared_bytes;
}

static int same(float a, float b) { return isnan(a) ? isnan(b) : a == b || fabsf(a - b) <= 1e-5f; }

static void check(const results *apart, const results *packed)
{
    const float *a = &apart->o[0][0][0][0], *b = &packed->o[0][0][0][0];
    for (size_t i = 0; i < sizeof *apart / sizeof(float); i++)
        if (!same(a[i], b[i])) fail_msg("element %zu: %g, with packed keys %g", i, (double)a[i], (double)b[i]);
}

/* Keys as long as blocks are, rows as long as tiles are, and a line for each block. */
static int64_t most_bytes(void)
{
    const int64_t keys = K + K / 8 + 32, channels = (D + 31) / 32 * 32 + (DV + 31) / 32 * 32 + 1;
    return B * HKV * keys * channels * (int64_t)sizeof(float);
}

static void fill(float *x, size_t count)
{
    uint32_t state = 1;
    for (size_t i = 0; i < count; i++) {
        state = state * 1664525u + 1013904223u;
        x[i] = (float)(int32_t)state / 2147483648.0f;
    }
}

static void narrow(const tensors *t, halves *h)
{
    const float *x = &t->q[0][0][0][0];
    for (size_t i = 0; i < sizeof h->x / sizeof h->x[0]; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        h->x[i] = (uint16_t)(bits >> 16);
    }
}

/* Fails on: blocks or heads of another stride than packed, keys beyond a border, a block that no slice should take,
 * bytes behind the end. */
static void packed_once_or_by_each_slice(void **state)
{
    (void)state;
    static const struct {
        uint32_t mask;
        int64_t q_pos;
        int has_nan;
    } cases[] = {
        {0, 0, 0}, {ATTN_MASK_RIGHT, K - Q, 0}, {ATTN_MASK_LEFT | ATTN_MASK_RIGHT, K - Q, 0}, {ATTN_MASK_RIGHT, 0, 1}};
    static const uint32_t threads[] = {1, 2, 7, 64, 256};
    static tensors t;
    static halves h;
    static results apart, packed;
    int count, shares = 0;
    const attn_kernel *const *kernels = attn_kernels(&count);
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        const attn_problem problem = {.size = sizeof problem,
                                      .mask = cases[c].mask,
                                      .scale = 0.5f,
                                      .b = B,
                                      .h = H,
                                      .hkv = HKV,
                                      .q = Q,
                                      .k = K,
                                      .d = D,
                                      .dv = DV,
                                      .q_pos = cases[c].q_pos,
                                      .left = 70};
        fill(&t.q[0][0][0][0], sizeof t / sizeof(float));
        if (cases[c].has_nan) t.v[1][0][K / 2][3] = NAN;
        narrow(&t, &h);
        for (int i = 0; i < count * 2; i++) {
            const attn_kernel *const kernel = kernels[i / 2];
            halves *const rows = i % 2 ? &h : NULL;
            for (size_t n = 0; kernel->pack && n < sizeof threads / sizeof threads[0]; n++) {
                if (compute(kernel, &problem, &t, rows, threads[n], 0, &apart) < 0) continue;
                const int64_t bytes = compute(kernel, &problem, &t, rows, threads[n], 1, &packed);
                assert_true(bytes <= most_bytes());
                shares += bytes > 0;
                check(&apart, &packed);
            }
        }
    }
    assert_true(shares > 0 || !(attn_cpu_isa() & ATTN_ISA_AVX2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(packed_once_or_by_each_slice)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
