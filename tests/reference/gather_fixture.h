/* gather_fixture.h: a small problem that uses every feature of a logit at once, for tests of the reference's
 * gathering. */
#ifndef ATTNBENCH_TESTS_GATHER_FIXTURE_H
#define ATTNBENCH_TESTS_GATHER_FIXTURE_H

#include <gsl/gsl_rng.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "problem.h"
#include "reference.h"

#define COUNT(array) ((int64_t)(sizeof(array) / sizeof((array)[0])))

static inline void near_to(double got, double wanted, double tolerance)
{
    if (!(fabs(got - wanted) <= tolerance)) fail_msg("got %.12g, wanted %.12g", got, wanted);
}

static inline attn_tensor tensor_of(void *data, uint32_t type, int64_t b, int64_t h, int64_t r, int64_t c)
{
    return (attn_tensor){data, type, 0, {b, h, r, c}, {h * r * c, r * c, c, 1}};
}

enum { B = 2, H = 6, HKV = 2, Q = 3, K = 9, D = 5, DV = 3, COLUMNS = 4 };

/* A problem that uses every feature at once; row strides are larger than rows, heads and rows are interleaved in K. */
typedef struct fixture {
    attn_problem problem;
    attn_tensor slot[ATTN_SLOTS];
    attn_args args;
    float q[B * H * Q * 8], k[B * K * HKV * 7], v[B * HKV * K * 4], bias[B * Q * COLUMNS], slopes[H], sinks[H],
        scales[H];
    int64_t lengths[B], positions[B];
} fixture;

static inline void fill_floats(gsl_rng *rng, float *x, size_t count)
{
    for (size_t i = 0; i < count; ++i) x[i] = (float)(4 * gsl_rng_uniform(rng) - 2);
}

static inline void fixture_set(fixture *f, unsigned long seed)
{
    gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
    gsl_rng_set(rng, seed);
    memset(f, 0, sizeof *f);
    fill_floats(rng, f->q, sizeof f->q / sizeof(float));
    fill_floats(rng, f->k, sizeof f->k / sizeof(float));
    fill_floats(rng, f->v, sizeof f->v / sizeof(float));
    fill_floats(rng, f->bias, sizeof f->bias / sizeof(float));
    fill_floats(rng, f->slopes, H);
    fill_floats(rng, f->sinks, H);
    fill_floats(rng, f->scales, H);
    gsl_rng_free(rng);
    f->lengths[0] = 7;
    f->lengths[1] = 9;
    f->positions[0] = -3;
    f->positions[1] = 1;
    attn_tensor *const slot = f->slot;
    slot[ATTN_Q] = (attn_tensor){f->q, ATTN_F32, 0, {B, H, Q, D}, {H * Q * 8, Q * 8, 8, 1}};
    slot[ATTN_K] = (attn_tensor){f->k, ATTN_F32, 0, {B, HKV, K, D}, {K * HKV * 7, 7, HKV * 7, 1}};
    slot[ATTN_V] = (attn_tensor){f->v, ATTN_F32, 0, {B, HKV, K, DV}, {HKV * K * 4, K * 4, 4, 1}};
    slot[ATTN_BIAS] = (attn_tensor){f->bias, ATTN_F32, 0, {B, H, Q, COLUMNS}, {Q * COLUMNS, 0, COLUMNS, 1}};
    slot[ATTN_SLOPES] = tensor_of(f->slopes, ATTN_F32, 1, H, 1, 1);
    slot[ATTN_SINK_LOGITS] = tensor_of(f->sinks, ATTN_F32, 1, H, 1, 1);
    slot[ATTN_HEAD_SCALE] = tensor_of(f->scales, ATTN_F32, 1, H, 1, 1);
    slot[ATTN_KEY_LENGTHS] = tensor_of(f->lengths, ATTN_I64, B, 1, 1, 1);
    slot[ATTN_QUERY_POSITIONS] = tensor_of(f->positions, ATTN_I64, B, 1, 1, 1);
    f->args = (attn_args){sizeof f->args, ATTN_SLOTS, slot};
    f->problem = (attn_problem){.size = sizeof(attn_problem),
                                .b = B,
                                .h = H,
                                .hkv = HKV,
                                .q = Q,
                                .k = K,
                                .d = D,
                                .dv = DV,
                                .mask = ATTN_MASK_LEFT | ATTN_MASK_RIGHT | ATTN_MASK_PREFIX,
                                .left = 2,
                                .right = 1,
                                .prefix = 2,
                                .q_pos = 5,
                                .scale = 0.4f,
                                .softcap = 1.5f,
                                .bias_k0 = 2};
}

#endif
