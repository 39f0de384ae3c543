/* error_model: the bound B.
 *
 * A kernel computes O = sum p_j v_j / sum p_j with p_j = exp(s_j - m), every step rounded. The bound follows the
 * roundings from the inside out, for any order of summation:
 *
 *   E_j    error of logit j: dot product, scale, softcap, added terms, a stored score, subtraction of the maximum
 *   wT_j   what E_j and an inexact exp make of weight j
 *   acc    relative error of a sum over the keys and of the rescales on its way; pi the same for stored weights
 *   t      relative error of the row sum l: at 1 and above nothing is known of the quotient
 *   B1     first-order-free bound of the quotient, from wT, acc, pi and t
 *   B2     hull: whatever the weights are, O is their mean of V, so it lies within [min v, max v] up to acc and pi
 *   B      the smaller of both, and the roundings of the division and of the stored result
 *
 * LSE likewise: either l is off by t, or every logit is off by at most max E_j.
 *
 * One pass over V. Bounds are +inf, never NaN and never negative, where nothing can be promised.
 */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "error_model.h"

/* ---- a plan's contract ------------------------------------------------------------------------------------------ */

/* Caps for fp32 accumulators. A kernel is judged by what it declares, so what may be declared ends where the worst
 * implementation in earnest use ends. Each figure is about twice that. */
static const double cap_kappa = 16;     /* exp to 8 ulp: short polynomials give 2 to 4 */
static const double cap_kappa_1 = 4;    /* reduction in one step, with a rounded log2 e: 1 to 2 */
static const double cap_kappa_t = 16;   /* tanh to 8 ulp */
static const double cap_tau = 64;       /* tanh by way of 1 - 2 / (exp + 1) is absolutely, not relatively, good: 6 */
static const double cap_kappa_log = 16; /* log to 8 ulp */
static const double cap_rho = 8;        /* reciprocal, one Newton step and a product: 4 */
static const double cap_u_q = 0x1p-22;  /* q times scale times log2 e in fp32: two roundings, 2^-23 */
static const double cap_lambda = 16;    /* nats; exp(16) = 9e6 already costs fp16 weights their range */
static const double cap_delta_q = 0.5;  /* int8 step of a row of Q: max|q| / 127 at max|q| = 64 */
static const double cap_delta_p = 1.0 / 127; /* int8 step of weights in [0, 1] */
/* The least |logit| that a plan may give up at. fp32 code that rounds m * log2 e apart is good to 10 / u = 1.7e8;
 * fp16 scores end at 65504. */
static const double least_limit = 1e7;
static const double least_limit_f16 = 32768;

static double rounding_of(uint32_t type, bool truncates)
{
    const double nearest = type == ATTN_BF16 ? 0x1p-8 : type == ATTN_F16 ? 0x1p-11 : 0;
    return truncates ? 2 * nearest : nearest;
}

static bool is_float(uint32_t type) { return type == ATTN_F32 || type == ATTN_F16 || type == ATTN_BF16; }

typedef struct figure {
    const char *name;
    double *value;
    double cap;
} figure;

/* What feeds a 16-bit number need not be good to fp32: it may err by half of that number's own rounding. */
static double cap_of(double cap, double hidden_by, double u) { return fmax(cap, hidden_by / (2 * u)); }

static void note(char *capped, size_t capped_size, const char *name)
{
    if (capped_size == 0) return;
    const size_t length = strlen(capped);
    snprintf(capped + length, capped_size - length, "%s%s", length > 0 ? ", " : "", name);
}

static int lower_figures(accuracy *out, const figure *figures, size_t count, char *capped, size_t capped_size)
{
    for (size_t x = 0; x < count; ++x) {
        const figure *f = &figures[x];
        if (!isfinite(*f->value) || *f->value < 0) {
            snprintf(capped, capped_size, "the plan declares %s = %g; it must be finite and not negative", f->name,
                     *f->value);
            return 0;
        }
    }
    for (size_t x = 0; x < count; ++x) {
        const figure *f = &figures[x];
        if (*f->value <= f->cap) continue;
        *f->value = f->cap;
        note(capped, capped_size, f->name);
    }
    const double least = out->fp16_score ? least_limit_f16 : least_limit;
    if (out->logit_limit > 0 && out->logit_limit < least) {
        out->logit_limit = least;
        note(capped, capped_size, "logit_limit");
    }
    return 1;
}

