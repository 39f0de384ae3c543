/* plain.h: attention in double, row by row, for the plugins of the tests: right by being simple. Where a row lies is
 * the one thing in which they differ. */
#ifndef TESTS_PLUGINS_PLAIN_H
#define TESTS_PLUGINS_PLAIN_H

#include <math.h>
#include <stdlib.h>

#include "problem.h"

/* Row `row` of sequence b and head h of a slot. */
typedef float *plain_locate(const attn_problem *problem, const attn_args *args, int slot, int64_t b, int64_t h,
                            int64_t row);

static inline float *plain_strided(const attn_problem *problem, const attn_args *args, int slot, int64_t b, int64_t h,
                                   int64_t row)
{
    (void)problem;
    const attn_tensor *t = attn_slot_of(args, slot);
    return (float *)t->data + b * t->stride[0] + h * t->stride[1] + row * t->stride[2];
}

static inline double plain_score(const attn_problem *p, const float *q, const float *k)
{
    double sum = 0;
    for (int64_t c = 0; c < p->d; c++) sum += (double)q[c] * (double)k[c];
    return (double)p->scale * sum;
}

static inline void plain_row(const attn_problem *p, const attn_args *args, plain_locate *locate, int64_t b, int64_t h,
                             int64_t i)
{
    const attn_span keys = attn_visible(p, args, b, i);
    const int64_t kv_head = h / (p->h / p->hkv);
    const float *q = locate(p, args, ATTN_Q, b, h, i);
    float *o = locate(p, args, ATTN_O, b, h, i);
    double max = -INFINITY, sum = 0;
    double out[ATTN_MAX_D] = {0};
    for (int64_t j = keys.begin; j < keys.end; j++)
        max = fmax(max, plain_score(p, q, locate(p, args, ATTN_K, b, kv_head, j)));
    for (int64_t j = keys.begin; j < keys.end; j++) {
        const double weight = exp(plain_score(p, q, locate(p, args, ATTN_K, b, kv_head, j)) - max);
        const float *v = locate(p, args, ATTN_V, b, kv_head, j);
        sum += weight;
        for (int64_t c = 0; c < p->dv; c++) out[c] += weight * (double)v[c];
    }
    for (int64_t c = 0; c < p->dv; c++) o[c] = keys.begin < keys.end ? (float)(out[c] / sum) : 0;
    if (attn_slot_of(args, ATTN_LSE))
        *locate(p, args, ATTN_LSE, b, h, i) = keys.begin < keys.end ? (float)(max + log(sum)) : -INFINITY;
}

static inline int plain_run(const attn_problem *p, const attn_args *args, plain_locate *locate)
{
    for (int64_t b = 0; b < p->b; b++)
        for (int64_t h = 0; h < p->h; h++)
            for (int64_t i = 0; i < attn_query_count(p, args, b); i++) plain_row(p, args, locate, b, h, i);
    return ATTN_OK;
}

static inline int plain_plan(const attn_problem *problem, const attn_args *args, const attn_machine *machine,
                             const attn_exec *exec, attn_plan *out)
{
    (void)problem, (void)args, (void)machine, (void)exec;
    out->ceiling = ATTN_CEILING_FP32_PORTABLE;
    out->expected_share = 0.05;
    out->row_block = 1;
    out->storage_type = out->score_type = out->weight_type = out->accumulator_type = out->output_type = ATTN_F32;
    out->kappa = 2;
    out->kappa_log = 2;
    out->rho = 1;
    return ATTN_OK;
}

#define PLAIN_EXPORT __attribute__((visibility("default")))

#endif
