/* projection: the bound B_r and the standard deviation sigma_r of a row's product with r.
 *
 *   B_r = [ sum wT |r.v - r.o| + wT_sink |r.o| + acc sum_c (sum (w + wT) |v_c| + (1 + den) |o_c|)
 *           + pi sum (w + wT) (|r.v|, or |r.v - r.o| where l is the sum of the rounded weights) + a_r ] / (1 - t)
 *         + (rho u + u_out) sum_c (|o_c| + B'_c) + 2^-126 sum |v| + dv ((n + R + 2) eta (+ 2^-25 for fp16 output))
 *
 * Errors that all channels share (weights, their stored roundings) are projected; errors that each channel makes on its
 * own (sums, division, store) are added up. sum_c B'_c, which only two roundings multiply, is bounded by its own
 * formula with |v_c - o_c| <= |v_c| + |o_c|, so that it needs no pass over all of V.
 *
 * sigma_r is built likewise: shared errors are weighted by (r.v - r.o)^2 and (r.o)^2, own errors by sums of squares. A
 * relative error of the whole output (l, rescales, the division) may be shared or not, and counts as both.
 */
#include "projection.h"

#include <math.h>
#include <stdlib.h>

#include "deviation.h"
#include "error_terms.h"

int projection_new(int64_t keys, projection *p)
{
    const size_t count = (size_t)(keys > 0 ? keys : 1);
    *p = (projection){.v = calloc(count, sizeof(double)),
                      .v_abs = calloc(count, sizeof(double)),
                      .squares = calloc(count, sizeof(double))};
    if (p->v && p->v_abs && p->squares) return 1;
    projection_free(p);
    return 0;
}

void projection_free(projection *p)
{
    free(p->v);
    free(p->v_abs);
    free(p->squares);
    *p = (projection){0};
}

void projection_of_row(const ref_row *row, const double *r, projection *p)
{
    for (int64_t j = 0; j < row->n; ++j) {
        const double *restrict v = row->v + j * row->dv;
        double sum = 0, size = 0, squares = 0;
        for (int64_t c = 0; c < row->dv; ++c) {
            sum += r[c] * v[c];
            size += fabs(v[c]);
            squares += v[c] * v[c];
        }
        p->v[j] = sum;
        p->v_abs[j] = size;
        p->squares[j] = squares;
    }
    p->o = p->o_abs = p->o_squares = 0;
    p->channels = (double)row->dv;
    for (int64_t c = 0; c < row->dv; ++c) {
        p->o += r[c] * row->o[c];
        p->o_abs += fabs(row->o[c]);
        p->o_squares += row->o[c] * row->o[c];
    }
}

double projection_bound(const ref_row *row, const accuracy *a, const projection *p, const double *bound_o)
{
    double by_channels = 0;
    for (int64_t c = 0; bound_o && c < row->dv; ++c) by_channels += bound_o[c];
    if (!bound_o) by_channels = INFINITY;
    if (row->n == 0) return 0; /* no key: O is exactly 0 */
    if (!(row->l > 0) || !isfinite(p->o)) return INFINITY;

    const row_terms t = error_terms(row, a);
    if (t.beyond_limit || !(t.t < 1)) return by_channels;
    double shared = t.wt_sink * fabs(p->o), grown_abs = 0, channels = t.wt_sink * p->o_abs, sum = 0, sum_abs = 0;
    double unscaled = 0, unscaled_abs = 0;
    for (int64_t j = 0; j < row->n; ++j) {
        const double wt = error_of_weight(row, a, &t, j), grown = row->w[j] + wt;
        const double far = fabs(p->v[j] - p->o), far_abs = p->v_abs[j] + p->o_abs;
        shared += wt * far + t.pi * grown * (a->l_from_rounded ? far : fabs(p->v[j]));
        channels += wt * far_abs + t.pi * grown * (a->l_from_rounded ? far_abs : p->v_abs[j]);
        grown_abs += grown * p->v_abs[j];
        sum += fabs(p->v[j]);
        sum_abs += p->v_abs[j];
        unscaled = fmax(unscaled, error_unscaled(row, j, fabs(p->v[j])));
        unscaled_abs = fmax(unscaled_abs, error_unscaled(row, j, p->v_abs[j]));
    }
    const double own = t.acc * (grown_abs + (1 + t.den) * p->o_abs);
    const double steps = t.p_step_v * sum + t.p_step_o * fabs(p->o) + t.block_step * unscaled;
    const double steps_abs = t.p_step_v * sum_abs + t.p_step_o * p->o_abs + t.block_step * unscaled_abs;
    const double before = (channels + own + steps_abs) / (1 - t.t); /* sum_c B'_c at most */
    const double tiny = ((double)row->n + t.rescales + 2) * a->eta + a->out_step;
    const double bound = (shared + own + steps) / (1 - t.t) + (a->rho * a->u + a->u_out) * (p->o_abs + before) +
                         t.smallest_normal * sum_abs + p->channels * tiny;
    return fmin(by_channels, bound);
}

double projection_deviation(const ref_row *row, const accuracy *a, const projection *p)
{
    deviation_sums x = {.output = p->o * p->o, .own_output = p->o_squares, .channels = p->channels};
    const double vanishing = deviation_small_weight(row, a);
    double lost = 0, small = 0;
    for (int64_t j = 0; j < row->n; ++j) {
        const double w2 = row->w[j] * row->w[j];
        const double far2 = (p->v[j] - p->o) * (p->v[j] - p->o), v2 = p->v[j] * p->v[j];
        if (w2 > 0) x.logits += w2 * far2 * deviation_of_logit(row, a, j);
        x.stored += w2 * (a->l_from_rounded ? far2 : v2);
        x.steps += a->l_from_rounded ? far2 : v2;
        x.own_values += w2 * p->squares[j];
        x.own_size += p->squares[j];
        if (row->w[j] >= vanishing) continue;
        lost += row->w[j] * p->v[j];
        small += row->w[j];
    }
    x.lost = fabs(lost) + small * fabs(p->o);
    return deviation_from_sums(row, a, &x);
}
