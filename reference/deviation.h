/* deviation.h: how far a correct kernel usually is from the reference: the standard deviation (sigma) of each output.
 * It is sharper than the bound but only a statistic: it holds where rounding errors are independent. judge/ compares
 * errors with it. */
#ifndef ATTN_DEVIATION_H
#define ATTN_DEVIATION_H

#include "error_model.h"

/* May the errors of this row be taken as independent, with mean 0? This needs rounding to nearest, small logit errors
 * and logits that spread; `row` needs squares. The caller must know that inputs are continuous and random. */
bool deviation_applies(const ref_row *row, const accuracy *a);

/* The variance of the error of logit j, in nats squared. */
double deviation_of_logit(const ref_row *row, const accuracy *a, int64_t j);

/* sigma of each output channel (dv entries) of a row to which it applies. 0: the output is exact, or errors of small
 * weights in the sum may all have one sign. */
void deviation_of_outputs(const ref_row *row, const accuracy *a, double *sigma);

/* The terms of sigma, for one channel, or for a signed sum of channels with r.v, r.o for v, o. own_*: roundings that
 * each channel makes on its own, summed over the channels. */
typedef struct deviation_sums {
    double logits; /* sum w^2 (v - o)^2 eps^2 */
    double stored; /* sum w^2 v^2, or sum w^2 (v - o)^2 where l is the sum of the rounded weights */
    double steps;  /* sum v^2, or sum (v - o)^2 likewise */
    double output; /* o^2 */
    double lost;   /* |sum w v| over the weights that sums may lose, and |o| times the sum of those weights */
    double own_values, own_size, own_output; /* sum w^2 v^2, sum v^2, o^2 */
    double channels;
} deviation_sums;

/* The weight below which a key may vanish in a sum of weights, or round the same way as other small ones. */
double deviation_small_weight(const ref_row *row, const accuracy *a);

/* sigma; 0 where 4 * lost exceeds it. */
double deviation_from_sums(const ref_row *row, const accuracy *a, const deviation_sums *x);

#endif
