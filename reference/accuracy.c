/* accuracy: turns a plan's contract into the terms of the bound's derivation, and limits what a plan may declare. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "error_model.h"

/* Caps for fp32 accumulators. A kernel is judged by what it declares, so each cap is about twice the figure of the
 * worst implementation in serious use. */
static const double cap_kappa = 16;     /* exp to 8 ulp: short polynomials give 2 to 4 */
static const double cap_kappa_1 = 4;    /* reduction in one step, with a rounded log2 e: 1 to 2 */
static const double cap_kappa_t = 16;   /* tanh to 8 ulp */
static const double cap_tau = 64;       /* tanh as 1 - 2 / (exp + 1) has a small absolute, not relative, error: 6 */
static const double cap_kappa_log = 16; /* log to 8 ulp */
static const double cap_rho = 8;        /* reciprocal, one Newton step and a product: 4 */
static const double cap_u_q = 0x1p-22;  /* q times scale times log2 e in fp32: two roundings, 2^-23 */
static const double cap_lambda = 16;    /* nats; exp(16) = 9e6 already costs fp16 weights their range */
static const double cap_delta_q = 1.0 / 127; /* int8 rows of Q */
static const double cap_delta_p = 1.0 / 127; /* int8 weights */
/* The lowest logit_limit that a plan may declare. fp32 code that rounds m * log2 e separately is accurate up to
 * 10 / u = 1.7e8; fp16 scores end at 65504. */
static const double least_limit = 1e7;
static const double least_limit_f16 = 32768;

static const uint32_t truncating =
    ATTN_SCORE_TRUNCATES | ATTN_WEIGHT_TRUNCATES | ATTN_ACCUMULATOR_TRUNCATES | ATTN_OUTPUT_TRUNCATES;

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

/* What is then rounded to a 16-bit number need not be accurate to fp32: it may err by half of that rounding. */
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
    if (plan->delta_p > 0 && flags & ATTN_L_FROM_ROUNDED) {
        snprintf(capped, capped_size,
                 "the plan sums weights that delta_p quantised times the scales of V: l would have "
                 "those scales in it");
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
        .key_block = plan->key_block > 0 ? (double)plan->key_block : INFINITY,
        .logit_limit = plan->logit_limit,
        .rescales = (double)plan->rescales,
        .out_step = rounding_of(plan->output_type, flags & ATTN_OUTPUT_TRUNCATES) *
                    (plan->output_type == ATTN_F16 ? 0x1p-14 : 0x1p-126),
        .eta = flags & ATTN_FLUSHES_SUBNORMALS ? 0x1p-126 : 0x1p-150,
        .fp16_score = plan->score_type == ATTN_F16,
        .fp16_weight = plan->weight_type == ATTN_F16,
        .l_from_rounded = flags & ATTN_L_FROM_ROUNDED,
        .weights_normalised = flags & ATTN_WEIGHTS_NORMALISED,
        .merge_lse = flags & ATTN_MERGE_LSE,
        .to_nearest = !(flags & truncating),
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
    return (accuracy){
        .u = 0x1p-53, .kappa = 2, .kappa_t = 4, .kappa_log = 2, .rho = 1, .eta = DBL_TRUE_MIN, .to_nearest = true};
}
