/* deviation: sigma of each output of a row.
 *
 * Every rounding is taken as an independent error, uniform within its largest size, so its variance is a third of that
 * size squared. To first order an error eps_j of logit j moves the output by w_j (v_j - o) eps_j. A sum of N = n + 1
 * numbers that runs from 0 to o rounds partial sums whose squares add up to N (o^2 / 3 + V2 / 2), V2 = sum w^2 v^2; the
 * sum of the weights rounds alike; each rescale, the division and the store add their own errors.
 *
 *   eps_j^2 = u^2/3 [ scale^2 (d/2 + 1) sum_k (q_k k_jk)^2 + (d + 2)/3 (scale q.k_j)^2      the dot product, likewise
 *                     + 2 s_j^2 + (1 + kappa_1^2) (m - s_j + 2 lambda)^2 + kappa^2 ]
 *             + softcap       u^2/3 [ (kappa_t + 2)^2 (c tanh)^2 + c^2 tau^2 ]
 *             + added terms   u^2/3 [ (3 |b_j|)^2 + s_j^2 ]
 *             + stored scores u_S^2/3 s_j^2
 *             + pre-scaled Q  u_Q^2/3 scale^2 sum (q k)^2
 *             + quantised Q   delta_q^2/12 max|q|^2 scale^2 sum k^2
 *             + merges        u^2/3 of the square of their part of E_j
 *
 * Where several roundings share a sign this is wrong by orders of magnitude, and only the bound judges. These cases
 * are: logits that are all equal, so that all weights round the same way; truncation; weights quantised by steps that
 * are large for most of them (deviation_applies). Another is weights below the last bit of their sum, each of which
 * vanishes when it is added: sixty thousand of them once made a correct sequential sum 2.6 sigma wrong in every
 * channel. So an output is not judged if it would move by more than sigma / 4 when all those keys were dropped from
 * both sums, or from l alone. */
#include "deviation.h"

#include <math.h>

#include "error_terms.h"

static const double largest_eps = 1.0 / 16; /* of a logit's error: up to it, exp is linear within 3% */

static double square(double x) { return x * x; }

/* Roundings in sums of n keys have one sign where logits differ by less than about 4 n u. Stored weights that l does
 * not sum round with one sign where logits differ by less than that rounding. */
static double least_spread(const ref_row *row, const accuracy *a)
{
    return fmax(4 * (double)row->n * a->u, a->l_from_rounded ? 0 : a->u_p);
}

bool deviation_applies(const ref_row *row, const accuracy *a)
{
    if (!row->finite || !(row->l > 0) || row->n < 2 || !a->to_nearest || a->delta_p > 0) return false;
    double sum = 0, squares = 0, worst = 0;
    int64_t n = 0;
    for (int64_t j = 0; j < row->n; ++j) {
        const double s = row->s[j] - row->m;
        if (a->logit_limit > 0 && fabs(row->s[j]) > a->logit_limit) return false;
        worst = fmax(worst, deviation_of_logit(row, a, j));
        sum += s;
        squares += s * s;
        ++n;
    }
    const double mean = sum / (double)n;
    const double spread = sqrt(fmax(squares / (double)n - mean * mean, 0));
    return spread > least_spread(row, a) && worst <= square(largest_eps);
}

double deviation_of_logit(const ref_row *row, const accuracy *a, int64_t j)
{
    const double third = a->u * a->u / 3;
    const double s = row->s[j], raw = row->raw[j], d = (double)row->d;
    const double products = square(row->scale) * row->squares[j];
    const double below = row->m - s + 2 * a->lambda;
    double rounded = (d / 2 + 1) * products + (d + 2) / 3 * square(raw) + 2 * square(s) +
                     (1 + square(a->kappa_1)) * square(below) + square(a->kappa);
    if (row->softcap > 0) {
        const double curved = row->softcap * tanh(raw / row->softcap);
        rounded += square((a->kappa_t + 2) * curved) + square(row->softcap * a->tau);
    }
    if (row->add_abs) rounded += square(3 * row->add_abs[j]) + square(s);
    if (a->merge_lse) rounded += square(4 * (fabs(s) + row->m - s) + (4 + a->kappa_log) * log((double)row->n + 1));
    double variance = third * rounded + square(a->u_s * s) / 3 + square(a->u_q) / 3 * products;
    if (a->fp16_score) variance += square(error_fp16_step(a->u_s)) / 3;
    if (a->delta_q > 0) {
        double k2 = 0, q_most = 0;
        for (int64_t c = 0; c < row->d; ++c) {
            k2 += square(row->k[j * row->d + c]);
            q_most = fmax(q_most, fabs(row->q[c]));
        }
        variance += square(a->delta_q * q_most * row->scale) / 12 * k2;
    }
    return variance;
}

