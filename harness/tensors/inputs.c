/* inputs.c: the contents of tensors. Rows are drawn as floats, one after the other (inputs_classes.c), and rounded to
 * the slot's type as they are stored; so a class is a function that draws a row, and types, layouts, pages and int8
 * scales are the same for all. */
#include "inputs.h"

#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "inputs_internal.h"
#include "instance_internal.h"
#include "util/guard_pages.h"
#include "problem.h"

/* ---- random streams -------------------------------------------------------------------------------------------- */

/* One step of splitmix64: neighbouring seeds and slots give unrelated streams. */
static uint64_t mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

uint64_t input_hash(uint64_t seed, int64_t n) { return mix(mix(seed) + (uint64_t)n); }

gsl_rng *input_stream(uint64_t seed, int slot)
{
    gsl_rng *const rng = gsl_rng_alloc(gsl_rng_taus2);
    if (rng) gsl_rng_set(rng, (unsigned long)(input_hash(seed, slot) & UINT32_MAX));
    return rng;
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

/* -128, 0 and 127 in about equal parts, and now and then a scale of 0, a negative one, or one of V that is much larger
 * (a key's would leave the others no weight). */
static float store_i8_extremes(int8_t *to, int64_t step, const draw *d)
{
    for (int64_t c = 0; c < d->channels; c++)
        to[c * step] = (int8_t)(d->row[c] > 0.43f ? 127 : d->row[c] < -0.43f ? -128 : 0);
    return d->i % 5 == 4 ? 0 : d->i % 7 == 6 ? -0x1p-6f : d->slot == ATTN_V && d->i % 11 == 10 ? 1 : 0x1p-6f;
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
        *(float *)(void *)inputs_row(d->in, scales_of(d->slot), b, h, i) = d->in->input == INPUT_INT8_EXTREMES
                                                                               ? store_i8_extremes(to, step, d)
                                                                               : store_i8(to, step, from, d->channels);
        break;
    default:
        for (int64_t c = 0; c < d->channels; c++) whole[c * step] = from[c];
    }
}

/* ---- slots ----------------------------------------------------------------------------------------------------- */

/* NaN into every byte that belongs to no row. */
static void fill_gaps(const instance *in, int slot)
{
    const attn_tensor *const t = &in->slot[slot];
    const mapping *const map = &in->map[slot];
    if (instance_sparse(in, slot)) return;
    const size_t begin = (size_t)((unsigned char *)t->data - map->begin), end = begin + (size_t)tensor_bytes(t);
    int64_t elements = 1;
    for (int axis = 0; axis < 4; axis++)
        if (t->stride[axis] > 0) elements *= t->extent[axis];
    const bool dense = elements * (int64_t)attn_type_size(t->type) == tensor_bytes(t) && in->problem.page_size == 0;
    mapping_pattern(map, 0, dense ? begin : end, GAP_PATTERN);
    mapping_pattern(map, end, map->bytes, GAP_PATTERN);
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
    const int64_t sequences = slot == ATTN_BIAS && t->stride[0] == 0 ? 1 : in->problem.b;
    draw d = {.in = in, .slot = slot, .rng = input_stream(in->seed, slot), .channels = t->extent[3]};
    d.row = calloc((size_t)t->extent[3] + 1, sizeof *d.row);
    d.path = calloc((size_t)in->problem.k + 1, sizeof *d.path);
    const int ok = d.rng && d.row && d.path;
    if (!ok) snprintf(reason, reason_size, "memory is short");
    for (int64_t b = 0; ok && b < sequences; b++) {
        const int64_t rows = rows_of(in, &args, slot, b);
        for (int64_t h = 0; h < t->extent[1]; h++) {
            if (slot == ATTN_K) draw_head(&d);
            for (d.i = 0; d.i < rows; d.i++) {
                draw_row(&d);
                store_row(&d, b, h, d.i);
            }
        }
    }
    free(d.path);
    free(d.row);
    if (d.rng) gsl_rng_free(d.rng);
    return ok;
}

/* A bias that keeps the logits of the class climbing or falling. */
static void fill_sloping_bias(const instance *in)
{
    const float slope = 0.5f * (float)class_direction(in);
    const attn_tensor *const t = &in->slot[ATTN_BIAS];
    const int64_t sequences = t->stride[0] == 0 ? 1 : t->extent[0];
    for (int64_t b = 0; b < sequences; b++)
        for (int64_t h = 0; h < t->extent[1]; h++)
            for (int64_t i = 0; i < t->extent[2]; i++) {
                float *const row = (float *)(void *)inputs_row(in, ATTN_BIAS, b, h, i);
                for (int64_t j = 0; j < t->extent[3]; j++) row[j] = slope * (float)j / (float)t->extent[3];
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
            if (slot == ATTN_SINK_LOGITS && in->input == INPUT_SINK_ABOVE) value = 100 + x;
            if (slot == ATTN_HEAD_SCALE) value = 10 * exp(0.1 * x);
            if (slot == ATTN_SCORE_VECTOR) value = (class_direction(in) ? fabs(x) : x) / sqrt((double)in->problem.d);
            out[h * t->stride[1] + c] = (float)value;
        }
    gsl_rng_free(rng);
    return 1;
}

/* ---- the classes masked and padding ------------------------------------------------------------------------------ */

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

