/* error_model: the bound B of O, LSE and weights of a row. reference/README.md derives it.
 *
 * A kernel computes O = sum p_j v_j / sum p_j with p_j = exp(s_j - m), every step rounded. The bound follows the
 * roundings from the inside out, for any order of summation:
 *
 *   E_j    error of logit j: dot product, scale, softcap, added terms, a stored score, subtraction of the maximum
 *   wT_j   what E_j and an inexact exp make of weight j
 *   acc    relative error of a sum over the keys and of the rescales on its way; pi the same for stored weights
 *   t      relative error of the row sum l; if it is 1 or more, nothing is known of the quotient
 *   B1     first-order-free bound of the quotient, from wT, acc, pi and t
 *   B2     hull: whatever the weights are, O is their mean of V, so it lies within [min v, max v] up to acc and pi
 *   B      the smaller of both, and the roundings of the division and of the stored result
 *
 * LSE likewise: either l is off by t, or every logit is off by at most max E_j.
 *
 * It takes one pass over V. Where nothing can be promised a bound is +inf, never NaN and never negative.
 */
#include "error_model.h"

#include <math.h>

#include "error_terms.h"

/* One output: a channel of O, or a weight. */
typedef struct output {
    double value;           /* of the reference */
    double spread;          /* sum wT|v - o| + acc sum (w + wT)|v| + pi sum (w + wT)(|v| or |v - o|) over the keys */
    double sum_abs;         /* sum |v| */
    double block_steps;     /* effect of weights that are quantised in blocks */
    double lowest, highest; /* of V; 0 included where there is a sink */
    double u_out, out_step;
} output;

static double output_bound(const ref_row *row, const accuracy *a, const row_terms *t, const output *x)
{
    if (t->beyond_limit || !isfinite(x->value)) return INFINITY;
    const double magnitude = fabs(x->value);
    const double steps = t->p_step_v * x->sum_abs + t->p_step_o * magnitude + x->block_steps;
    const double num = x->spread + (t->wt_sink + t->acc * (1 + t->den)) * magnitude + steps;
    const double quotient = t->t < 1 ? num / (1 - t->t) : INFINITY;

    const double far_end = fmax(x->highest - x->value, x->value - x->lowest);
    const double largest = fmax(fabs(x->highest), fabs(x->lowest));
    const double hull = t->acc < 1 ? far_end + (2 * t->acc + t->pi) / (1 - t->acc) * largest + steps : INFINITY;

    const double before = fmin(quotient, hull);
    if (!(before < INFINITY)) return INFINITY;
    return before + (a->rho * a->u + x->u_out) * (magnitude + before) + t->smallest_normal * x->sum_abs +
           ((double)row->n + t->rescales + 2) * a->eta + x->out_step;
}

static double lse_bound(const ref_row *row, const accuracy *a, const row_terms *t)
{
    if (t->beyond_limit || !isfinite(row->lse)) return INFINITY;
    const double by_sum = t->t < 1 ? -log1p(-t->t) : INFINITY;
    const double rounded = a->l_from_rounded ? 2 * (a->u_p + t->p_step * (double)row->n / row->l) : 0;
    const double by_logit = t->e_max + log1p(t->kappa_u) + 2 * t->acc + rounded;
    return fmin(by_sum, by_logit) + a->u * (2 * fabs(row->m) + (2 + a->kappa_log) * log(row->l) + fabs(row->lse));
}

