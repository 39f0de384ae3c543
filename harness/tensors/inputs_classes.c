/* inputs_classes.c: the input classes: what each draws for Q, K and V, where it applies, and what it is called.
 *
 * Logits of a wanted size come from one non-zero channel, so that no order of summation changes them; magnitudes are shared
 * between Q and K. What a class has no meaning for (other scores, a scale of 0) is normal. */
#include <gsl/gsl_randist.h>
#include <math.h>
#include <string.h>

#include "inputs.h"
#include "inputs_parts.h"
#include "instance_parts.h"

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

/* Keys on a circle, each query at the angle of one of them: 1 - cos(2 pi / k) of the product is a margin of 120 nats. */
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

/* Dot: all queries and keys lie along one direction u of +-1, so that products with u's channels add up exactly the same
 * way for every key: q = a u, k_j = x_j u, logit = scale a d x_j. Steps of x are worth 0.064 to 10 in the logit, and a is
 * 1/64 to 1: some rows climb steeply, some by 1e-3 a key. */
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

/* ---- where classes apply --------------------------------------------------------------------------------------- */

static bool has_sinks(const workload *w) { return w->sinks; }

/* No row of a tensor is another row too, which somebody else may look at. */
static bool has_own_rows(const workload *w) { return !w->broadcast && !w->k_in_q; }

static bool has_hidden_keys(const workload *w)
{
    if (!has_own_rows(w)) return false;
    return w->key_lengths || w->query_lengths || (w->problem.mask & (ATTN_MASK_LEFT | ATTN_MASK_RIGHT));
}

static bool has_left_limit(const workload *w)
{
    return (w->problem.mask & ATTN_MASK_LEFT) && !(w->problem.mask & (ATTN_MASK_PREFIX | ATTN_MASK_PREFIX_FREE));
}

static bool has_two_channels(const workload *w) { return w->problem.d > 1; }

static bool has_int8(const workload *w) { return w->kv_dtype == ATTN_I8; }

static bool has_no_int8(const workload *w) { return w->kv_dtype != ATTN_I8; }

static bool has_no_f16(const workload *w) { return w->dtype != ATTN_F16 && w->kv_dtype != ATTN_F16; }

/* ---- the classes ----------------------------------------------------------------------------------------------- */

typedef void row_drawer(const draw *d);

