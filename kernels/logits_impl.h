/* logits_impl.h: terms of a row's logits behind scale and softcap (ALiBi and bias for each key, the row's sink), and
 * the ranges of keys that a row sees. Portable kernels use it.
 *
 * Distances are computed in 64-bit integers and rounded once, since positions may lie beyond 2^24, where floats skip
 * integers. ALiBi and bias are added to each other before they are added to the logit: three roundings in all, which is
 * what the error bound allows. */
#ifndef ATTN_LOGITS_IMPL_H
#define ATTN_LOGITS_IMPL_H

#include <math.h>

#include "rows_impl.h"

typedef struct attn_row_terms {
    int used;                     /* 0: attn_term is 0 for every key */
    float slope;                  /* ALiBi; 0 none */
    int64_t position;             /* of the row */
    const float *bias;            /* of key bias_begin; NULL none */
    int64_t bias_stride;          /* from one key to the next */
    int64_t bias_begin, bias_end; /* keys that have a bias */
} attn_row_terms;

/* Query row i of head h of sequence b. */
static inline attn_row_terms attn_terms_of_row(const attn_problem *problem, const attn_args *args, int64_t b, int64_t h,
                                               int64_t i)
{
    const attn_tensor *slopes = attn_slot_of(args, ATTN_SLOPES), *bias = attn_slot_of(args, ATTN_BIAS);
    attn_row_terms t = {.used = slopes || bias};
    if (slopes) t.slope = *attn_f32_row(slopes, 0, h, 0);
    t.position = problem->q_pos + attn_metadata(args, ATTN_QUERY_POSITIONS, b, 0) + i;
    if (!bias) return t;
    t.bias = attn_f32_row(bias, b, h, attn_query_place(args, b, i));
    t.bias_stride = bias->stride[3];
    t.bias_begin = problem->bias_k0;
    t.bias_end = problem->bias_k0 + bias->extent[3];
    return t;
}

static inline float attn_term(const attn_row_terms *t, int64_t key)
{
    const int64_t distance = key < t->position ? t->position - key : key - t->position;
    const int has_bias = key >= t->bias_begin && key < t->bias_end;
    const float bias = has_bias ? t->bias[(key - t->bias_begin) * t->bias_stride] : 0;
    return bias - t->slope * (float)distance;
}

/* The head's sink logit; -INFINITY: none. */
static inline float attn_sink_of(const attn_args *args, int64_t h)
{
    const attn_tensor *sinks = attn_slot_of(args, ATTN_SINK_LOGITS);
    return sinks ? *attn_f32_row(sinks, 0, h, 0) : -INFINITY;
}

/* The keys that a row sees: the prefix, and the others. */
typedef struct attn_range {
    int64_t begin, end;
} attn_range;

typedef struct attn_keys {
    attn_range range[2];
} attn_keys;

static inline attn_keys attn_keys_of_row(const attn_problem *problem, const attn_args *args, int64_t b, int64_t i)
{
    const attn_span span = attn_visible(problem, args, b, i);
    return (attn_keys){{{0, span.prefix}, {span.begin, span.end}}};
}

#endif