/* Channels first .. first + count - 1 of O, count <= ATTN_MAX_D: one pass over their V. */
static void channel_bounds(const ref_row *row, const accuracy *a, const row_terms *t, int64_t first, int64_t count,
                           double *bound)
{
    double o[ATTN_MAX_D], spread[ATTN_MAX_D], sum_abs[ATTN_MAX_D], lowest[ATTN_MAX_D], highest[ATTN_MAX_D];
    double unscaled[ATTN_MAX_D] = {0};
    const double start = row->sink > -INFINITY ? 0 : INFINITY;
    for (int64_t c = 0; c < count; ++c) {
        o[c] = row->o[first + c];
        spread[c] = sum_abs[c] = 0;
        lowest[c] = start;
        highest[c] = -start;
    }
    for (int64_t j = 0; j < row->n; ++j) {
        const double wt = error_of_weight(row, a, t, j);
        const double grown = row->w[j] + wt;
        const double by_distance = wt + (a->l_from_rounded ? t->pi * grown : 0);
        const double by_size = (t->acc + (a->l_from_rounded ? 0 : t->pi)) * grown;
        const double *restrict v = row->v + j * row->dv + first;
        for (int64_t c = 0; a->delta_p > 0 && c < count; ++c)
            unscaled[c] = fmax(unscaled[c], error_unscaled(row, j, fabs(v[c])));
        for (int64_t c = 0; c < count; ++c) {
            const double size = fabs(v[c]);
            spread[c] += by_distance * fabs(v[c] - o[c]) + by_size * size;
            sum_abs[c] += size;
            lowest[c] = v[c] < lowest[c] ? v[c] : lowest[c];
            highest[c] = v[c] > highest[c] ? v[c] : highest[c];
        }
    }
    for (int64_t c = 0; c < count; ++c) {
        const output x = {.value = o[c],
                          .spread = spread[c],
                          .sum_abs = sum_abs[c],
                          .block_steps = t->block_step * unscaled[c],
                          .lowest = lowest[c],
                          .highest = highest[c],
                          .u_out = a->u_out,
                          .out_step = a->out_step};
        bound[c] = output_bound(row, a, t, &x);
    }
}

/* Weight j is the output for a V that is 1 at key j and 0 elsewhere, so sum_i wT_i |v_i - w_j| = wT_j (1 - w_j) +
 * w_j (sum wT - wT_j). Weights leave as fp32 whatever type O has: their u_out is 0. */
static void weight_bounds(const ref_row *row, const accuracy *a, const row_terms *t, double *bound)
{
    const double all_wt = t->den - t->wt_sink;
    const double all_grown = 1 - row->w_sink + all_wt;
    const bool zero_in_hull = row->n > 1 || row->sink > -INFINITY;
    for (int64_t j = 0; j < row->n; ++j) {
        const double w = row->w[j];
        const double wt = error_of_weight(row, a, t, j);
        const double grown = w + wt;
        const double wt_distance = wt * (1 - w) + w * fmax(all_wt - wt, 0);
        const double grown_distance = grown * (1 - w) + w * fmax(all_grown - grown, 0);
        const double spread = wt_distance + t->acc * grown + t->pi * (a->l_from_rounded ? grown_distance : grown);
        const output x = {.value = w,
                          .spread = spread,
                          .sum_abs = 1,
                          .block_steps = t->block_step_w,
                          .lowest = zero_in_hull ? 0 : 1,
                          .highest = 1};
        bound[j] = output_bound(row, a, t, &x);
    }
}

void error_bound(const ref_row *row, const accuracy *a, double *bound_o, double *bound_lse, double *bound_w)
{
    const bool empty = row->n == 0;
    const bool defined = row->l > 0; /* false: no key and no sink, or no softmax exists */
    const row_terms t = defined ? error_terms(row, a) : (row_terms){0};

    for (int64_t c = 0; bound_o && c < row->dv; ++c) bound_o[c] = empty ? 0 : INFINITY; /* no key: O is exactly 0 */
    for (int64_t c = 0; bound_o && defined && !empty && c < row->dv; c += ATTN_MAX_D) {
        const int64_t rest = row->dv - c;
        channel_bounds(row, a, &t, c, rest < ATTN_MAX_D ? rest : ATTN_MAX_D, bound_o + c);
    }
    *bound_lse = defined ? lse_bound(row, a, &t) : empty && row->lse == -INFINITY ? 0 : INFINITY;
    for (int64_t j = 0; bound_w && !defined && j < row->n; ++j) bound_w[j] = INFINITY;
    if (bound_w && defined) weight_bounds(row, a, &t, bound_w);
}