static const struct input_recipe {
    const char *name, *statement;
    row_drawer *query_key, *value;
    bool (*fits)(const workload *w); /* NULL: everywhere */
    const char *needs;
} recipes[INPUT_CLASSES] = {
    [INPUT_NORMAL] = {"normal", "Q, K and V from N(0,1); the contents of files where a workload names them",
                      draw_normal, draw_normal, NULL, NULL},
    [INPUT_OUTLIERS] = {"outliers", "N(0,1), and N(0,100) added with probability 0.001", draw_outliers, draw_outliers,
                        NULL, NULL},
    [INPUT_INCREASING] = {"increasing",
                          "logits grow along the keys, by 1e-3 to 10 a key: each key raises the running maximum",
                          draw_along_path, draw_normal, NULL, NULL},
    [INPUT_LARGE] = {"large", "logits of about +-20000 from one channel, the same in any order of summation",
                     draw_large, draw_normal, NULL, NULL},
    [INPUT_MASKED] = {"masked", "rows that see no key, and NaN in every K and V row that no query may see", draw_normal,
                      draw_normal, has_own_rows, "tensors of their own: no broadcast= or k_in_q="},
    [INPUT_DECREASING] = {"decreasing", "logits fall along the keys, by 1e-3 to 10 a key: the first key is the maximum",
                          draw_along_path, draw_normal, NULL, NULL},
    [INPUT_NEAR_200] = {"near-200",
                        "all logits from -200 to -208: exp of them underflows unless the maximum is subtracted",
                        draw_near_200, draw_normal, NULL, NULL},
    [INPUT_NEAR_20000] = {"near-20000",
                          "all logits from -20000 to -20008, below any finite stand-in for -infinity of that size",
                          draw_near_20000, draw_normal, NULL, NULL},
    [INPUT_NEAR_1E6] = {"near-1e6", "all logits about -1e6", draw_near_1e6, draw_normal, NULL, NULL},
    [INPUT_NEAR_1E30] = {"near-1e30", "all logits about -1e30", draw_near_1e30, draw_normal, has_no_f16,
                         "numbers beyond the range of f16"},
    [INPUT_PLUS_MINUS] = {"plus-minus-1e4", "logits of about +-10000 from one channel", draw_plus_minus, draw_normal,
                          NULL, NULL},
    [INPUT_SPREAD] = {"spread", "logits dense over -200 to 0: weights of every size down to underflow", draw_spread,
                      draw_normal, NULL, NULL},
    [INPUT_LATE_KEYS] = {"late-keys",
                         "rows that see only later keys: whole blocks are masked before the first visible one",
                         draw_normal, draw_normal, has_left_limit, "a left limit without a prefix"},
    [INPUT_SINK_ABOVE] = {"sink-above", "sink logits far above all others", draw_normal, draw_normal, has_sinks,
                          "sinks=1"},
    [INPUT_ONE_HOT] = {"one-hot", "each row attends to one key alone, by a margin of 120 nats", draw_one_hot,
                       draw_normal, has_two_channels, "d of at least 2"},
    [INPUT_EQUAL] = {"equal", "all keys of a head are the same, V is of small integers: the output is their mean",
                     draw_same, draw_integers, NULL, NULL},
    [INPUT_ONES] = {"ones", "all keys of a head are the same and V is 1: so is the output, however many keys",
                    draw_same, draw_ones, NULL, NULL},
    [INPUT_CANCELLING] = {"cancelling", "V of about +-1000 in turns: sums cancel", draw_normal, draw_cancelling, NULL,
                          NULL},
    [INPUT_CONSTANT] = {"constant", "all values of a head are the same: so is the output", draw_normal, draw_same, NULL,
                        NULL},
    [INPUT_SUBNORMAL] = {"subnormal", "V, and the products of Q and K, below the smallest normal number",
                         draw_subnormal, draw_subnormal, has_no_int8, "K and V of a float type"},
    [INPUT_NONFINITE_Q] = {"nonfinite-q", "NaN of several payloads and infinities in every third row of Q",
                           draw_some_nonfinite, draw_normal, NULL, NULL},
    [INPUT_NONFINITE_K] = {"nonfinite-k", "NaN of several payloads and infinities in some rows of K",
                           draw_some_nonfinite, draw_normal, has_no_int8, "K and V of a float type"},
    [INPUT_NONFINITE_V] = {"nonfinite-v", "NaN of several payloads and infinities in some rows of V", draw_normal,
                           draw_some_nonfinite, has_no_int8, "K and V of a float type"},
    [INPUT_PADDING] = {"padding", "NaN in every K and V row that no query may see, at the workload's own lengths",
                       draw_normal, draw_normal, has_hidden_keys,
                       "lens=, q_lens= or a mask, and no broadcast= or k_in_q="},
    [INPUT_INT8_EXTREMES] = {"int8-extremes",
                             "int8 entries of -128, 0 and 127, and rows whose scale is 0, negative or large",
                             draw_normal, draw_normal, has_int8, "kv_dtype=i8"},
    [INPUT_DROP] =
        {"drop",
         "logits near 0 for the first half of the keys, from -200 to -208 for the second: what a block of rows learns "
         "from the first is not true of a row that sees the second alone",
         draw_drop, draw_normal, has_left_limit, "a left limit without a prefix"},
};

const char *input_class_name(int input) { return input >= 0 && input < INPUT_CLASSES ? recipes[input].name : "?"; }

const char *input_class_statement(int input)
{
    return input >= 0 && input < INPUT_CLASSES ? recipes[input].statement : "";
}

int input_class_find(const char *name)
{
    for (int input = 0; input < INPUT_CLASSES; input++)
        if (strcmp(name, recipes[input].name) == 0) return input;
    return -1;
}

int inputs_class_fits(const workload *w, input_class input, char *reason, size_t reason_size)
{
    const struct input_recipe *const r = &recipes[input];
    if (input != INPUT_NORMAL && (w->q_file || w->k_file || w->v_file)) {
        snprintf(reason, reason_size,
                 "class=%s: the files of this workload are its input, only class=normal leaves them as they are",
                 r->name);
        return 0;
    }
    if (!r->fits || r->fits(w)) return 1;
    snprintf(reason, reason_size, "class=%s needs %s, which this workload has not", r->name, r->needs);
    return 0;
}

bool input_class_everywhere(input_class input) { return input <= INPUT_MASKED; }

int class_direction(const instance *in)
{
    if (in->problem.score == ATTN_SCORE_COSINE && in->problem.d == 1) return 0;
    return in->input == INPUT_INCREASING ? 1 : in->input == INPUT_DECREASING ? -1 : 0;
}

/* Logits of a wanted size are made for dot products alone; those that climb or fall, and plain numbers, for any score. */
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
