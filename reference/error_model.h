/* error_model.h: the bound: how far a correct kernel may be from the reference. It is derived, not tuned. judge/ and
 * certify.c compare errors with it. */
#ifndef ATTN_ERROR_MODEL_H
#define ATTN_ERROR_MODEL_H

#include "reference.h"

/* What a kernel declares of its arithmetic, in the terms of the bound's derivation. */
typedef struct accuracy {
    double u;               /* unit roundoff of the accumulator */
    double u_s, u_p, u_out; /* rounding of stored scores, weights, output; 0 none */
    double u_q, kappa, kappa_1, kappa_t, tau, kappa_log, rho, lambda, logit_limit, rescales;
    double delta_q, delta_p, key_block; /* quantisation steps as in attn_plan; keys of a block */
    double eta;                         /* 2^-150, or 2^-126 where subnormals are flushed */
    double out_step; /* half the spacing of 16-bit outputs where they are subnormal: 2^-25 in fp16, 2^-134 in bf16; else
                        0 */
    bool fp16_score, fp16_weight, l_from_rounded, weights_normalised, merge_lse;
    bool to_nearest; /* nothing is truncated: rounding errors have mean 0 */
} accuracy;

/* Reads a plan's contract (accuracy.c). Figures above the caps of its accumulator's type class are lowered to them;
 * `capped` gets their names, comma-separated. Returns 0 and a reason in `capped` if the plan declares nonsense (unknown
 * types, negative or non-finite figures). */
int accuracy_of_plan(const attn_plan *plan, accuracy *out, char *capped, size_t capped_size);

/* The double reference's own accuracy: u = 2^-53. */
accuracy accuracy_of_reference(void);

/* B for every output channel of a row (`bound_o`, dv entries, or NULL; may be +inf), for LSE (`bound_lse`) and, where
 * `bound_w` is not NULL, for each of the n kept weights (the same formula with unit vectors for V). The row must be
 * computed. */
void error_bound(const ref_row *row, const accuracy *a, double *bound_o, double *bound_lse, double *bound_w);

#endif
