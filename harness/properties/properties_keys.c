/* properties_keys.c: what does not matter about keys: their order and number, a vector added to all of them, and where
 * they are cut in two; and what must not show: the contents of keys that a row does not see. */
#include <gsl/gsl_rng.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tensors/inputs.h"
#include "tensors/instance_internal.h"
#include "problem.h"
#include "property.h"
#include "reference.h"

static const int key_slots[] = {ATTN_K, ATTN_V, ATTN_K_SCALES, ATTN_V_SCALES};
enum { KEY_SLOTS = sizeof key_slots / sizeof *key_slots };

static bool has(const instance *in, int slot) { return in->slot[slot].type != ATTN_ABSENT; }

/* Entry b of the key lengths becomes change(length). */
static int change_lengths(variant *v, int64_t (*change)(int64_t length, int64_t by), int64_t by)
{
    if (!has(&v->in, ATTN_KEY_LENGTHS)) return 1;
    if (!variant_own(v, ATTN_KEY_LENGTHS)) return 0;
    int64_t *const length = v->in.slot[ATTN_KEY_LENGTHS].data;
    for (int64_t b = 0; b < v->in.problem.b; b++) length[b] = change(length[b], by);
    return 1;
}

static int64_t at_most(int64_t length, int64_t most) { return length < most ? length : most; }

static int64_t behind(int64_t length, int64_t first) { return length > first ? length - first : 0; }

static int64_t times(int64_t length, int64_t factor) { return length * factor; }

/* ---- one key --------------------------------------------------------------------------------------------------- */

static int keep_one_key(variant *v, const variant_maker *how)
{
    attn_problem *const p = &v->in.problem;
    (void)how;
    p->k = 1;
    p->mask = 0;
    p->left = p->right = p->prefix = p->q_pos = 0;
    v->in.slot[ATTN_QUERY_POSITIONS] = (attn_tensor){0};
    if (!has(&v->in, ATTN_PAGES))
        for (int i = 0; i < KEY_SLOTS; i++) variant_cut_rows(v, key_slots[i], 0, 1);
    v->in.slot[ATTN_BIAS].extent[3] = v->in.slot[ATTN_WEIGHTS].extent[3] = 1;
    return change_lengths(v, at_most, 1);
}

static const variant_maker one_key = {"the problem of key 0 alone", keep_one_key, 0, 0};

static bool can_cut(const property_subject *s)
{
    return s->in->problem.k > 1 && !has(s->in, ATTN_SINK_LOGITS) && !has(s->in, ATTN_KEY_STARTS);
}

static void hold_one_key(const property_view *v)
{
    const instance *const in = &v->variant[0]->in;
    const attn_tensor *const t = &in->slot[ATTN_V], *const scales = &in->slot[ATTN_V_SCALES];
    const attn_args args = instance_all(in);
    for (int64_t r = 0; r < v->rows->count; r++) {
        const row_id *const row = &v->rows->row[r];
        const int64_t g = row->h / (in->problem.h / in->problem.hkv);
        const bool exists = attn_key_count(&in->problem, &args, row->b) > 0;
        const unsigned char *const value = inputs_row(in, ATTN_V, row->b, g, 0);
        const double scale =
            scales->type == ATTN_ABSENT ? 1 : row_get(scales, inputs_row(in, ATTN_V_SCALES, row->b, g, 0), 0);
        for (int64_t c = 0; c < in->problem.dv; c++)
            if (!hold_element(v, one_key.name, "output", row, c, output_of(v, 0, row, c),
                              exists ? scale * row_get(t, value, c) : 0,
                              v->expected[0]->output_limit[r * in->problem.dv + c]))
                return;
    }
}

/* ---- order and number ------------------------------------------------------------------------------------------ */

typedef struct reversal {
    const instance *from;
    int slot;
} reversal;

static void copy_reversed(void *arg, const attn_tensor *t, unsigned char *row, const row_place *at)
{
    const reversal *const x = arg;
    const attn_args args = instance_all(x->from);
    const int64_t count = attn_key_count(&x->from->problem, &args, at->b);
    const unsigned char *const other = inputs_row(x->from, x->slot, at->b, at->h, count - 1 - at->i);
    const size_t size = attn_type_size(t->type);
    for (int64_t c = 0; c < t->extent[3]; c++)
        memcpy(row + (size_t)(c * t->stride[3]) * size, other + (size_t)(c * t->stride[3]) * size, size);
}

