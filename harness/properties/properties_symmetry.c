/* properties_symmetry.c: changes that move no bit: powers of two, signs, and what other heads contain. Rounding to
 * nearest and rounding toward zero commute with both, as long as nothing comes near the smallest or the largest numbers
 * of a type: f16 is too narrow for powers of two, and rows must be calm where weights multiply a scaled V. */
#include "property.h"

/* ---- variants -------------------------------------------------------------------------------------------------- */

typedef struct change {
    double factor;
    int64_t parity, kv_heads, group; /* only heads of this parity; -1: all */
} change;

static void multiply_row(void *arg, const attn_tensor *t, unsigned char *row, const row_place *at)
{
    const change *const x = arg;
    const int64_t channels = t->stride[3] == 0 ? 1 : t->extent[3];
    if (x->parity >= 0 && (at->b * x->kv_heads + at->h / x->group) % 2 != x->parity) return;
    for (int64_t c = 0; c < channels; c++) row_set(t, row, c, x->factor * row_get(t, row, c));
}

static int multiply(variant *v, int slot, change x)
{
    const int factor_slot = variant_factor_slot(&v->in, slot);
    if (!variant_own(v, factor_slot)) return 0;
    variant_each_row(&v->in, factor_slot, multiply_row, &x);
    return 1;
}

static int multiply_v(variant *v, const variant_maker *how)
{
    return multiply(v, ATTN_V, (change){how->factor, -1, 1, 1});
}

/* V becomes a tensor of its own first, so that it stays as it is where it was a view of K. */
static int multiply_q_divide_k(variant *v, const variant_maker *how)
{
    return variant_own(v, ATTN_V) && variant_own(v, variant_factor_slot(&v->in, ATTN_V)) &&
           multiply(v, ATTN_Q, (change){how->factor, -1, 1, 1}) &&
           multiply(v, ATTN_K, (change){1 / how->factor, -1, 1, 1});
}

static int change_kv_heads(variant *v, const variant_maker *how)
{
    const attn_problem *const p = &v->in.problem;
    const change keys = {how->factor, how->which, p->hkv, 1},
                 queries = {how->factor, how->which, p->hkv, p->h / p->hkv};
    const bool view = v->in.slot[ATTN_V].data == v->in.slot[ATTN_K].data;
    return multiply(v, ATTN_K, keys) && (view || multiply(v, ATTN_V, keys)) && multiply(v, ATTN_Q, queries);
}

static int change_query_heads(variant *v, const variant_maker *how)
{
    return multiply(v, ATTN_Q, (change){how->factor, how->which, v->in.problem.h, 1});
}

static const variant_maker v_times_8 = {"V times 8", multiply_v, 0, 8},
                           v_by_64 = {"V times 1/64", multiply_v, 0, 0.015625}, v_negated = {"-V", multiply_v, 0, -1},
                           qk_scaled = {"Q times 32, K times 1/32", multiply_q_divide_k, 0, 32},
                           qk_unscaled = {"Q times 1/8, K times 8", multiply_q_divide_k, 0, 0.125},
                           qk_negated = {"-Q and -K", multiply_q_divide_k, 0, -1},
                           kv_heads_even = {"other KV heads, even ones", change_kv_heads, 0, -1.5},
                           kv_heads_odd = {"other KV heads, odd ones", change_kv_heads, 1, -1.5},
                           q_heads_even = {"other queries in even heads", change_query_heads, 0, -1.5},
                           q_heads_odd = {"other queries in odd heads", change_query_heads, 1, -1.5};

/* ---- where they apply ------------------------------------------------------------------------------------------ */

static bool without_f16(const property_subject *s)
{
    const attn_plan *const p = s->plan;
    const uint32_t types[] = {s->in->slot[ATTN_Q].type, s->in->slot[ATTN_K].type, s->in->slot[ATTN_V].type,
                              s->in->slot[ATTN_O].type, p->storage_type,          p->score_type,
                              p->weight_type,           p->accumulator_type,      p->output_type};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i] == ATTN_F16) return false;
    return true;
}