int accuracy_of_plan(const attn_plan *plan, accuracy *out, char *capped, size_t capped_size)
{
    const uint32_t flags = plan->accuracy_flags;
    const bool weight_ok = is_float(plan->weight_type) || plan->weight_type == ATTN_I8;
    const bool storage_ok = is_float(plan->storage_type) || plan->storage_type == ATTN_I8;
    if (capped_size > 0) capped[0] = '\0';
    if (plan->accumulator_type != ATTN_F32 || !is_float(plan->score_type) || !is_float(plan->output_type) ||
        !weight_ok || !storage_ok) {
        snprintf(capped, capped_size,
                 "the plan's types (storage %u, score %u, weight %u, accumulator %u, output %u) have no error model: "
                 "accumulator must be f32, storage and weight f32, f16, bf16 or i8, score and output f32, f16 or bf16",
                 plan->storage_type, plan->score_type, plan->weight_type, plan->accumulator_type, plan->output_type);
        return 0;
    }
    if (plan->rescales < 0) {
        snprintf(capped, capped_size, "the plan declares rescales = %lld; it must not be negative",
                 (long long)plan->rescales);
        return 0;
    }

    *out = (accuracy){
        .u = flags & ATTN_ACCUMULATOR_TRUNCATES ? 0x1p-23 : 0x1p-24,
        .u_s = rounding_of(plan->score_type, flags & ATTN_SCORE_TRUNCATES),
        .u_p = rounding_of(plan->weight_type, flags & ATTN_WEIGHT_TRUNCATES),
        .u_out = rounding_of(plan->output_type, flags & ATTN_OUTPUT_TRUNCATES),
        .u_q = plan->u_q,
        .kappa = plan->kappa,
        .kappa_1 = plan->kappa_1,
        .kappa_t = plan->kappa_t,
        .tau = plan->tau,
        .kappa_log = plan->kappa_log,
        .rho = plan->rho,
        .lambda = plan->lambda,
        .delta_q = plan->delta_q,
        .delta_p = plan->delta_p,
        .logit_limit = plan->logit_limit,
        .rescales = (double)plan->rescales,
        .eta = flags & ATTN_FLUSHES_SUBNORMALS ? 0x1p-126 : 0x1p-150,
        .fp16_score = plan->score_type == ATTN_F16,
        .fp16_weight = plan->weight_type == ATTN_F16,
        .fp16_output = plan->output_type == ATTN_F16,
        .l_from_rounded = flags & ATTN_L_FROM_ROUNDED,
        .weights_normalised = flags & ATTN_WEIGHTS_NORMALISED,
        .merge_lse = flags & ATTN_MERGE_LSE,
    };

    const double u = out->u;
    const double storage = rounding_of(plan->storage_type, false);
    const bool int8_rows = plan->storage_type == ATTN_I8;
    const bool int8_weights = plan->weight_type == ATTN_I8;
    /* int8 dots quantise Q by delta_q; before that it may have been rounded to bf16. */
    const double q_rounding = int8_rows ? 0x1p-8 : fmax(cap_u_q, storage);
    const figure figures[] = {
        {"kappa", &out->kappa, cap_of(cap_kappa, out->u_p, u)},
        {"kappa_1", &out->kappa_1, cap_kappa_1},
        {"kappa_t", &out->kappa_t, cap_of(cap_kappa_t, out->u_s, u)},
        {"tau", &out->tau, cap_of(cap_tau, out->u_s, u)},
        {"kappa_log", &out->kappa_log, cap_kappa_log},
        {"rho", &out->rho, cap_of(cap_rho, out->u_out, u)},
        {"u_q", &out->u_q, q_rounding},
        {"lambda", &out->lambda, cap_lambda},
        {"delta_q", &out->delta_q, int8_rows ? cap_delta_q : 0},
        {"delta_p", &out->delta_p, int8_weights ? cap_delta_p : 0},
        {"logit_limit", &out->logit_limit, DBL_MAX},
    };
    if (!lower_figures(out, figures, sizeof figures / sizeof figures[0], capped, capped_size)) return 0;

    /* Normalising before V is multiplied: the stored weight is fl(p_j / l) = (p_j / l)(1 + delta_j), |delta_j| <= u,
     * each with a delta of its own, and storing rounds by u_p once more: together u_p + u + u_p u, which takes u_p's
     * place (u for fp32 weights). A kernel that multiplies by a rounded 1 / l shares the reciprocal's own error among
     * all weights, at most (rho - 1) u of O; so rho stays in force although no division follows the sum. For a kernel
     * that divides, rho counts its u twice: too large by u |o|, never too small. */
    if (out->weights_normalised) out->u_p += u + out->u_p * u;
    return 1;
}