static int reverse_keys(variant *v, const variant_maker *how)
{
    const instance before = v->in;
    (void)how;
    for (int i = 0; i < KEY_SLOTS; i++) {
        const bool view = key_slots[i] == ATTN_V && before.slot[ATTN_V].data == before.slot[ATTN_K].data;
        if (!has(&v->in, key_slots[i]) || view) continue;
        if (!variant_own(v, key_slots[i])) return 0;
        variant_each_row(&v->in, key_slots[i], copy_reversed, &(reversal){&before, key_slots[i]});
    }
    return 1;
}

static int double_keys(variant *v, const variant_maker *how)
{
    const instance before = v->in;
    const int64_t copies = how->which;
    v->in.problem.k *= copies;
    for (int s = 0; s < KEY_SLOTS; s++) {
        const attn_tensor *const from = &before.slot[key_slots[s]];
        if (from->type == ATTN_ABSENT) continue;
        if (!variant_resize(v, key_slots[s], from->extent[1], from->extent[2] * copies)) return 0;
        const attn_tensor *const to = &v->in.slot[key_slots[s]];
        const size_t size = attn_type_size(from->type);
        for (int64_t b = 0; b < (from->stride[0] == 0 ? 1 : from->extent[0]); b++)
            for (int64_t h = 0; h < from->extent[1]; h++)
                for (int64_t i = 0; i < to->extent[2]; i++)
                    for (int64_t c = 0; c < (from->stride[3] == 0 ? 1 : from->extent[3]); c++)
                        memcpy(inputs_row(&v->in, key_slots[s], b, h, i) + (size_t)c * size,
                               inputs_row(&before, key_slots[s], b, h, i / copies) +
                                   (size_t)(c * from->stride[3]) * size,
                               size);
    }
    return change_lengths(v, times, copies);
}

static const variant_maker reversed = {"the keys in reverse order", reverse_keys, 0, 0},
                           doubled = {"every key twice", double_keys, 2, 0};

static bool unordered(const property_subject *s)
{
    return s->in->problem.k > 1 && !(s->in->problem.mask & (ATTN_MASK_LEFT | ATTN_MASK_RIGHT)) &&
           !has(s->in, ATTN_SLOPES) && !has(s->in, ATTN_BIAS) && !slot_repeats(s->in, ATTN_K) &&
           !slot_repeats(s->in, ATTN_V);
}

static bool doubles(const property_subject *s)
{
    return unordered(s) && !has(s->in, ATTN_SINK_LOGITS) && !has(s->in, ATTN_PAGES) && !has(s->in, ATTN_KEY_STARTS) &&
           !s->in->w->want_weights;
}

static void hold_reversed(const property_view *v) { hold_same(v, 0, 1, NULL); }

static double output_limits(const property_view *v, int64_t at)
{
    double sum = v->limits->output_limit[at];
    for (int i = 0; v->variant[i]; i++) sum += v->expected[i]->output_limit[at];
    return sum;
}

static void hold_doubled(const property_view *v)
{
    const int64_t dv = v->limits->dv;
    for (int64_t r = 0; r < v->rows->count; r++) {
        const row_id *const row = &v->rows->row[r];
        for (int64_t c = 0; c < dv; c++)
            if (!hold_element(v, doubled.name, "output", row, c, output_of(v, 0, row, c), output_of(v, -1, row, c),
                              output_limits(v, r * dv + c)))
                return;
        if (v->got.lse && !hold_element(v, doubled.name, "LSE", row, 0, lse_of(v, 0, row), lse_of(v, -1, row) + M_LN2,
                                        v->limits->lse_limit[r] + v->expected[0]->lse_limit[r]))
            return;
    }
}

/* ---- a vector added to all keys ---------------------------------------------------------------------------------- */

/* Q and K from -2 to 2 in steps of 1/8, so that adding a vector of the same grid is exact in every float type. */
typedef struct grid {
    gsl_rng *rng;
    const double *add; /* NULL: nothing */
} grid;

static double on_grid(gsl_rng *rng) { return (double)gsl_rng_uniform_int(rng, 33) / 8 - 2; }

