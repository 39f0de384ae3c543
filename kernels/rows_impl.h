/* rows_impl.h: addresses of f32 rows, for kernels. Channel stride is 1. */
#ifndef ATTN_ROWS_IMPL_H
#define ATTN_ROWS_IMPL_H

#include "attention.h"

static inline float *attn_f32_row(const attn_tensor *t, int64_t b, int64_t h, int64_t r)
{
    return (float *)t->data + b * t->stride[0] + h * t->stride[1] + r * t->stride[2];
}

/* The types of forward kernels that take and give f32 alone. */
#define ATTN_TYPES_F32                                                                                                 \
    {                                                                                                                  \
        [ATTN_Q] = ATTN_TYPE_BIT(ATTN_F32), [ATTN_K] = ATTN_TYPE_BIT(ATTN_F32), [ATTN_V] = ATTN_TYPE_BIT(ATTN_F32),    \
        [ATTN_O] = ATTN_TYPE_BIT(ATTN_F32), [ATTN_LSE] = ATTN_TYPE_BIT(ATTN_F32),                                      \
        [ATTN_WEIGHTS] = ATTN_TYPE_BIT(ATTN_F32),                                                                      \
    }

#endif
