/* inputs.c: the contents of tensors, by input class. Rows are drawn as floats, one after the other, and rounded to
 * the slot's type as they are stored; so a class is one function that draws a row, and types, layouts, pages and
 * int8 scales are the same for all. */
#include "inputs.h"

#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "instance_parts.h"
#include "mapping.h"
#include "problem.h"

static const uint32_t gap_pattern = UINT32_C(0x7fc17fc1); /* a NaN as f32, and twice one as f16 and bf16 */

/* Draws one row of a slot. */
typedef struct draw {
    const instance *in;
    int slot;
    gsl_rng *rng;
    int64_t channels;
    float *row;
    double *path; /* INPUT_INCREASING: what each key of the current head adds to the logits' direction */
} draw;

/* ---- random streams -------------------------------------------------------------------------------------------- */

/* One step of splitmix64: neighbouring seeds and slots give unrelated streams. */
static uint64_t mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

gsl_rng *input_stream(uint64_t seed, int slot)
{
    gsl_rng *const rng = gsl_rng_alloc(gsl_rng_taus2);
    if (rng) gsl_rng_set(rng, (unsigned long)(mix(mix(seed) + (uint64_t)slot) & UINT32_MAX));
    return rng;
}

/* A sign for each channel that Q and K agree on. */
static float channel_sign(uint64_t seed, int64_t channel)
{
    return mix(mix(seed ^ UINT64_C(0x5167)) + (uint64_t)channel) & 1 ? 1.0f : -1.0f;
}

/* ---- rounding and storing -------------------------------------------------------------------------------------- */

uint16_t round_to_bf16(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    if (isnan(x)) return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

uint16_t round_to_f16(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    const uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
    if (isnan(x)) return (uint16_t)(sign | 0x7e00);
    if (magnitude >= UINT32_C(0x477ff000)) return (uint16_t)(sign | 0x7c00); /* from 65520 on: infinity */
    if (magnitude < UINT32_C(0x38800000))
        return (uint16_t)(sign | (uint32_t)lrintf(fabsf(x) * 0x1p24f)); /* subnormal */
    return (uint16_t)(sign | (magnitude - UINT32_C(0x38000000) + 0xfff + (magnitude >> 13 & 1)) >> 13);
}

/* Rounds a row to i8 by one scale, which is returned; `step` from one channel to the next. */
static float store_i8(int8_t *to, int64_t step, const float *from, int64_t n)
{
    float most = 0;
    for (int64_t c = 0; c < n; c++) most = fmaxf(most, fabsf(from[c]));
    const float scale = most > 0 ? most / 127 : 1;
    for (int64_t c = 0; c < n; c++) to[c * step] = (int8_t)lrintf(from[c] / scale);
    return scale;
}

unsigned char *inputs_row(const instance *in, int slot, int64_t b, int64_t h, int64_t i)
{
    const attn_tensor *const t = &in->slot[slot];
    const bool of_keys = slot == ATTN_K || slot == ATTN_V || slot == ATTN_K_SCALES || slot == ATTN_V_SCALES;
    const attn_tensor *const pages = &in->slot[ATTN_PAGES];
    int64_t element = h * t->stride[1];
    if (of_keys && pages->type != ATTN_ABSENT) {
        const int64_t page = ((const int64_t *)pages->data)[b * pages->stride[0] + i / in->problem.page_size];
        element += page * t->stride[0] + i % in->problem.page_size * t->stride[2];
    } else {
        const int64_t *const starts = in->slot[of_keys ? ATTN_KEY_STARTS : ATTN_QUERY_STARTS].data;
        element += starts ? (starts[b] + i) * t->stride[2] : b * t->stride[0] + i * t->stride[2];
    }
    return (unsigned char *)t->data + element * (int64_t)attn_type_size(t->type);
}

static int scales_of(int slot) { return slot == ATTN_K ? ATTN_K_SCALES : ATTN_V_SCALES; }

static void store_row(const draw *d, int64_t b, int64_t h, int64_t i)
{
    void *const to = inputs_row(d->in, d->slot, b, h, i);
    const float *const from = d->row;
    const int64_t step = d->in->slot[d->slot].stride[3];
    uint16_t *const half = to;
    float *const whole = to;
    switch (d->in->slot[d->slot].type) {
    case ATTN_F16:
        for (int64_t c = 0; c < d->channels; c++) half[c * step] = round_to_f16(from[c]);
        break;
    case ATTN_BF16:
        for (int64_t c = 0; c < d->channels; c++) half[c * step] = round_to_bf16(from[c]);
        break;
    case ATTN_I8:
        *(float *)(void *)inputs_row(d->in, scales_of(d->slot), b, h, i) = store_i8(to, step, from, d->channels);
        break;
    default:
        for (int64_t c = 0; c < d->channels; c++) whole[c * step] = from[c];
    }
}

/* ---- classes --------------------------------------------------------------------------------------------------- */

static void draw_normal(const draw *d)
{
    for (int64_t c = 0; c < d->channels; c++) d->row[c] = (float)gsl_ran_gaussian_ziggurat(d->rng, 1);
}

static void draw_outliers(const draw *d)
{
    draw_normal(d);
    for (int64_t c = 0; c < d->channels; c++)
        if (gsl_rng_uniform(d->rng) < 0.001) d->row[c] += (float)gsl_ran_gaussian_ziggurat(d->rng, 10);
}

/* scale, with the middle of HEAD_SCALE where there is one. */
static double logit_scale(const instance *in) { return (double)in->problem.scale * (in->w->head_scale ? 10 : 1); }

/* Increasing, dot: all queries and keys lie along one direction u of +-1, so that products with u's channels add up
 * exactly the same way for every key: q = a u, k_j = x_j u, logit = scale a d x_j. Steps of x are worth 0.064 to 10
 * in the logit, and a is 1/64 to 1: some rows climb steeply, some by 1e-3 a key. */
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

static void draw_increasing(const draw *d, int64_t i)
{
    const attn_problem *const p = &d->in->problem;
    const bool query = d->slot == ATTN_Q;
    const float a = (float)exp(-gsl_rng_uniform(d->rng) * log(64)), x = query ? 0 : (float)d->path[i];
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
    default: /* tanh rises in every channel, and this class draws a score vector of positive entries */
        for (int64_t c = 0; c < d->channels; c++)
            d->row[c] = query ? 0.1f * (float)gsl_ran_gaussian_ziggurat(d->rng, 1) : 2 * copysignf(1, p->scale) * x;
    }
}