/* What the rows hold that nobody may look at. */
typedef enum hidden { HIDDEN_NAN, HIDDEN_LARGE } hidden;

/* A row of NaN, each with a payload of its own, or of 1e30 (60000 in f16); of int8 the scale instead. */
static void hide_row(const instance *in, int slot, int64_t b, int64_t h, int64_t i, hidden what)
{
    static const uint32_t payloads[] = {0x7fc00000, 0x7fc0dead, 0xffc00001, 0x7fffffff, 0xffffffff};
    static const uint16_t halves[] = {0x7fc0, 0x7fff, 0xffc1, 0xffff, 0x7fd5};
    const bool scaled = in->slot[slot].type == ATTN_I8;
    const attn_tensor *const t = &in->slot[scaled ? scales_of(slot) : slot];
    void *const row = inputs_row(in, scaled ? scales_of(slot) : slot, b, h, i);
    const int64_t n = scaled ? 1 : t->extent[3];
    for (int64_t c = 0; c < n; c++) {
        if (t->type == ATTN_F16)
            ((uint16_t *)row)[c * t->stride[3]] = what == HIDDEN_NAN ? halves[(i + c) % 5] : round_to_f16(60000);
        else if (t->type == ATTN_BF16)
            ((uint16_t *)row)[c * t->stride[3]] = what == HIDDEN_NAN ? halves[(i + c) % 5] : round_to_bf16(1e30f);
        else if (what == HIDDEN_NAN)
            ((uint32_t *)row)[c * t->stride[3]] = payloads[(i + c) % 5];
        else
            ((float *)row)[c * t->stride[3]] = 1e30f;
    }
}

static bool hides(const instance *in) { return in->input == INPUT_MASKED || in->input == INPUT_PADDING; }

typedef struct hiding {
    bool queries_and_keys; /* else V alone */
    hidden value;
} hiding;

static void hide_in_sequence(const instance *in, const attn_args *args, int64_t b, const unsigned char *seen, hiding as)
{
    const attn_problem *const p = &in->problem;
    const int64_t keys = rows_of(in, args, ATTN_K, b), rows = rows_of(in, args, ATTN_Q, b);
    for (int64_t h = 0; h < p->hkv; h++)
        for (int64_t j = 0; j < keys; j++) {
            if (seen[j]) continue;
            if (as.queries_and_keys) hide_row(in, ATTN_K, b, h, j, HIDDEN_NAN);
            if (!in->w->v_in_k) hide_row(in, ATTN_V, b, h, j, as.value);
        }
    for (int64_t h = 0; as.queries_and_keys && h < p->h; h++)
        for (int64_t i = attn_query_count(p, args, b); i < rows; i++) hide_row(in, ATTN_Q, b, h, i, HIDDEN_NAN);
}

static int hide_unseen(const instance *in, hiding as)
{
    const attn_args args = instance_all(in);
    unsigned char *const seen = malloc((size_t)in->problem.k + 1);
    for (int64_t b = 0; seen && b < in->problem.b; b++) {
        mark_seen(in, &args, b, seen);
        hide_in_sequence(in, &args, b, seen, as);
    }
    free(seen);
    return seen != NULL;
}

int inputs_hide_v(const instance *in, bool finite)
{
    return !hides(in) || hide_unseen(in, (hiding){false, finite ? HIDDEN_LARGE : HIDDEN_NAN});
}

/* ---- the whole ------------------------------------------------------------------------------------------------- */

static int fill_slot(instance *in, int slot, char *reason, size_t reason_size)
{
    bool from_file = false;
    switch (slot) {
    case ATTN_Q:
    case ATTN_K:
    case ATTN_V:
        if (!in->map[slot].base) return 1; /* V inside K, K that is Q */
        fill_gaps(in, slot);
        if (in->slot[slot].type == ATTN_I8) fill_gaps(in, scales_of(slot));
        return inputs_read_file(in, slot, &from_file, reason, reason_size) &&
               (from_file || fill_rows(in, slot, reason, reason_size));
    case ATTN_BIAS:
        fill_gaps(in, slot);
        if (class_direction(in) == 0) return fill_rows(in, slot, reason, reason_size);
        fill_sloping_bias(in);
        return 1;
    case ATTN_DO: fill_gaps(in, slot); return fill_rows(in, slot, reason, reason_size);
    case ATTN_SLOPES:
    case ATTN_SINK_LOGITS:
    case ATTN_HEAD_SCALE:
    case ATTN_SCORE_VECTOR: return fill_heads(in, slot, reason, reason_size);
    case ATTN_O:
    case ATTN_LSE:
        if (in->problem.pass == ATTN_BACKWARD) mapping_pattern(&in->map[slot], 0, in->map[slot].bytes, GAP_PATTERN);
        return 1;
    default: return 1; /* outputs are poisoned, metadata is there, scales come with their rows */
    }
}

int inputs_fill(instance *in, char *reason, size_t reason_size)
{
    for (int slot = 0; slot < ATTN_SLOTS; slot++)
        if (in->slot[slot].type != ATTN_ABSENT && !fill_slot(in, slot, reason, reason_size)) return 0;
    if (!hides(in) || hide_unseen(in, (hiding){true, HIDDEN_NAN})) return 1;
    snprintf(reason, reason_size, "memory is short");
    return 0;
}
