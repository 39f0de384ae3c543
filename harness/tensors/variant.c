/* variant.c: borrowing, owning and walking the tensors of an instance. */
#include "variant.h"

#include <math.h>
#include <string.h>

#include "inputs.h"
#include "instance_internal.h"
#include "util/guard_pages.h"
#include "problem.h"
#include "reference.h"

static int map_slot(instance *in, int slot)
{
    char reason[160];
    in->slot[slot].data = NULL;
    in->map[slot] = (mapping){0};
    return instance_map_slot(in, slot, in->w->align, reason, sizeof reason);
}

int variant_new(const instance *base, variant *out)
{
    *out = (variant){.in = *base};
    memset(out->in.map, 0, sizeof out->in.map);
    if (!base->w->want_weights) out->in.slot[ATTN_WEIGHTS] = (attn_tensor){0};
    for (int slot = 0; slot < ATTN_SLOTS; slot++) {
        if (out->in.slot[slot].type == ATTN_ABSENT || !slot_is_output(&base->problem, slot)) continue;
        if (map_slot(&out->in, slot)) continue;
        variant_free(out);
        return 0;
    }
    return 1;
}

void variant_free(variant *v)
{
    instance_free(&v->in);
    *v = (variant){0};
}

/* A view that begins where its base begins lies in the same memory and moves with it. */
static void share_view(variant *v, int slot, int of, const void *before)
{
    if (v->in.w->v_in_k && v->in.slot[slot].type != ATTN_ABSENT && v->in.slot[slot].data == before)
        v->in.slot[slot].data = v->in.slot[of].data;
}

int variant_own(variant *v, int slot)
{
    attn_tensor *const t = &v->in.slot[slot];
    const attn_tensor from = *t;
    if (v->in.map[slot].base) return 1;
    if (!map_slot(&v->in, slot)) return 0;
    memcpy(t->data, from.data, (size_t)tensor_bytes(t));
    if (slot == ATTN_K) share_view(v, ATTN_V, ATTN_K, from.data);
    if (slot == ATTN_K_SCALES) share_view(v, ATTN_V_SCALES, ATTN_K_SCALES, from.data);
    return 1;
}

int variant_resize(variant *v, int slot, int64_t heads, int64_t rows)
{
    attn_tensor *const t = &v->in.slot[slot];
    const int64_t channels = t->stride[3] == 0 ? 1 : t->extent[3];
    t->extent[1] = heads;
    t->extent[2] = rows;
    t->stride[3] = t->stride[3] == 0 ? 0 : 1;
    t->stride[2] = channels;
    t->stride[1] = rows * channels;
    t->stride[0] = t->stride[0] == 0 ? 0 : heads * rows * channels;
    return map_slot(&v->in, slot);
}

void variant_cut_rows(variant *v, int slot, int64_t first, int64_t count)
{
    attn_tensor *const t = &v->in.slot[slot];
    if (t->type == ATTN_ABSENT) return;
    t->data = (unsigned char *)t->data + first * t->stride[2] * (int64_t)attn_type_size(t->type);
    t->extent[2] = count;
}

double row_get(const attn_tensor *t, const unsigned char *row, int64_t c)
{
    attn_tensor at = *t;
    at.data = (void *)(uintptr_t)row;
    return ref_element(&at, 0, 0, 0, c);
}

void row_set(const attn_tensor *t, unsigned char *row, int64_t c, double x)
{
    const int64_t at = c * t->stride[3];
    if (t->type == ATTN_F16)
        ((uint16_t *)(void *)row)[at] = round_to_f16((float)x);
    else if (t->type == ATTN_BF16)
        ((uint16_t *)(void *)row)[at] = round_to_bf16((float)x);
    else
        ((float *)(void *)row)[at] = (float)x;
}

static bool of_keys(int slot)
{
    return slot == ATTN_K || slot == ATTN_V || slot == ATTN_K_SCALES || slot == ATTN_V_SCALES;
}

void variant_each_row(const instance *in, int slot, row_visitor *visit, void *arg)
{
    const attn_tensor *const t = &in->slot[slot];
    const attn_args args = instance_all(in);
    const bool keys = of_keys(slot), packed = in->slot[keys ? ATTN_KEY_STARTS : ATTN_QUERY_STARTS].type != ATTN_ABSENT;
    const bool one_sequence = t->stride[0] == 0 && !packed && in->slot[ATTN_PAGES].type == ATTN_ABSENT;
    const int64_t sequences = one_sequence ? 1 : in->problem.b, heads = t->stride[1] == 0 ? 1 : t->extent[1];
    for (int64_t b = 0; b < sequences; b++) {
        int64_t rows = keys ? attn_key_count(&in->problem, &args, b) : attn_query_count(&in->problem, &args, b);
        if (one_sequence) rows = keys ? in->problem.k : in->problem.q;
        if (t->stride[2] == 0 && rows > 1) rows = 1;
        for (int64_t h = 0; h < heads; h++)
            for (int64_t i = 0; i < rows; i++) visit(arg, t, inputs_row(in, slot, b, h, i), &(row_place){b, h, i});
    }
}

bool slot_repeats(const instance *in, int slot)
{
    const attn_tensor *const t = &in->slot[slot];
    const bool packed = in->slot[of_keys(slot) ? ATTN_KEY_STARTS : ATTN_QUERY_STARTS].type != ATTN_ABSENT;
    return (t->stride[0] == 0 && t->extent[0] > 1 && !packed) || (t->stride[1] == 0 && t->extent[1] > 1);
}

int variant_factor_slot(const instance *in, int slot)
{
    if (in->slot[slot].type != ATTN_I8) return slot;
    return slot == ATTN_K ? ATTN_K_SCALES : ATTN_V_SCALES;
}
