/* error_rows: rows of several kinds, and styles of correct arithmetic with what such a kernel would declare. Shared by
 * the tests of the error bound. */
#ifndef ERROR_FIXTURE_ROWS_H
#define ERROR_FIXTURE_ROWS_H

#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "error_model.h"

enum { KEYS = 300, D = 48, DV = 6 };
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- rows -------------------------------------------------------------------------------------------------------- */

typedef enum input {
    NORMAL,
    LARGE,
    HUGE_LOGITS,
    CANCELLING,
    ONE_HOT,
    TINY,
    INCREASING,
    SINK,
    CAPPED,
    ADDED,
    INPUTS
} input;
static const char *const input_names[] = {"normal", "large",      "huge logits", "cancelling V", "one-hot",
                                          "tiny",   "increasing", "sink",        "softcap",      "added terms"};

/* One row in float, as a kernel gets it, and in double, as the reference does. */
static struct data {
    int64_t n, d;
    float scale, softcap, sink;
    bool has_add;
    float q[D], k[KEYS][D], v[KEYS][DV], v_scale[KEYS], add[KEYS];
    double wide_q[D], wide_k[KEYS * D], wide_v[KEYS * DV], wide_v_scale[KEYS], wide_add[KEYS], add_abs[KEYS],
        k_abs[KEYS];
    double raw[KEYS], a[KEYS], squares[KEYS], s[KEYS], w[KEYS], o[DV];
    ref_row row;
} x;

static inline void widen_and_compute(void)
{
    for (int64_t c = 0; c < x.d; ++c) x.wide_q[c] = (double)x.q[c];
    for (int64_t j = 0; j < x.n; ++j) {
        x.k_abs[j] = 0;
        for (int64_t c = 0; c < x.d; ++c) {
            x.wide_k[j * x.d + c] = (double)x.k[j][c];
            x.k_abs[j] += fabs((double)x.k[j][c]);
        }
        for (int64_t c = 0; c < DV; ++c) x.wide_v[j * DV + c] = (double)x.v[j][c];
        x.wide_v_scale[j] = (double)x.v_scale[j];
        x.wide_add[j] = (double)x.add[j];
        x.add_abs[j] = fabs((double)x.add[j]);
    }
    x.row = (ref_row){.d = x.d,
                      .dv = DV,
                      .n = x.n,
                      .scale = (double)x.scale,
                      .softcap = (double)x.softcap,
                      .sink = (double)x.sink,
                      .q = x.wide_q,
                      .k = x.wide_k,
                      .k_abs = x.k_abs,
                      .v = x.wide_v,
                      .v_scale = x.wide_v_scale,
                      .add = x.has_add ? x.wide_add : NULL,
                      .add_abs = x.has_add ? x.add_abs : NULL,
                      .raw = x.raw,
                      .a = x.a,
                      .squares = x.squares,
                      .s = x.s,
                      .w = x.w,
                      .o = x.o};
    ref_row_compute(&x.row);
}

static inline float normal(gsl_rng *rng, double deviation) { return (float)gsl_ran_gaussian(rng, deviation); }

static inline void make_row(input in, int64_t n, unsigned long seed)
{
    static const double spread[INPUTS] = {1, 5, 150, 1, 1, 1e-3, 0.1, 1, 3, 1};
    gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
    gsl_rng_set(rng, seed * 31 + (unsigned long)in);
    memset(&x, 0, sizeof x);
    x.n = n;
    x.d = 8 + (int64_t)gsl_rng_uniform_int(rng, D - 7);
    x.scale = (float)(1 / sqrt((double)x.d));
    x.sink = in == SINK ? normal(rng, 4) : -INFINITY;
    x.softcap = in == CAPPED ? 5.0f : 0.0f;
    x.has_add = in == ADDED;
    for (int64_t c = 0; c < x.d; ++c) x.q[c] = normal(rng, spread[in]);
    const int64_t hot = (int64_t)gsl_rng_uniform_int(rng, (unsigned long)n);
    double q2 = 1e-30;
    for (int64_t c = 0; c < x.d; ++c) q2 += (double)x.q[c] * (double)x.q[c];
    for (int64_t j = 0; j < n; ++j) {
        /* a multiple of q that lifts this key's logit */
        const double lift = in == ONE_HOT && j == hot ? 60 : in == INCREASING ? 0.2 * (double)j : 0;
        for (int64_t c = 0; c < x.d; ++c)
            x.k[j][c] = normal(rng, spread[in]) + (float)(lift / (double)x.scale * (double)x.q[c] / q2);
        for (int64_t c = 0; c < DV; ++c)
            x.v[j][c] = in == CANCELLING ? (j % 2 ? -1e3f : 1e3f) + normal(rng, 1e-3) : normal(rng, 1);
        x.v_scale[j] = exp2f(normal(rng, 2));
        x.add[j] = x.has_add ? normal(rng, 2) - 0.05f * (float)(n - j) : 0;
    }
    gsl_rng_free(rng);
    widen_and_compute();
}

