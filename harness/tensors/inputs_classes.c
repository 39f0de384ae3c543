/* inputs_classes.c: what each input class draws for Q, K and V.
 *
 * Logits of a wanted size come from one non-zero channel, so that no order of summation changes them; magnitudes are
 * shared between Q and K. What a class has no meaning for (other scores, a scale of 0) is normal. */
#include <gsl/gsl_randist.h>
#include <math.h>
#include <string.h>

#include "inputs.h"
#include "inputs_internal.h"
#include "instance_internal.h"

/* ---- plain draws ----------------------------------------------------------------------------------------------- */

static double normal(const draw *d) { return gsl_ran_gaussian_ziggurat(d->rng, 1); }

static void draw_normal(const draw *d)
{
    for (int64_t c = 0; c < d->channels; c++) d->row[c] = (float)normal(d);
}

static void draw_outliers(const draw *d)
{
    draw_normal(d);
    for (int64_t c = 0; c < d->channels; c++)
        if (gsl_rng_uniform(d->rng) < 0.001) d->row[c] += (float)gsl_ran_gaussian_ziggurat(d->rng, 10);
}

/* The head's first row again. */
static void draw_same(const draw *d)
{
    if (d->i == 0) draw_normal(d);
}

static void draw_integers(const draw *d)
{
    for (int64_t c = 0; c < d->channels; c++) d->row[c] = (float)gsl_rng_uniform_int(d->rng, 17) - 8;
}

static void draw_ones(const draw *d)
{
    for (int64_t c = 0; c < d->channels; c++) d->row[c] = 1;
}

static void draw_cancelling(const draw *d)
{
    draw_normal(d);
    for (int64_t c = 0; c < d->channels; c++) d->row[c] += d->i % 2 ? -1000.0f : 1000.0f;
}

/* Products of Q and K, and V itself, below the smallest normal number of their type. */
static void draw_subnormal(const draw *d)
{
    const bool half = d->in->slot[d->slot].type == ATTN_F16, value = d->slot == ATTN_V;
    draw_normal(d);
    for (int64_t c = 0; c < d->channels; c++)
        d->row[c] = ldexpf(d->row[c], half ? (value ? -17 : -9) : (value ? -130 : -70));
}

/* ---- not finite ------------------------------------------------------------------------------------------------ */

static float nonfinite(int64_t n)
{
    static const uint32_t bits[] = {0x7fc00000, 0x7f800000, 0xffc00001, 0xff800000, 0x7fffffff, 0x7fe12345};
    float x;
    memcpy(&x, &bits[n % 6], sizeof x);
    return x;
}

/* One element of every so many rows, so that other rows stay finite. */
static void draw_some_nonfinite(const draw *d)
{
    const int64_t every = d->slot == ATTN_Q ? 3 : 29;
    draw_normal(d);
    if (d->i % every == every - 1) d->row[d->i % d->channels] = nonfinite(d->i / every);
}

/* ---- logits of a wanted size ----------------------------------------------------------------------------------- */

/* scale, with the middle of HEAD_SCALE where there is one. */
static double logit_scale(const instance *in) { return (double)in->problem.scale * (in->w->head_scale ? 10 : 1); }

/* Q's share of the product q k whose logit is `logit`: a power of two. */
static double query_share(const instance *in, double logit)
{
    return exp2(floor(log2(logit / fabs(logit_scale(in))) / 2));
}

/* The one channel of a row such that Q times K gives `logit` (above 0) times `factor` of K's row. */
static void draw_channel(const draw *d, double logit, double sign, double factor)
{
    const double q = query_share(d->in, logit), product = logit / fabs(logit_scale(d->in));
    memset(d->row, 0, (size_t)d->channels * sizeof *d->row);
    d->row[d->channels / 2] = (float)(sign * (d->slot == ATTN_Q ? q : product / q * factor));
}

/* Signs drawn on both sides, so that logits of either sign meet; 8 nats apart at most in size. */
static void draw_both_signs(const draw *d, double logit)
{
    const double sign = gsl_rng_uniform(d->rng) < 0.5 ? -1 : 1;
    draw_channel(d, logit, sign, 1 + gsl_rng_uniform(d->rng) * 8 / logit);
}

static void draw_large(const draw *d) { draw_both_signs(d, 20000); }

static void draw_plus_minus(const draw *d) { draw_both_signs(d, 10000); }