/* Large: one channel, so that no order of summation changes a score; magnitudes shared between Q and K, signs drawn. */
static void draw_large(const draw *d)
{
    const double product = 20000 / fabs(logit_scale(d->in)), q = exp2(floor(log2(product) / 2));
    const double sign = gsl_rng_uniform(d->rng) < 0.5 ? -1 : 1, above = gsl_rng_uniform(d->rng) * 8 / 20000;
    memset(d->row, 0, (size_t)d->channels * sizeof *d->row);
    d->row[d->channels / 2] = (float)(sign * (d->slot == ATTN_Q ? q : product / q * (1 + above)));
}

/* The class that a slot is drawn by: V, and whatever a class has no meaning for, is normal. */
static input_class class_of(const instance *in, int slot)
{
    const attn_problem *const p = &in->problem;
    const bool logits = slot == ATTN_Q || slot == ATTN_K;
    if (in->input == INPUT_OUTLIERS && slot <= ATTN_V) return INPUT_OUTLIERS;
    if (!logits || p->scale == 0) return INPUT_NORMAL;
    if (in->input == INPUT_LARGE && p->score == ATTN_SCORE_DOT) return INPUT_LARGE;
    if (in->input == INPUT_INCREASING && !(p->score == ATTN_SCORE_COSINE && p->d == 1)) return INPUT_INCREASING;
    return INPUT_NORMAL;
}

/* ---- slots ----------------------------------------------------------------------------------------------------- */

/* NaN into every byte that belongs to no row. */
static void fill_gaps(const instance *in, int slot)
{
    const attn_tensor *const t = &in->slot[slot];
    const instance_map *const map = &in->map[slot];
    const size_t begin = (size_t)((unsigned char *)t->data - map->begin), end = begin + (size_t)tensor_bytes(t);
    int64_t elements = 1;
    for (int axis = 0; axis < 4; axis++)
        if (t->stride[axis] > 0) elements *= t->extent[axis];
    const bool dense = elements * (int64_t)attn_type_size(t->type) == tensor_bytes(t) && in->problem.page_size == 0;
    mapping_pattern(map, 0, dense ? begin : end, gap_pattern);
    mapping_pattern(map, end, map->bytes, gap_pattern);
}