/* ---- styles of arithmetic ---------------------------------------------------------------------------------------- */

typedef enum order { FORWARD, REVERSE, PAIRWISE } order;

typedef struct style {
    const char *name;
    order order;
    int64_t block; /* keys between rescales; 0: the maximum is known first */
    int64_t parts; /* split over the keys and merged by LSE; 0: one part */
    float lazy;    /* rescale only where the maximum grows by more */
    bool base2, reciprocal, normalised, l_rounded, truncate;
    uint32_t score_type, weight_type, output_type;
    int steps; /* quantised Q and weights: of the largest |q|, and of a block's largest weight times scale; 0: none */
} style;

/* What such a kernel would declare. libm's float functions are good to 1 ulp, tanhf to 2. */
static inline attn_plan plan_of(const style *y)
{
    return (attn_plan){.size = sizeof(attn_plan),
                       .storage_type = y->steps > 0 ? ATTN_I8 : ATTN_F32,
                       .score_type = y->score_type,
                       .weight_type = y->weight_type,
                       .accumulator_type = ATTN_F32,
                       .output_type = y->output_type,
                       .kappa = 2,
                       .kappa_1 = y->base2 ? 2 : 0,
                       .kappa_t = 4,
                       .kappa_log = 2,
                       .rho = y->reciprocal ? 2 : 1,
                       .lambda = (double)y->lazy,
                       .delta_q = y->steps > 0 ? 1.0 / y->steps : 0,
                       .delta_p = y->steps > 0 ? 1.0 / y->steps : 0,
                       .key_block = y->block,
                       .rescales = y->block > 0 ? (KEYS + y->block - 1) / y->block : 1,
                       .accuracy_flags =
                           (y->l_rounded ? ATTN_L_FROM_ROUNDED : 0u) | (y->normalised ? ATTN_WEIGHTS_NORMALISED : 0u) |
                           (y->parts > 0 ? ATTN_MERGE_LSE : 0u) |
                           (y->truncate ? ATTN_SCORE_TRUNCATES | ATTN_WEIGHT_TRUNCATES | ATTN_OUTPUT_TRUNCATES : 0u)};
}

#define F32 .score_type = ATTN_F32, .weight_type = ATTN_F32, .output_type = ATTN_F32
static const style f32_forward = {.name = "forward", F32};
static const style f32_online = {.name = "online 16", .block = 16, F32};
static const style styles[] = {
    {.name = "forward", F32},
    {.name = "reverse", .order = REVERSE, F32},
    {.name = "pairwise", .order = PAIRWISE, .reciprocal = true, F32},
    {.name = "online 1", .block = 1, F32},
    {.name = "online 16", .block = 16, F32},
    {.name = "online reverse base 2", .block = 32, .order = REVERSE, .base2 = true, F32},
    {.name = "lazy rescale", .block = 8, .lazy = 8, F32},
    {.name = "split merge", .parts = 5, .block = 16, F32},
    {.name = "normalised", .normalised = true, F32},
    {.name = "bf16 weights", .block = 16, .score_type = ATTN_F32, .weight_type = ATTN_BF16, .output_type = ATTN_F32},
    {.name = "bf16 weights, l of them",
     .block = 16,
     .l_rounded = true,
     .score_type = ATTN_F32,
     .weight_type = ATTN_BF16,
     .output_type = ATTN_BF16},
    {.name = "f16 weights", .score_type = ATTN_F16, .weight_type = ATTN_F16, .output_type = ATTN_F16},
    {.name = "f16 weights, l of them",
     .block = 16,
     .l_rounded = true,
     .score_type = ATTN_F32,
     .weight_type = ATTN_F16,
     .output_type = ATTN_F16},
    {.name = "f16 normalised",
     .normalised = true,
     .score_type = ATTN_F32,
     .weight_type = ATTN_F16,
     .output_type = ATTN_F32},
    {.name = "bf16 truncating",
     .truncate = true,
     .score_type = ATTN_BF16,
     .weight_type = ATTN_BF16,
     .output_type = ATTN_BF16},
    {.name = "quantised",
     .block = 32,
     .steps = 1000,
     .score_type = ATTN_F32,
     .weight_type = ATTN_I8,
     .output_type = ATTN_F32},
    {.name = "quantised, split",
     .block = 16,
     .parts = 3,
     .lazy = 8,
     .steps = 30000,
     .score_type = ATTN_F32,
     .weight_type = ATTN_I8,
     .output_type = ATTN_F32},
};

static inline accuracy accuracy_of(const style *y)
{
    const attn_plan plan = plan_of(y);
    accuracy a;
    char capped[200];
    if (!accuracy_of_plan(&plan, &a, capped, sizeof capped)) fail_msg("%s", capped);
    assert_string_equal(capped, "");
    return a;
}

#endif