/* All logits within 8 nats below -size. */
static void draw_near(const draw *d, double size)
{
    const double sign = d->slot == ATTN_Q ? -copysign(1, (double)d->in->problem.scale) : 1;
    draw_channel(d, size, sign, 1 + gsl_rng_uniform(d->rng) * 8 / size);
}

static void draw_near_200(const draw *d) { draw_near(d, 200); }

static void draw_near_20000(const draw *d) { draw_near(d, 20000); }

static void draw_near_1e6(const draw *d) { draw_near(d, 1e6); }

static void draw_near_1e30(const draw *d) { draw_near(d, 1e30); }

/* The first half of the keys within a nat below 0, the second as in near-200. */
static void draw_drop(const draw *d)
{
    const double sign = d->slot == ATTN_Q ? -copysign(1, (double)d->in->problem.scale) : 1, u = gsl_rng_uniform(d->rng);
    const bool first_half = d->slot == ATTN_K && d->i < d->in->problem.k / 2;
    draw_channel(d, 200, sign, first_half ? u / 200 : 1 + u * 8 / 200);
}

static void draw_spread(const draw *d)
{
    const double sign = d->slot == ATTN_Q ? -copysign(1, (double)d->in->problem.scale) : 1;
    draw_channel(d, 200, sign, gsl_rng_uniform(d->rng));
}

/* Keys on a circle, each query at the angle of one of them: 1 - cos(2 pi / k) of the product is a margin of 120
 * nats. */
static void draw_one_hot(const draw *d)
{
    const int64_t keys = d->in->problem.k > 1 ? d->in->problem.k : 2;
    const double step = 2 * M_PI / (double)keys, logit = 120 / (1 - cos(step)), q = query_share(d->in, logit);
    const double size =
        d->slot == ATTN_Q ? copysign(q, (double)d->in->problem.scale) : logit / fabs(logit_scale(d->in)) / q;
    const double angle = (double)(d->slot == ATTN_Q ? (d->i * 7919 + 3) % keys : d->i) * step;
    memset(d->row, 0, (size_t)d->channels * sizeof *d->row);
    d->row[0] = (float)(size * cos(angle));
    d->row[1] = (float)(size * sin(angle));
}

/* ---- climbing and falling --------------------------------------------------------------------------------------- */

/* A sign for each channel that Q and K agree on. */
static float channel_sign(uint64_t seed, int64_t channel)
{
    return input_hash(seed ^ UINT64_C(0x5167), channel) & 1 ? 1.0f : -1.0f;
}

/* Dot: all queries and keys lie along one direction u of +-1, so that products with u's channels add up exactly the
 * same way for every key: q = a u, k_j = x_j u, logit = scale a d x_j. Steps of x are worth 0.064 to 10 in the logit,
 * and a is 1/64 to 1: some rows climb steeply, some by 1e-3 a key. */
static void draw_path(const draw *d)
{
    const instance *const in = d->in;
    const int64_t k = in->problem.k;
    if (in->problem.score != ATTN_SCORE_DOT) {
        for (int64_t j = 0; j < k; j++) d->path[j] = -1 + (double)(2 * j + 1) / (double)k;
        return;
    }
    double span = 0;
    for (int64_t j = 0; j < k; j++) {
        span += 0.064 * exp(gsl_rng_uniform(d->rng) * log(10 / 0.064));
        d->path[j] = span;
    }
    const double most = 3 * (double)in->problem.softcap; /* beyond it a softcap is flat */
    const double unit = (most > 0 && span > most ? most / span : 1) / (fabs(logit_scale(in)) * (double)in->problem.d);
    for (int64_t j = 0; j < k; j++) d->path[j] = (d->path[j] - span / 2) * unit;
}

void draw_head(const draw *d)
{
    const int direction = class_direction(d->in);
    const int64_t k = d->in->problem.k;
    if (direction == 0) return;
    draw_path(d);
    for (int64_t j = 0; direction < 0 && j < k / 2; j++) {
        const double other = d->path[k - 1 - j];
        d->path[k - 1 - j] = d->path[j];
        d->path[j] = other;
    }
}

