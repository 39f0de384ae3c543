/* rows_impl.h: addresses of f32 rows, for kernels. */
#ifndef ATTN_ROWS_IMPL_H
#define ATTN_ROWS_IMPL_H

#include "problem.h"

static inline float *attn_f32_row(const attn_tensor *t, int64_t b, int64_t h, int64_t r)
{
    return (float *)t->data + b * t->stride[0] + h * t->stride[1] + r * t->stride[2];
}

/* Where query row i of sequence b lies on the row axis of Q, O, LSE, WEIGHTS and BIAS: in a packed batch, behind the sequence's
 * start. */
static inline int64_t attn_query_place(const attn_args *args, int64_t b, int64_t i)
{
    return attn_metadata(args, ATTN_QUERY_STARTS, b, 0) + i;
}

/* The types of forward kernels that take and give f32 alone. */
#define ATTN_TYPES_F32                                                                                                 \
    {                                                                                                                  \
        [ATTN_Q] = ATTN_TYPE_BIT(ATTN_F32), [ATTN_K] = ATTN_TYPE_BIT(ATTN_F32), [ATTN_V] = ATTN_TYPE_BIT(ATTN_F32),    \
        [ATTN_O] = ATTN_TYPE_BIT(ATTN_F32), [ATTN_LSE] = ATTN_TYPE_BIT(ATTN_F32),                                      \
        [ATTN_WEIGHTS] = ATTN_TYPE_BIT(ATTN_F32), [ATTN_BIAS] = ATTN_TYPE_BIT(ATTN_F32),                               \
        [ATTN_SLOPES] = ATTN_TYPE_BIT(ATTN_F32), [ATTN_SINK_LOGITS] = ATTN_TYPE_BIT(ATTN_F32),                         \
    }

#endif
