/* error_terms: the roundings of one row from the inside out: logits, weights, their sum. */
#include "error_terms.h"

#include <float.h>
#include <math.h>

/* k u / (1 - k u): the relative error of k roundings in a row. */
static double gamma_of(double k, double u) { return k * u < 1 ? k * u / (1 - k * u) : INFINITY; }

double error_fp16_step(double u) { return u * 0x1p-14; }

bool error_takes_part(const ref_row *row, int64_t j) { return row->s[j] != -INFINITY; }

/* E_j */
static double logit_error(const ref_row *row, const accuracy *a, const row_terms *t, int64_t j)
{
    const double u = a->u;
    const double s = row->s[j];
    const double scale = fabs(row->scale);
    double e = (t->gamma_dot + a->u_q) * row->a[j] + a->eta * (scale * (double)row->d + row->k_abs[j] + 1);
    if (row->softcap > 0) {
        const double x = fabs(row->raw[j]);
        const double moved = e + 3 * u * x; /* of the argument, in units of x */
        const double secant = 1 / cosh(fmax(x - moved, 0) / row->softcap);
        const double curved = row->softcap * fabs(tanh(x / row->softcap));
        e = secant * secant * moved + u * ((a->kappa_t + 2) * curved + row->softcap * a->tau);
    }
    if (row->add_abs) e += u * (3 * row->add_abs[j] + fabs(s));
    e += a->u_s * fabs(s) + (a->fp16_score ? error_fp16_step(a->u_s) : 0);
    e += (2 + a->kappa_1) * u * (row->m - s + 2 * a->lambda);
    if (a->merge_lse) e += u * (4 * (fabs(s) + row->m - s) + (4 + a->kappa_log) * log((double)row->n + 1));
    return e + scale * a->delta_q / 2 * t->q_most * row->k_abs[j];
}

/* wT: the error of weight w that follows from an error of e in its logit s and of kappa u in exp. */
static double weight_error(const ref_row *row, double kappa_u, double s, double w, double e)
{
    if (w < DBL_MIN || e > 700) {
        const double grown = exp(s - row->m + e) / row->l;
        return fmax(grown - w, 0) + kappa_u * fmax(grown, w);
    }
    const double growth = expm1(e);
    return w * (growth + kappa_u * (growth + 1));
}

double error_of_weight(const ref_row *row, const accuracy *a, const row_terms *t, int64_t j)
{
    if (!error_takes_part(row, j)) return 0;
    return weight_error(row, t->kappa_u, row->s[j], row->w[j], logit_error(row, a, t, j));
}

static double scale_of_value(const ref_row *row, int64_t j) { return row->v_scale ? fabs(row->v_scale[j]) : 1; }

double error_unscaled(const ref_row *row, int64_t j, double v_abs)
{
    const double scale = scale_of_value(row, j);
    return scale > 0 ? v_abs / scale : 0;
}

static bool has_value(const ref_row *row, int64_t j)
{
    for (int64_t c = 0; c < row->dv; ++c)
        if (row->v[j * row->dv + c] != 0) return true;
    return false;
}

/* Sum and largest of numbers that are quantised in blocks, each by a part of the largest of its block. They bound the
 * error wherever blocks begin. */
typedef struct block_sums {
    double sum, largest;
} block_sums;

static void add_to_blocks(block_sums *b, double x)
{
    b->sum += x;
    b->largest = fmax(b->largest, x);
}

/* The largest of its block, summed over all n: at most n times the largest of all; and at most key_block times the sum,
 * because the largest of each block is one term of the sum. */
static double largest_of_blocks(const block_sums *b, double n, double key_block)
{
    return fmin(n * b->largest, key_block * b->sum);
}

row_terms error_terms(const ref_row *row, const accuracy *a)
{
    const double n = (double)row->n;
    const bool sink = row->sink > -INFINITY;
    row_terms t = {.kappa_u = a->kappa * a->u, .gamma_dot = gamma_of((double)row->d + 5, a->u)};
    t.rescales = fmin(a->rescales, n + 1) + (a->merge_lse ? 1 : 0);
    t.acc = gamma_of(n + 1, a->u) + t.rescales * (a->kappa + 2) * a->u;
    t.pi = a->u_p > 0 ? a->u_p * (1 + t.acc) : 0;
    t.p_step = a->fp16_weight ? error_fp16_step(a->u_p) : 0;
    t.p_step_v = a->weights_normalised ? t.p_step : t.p_step / row->l;
    t.p_step_o = a->l_from_rounded ? t.p_step * n / row->l : 0;
    t.smallest_normal = a->u < 0x1p-40 ? DBL_MIN : 0x1p-126;
    for (int64_t c = 0; a->delta_q > 0 && c < row->d; ++c) t.q_most = fmax(t.q_most, fabs(row->q[c]));

    block_sums products = {0}, weights = {0};
    for (int64_t j = 0; j < row->n; ++j) {
        if (!error_takes_part(row, j)) continue;
        const double e = logit_error(row, a, &t, j);
        const double wt = weight_error(row, t.kappa_u, row->s[j], row->w[j], e);
        t.den += wt;
        add_to_blocks(&weights, row->w[j] + wt);
        if (a->delta_p > 0 && has_value(row, j)) add_to_blocks(&products, (row->w[j] + wt) * scale_of_value(row, j));
        t.e_max = fmax(t.e_max, e);
        t.beyond_limit |= a->logit_limit > 0 && fabs(row->s[j]) > a->logit_limit;
    }
    if (sink) {
        const double e = 3 * a->u * fabs(row->sink) + (2 + a->kappa_1) * a->u * (row->m - row->sink + 2 * a->lambda);
        t.wt_sink = weight_error(row, t.kappa_u, row->sink, row->w_sink, e);
        t.e_max = fmax(t.e_max, e);
        t.beyond_limit |= a->logit_limit > 0 && fabs(row->sink) > a->logit_limit;
    }
    t.den += t.wt_sink;
    t.block_step = a->delta_p > 0 ? a->delta_p / 2 * largest_of_blocks(&products, n, a->key_block) : 0;
    t.block_step_w = a->delta_p > 0 ? a->delta_p / 2 * largest_of_blocks(&weights, n, a->key_block) : 0;
    t.t = t.den + t.acc + (a->l_from_rounded ? a->u_p + t.p_step * n / row->l : 0);
    return t;
}