static bool v_scales(const property_subject *s) { return s->calm && without_f16(s); }

static bool odd_in_q_and_k(const property_subject *s) { return s->in->problem.score != ATTN_SCORE_ADDITIVE; }

static bool q_against_k(const property_subject *s) { return odd_in_q_and_k(s) && without_f16(s); }

static bool always(const property_subject *s)
{
    (void)s;
    return true;
}

static bool many_kv_heads(const property_subject *s)
{
    return s->in->problem.b * s->in->problem.hkv > 1 && !slot_repeats(s->in, ATTN_Q) && !slot_repeats(s->in, ATTN_K) &&
           !slot_repeats(s->in, ATTN_V);
}

static bool many_query_heads(const property_subject *s) { return s->in->problem.h > 1 && !slot_repeats(s->in, ATTN_Q); }

/* ---- what holds ------------------------------------------------------------------------------------------------ */

static void hold_scaled(const property_view *v)
{
    for (int i = 0; v->variant[i]; i++) hold_same(v, i, v->p->variant[i]->factor, NULL);
}

static void hold_unmoved(const property_view *v)
{
    for (int i = 0; v->variant[i]; i++) hold_same(v, i, 1, NULL);
}

static bool in_unchanged_kv_head(const property_view *v, int i, const row_id *row)
{
    const attn_problem *const p = &v->base->problem;
    return (row->b * p->hkv + row->h / (p->h / p->hkv)) % 2 != v->p->variant[i]->which;
}

static void hold_other_kv_heads(const property_view *v)
{
    for (int i = 0; v->variant[i]; i++) hold_same(v, i, 1, in_unchanged_kv_head);
}

static bool in_unchanged_head(const property_view *v, int i, const row_id *row)
{
    return (row->b * v->base->problem.h + row->h) % 2 != v->p->variant[i]->which;
}

static void hold_other_query_heads(const property_view *v)
{
    for (int i = 0; v->variant[i]; i++) hold_same(v, i, 1, in_unchanged_head);
}

/* ---- the properties -------------------------------------------------------------------------------------------- */

static const check checks[] = {
    {"scale-v-by-power-of-two", "calm rows, no f16",
     "V times 2^k gives O times 2^k bit by bit and leaves LSE as it is"},
    {"negate-v", "every case", "-V gives -O bit by bit"},
    {"scale-q-against-k", "dot and cosine, no f16", "2^k Q with 2^-k K moves no bit"},
    {"negate-q-and-k", "dot and cosine", "-Q with -K moves no bit"},
    {"other-kv-heads", "more than one KV head", "other contents of other sequences and KV heads move no bit"},
    {"other-query-heads", "more than one head",
     "other queries in other heads move no bit where slices are declared the same, else stay within bounds"},
};
const check_group symmetry_checks = {"symmetries", checks, sizeof checks / sizeof *checks};

static const property properties[] = {
    {&checks[0], (const variant_maker *const[]){&v_times_8, &v_by_64, NULL}, ATTN_TRAIT_REPEATABLE, v_scales,
     hold_scaled},
    {&checks[1], (const variant_maker *const[]){&v_negated, NULL}, ATTN_TRAIT_REPEATABLE, always, hold_scaled},
    {&checks[2], (const variant_maker *const[]){&qk_scaled, &qk_unscaled, NULL}, ATTN_TRAIT_REPEATABLE, q_against_k,
     hold_unmoved},
    {&checks[3], (const variant_maker *const[]){&qk_negated, NULL}, ATTN_TRAIT_REPEATABLE, odd_in_q_and_k,
     hold_unmoved},
    {&checks[4], (const variant_maker *const[]){&kv_heads_even, &kv_heads_odd, NULL}, ATTN_TRAIT_REPEATABLE,
     many_kv_heads, hold_other_kv_heads},
    {&checks[5], (const variant_maker *const[]){&q_heads_even, &q_heads_odd, NULL},
     ATTN_TRAIT_REPEATABLE | ATTN_TRAIT_SAME_IN_SLICES, many_query_heads, hold_other_query_heads},
};
const property_family symmetry_properties = {&symmetry_checks, properties};
