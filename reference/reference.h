/* reference.h: attention in double precision through GSL, by which the judge decides what is right.
 *
 * It has two layers. `ref_row_compute` takes doubles and knows no tensors: one query row and its kept keys.
 * `ref_gather_row` fills its inputs from typed tensors, with a mask predicate of its own (deliberately not that of
 * kernels/problem.c, so that a mistake in either shows). Only kept keys are gathered, so values of masked keys cannot
 * turn a result into NaN. */
#ifndef ATTN_REFERENCE_H
#define ATTN_REFERENCE_H

#include <stdbool.h>

#include "attention.h"

/* K and V of one (sequence, KV head), widened to double. Row-major. */
typedef struct ref_kv {
    int64_t n, d, dv; /* keys, channels */
    double *k;        /* (n, d) */
    double *v;        /* (n, dv) */
    double *k_abs;    /* (n): sum over channels of |k| */
    double *v_scale;  /* (n): of each row of V; 1 where there are no scales of rows */
} ref_kv;

/* One query row: inputs, then the results of ref_row_compute. Arrays have capacity for all keys of a sequence. */
typedef struct ref_row {
    /* inputs */
    int64_t d, dv, n;      /* n: kept keys */
    double scale, softcap; /* scale already includes HEAD_SCALE */
    double sink;           /* -INFINITY: none */
    const double *q;       /* (d) */
    const double *k;       /* (n, d) */
    const double *k_abs;   /* (n) sum |k| of each kept key */
    const double *v;       /* (n, dv) */
    const double *v_scale; /* (n) scale of each row of int8 V; NULL: 1 */
    const double *add;     /* (n): bias + ALiBi term added after the softcap; NULL: none */
    const double *add_abs; /* (n): |bias| + |ALiBi| for the error bound; NULL: none */
    /* results */
    double *raw;      /* (n) scale * q.k, before the softcap */
    double *a;        /* (n) |scale| sum_k |q_k k_jk| */
    double *squares;  /* (n) sum_k (q_k k_jk)^2; NULL: not wanted */
    double *s;        /* (n) logits */
    double *w;        /* (n) weights, sum + sink weight = 1 */
    double *o;        /* (dv) */
    double m, l, lse; /* max logit; sum of exp(s - m) including the sink; ln l + m. No key, no sink: lse = -inf */
    double w_sink;
    bool finite; /* all logits, and all V of kept keys, are finite */
} ref_row;

/* Computes raw, a, squares, s, w, o, m, l, lse, w_sink, finite. BLAS level 2 through GSL (gslcblas). n = 0 is legal. */
void ref_row_compute(ref_row *row);

/* Storage for rows of up to `keys` keys; returns 0 where memory is short. */
typedef struct ref_workspace ref_workspace;
ref_workspace *ref_workspace_new(int64_t keys, int64_t d, int64_t dv);
void ref_workspace_free(ref_workspace *ws);

/* Computes row i of query head h of sequence b of a problem (forward, exact form, dot score; all mask kinds but BLOCKS,
 * lengths, packed batches, pages, positions, softcap, bias, ALiBi, sinks, head scale, any float type or int8 with
 * scales, any strides). The result is valid until the next call on this workspace. K and V of a KV head are widened
 * once and kept while consecutive calls stay on it. Returns NULL and a reason for what the reference cannot do. */
const ref_row *ref_gather_row(ref_workspace *ws, const attn_problem *problem, const attn_args *args, int64_t b,
                              int64_t h, int64_t i, char *reason, size_t reason_size);

/* Index of each kept key of the last gathered row, (n), ascending. */
const int64_t *ref_kept_keys(const ref_workspace *ws);

/* May row i of sequence b (position p) see key j? By the definitions of attention.h, one key at a time. */
bool ref_sees(const attn_problem *problem, const attn_args *args, int64_t b, int64_t i, int64_t j);

/* Element (b, h, r, c) of a tensor as a double (float types, i8, i64). */
double ref_element(const attn_tensor *t, int64_t b, int64_t h, int64_t r, int64_t c);

/* The address of the CBLAS routine that the reference calls; a test looks it up with dladdr. */
const void *ref_blas_address(void);

#endif
