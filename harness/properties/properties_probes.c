/* properties_probes.c: inputs in which each key can be told from all others, where the bound is otherwise blind: with
 * 16,384 keys a dropped one moves O by a quarter of its bound.
 *
 * Identity probe: V is 1 in channel c of key j0 + c and 0 elsewhere, so that O is the weights of the keys j0 .. j0 + dv
 * - 1, each with a bound relative to itself. Windows of dv keys tile up to six times dv keys; beyond, they are spread
 * from the first key to the last. A window of dv keys has a block's border in it wherever blocks are not larger than
 * it.
 *
 * Needle: every query is a multiple of the code of one key that it sees, drawn per row; codes are vectors of +-1, far
 * apart. That key leads all others by more than 110 nats, so O is its V, which spells the key's number in digits of
 * base 32. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "tensors/instance_internal.h"
#include "problem.h"
#include "property.h"
#include "reference.h"

/* ---- identity probe -------------------------------------------------------------------------------------------- */

enum { WINDOWS = 6 };

static int64_t window_begin(const attn_problem *p, int window)
{
    if (p->k <= WINDOWS * p->dv) return window * p->dv;
    return (p->k - p->dv) * window / (WINDOWS - 1);
}

/* The value of int8 rows is that of their scale, 1. */
static void put(const attn_tensor *t, unsigned char *row, int64_t c, double x)
{
    if (t->type == ATTN_I8)
        ((int8_t *)row)[c * t->stride[3]] = (int8_t)x;
    else
        row_set(t, row, c, x);
}

static void scale_by_one(void *arg, const attn_tensor *t, unsigned char *row, const row_place *at)
{
    (void)arg, (void)at;
    row_set(t, row, 0, 1);
}

/* A copy of K or V that may be written, in which int8 means itself. */
static int own_plainly(variant *v, int slot)
{
    const int scales = variant_factor_slot(&v->in, slot);
    if (!variant_own(v, slot) || !variant_own(v, scales)) return 0;
    if (scales != slot) variant_each_row(&v->in, scales, scale_by_one, NULL);
    return 1;
}

static void put_unit(void *arg, const attn_tensor *t, unsigned char *row, const row_place *at)
{
    const int64_t begin = *(const int64_t *)arg;
    for (int64_t c = 0; c < t->extent[3]; c++) put(t, row, c, at->i == begin + c ? 1 : 0);
}

static int unit_v(variant *v, const variant_maker *how)
{
    int64_t begin = window_begin(&v->in.problem, how->which);
    if (begin >= v->in.problem.k || !own_plainly(v, ATTN_V)) return 0;
    variant_each_row(&v->in, ATTN_V, put_unit, &begin);
    return 1;
}

static const variant_maker window[WINDOWS] = {{"V of unit vectors", unit_v, 0, 0}, {"V of unit vectors", unit_v, 1, 0},
                                              {"V of unit vectors", unit_v, 2, 0}, {"V of unit vectors", unit_v, 3, 0},
                                              {"V of unit vectors", unit_v, 4, 0}, {"V of unit vectors", unit_v, 5, 0}};

/* ---- needle ---------------------------------------------------------------------------------------------------- */

enum { CODE_WORDS = (ATTN_MAX_D + 63) / 64, DIGITS = 4, BASE = 32 };
static const double lead = 130; /* nats: 110, and what random biases take away */
static const double largest_f16 = 32768;