/* Adding p to a sum S rounds to multiples of 2 u S (or of a stored weight's step): a p of several steps rounds up as
 * often as down, one below half a step always down. Smooth weights between have an error of the other sign; from two
 * steps on both are over. */
double deviation_small_weight(const ref_row *row, const accuracy *a)
{
    const double step = a->fp16_weight ? error_fp16_step(a->u_p) : 0;
    return fmax(4 * a->u, 4 * (a->weights_normalised ? step : step / row->l));
}

double deviation_from_sums(const ref_row *row, const accuracy *a, const deviation_sums *x)
{
    const double third = a->u * a->u / 3, n = (double)row->n;
    const double rescales = fmin(a->rescales, n + 1) + (a->merge_lse ? 1 : 0);
    /* Errors of the sum l, of rescales and of the division are relative ones of O: shared by all channels or each its
     * own. */
    const double relative = x->channels > 1 ? x->output + x->own_output : x->output;
    double variance = x->logits + third * (n + 1) * (x->own_output / 3 + x->own_values / 2 + x->output / 3) +
                      third * (9 + rescales * square(a->kappa + 2)) * relative;
    variance += square(a->u_p) / 3 * x->stored + square(a->u_out) / 3 * x->own_output;
    if (row->sink > -INFINITY) {
        const double below = row->m - row->sink + 2 * a->lambda;
        const double eps2 = 2 * square(row->sink) + (1 + square(a->kappa_1)) * square(below) + square(a->kappa);
        variance += square(row->w_sink) * x->output * third * eps2;
    }
    const double step = a->fp16_weight ? error_fp16_step(a->u_p) : 0;
    variance += square(a->weights_normalised ? step : step / row->l) / 3 * x->steps;
    variance += x->channels * square(a->out_step) / 3;
    const double sigma =
        sqrt(variance + square(a->eta) * (x->channels * (n + rescales + 2) + x->own_size / square(row->l)));
    return 4 * x->lost > sigma ? 0 : sigma;
}

/* Channels first .. first + count - 1, count <= ATTN_MAX_D: one pass over their V. */
static void channel_deviations(const ref_row *row, const accuracy *a, int64_t first, int64_t count, double *sigma)
{
    double logits[ATTN_MAX_D] = {0}, values[ATTN_MAX_D] = {0}, apart[ATTN_MAX_D] = {0};
    double size[ATTN_MAX_D] = {0}, distance[ATTN_MAX_D] = {0}, lost[ATTN_MAX_D] = {0}, small = 0;
    const double vanishing = deviation_small_weight(row, a);
    const double *o = row->o + first;
    for (int64_t j = 0; j < row->n; ++j) {
        const double w2 = square(row->w[j]);
        const double moved = w2 > 0 ? w2 * deviation_of_logit(row, a, j) : 0;
        const double *restrict v = row->v + j * row->dv + first;
        if (row->w[j] < vanishing) {
            small += row->w[j];
            for (int64_t c = 0; c < count; ++c) lost[c] += row->w[j] * v[c];
        }
        for (int64_t c = 0; c < count; ++c) {
            const double v2 = square(v[c]), far2 = square(v[c] - o[c]);
            logits[c] += moved * far2;
            values[c] += w2 * v2;
            apart[c] += w2 * far2;
            size[c] += v2;
            distance[c] += far2;
        }
    }
    for (int64_t c = 0; c < count; ++c) {
        const bool shared = a->l_from_rounded;
        const double o2 = square(o[c]);
        const deviation_sums x = {.logits = logits[c],
                                  .stored = shared ? apart[c] : values[c],
                                  .steps = shared ? distance[c] : size[c],
                                  .output = o2,
                                  .lost = fabs(lost[c]) + small * fabs(o[c]),
                                  .own_values = values[c],
                                  .own_size = size[c],
                                  .own_output = o2,
                                  .channels = 1};
        sigma[c] = deviation_from_sums(row, a, &x);
    }
}

void deviation_of_outputs(const ref_row *row, const accuracy *a, double *sigma)
{
    for (int64_t c = 0; c < row->dv; c += ATTN_MAX_D) {
        const int64_t rest = row->dv - c;
        channel_deviations(row, a, c, rest < ATTN_MAX_D ? rest : ATTN_MAX_D, sigma + c);
    }
}