accuracy accuracy_of_reference(void)
{
    /* libm's exp and log are good to 1 ulp and tanh to 2, which is 2 and 4 roundings. */
    return (accuracy){.u = 0x1p-53, .kappa = 2, .kappa_t = 4, .kappa_log = 2, .rho = 1, .eta = DBL_TRUE_MIN};
}

/* ---- the bound --------------------------------------------------------------------------------------------------- */

/* What all channels of a row share. */
typedef struct row_terms {
    double kappa_u, gamma_dot;
    double acc, pi, t, den;
    double p_step; /* absolute rounding error of a stored weight next to 0, in units of p (of w if normalised) */
    double p_step_o, p_step_v; /* its effect on an output: p_step_v sum|v| + p_step_o |o| */
    double wt_sink, e_max;
    double rescales;
    double smallest_normal; /* an exp below it may become 0 */
    bool beyond_limit;
} row_terms;

/* One output: a channel of O, or a weight. */
typedef struct output {
    double value;           /* of the reference */
    double spread;          /* sum wT|v - o| + acc sum (w + wT)|v| + pi sum (w + wT)(|v| or |v - o|) over the keys */
    double sum_abs;         /* sum |v| */
    double lowest, highest; /* of V; 0 included where there is a sink */
    double u_out;
    bool fp16;
} output;

/* k u / (1 - k u): the relative error of k roundings in a row. */
static double gamma_of(double k, double u) { return k * u < 1 ? k * u / (1 - k * u) : INFINITY; }

/* Half a step of fp16's subnormals, given the relative rounding error of its normal numbers: 2^-25 to nearest. */
static double fp16_step(double u) { return u * 0x1p-14; }

/* A logit of -inf (an additive mask) is exact and takes no part. */
static bool takes_part(const ref_row *row, int64_t j) { return row->s[j] != -INFINITY; }

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
    e += a->u_s * fabs(s) + (a->fp16_score ? fp16_step(a->u_s) : 0);
    e += (2 + a->kappa_1) * u * (row->m - s + 2 * a->lambda);
    if (a->merge_lse) e += u * (4 * (fabs(s) + row->m - s) + (4 + a->kappa_log) * log((double)row->n + 1));
    return e + scale * a->delta_q / 2 * row->k_abs[j];
}

/* wT: what an error of e in its logit s and of kappa u in exp make of weight w. */
static double weight_error(const ref_row *row, double kappa_u, double s, double w, double e)
{
    if (w < DBL_MIN || e > 700) {
        const double grown = exp(s - row->m + e) / row->l;
        return fmax(grown - w, 0) + kappa_u * fmax(grown, w);
    }
    const double growth = expm1(e);
    return w * (growth + kappa_u * (growth + 1));
}

static double key_error(const ref_row *row, const accuracy *a, const row_terms *t, int64_t j)
{
    if (!takes_part(row, j)) return 0;
    return weight_error(row, t->kappa_u, row->s[j], row->w[j], logit_error(row, a, t, j));
}