/* The rows that a slot has for sequence b. */
static int64_t rows_of(const instance *in, const attn_args *args, int slot, int64_t b)
{
    const bool keys = slot == ATTN_K || slot == ATTN_V;
    if (in->slot[slot].stride[0] != 0 || slot == ATTN_BIAS) return keys ? in->problem.k : in->problem.q;
    return keys ? attn_key_count(&in->problem, args, b) : attn_query_count(&in->problem, args, b);
}

static int fill_rows(const instance *in, int slot, char *reason, size_t reason_size)
{
    const attn_tensor *const t = &in->slot[slot];
    const attn_args args = instance_all(in);
    const input_class by = class_of(in, slot);
    const int64_t sequences = slot == ATTN_BIAS && t->stride[0] == 0 ? 1 : in->problem.b;
    draw d = {.in = in, .slot = slot, .rng = input_stream(in->seed, slot), .channels = t->extent[3]};
    d.row = calloc((size_t)t->extent[3] + 1, sizeof *d.row);
    d.path = calloc((size_t)in->problem.k + 1, sizeof *d.path);
    const int ok = d.rng && d.row && d.path;
    if (!ok) snprintf(reason, reason_size, "memory is short");
    for (int64_t b = 0; ok && b < sequences; b++) {
        const int64_t rows = rows_of(in, &args, slot, b);
        for (int64_t h = 0; h < t->extent[1]; h++) {
            if (by == INPUT_INCREASING && slot == ATTN_K) draw_path(&d);
            for (int64_t i = 0; i < rows; i++) {
                if (by == INPUT_INCREASING)
                    draw_increasing(&d, i);
                else if (by == INPUT_LARGE)
                    draw_large(&d);
                else if (by == INPUT_OUTLIERS)
                    draw_outliers(&d);
                else
                    draw_normal(&d);
                store_row(&d, b, h, i);
            }
        }
    }
    free(d.path);
    free(d.row);
    if (d.rng) gsl_rng_free(d.rng);
    return ok;
}

/* A bias that keeps the logits of the class increasing so. */
static void fill_rising_bias(const instance *in)
{
    const attn_tensor *const t = &in->slot[ATTN_BIAS];
    const int64_t sequences = t->stride[0] == 0 ? 1 : t->extent[0];
    for (int64_t b = 0; b < sequences; b++)
        for (int64_t h = 0; h < t->extent[1]; h++)
            for (int64_t i = 0; i < t->extent[2]; i++) {
                float *const row = (float *)(void *)inputs_row(in, ATTN_BIAS, b, h, i);
                for (int64_t j = 0; j < t->extent[3]; j++) row[j] = 0.5f * (float)j / (float)t->extent[3];
            }
}

/* One value, or one vector, for each query head. */
static int fill_heads(const instance *in, int slot, char *reason, size_t reason_size)
{
    const attn_tensor *const t = &in->slot[slot];
    gsl_rng *const rng = input_stream(in->seed, slot);
    if (!rng) {
        snprintf(reason, reason_size, "memory is short");
        return 0;
    }
    float *const out = t->data;
    fill_gaps(in, slot);
    for (int64_t h = 0; h < t->extent[1]; h++)
        for (int64_t c = 0; c < t->extent[3]; c++) {
            const double x = gsl_ran_gaussian_ziggurat(rng, 1);
            double value = x;
            if (slot == ATTN_SLOPES) value = exp2(-8.0 * (double)(h + 1) / (double)t->extent[1]);
            if (slot == ATTN_HEAD_SCALE) value = 10 * exp(0.1 * x);
            if (slot == ATTN_SCORE_VECTOR)
                value = (in->input == INPUT_INCREASING ? fabs(x) : x) / sqrt((double)in->problem.d);
            out[h * t->stride[1] + c] = (float)value;
        }
    gsl_rng_free(rng);
    return 1;
}

/* ---- the class masked ------------------------------------------------------------------------------------------ */

/* Marks the keys that some row of sequence b sees. */
static void mark_seen(const instance *in, const attn_args *args, int64_t b, unsigned char *seen)
{
    const attn_problem *const p = &in->problem;
    const attn_tensor *const starts = &in->slot[ATTN_MASK_STARTS], *const indices = &in->slot[ATTN_MASK_INDICES];
    const int64_t rows = attn_query_count(p, args, b);
    memset(seen, 0, (size_t)p->k);
    for (int64_t i = 0; i < rows; i++) {
        const attn_span s = attn_visible(p, args, b, i);
        if (!(p->mask & ATTN_MASK_BLOCKS)) {
            memset(seen, 1, (size_t)s.prefix);
            memset(seen + s.begin, 1, (size_t)(s.end - s.begin));
            continue;
        }
        const int64_t *const first = (const int64_t *)starts->data + i / p->mask_block_q;
        for (int64_t e = first[0]; e < first[1]; e++) {
            const int64_t k0 = ((const int64_t *)indices->data)[e] * p->mask_block_k;
            for (int64_t j = k0; j < p->k && j < k0 + p->mask_block_k; j++)
                if (j < s.prefix || (j >= s.begin && j < s.end)) seen[j] = 1;
        }
    }
}