static void draw_on_grid(void *arg, const attn_tensor *t, unsigned char *row, const row_place *at)
{
    const grid *const x = arg;
    (void)at;
    for (int64_t c = 0; c < t->extent[3]; c++) row_set(t, row, c, on_grid(x->rng) + (x->add ? x->add[c] : 0));
}

static const int shift_stream = ATTN_SLOTS + ATTN_K;

static int shift_vector(const instance *in, double shift[ATTN_MAX_D])
{
    gsl_rng *const rng = input_stream(in->seed, shift_stream);
    for (int64_t c = 0; rng && c < in->problem.d; c++) shift[c] = on_grid(rng);
    if (rng) gsl_rng_free(rng);
    return rng != NULL;
}

static int grid_q_and_k(variant *v, const variant_maker *how)
{
    double shift[ATTN_MAX_D];
    if (!shift_vector(&v->in, shift) || !variant_own(v, ATTN_V)) return 0;
    for (int slot = ATTN_Q; slot <= ATTN_K; slot++) {
        const bool shifted = slot == ATTN_K && how->which;
        grid x = {input_stream(v->in.seed, slot), shifted ? shift : NULL};
        if (!x.rng || !variant_own(v, slot)) {
            if (x.rng) gsl_rng_free(x.rng);
            return 0;
        }
        variant_each_row(&v->in, slot, draw_on_grid, &x);
        gsl_rng_free(x.rng);
    }
    return 1;
}

static const variant_maker qk_grid = {"Q and K on a grid", grid_q_and_k, 0, 0},
                           k_shifted = {"one vector added to all keys", grid_q_and_k, 1, 0};

static bool shifts(const property_subject *s)
{
    const attn_problem *const p = &s->in->problem;
    return p->score == ATTN_SCORE_DOT && p->softcap == 0 && !has(s->in, ATTN_SINK_LOGITS) &&
           s->in->slot[ATTN_K].type != ATTN_I8;
}

/* softmax(s + q.c) = softmax(s), and the log-sum-exp rises by scale q.c, which is exact in double. */
static void hold_shifted(const property_view *v)
{
    const instance *const in = &v->variant[0]->in;
    const attn_tensor *const head_scale = &in->slot[ATTN_HEAD_SCALE];
    const int64_t dv = v->limits->dv;
    double shift[ATTN_MAX_D];
    if (!shift_vector(in, shift)) return;
    for (int64_t r = 0; r < v->rows->count; r++) {
        const row_id *const row = &v->rows->row[r];
        double rise = 0;
        for (int64_t c = 0; c < in->problem.d; c++)
            rise += shift[c] * row_get(&in->slot[ATTN_Q], inputs_row(in, ATTN_Q, row->b, row->h, row->i), c);
        rise *= (double)in->problem.scale;
        if (head_scale->type != ATTN_ABSENT) rise *= ref_element(head_scale, 0, row->h, 0, 0);
        for (int64_t c = 0; c < dv; c++)
            if (!hold_element(v, k_shifted.name, "output", row, c, output_of(v, 1, row, c), output_of(v, 0, row, c),
                              v->expected[0]->output_limit[r * dv + c] + v->expected[1]->output_limit[r * dv + c]))
                return;
        if (v->got.lse && !hold_element(v, k_shifted.name, "LSE", row, 0, lse_of(v, 1, row), lse_of(v, 0, row) + rise,
                                        v->expected[0]->lse_limit[r] + v->expected[1]->lse_limit[r]))
            return;
    }
}

/* ---- cut in two and merged by LSE -------------------------------------------------------------------------------- */

static int64_t cut_of(const attn_problem *p) { return (p->k + 2) / 3; }

static int cut_keys(variant *v, const variant_maker *how)
{
    attn_problem *const p = &v->in.problem;
    attn_tensor *const bias = &v->in.slot[ATTN_BIAS];
    const int64_t cut = cut_of(p), first = how->which ? cut : 0, count = how->which ? p->k - cut : cut;
    for (int i = 0; i < KEY_SLOTS; i++) variant_cut_rows(v, key_slots[i], first, count);
    if (bias->type != ATTN_ABSENT) {
        bias->data = (char *)bias->data + first * bias->stride[3] * (int64_t)attn_type_size(bias->type);
        bias->extent[3] = count;
    }
    if ((p->mask & (ATTN_MASK_LEFT | ATTN_MASK_RIGHT)) || has(&v->in, ATTN_SLOPES)) p->q_pos -= first;
    p->k = v->in.slot[ATTN_WEIGHTS].extent[3] = count;
    p->prefix = how->which ? behind(p->prefix, cut) : at_most(p->prefix, cut);
    if (p->prefix == 0) p->mask &= ~(uint32_t)(ATTN_MASK_PREFIX | ATTN_MASK_PREFIX_FREE);
    return change_lengths(v, how->which ? behind : at_most, cut);
}