/* splitmix64's last steps. */
static uint64_t mixed(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/* Bit c of the code of key j. Up to 64 channels an odd multiple keeps codes of different keys different. */
static uint64_t code_word(int64_t j, int word, int64_t d)
{
    const uint64_t odd = UINT64_C(0x9e3779b97f4a7c15);
    if (word == 0 && d < 24) return (uint64_t)(j + 1) * odd & ((UINT64_C(1) << d) - 1);
    const uint64_t bits = mixed((uint64_t)(j + 1) * odd + (uint64_t)word);
    return d - 64 * word < 64 ? bits & ((UINT64_C(1) << (d - 64 * word)) - 1) : bits;
}

static double code_sign(int64_t j, int64_t c, int64_t d)
{
    return code_word(j, (int)(c / 64), d) >> (c % 64) & 1 ? 1 : -1;
}

/* The least difference between a code's product with itself and with another: twice the channels in which they
 * differ. */
static double least_gap(int64_t keys, int64_t d)
{
    const int words = (int)((d + 63) / 64);
    int64_t least = d;
    uint64_t(*const code)[CODE_WORDS] = calloc((size_t)keys + 1, sizeof *code);
    if (!code) return 0;
    for (int64_t j = 0; j < keys; j++)
        for (int w = 0; w < words; w++) code[j][w] = code_word(j, w, d);
    for (int64_t j = 0; j < keys; j++)
        for (int64_t other = 0; other < j; other++) {
            int64_t apart = 0;
            for (int w = 0; w < words; w++) apart += __builtin_popcountll(code[j][w] ^ code[other][w]);
            if (apart < least) least = apart;
        }
    free(code);
    return 2 * (double)least;
}

/* The key that a row attends to: one that it sees, -1 where it sees none. */
static int64_t target_of(const instance *in, const row_place *at)
{
    const attn_args args = instance_all(in);
    const int64_t keys = attn_key_count(&in->problem, &args, at->b);
    int64_t seen = 0;
    for (int64_t j = 0; j < keys; j++) seen += ref_sees(&in->problem, &args, at->b, at->i, j);
    if (seen == 0) return -1;
    const uint64_t place = (uint64_t)at->b * 1000003 + (uint64_t)at->h * 10007 + (uint64_t)at->i;
    int64_t left = (int64_t)(mixed(mixed(in->seed + 1) + place) % (uint64_t)seen);
    for (int64_t j = 0; j < keys; j++)
        if (ref_sees(&in->problem, &args, at->b, at->i, j) && left-- == 0) return j;
    return -1;
}

typedef struct needle {
    const instance *in;
    double factor; /* of the query */
} needle;

static void put_code(void *arg, const attn_tensor *t, unsigned char *row, const row_place *at)
{
    (void)arg;
    for (int64_t c = 0; c < t->extent[3]; c++) put(t, row, c, code_sign(at->i, c, t->extent[3]));
}

static void put_query(void *arg, const attn_tensor *t, unsigned char *row, const row_place *at)
{
    const needle *const n = arg;
    const int64_t target = target_of(n->in, at);
    for (int64_t c = 0; c < t->extent[3]; c++)
        row_set(t, row, c, n->factor * code_sign(target < 0 ? 0 : target, c, t->extent[3]));
}

static double digit_of(int64_t key, int64_t c) { return (double)(key >> (5 * (c % DIGITS)) & (BASE - 1)); }

static void put_number(void *arg, const attn_tensor *t, unsigned char *row, const row_place *at)
{
    (void)arg;
    for (int64_t c = 0; c < t->extent[3]; c++) put(t, row, c, digit_of(at->i, c));
}

static int needles(variant *v, const variant_maker *how)
{
    const attn_problem *const p = &v->in.problem;
    const double gap = least_gap(p->k, p->d), farthest = v->in.w->alibi ? (double)p->k : 0;
    (void)how;
    if (p->k == 0 || !(gap > 0)) return 0;
    needle n = {&v->in, exp2(ceil(log2((lead + farthest) / (fabs((double)p->scale) * gap))))};
    if (v->in.slot[ATTN_Q].type == ATTN_F16 && n.factor > largest_f16) return 0;
    n.factor = copysign(n.factor, (double)p->scale);
    if (!variant_own(v, ATTN_Q) || !own_plainly(v, ATTN_K)) return 0;
    if (!v->in.w->v_in_k && !own_plainly(v, ATTN_V)) return 0;
    variant_each_row(&v->in, ATTN_K, put_code, NULL);
    variant_each_row(&v->in, ATTN_Q, put_query, &n);
    if (!v->in.w->v_in_k) variant_each_row(&v->in, ATTN_V, put_number, NULL);
    return 1;
}

static const variant_maker needle_each = {"Q of one key each", needles, 0, 0};

/* ---- where they apply, and what holds -------------------------------------------------------------------------- */

static bool dot_own_v(const property_subject *s)
{
    const instance *const in = s->in;
    return in->problem.score == ATTN_SCORE_DOT && !in->w->v_in_k && !slot_repeats(in, ATTN_V);
}

static bool dot_needle(const property_subject *s)
{
    const instance *const in = s->in;
    return in->problem.score == ATTN_SCORE_DOT && in->problem.scale != 0 && !(in->problem.softcap > 0) &&
           !slot_repeats(in, ATTN_Q) && !slot_repeats(in, ATTN_K) && !slot_repeats(in, ATTN_V);
}

static void hold_weights(const property_view *v)
{
    const expectation *const e = v->expected[0];
    const int64_t begin = window_begin(&v->base->problem, v->p->variant[0]->which);
    for (int64_t r = 0; r < v->rows->count; r++)
        for (int64_t c = 0; c < e->dv; c++)
            if (!hold_element(v, v->p->variant[0]->name, "weight", &v->rows->row[r], begin + c,
                              output_of(v, 0, &v->rows->row[r], c), e->output[r * e->dv + c],
                              e->output_limit[r * e->dv + c]))
                return;
}

/* The key that an output spells, -1 where its digits are none. */
static int64_t spelled_key(const property_view *v, const row_id *row)
{
    int64_t key = 0;
    if (v->expected[0]->dv < DIGITS || v->base->w->v_in_k) return -1;
    for (int c = 0; c < DIGITS; c++) {
        const double digit = output_of(v, 0, row, c), whole = rint(digit);
        if (!(fabs(digit - whole) < 0.01 && whole >= 0 && whole < BASE)) return -1;
        key += (int64_t)whole << (5 * c);
    }
    return key;
}

static void hold_needle(const property_view *v)
{
    const expectation *const e = v->expected[0];
    for (int64_t r = 0; r < v->rows->count; r++) {
        const row_id *const row = &v->rows->row[r];
        for (int64_t c = 0; c < e->dv; c++) {
            const double got = output_of(v, 0, row, c), wanted = e->output[r * e->dv + c];
            if (fabs(got - wanted) <= e->output_limit[r * e->dv + c]) continue;
            const int64_t spelled = spelled_key(v, row);
            const int64_t target = target_of(&v->variant[0]->in, &(row_place){row->b, row->h, row->i});
            if (spelled >= 0 && spelled != target)
                findings_add(v->found, v->p->said->name,
                             "row (b %" PRId64 ", h %" PRId64 ", q %" PRId64 ") attends to key %" PRId64
                             " instead of key %" PRId64,
                             row->b, row->h, row->i, spelled, target);
            else
                (void)hold_element(v, v->p->variant[0]->name, "output", row, c, got, wanted,
                                   e->output_limit[r * e->dv + c]);
            return;
        }
    }
}

/* ---- the properties -------------------------------------------------------------------------------------------- */

static const check checks[] = {
    {"identity-probe", "dot scores, V of its own",
     "V of unit vectors gives the weights themselves, each within a bound relative to it"},
    {"needle", "dot scores without softcap",
     "a query that one key leads by over 110 nats gets that key's value, whichever key it is"},
};
const check_group probe_checks = {"probes", checks, sizeof checks / sizeof *checks};

#define WINDOW(i)                                                                                                      \
    {                                                                                                                  \
        &checks[0], (const variant_maker *const[]){&window[i], NULL}, 0, dot_own_v, hold_weights                       \
    }
/* One property for each window: those beyond the last key fall away by themselves. */
static const property properties[] = {
    WINDOW(0),
    WINDOW(1),
    WINDOW(2),
    WINDOW(3),
    WINDOW(4),
    WINDOW(5),
    {&checks[1], (const variant_maker *const[]){&needle_each, NULL}, 0, dot_needle, hold_needle}};
static const check_group each = {"probes", NULL, sizeof properties / sizeof *properties};
const property_family probe_properties = {&each, properties};