/* A row of NaN with a payload of its own; of int8 the scale is NaN instead. */
static void hide_row(const instance *in, int slot, int64_t b, int64_t h, int64_t i)
{
    static const uint32_t payloads[] = {0x7fc00000, 0x7fc0dead, 0xffc00001, 0x7fffffff, 0xffffffff};
    static const uint16_t halves[] = {0x7fc0, 0x7fff, 0xffc1, 0xffff, 0x7fd5};
    const attn_tensor *const t = &in->slot[slot];
    const bool scaled = t->type == ATTN_I8;
    void *const row = inputs_row(in, scaled ? scales_of(slot) : slot, b, h, i);
    const int64_t n = scaled ? 1 : t->extent[3];
    for (int64_t c = 0; c < n; c++) {
        if (t->type == ATTN_F16 || t->type == ATTN_BF16)
            ((uint16_t *)row)[c * t->stride[3]] = halves[(i + c) % 5];
        else
            ((uint32_t *)row)[c * t->stride[3]] = payloads[(i + c) % 5];
    }
}

static int hide_unseen(const instance *in, char *reason, size_t reason_size)
{
    const attn_problem *const p = &in->problem;
    const attn_args args = instance_all(in);
    unsigned char *const seen = malloc((size_t)p->k + 1);
    if (!seen) {
        snprintf(reason, reason_size, "memory is short");
        return 0;
    }
    for (int64_t b = 0; b < p->b; b++) {
        mark_seen(in, &args, b, seen);
        const int64_t keys = rows_of(in, &args, ATTN_K, b), rows = rows_of(in, &args, ATTN_Q, b);
        for (int64_t h = 0; h < p->hkv; h++)
            for (int64_t j = 0; j < keys; j++) {
                if (seen[j]) continue;
                hide_row(in, ATTN_K, b, h, j);
                if (!in->w->v_in_k) hide_row(in, ATTN_V, b, h, j);
            }
        for (int64_t h = 0; h < p->h; h++)
            for (int64_t i = attn_query_count(p, &args, b); i < rows; i++) hide_row(in, ATTN_Q, b, h, i);
    }
    free(seen);
    return 1;
}

/* ---- the whole ------------------------------------------------------------------------------------------------- */

static int fill_slot(instance *in, int slot, char *reason, size_t reason_size)
{
    bool from_file = false;
    switch (slot) {
    case ATTN_Q:
    case ATTN_K:
    case ATTN_V:
        if (!in->map[slot].base) return 1; /* V inside K */
        fill_gaps(in, slot);
        if (in->slot[slot].type == ATTN_I8) fill_gaps(in, scales_of(slot));
        return inputs_read_file(in, slot, &from_file, reason, reason_size) &&
               (from_file || fill_rows(in, slot, reason, reason_size));
    case ATTN_BIAS:
        fill_gaps(in, slot);
        if (in->input != INPUT_INCREASING) return fill_rows(in, slot, reason, reason_size);
        fill_rising_bias(in);
        return 1;
    case ATTN_DO: fill_gaps(in, slot); return fill_rows(in, slot, reason, reason_size);
    case ATTN_SLOPES:
    case ATTN_SINK_LOGITS:
    case ATTN_HEAD_SCALE:
    case ATTN_SCORE_VECTOR: return fill_heads(in, slot, reason, reason_size);
    case ATTN_O:
    case ATTN_LSE:
        if (in->problem.pass == ATTN_BACKWARD) mapping_pattern(&in->map[slot], 0, in->map[slot].bytes, gap_pattern);
        return 1;
    default: return 1; /* outputs are poisoned, metadata is there, scales come with their rows */
    }
}

int inputs_fill(instance *in, char *reason, size_t reason_size)
{
    for (int slot = 0; slot < ATTN_SLOTS; slot++)
        if (in->slot[slot].type != ATTN_ABSENT && !fill_slot(in, slot, reason, reason_size)) return 0;
    return in->input != INPUT_MASKED || hide_unseen(in, reason, reason_size);
}
