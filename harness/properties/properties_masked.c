/* properties_masked.c: a key may hold anything where a row does not see it, also where its neighbours do: NaN and
 * infinities in K and V of one key at a time, and of all keys past a key length, must not show in the rows that they
 * are masked for. */
#include <math.h>

#include "tensors/inputs.h"
#include "tensors/instance_internal.h"
#include "problem.h"
#include "property.h"
#include "reference.h"

/* Which key: the first, the middle one, the last; and what it holds. */
enum { FIRST, MIDDLE, LAST, PLACES };

static int64_t hidden_key(const instance *in, int64_t b, int place)
{
    const attn_args args = instance_all(in);
    const int64_t count = attn_key_count(&in->problem, &args, b);
    return place == FIRST ? 0 : place == MIDDLE ? count / 2 : count - 1;
}

static void set_row(const instance *in, int slot, int64_t b, int64_t h, int64_t key, double value)
{
    const int to = variant_factor_slot(in, slot);
    const attn_tensor *const t = &in->slot[to];
    unsigned char *const row = inputs_row(in, to, b, h, key);
    const bool narrow = t->type == ATTN_F16 && isfinite(value);
    for (int64_t c = 0; c < (t->stride[3] == 0 ? 1 : t->extent[3]); c++) row_set(t, row, c, narrow ? 60000 : value);
}

static int poison(variant *v, int place, double k, double value)
{
    const attn_problem *const p = &v->in.problem;
    const attn_args args = instance_all(&v->in);
    const bool packed = v->in.slot[ATTN_KEY_STARTS].type != ATTN_ABSENT;
    if (!variant_own(v, variant_factor_slot(&v->in, ATTN_K)) || !variant_own(v, variant_factor_slot(&v->in, ATTN_V)))
        return 0;
    for (int64_t b = 0; b < p->b; b++) {
        const int64_t key = hidden_key(&v->in, b, place), count = attn_key_count(p, &args, b);
        for (int64_t h = 0; h < p->hkv; h++)
            for (int64_t j = 0; j < (packed ? count : p->k); j++) {
                if (j != key && j < count) continue;
                set_row(&v->in, ATTN_K, b, h, j, k);
                set_row(&v->in, ATTN_V, b, h, j, value);
            }
    }
    return 1;
}

static int nan_k_inf_v(variant *v, const variant_maker *how) { return poison(v, how->which, NAN, INFINITY); }

static int inf_k_nan_v(variant *v, const variant_maker *how) { return poison(v, how->which, -INFINITY, NAN); }

static int nan_k_large_v(variant *v, const variant_maker *how) { return poison(v, how->which, NAN, 1e30); }

static int inf_k_large_v(variant *v, const variant_maker *how) { return poison(v, how->which, INFINITY, -1e30); }

static const variant_maker nan_first = {"the call with NaN in K and inf in V of the first key", nan_k_inf_v, FIRST, 0},
                           nan_middle = {"the call with NaN in K and inf in V of a middle key", nan_k_inf_v, MIDDLE, 0},
                           nan_last = {"the call with NaN in K and inf in V of the last key", nan_k_inf_v, LAST, 0},
                           inf_first = {"the call with -inf in K and NaN in V of the first key", inf_k_nan_v, FIRST, 0},
                           inf_middle = {"the call with -inf in K and NaN in V of a middle key", inf_k_nan_v, MIDDLE,
                                         0},
                           inf_last = {"the call with -inf in K and NaN in V of the last key", inf_k_nan_v, LAST, 0},
                           large_first = {"the call with NaN in K and 1e30 in V of the first key", nan_k_large_v, FIRST,
                                          0},
                           large_middle = {"the call with inf in K and -1e30 in V of a middle key", inf_k_large_v,
                                           MIDDLE, 0},
                           large_last = {"the call with NaN in K and 1e30 in V of the last key", nan_k_large_v, LAST,
                                         0};

/* ---- where they apply, and what holds ---------------------------------------------------------------------------- */

static bool masks(const instance *in)
{
    const attn_problem *const p = &in->problem;
    return p->k > 0 && in->slot[ATTN_K].stride[2] != 0 && in->slot[ATTN_V].stride[2] != 0 &&
           !slot_repeats(in, ATTN_K) && !slot_repeats(in, ATTN_V) &&
           ((p->mask & (ATTN_MASK_LEFT | ATTN_MASK_RIGHT)) || in->slot[ATTN_KEY_LENGTHS].type != ATTN_ABSENT);
}

static bool any_v(const property_subject *s)
{
    return masks(s->in) && !(s->kernel->traits & ATTN_TRAIT_MASKED_V_FINITE);
}

static bool finite_v(const property_subject *s)
{
    return masks(s->in) && (s->kernel->traits & ATTN_TRAIT_MASKED_V_FINITE) &&
           s->in->slot[ATTN_V].data != s->in->slot[ATTN_K].data;
}

static bool does_not_see(const property_view *v, int i, const row_id *row)
{
    const attn_args args = instance_all(v->base);
    const int64_t key = hidden_key(v->base, row->b, v->p->variant[i]->which);
    return !ref_sees(&v->base->problem, &args, row->b, row->i, key);
}

static void hold_unseen(const property_view *v)
{
    for (int i = 0; v->variant[i]; i++) hold_same(v, i, 1, does_not_see);
}

static const check checks[] = {
    {"masked-keys", "masks and key lengths",
     "NaN and infinity in K and V of a key do not show in the rows that do not see it"},
    {"masked-keys-finite-v", "kernels that declare MASKED_V_FINITE",
     "NaN in K and 1e30 in V of a key do not show in the rows that do not see it"},
};
const check_group masked_checks = {"masked keys", checks, sizeof checks / sizeof *checks};

static const property properties[] = {
    {&checks[0],
     (const variant_maker *const[]){&nan_first, &nan_middle, &nan_last, &inf_first, &inf_middle, &inf_last, NULL},
     ATTN_TRAIT_REPEATABLE | ATTN_TRAIT_SAME_IN_SLICES, any_v, hold_unseen},
    {&checks[1], (const variant_maker *const[]){&large_first, &large_middle, &large_last, NULL},
     ATTN_TRAIT_REPEATABLE | ATTN_TRAIT_SAME_IN_SLICES, finite_v, hold_unseen},
};
const property_family masked_properties = {&masked_checks, properties};
