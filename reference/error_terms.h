/* error_terms.h: terms of one row that error_model.c, projection.c and deviation.c share. */
#ifndef ATTN_ERROR_TERMS_H
#define ATTN_ERROR_TERMS_H

#include "error_model.h"

/* What all channels of a row share. */
typedef struct row_terms {
    double kappa_u, gamma_dot;
    double acc, pi, t, den;
    double p_step; /* absolute rounding error of a stored weight next to 0, in units of p (of w if normalised) */
    double p_step_o, p_step_v; /* its effect on an output: p_step_v sum|v| + p_step_o |o| */
    double block_step;         /* the same of quantised weights times scales: block_step max|v| / scale */
    double block_step_w;       /* and of quantised weights alone, on a weight */
    double q_most;             /* largest |q| of the row */
    double wt_sink, e_max;
    double rescales;
    double smallest_normal; /* an exp below it may become 0 */
    bool beyond_limit;
} row_terms;

row_terms error_terms(const ref_row *row, const accuracy *a);

/* wT of key j: the error of its weight that follows from an error of its logit and an inexact exp. */
double error_of_weight(const ref_row *row, const accuracy *a, const row_terms *t, int64_t j);

/* |v| / scale for a v of key j: the factor of a product of weight and scale. */
double error_unscaled(const ref_row *row, int64_t j, double v_abs);

/* A logit of -inf (an additive mask) is exact and takes no part. */
bool error_takes_part(const ref_row *row, int64_t j);

/* Half a step of fp16's subnormals, given the relative rounding error of its normal numbers: 2^-25 to nearest. */
double error_fp16_step(double u);

#endif
