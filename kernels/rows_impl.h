/* rows_impl.h: addresses of rows of strided, paged and packed tensors, and type masks of descriptors, for all kernels.
 */
#ifndef ATTN_ROWS_IMPL_H
#define ATTN_ROWS_IMPL_H

#include <stdio.h>

#include "problem.h"

static inline float *attn_f32_row(const attn_tensor *t, int64_t b, int64_t h, int64_t r)
{
    return (float *)t->data + b * t->stride[0] + h * t->stride[1] + r * t->stride[2];
}

/* Bytes of an element of Q, K, V or O. */
static inline int64_t attn_element_bytes(uint32_t type) { return type == ATTN_F32 ? 4 : type == ATTN_I8 ? 1 : 2; }

/* The same for any type of element: its first byte. */
static inline char *attn_row(const attn_tensor *t, int64_t b, int64_t h, int64_t r)
{
    return (char *)t->data + (b * t->stride[0] + h * t->stride[1] + r * t->stride[2]) * attn_element_bytes(t->type);
}

/* Where rows first .. first + count - 1 of K, V or their scales lie: with PAGES (NULL: none), in the pages that the
 * block table names. */
static inline void attn_key_rows(const attn_tensor *t, const attn_tensor *pages, int64_t page_size, int64_t b,
                                 int64_t h, int64_t first, int64_t count, const char *row[])
{
    const int64_t step = t->stride[2] * attn_element_bytes(t->type);
    for (int64_t j = 0; j < count;) {
        const int64_t in_page = pages ? (first + j) % page_size : 0, left = pages ? page_size - in_page : count;
        const int64_t *table = pages ? (const int64_t *)pages->data + b * pages->stride[0] : NULL;
        const char *at = pages ? attn_row(t, table[(first + j) / page_size * pages->stride[2]], h, in_page)
                               : attn_row(t, b, h, first);
        for (const int64_t end = j + left < count ? j + left : count; j < end; j++, at += step) row[j] = at;
    }
}

/* Where query row i of sequence b lies on the row axis of Q, O, LSE, WEIGHTS and BIAS: in a packed batch, behind the
 * sequence's start. */
static inline int64_t attn_query_place(const attn_args *args, int64_t b, int64_t i)
{
    return attn_metadata(args, ATTN_QUERY_STARTS, b, 0) + i;
}

/* For `accepts`: scales must belong to int8 tensors, and each to a whole row. */
static inline int attn_scales_are_of_rows(const attn_args *args, char *reason, size_t reason_size)
{
    static const int pair[2][2] = {{ATTN_K, ATTN_K_SCALES}, {ATTN_V, ATTN_V_SCALES}};
    for (int i = 0; i < 2; i++) {
        const attn_tensor *rows = attn_slot_of(args, pair[i][0]), *scales = attn_slot_of(args, pair[i][1]);
        if (!scales) continue;
        const char *what = rows->type != ATTN_I8                             ? "of rows that are not int8"
                           : scales->extent[3] > 1 && scales->stride[3] != 0 ? "of single channels"
                                                                             : NULL;
        if (!what) continue;
        snprintf(reason, reason_size, "does not take %s %s", attn_slot_name(pair[i][1]), what);
        return 0;
    }
    return 1;
}

/* Element types that are widened to fp32 as they are read, and results narrowed to them as they are written. */
#define ATTN_WIDENED_TYPES (ATTN_TYPE_BIT(ATTN_F32) | ATTN_TYPE_BIT(ATTN_F16) | ATTN_TYPE_BIT(ATTN_BF16))

/* The types of forward kernels that compute in fp32 what is stored in 8, 16 or 32 bits. */
#define ATTN_TYPES_WIDENED                                                                                             \
    {                                                                                                                  \
        [ATTN_Q] = ATTN_WIDENED_TYPES, [ATTN_K] = ATTN_WIDENED_TYPES | ATTN_TYPE_BIT(ATTN_I8),                         \
        [ATTN_V] = ATTN_WIDENED_TYPES | ATTN_TYPE_BIT(ATTN_I8), [ATTN_O] = ATTN_WIDENED_TYPES,                         \
        [ATTN_LSE] = ATTN_TYPE_BIT(ATTN_F32), [ATTN_SINK_LOGITS] = ATTN_TYPE_BIT(ATTN_F32),                            \
        [ATTN_BIAS] = ATTN_TYPE_BIT(ATTN_F32), [ATTN_SLOPES] = ATTN_TYPE_BIT(ATTN_F32),                                \
        [ATTN_K_SCALES] = ATTN_TYPE_BIT(ATTN_F32), [ATTN_V_SCALES] = ATTN_TYPE_BIT(ATTN_F32),                          \
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