static void draw_along_path(const draw *d)
{
    const attn_problem *const p = &d->in->problem;
    const bool query = d->slot == ATTN_Q;
    const float a = (float)exp(-gsl_rng_uniform(d->rng) * log(64)), x = query ? 0 : (float)d->path[d->i];
    switch (p->score) {
    case ATTN_SCORE_DOT:
        for (int64_t c = 0; c < d->channels; c++)
            d->row[c] = channel_sign(d->in->seed, c) * (query ? copysignf(a, p->scale) : x);
        break;
    case ATTN_SCORE_COSINE: /* the angle to the queries, which share one direction, closes key by key */
        memset(d->row, 0, (size_t)d->channels * sizeof *d->row);
        d->row[0] = query ? copysignf(a, p->scale) : x;
        if (!query) d->row[1] = sqrtf(1 - x * x);
        break;
    default: /* tanh rises in every channel, and these classes draw a score vector of positive entries */
        for (int64_t c = 0; c < d->channels; c++)
            d->row[c] = query ? 0.1f * (float)normal(d) : 2 * copysignf(1, p->scale) * x;
    }
}

/* ---- the classes ----------------------------------------------------------------------------------------------- */

typedef void row_drawer(const draw *d);

/* Of Q and K, and of V. */
static const struct input_recipe {
    row_drawer *query_key, *value;
} recipes[INPUT_CLASSES] = {
    [INPUT_NORMAL] = {draw_normal, draw_normal},
    [INPUT_OUTLIERS] = {draw_outliers, draw_outliers},
    [INPUT_INCREASING] = {draw_along_path, draw_normal},
    [INPUT_LARGE] = {draw_large, draw_normal},
    [INPUT_MASKED] = {draw_normal, draw_normal},
    [INPUT_DECREASING] = {draw_along_path, draw_normal},
    [INPUT_NEAR_200] = {draw_near_200, draw_normal},
    [INPUT_NEAR_20000] = {draw_near_20000, draw_normal},
    [INPUT_NEAR_1E6] = {draw_near_1e6, draw_normal},
    [INPUT_NEAR_1E30] = {draw_near_1e30, draw_normal},
    [INPUT_PLUS_MINUS] = {draw_plus_minus, draw_normal},
    [INPUT_SPREAD] = {draw_spread, draw_normal},
    [INPUT_LATE_KEYS] = {draw_normal, draw_normal},
    [INPUT_SINK_ABOVE] = {draw_normal, draw_normal},
    [INPUT_ONE_HOT] = {draw_one_hot, draw_normal},
    [INPUT_EQUAL] = {draw_same, draw_integers},
    [INPUT_ONES] = {draw_same, draw_ones},
    [INPUT_CANCELLING] = {draw_normal, draw_cancelling},
    [INPUT_CONSTANT] = {draw_normal, draw_same},
    [INPUT_SUBNORMAL] = {draw_subnormal, draw_subnormal},
    [INPUT_NONFINITE_Q] = {draw_some_nonfinite, draw_normal},
    [INPUT_NONFINITE_K] = {draw_some_nonfinite, draw_normal},
    [INPUT_NONFINITE_V] = {draw_normal, draw_some_nonfinite},
    [INPUT_PADDING] = {draw_normal, draw_normal},
    [INPUT_INT8_EXTREMES] = {draw_normal, draw_normal},
    [INPUT_DROP] = {draw_drop, draw_normal},
};

int class_direction(const instance *in)
{
    if (in->problem.score == ATTN_SCORE_COSINE && in->problem.d == 1) return 0;
    return in->input == INPUT_INCREASING ? 1 : in->input == INPUT_DECREASING ? -1 : 0;
}

/* Logits of a wanted size are made for dot products alone; those that climb or fall, and plain numbers, for any
 * score. */
static bool means_something(const instance *in, const struct input_recipe *r)
{
    const attn_problem *const p = &in->problem;
    if (r->query_key == draw_along_path) return p->scale != 0 && class_direction(in) != 0;
    const bool plain = r->query_key == draw_normal || r->query_key == draw_outliers || r->query_key == draw_same ||
                       r->query_key == draw_subnormal || r->query_key == draw_some_nonfinite;
    return plain || (p->score == ATTN_SCORE_DOT && p->scale != 0);
}

static row_drawer *drawer_of(const instance *in, int slot)
{
    const struct input_recipe *const r = &recipes[in->input];
    if (slot == ATTN_V) return r->value;
    if (slot > ATTN_V || !means_something(in, r)) return draw_normal;
    const bool queries_alone = in->input == INPUT_NONFINITE_Q, keys_alone = in->input == INPUT_NONFINITE_K;
    const bool same_keys = r->query_key == draw_same;
    if (slot == ATTN_Q && (keys_alone || same_keys)) return draw_normal;
    if (slot == ATTN_K && queries_alone) return draw_normal;
    return r->query_key;
}

void draw_row(const draw *d) { drawer_of(d->in, d->slot)(d); }