static const variant_maker front_keys = {"the first third of the keys", cut_keys, 0, 0},
                           back_keys = {"the other keys", cut_keys, 1, 0};

static bool splits(const property_subject *s)
{
    return can_cut(s) && !has(s->in, ATTN_PAGES) && s->in->problem.bias_k0 == 0 &&
           (s->kernel->caps[1] & ATTN_SLOT_BIT(ATTN_LSE));
}

/* The weights of the parts follow from LSEs that may each be off by their bounds; beyond that the parts' own bounds
 * count by their share, and the bound of the whole. */
static void hold_merged(const property_view *v)
{
    const int64_t dv = v->limits->dv;
    for (int64_t r = 0; r < v->rows->count; r++) {
        const row_id *const row = &v->rows->row[r];
        const double l[2] = {lse_of(v, 0, row), lse_of(v, 1, row)}, most = fmax(l[0], l[1]);
        if (most == -INFINITY) continue; /* no key: the reference says what that gives */
        const double sum = exp(l[0] - most) + exp(l[1] - most), lse = most + log(sum);
        const double a[2] = {exp(l[0] - lse), exp(l[1] - lse)};
        const double b_lse[2] = {v->expected[0]->lse_limit[r], v->expected[1]->lse_limit[r]};
        for (int64_t c = 0; c < dv; c++) {
            const double o[2] = {output_of(v, 0, row, c), output_of(v, 1, row, c)};
            double tolerance = v->limits->output_limit[r * dv + c];
            for (int i = 0; i < 2; i++)
                if (a[i] > 0) tolerance += a[i] * v->expected[i]->output_limit[r * dv + c];
            if (a[0] > 0 && a[1] > 0) tolerance += a[0] * a[1] * fabs(o[0] - o[1]) * expm1(b_lse[0] + b_lse[1]);
            if (!hold_element(v, "both parts of the keys, merged", "output", row, c, a[0] * o[0] + a[1] * o[1],
                              output_of(v, -1, row, c), tolerance))
                return;
        }
        if (!hold_element(v, "both parts of the keys, merged", "LSE", row, 0, lse, lse_of(v, -1, row),
                          fmax(b_lse[0], b_lse[1]) + v->limits->lse_limit[r]))
            return;
    }
}

/* ---- the properties -------------------------------------------------------------------------------------------- */

static const check checks[] = {
    {"one-key", "no sink", "with a single key the output is its value within the bound of one key"},
    {"permute-keys", "no positions, no bias", "the order of the keys does not matter, within both bounds"},
    {"duplicate-keys", "no positions, no sink", "every key twice leaves O and adds ln 2 to LSE, within both bounds"},
    {"shift-k", "dot score, no softcap, no sink",
     "one vector c added to all keys leaves O and adds scale q.c to LSE, within both bounds"},
    {"split-and-merge", "kernels that write LSE; no sink",
     "two parts of the keys merged by their LSE give the whole, within the bounds of all three"},
};
const check_group key_checks = {"keys", checks, sizeof checks / sizeof *checks};

static const property properties[] = {
    {&checks[0], (const variant_maker *const[]){&one_key, NULL}, 0, can_cut, hold_one_key},
    {&checks[1], (const variant_maker *const[]){&reversed, NULL}, 0, unordered, hold_reversed},
    {&checks[2], (const variant_maker *const[]){&doubled, NULL}, 0, doubles, hold_doubled},
    {&checks[3], (const variant_maker *const[]){&qk_grid, &k_shifted, NULL}, 0, shifts, hold_shifted},
    {&checks[4], (const variant_maker *const[]){&front_keys, &back_keys, NULL}, 0, splits, hold_merged},
};
const property_family key_properties = {&key_checks, properties};