static row_terms terms_of(const ref_row *row, const accuracy *a)
{
    const double n = (double)row->n;
    const bool sink = row->sink > -INFINITY;
    row_terms t = {.kappa_u = a->kappa * a->u, .gamma_dot = gamma_of((double)row->d + 5, a->u)};
    t.rescales = fmin(a->rescales, n + 1) + (a->merge_lse ? 1 : 0);
    t.acc = gamma_of(n + 1, a->u) + t.rescales * (a->kappa + 2) * a->u;
    t.pi = a->u_p > 0 ? a->u_p * (1 + t.acc) : 0;
    t.p_step = (a->fp16_weight ? fp16_step(a->u_p) : 0) + a->delta_p / 2;
    t.p_step_v = a->weights_normalised ? t.p_step : t.p_step / row->l;
    t.p_step_o = a->l_from_rounded ? t.p_step * n / row->l : 0;
    t.smallest_normal = a->u < 0x1p-40 ? DBL_MIN : 0x1p-126;

    for (int64_t j = 0; j < row->n; ++j) {
        if (!takes_part(row, j)) continue;
        const double e = logit_error(row, a, &t, j);
        t.den += weight_error(row, t.kappa_u, row->s[j], row->w[j], e);
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
    t.t = t.den + t.acc + (a->l_from_rounded ? a->u_p + t.p_step * n / row->l : 0);
    return t;
}

static double output_bound(const ref_row *row, const accuracy *a, const row_terms *t, const output *x)
{
    if (t->beyond_limit || !isfinite(x->value)) return INFINITY;
    const double magnitude = fabs(x->value);
    const double steps = t->p_step_v * x->sum_abs + t->p_step_o * magnitude;
    const double num = x->spread + (t->wt_sink + t->acc * (1 + t->den)) * magnitude + steps;
    const double quotient = t->t < 1 ? num / (1 - t->t) : INFINITY;

    const double far_end = fmax(x->highest - x->value, x->value - x->lowest);
    const double largest = fmax(fabs(x->highest), fabs(x->lowest));
    const double hull = t->acc < 1 ? far_end + (2 * t->acc + t->pi) / (1 - t->acc) * largest + steps : INFINITY;

    const double before = fmin(quotient, hull);
    if (!(before < INFINITY)) return INFINITY;
    return before + (a->rho * a->u + x->u_out) * (magnitude + before) + t->smallest_normal * x->sum_abs +
           ((double)row->n + t->rescales + 2) * a->eta + (x->fp16 ? fp16_step(x->u_out) : 0);
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
    const double start = row->sink > -INFINITY ? 0 : INFINITY;
    for (int64_t c = 0; c < count; ++c) {
        o[c] = row->o[first + c];
        spread[c] = sum_abs[c] = 0;
        lowest[c] = start;
        highest[c] = -start;
    }
    for (int64_t j = 0; j < row->n; ++j) {
        const double wt = key_error(row, a, t, j);
        const double grown = row->w[j] + wt;
        const double by_distance = wt + (a->l_from_rounded ? t->pi * grown : 0);
        const double by_size = (t->acc + (a->l_from_rounded ? 0 : t->pi)) * grown;
        const double *restrict v = row->v + j * row->dv + first;
        for (int64_t c = 0; c < count; ++c) {
            const double size = fabs(v[c]);
            spread[c] += by_distance * fabs(v[c] - o[c]) + by_size * size;
            sum_abs[c] += size;
            lowest[c] = v[c] < lowest[c] ? v[c] : lowest[c];
            highest[c] = v[c] > highest[c] ? v[c] : highest[c];
        }
    }
    for (int64_t c = 0; c < count; ++c) {
        const output x = {o[c], spread[c], sum_abs[c], lowest[c], highest[c], a->u_out, a->fp16_output};
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
        const double wt = key_error(row, a, t, j);
        const double grown = w + wt;
        const double wt_distance = wt * (1 - w) + w * fmax(all_wt - wt, 0);
        const double grown_distance = grown * (1 - w) + w * fmax(all_grown - grown, 0);
        const double spread = wt_distance + t->acc * grown + t->pi * (a->l_from_rounded ? grown_distance : grown);
        const output x = {w, spread, 1, zero_in_hull ? 0 : 1, 1, 0, false};
        bound[j] = output_bound(row, a, t, &x);
    }
}

void error_bound(const ref_row *row, const accuracy *a, double *bound_o, double *bound_lse, double *bound_w)
{
    const bool empty = row->n == 0;
    const bool defined = row->l > 0; /* false: no key and no sink, or no softmax exists */
    const row_terms t = defined ? terms_of(row, a) : (row_terms){0};

    for (int64_t c = 0; c < row->dv; ++c) bound_o[c] = empty ? 0 : INFINITY; /* no key: O is exactly 0 */
    for (int64_t c = 0; defined && !empty && c < row->dv; c += ATTN_MAX_D) {
        const int64_t rest = row->dv - c;
        channel_bounds(row, a, &t, c, rest < ATTN_MAX_D ? rest : ATTN_MAX_D, bound_o + c);
    }
    *bound_lse = defined ? lse_bound(row, a, &t) : empty && row->lse == -INFINITY ? 0 : INFINITY;
    for (int64_t j = 0; bound_w && !defined && j < row->n; ++j) bound_w[j] = INFINITY;
    if (bound_w && defined) weight_bounds(row, a, &t, bound_w);
}
