/* properties_rows.c: the same rows computed in another company: as a slice, by other numbers of threads, with each
 * query head's keys and values in a KV head of its own. */
#include <string.h>

#include "problem.h"
#include "property.h"

/* ---- variants -------------------------------------------------------------------------------------------------- */

static bool positional(const attn_problem *p, const instance *in)
{
    return (p->mask & (ATTN_MASK_LEFT | ATTN_MASK_RIGHT)) || in->slot[ATTN_SLOPES].type != ATTN_ABSENT;
}

/* Row 0, the middle third, or the last rows. */
static int slice(variant *v, const variant_maker *how)
{
    attn_problem *const p = &v->in.problem;
    const int64_t q = p->q, begins[] = {0, (q + 1) / 3, q - (q + 3) / 4}, ends[] = {1, q - q / 3, q};
    const int64_t first = begins[how->which], count = ends[how->which] - first;
    static const int slots[] = {ATTN_Q, ATTN_O, ATTN_LSE, ATTN_WEIGHTS, ATTN_BIAS};
    if (count < 1) return 0;
    for (size_t i = 0; i < sizeof slots / sizeof *slots; i++) variant_cut_rows(v, slots[i], first, count);
    if (positional(p, &v->in)) p->q_pos += first;
    p->q = count;
    v->first_row = first;
    v->plan_of_base = true;
    return 1;
}

static int with_threads(variant *v, const variant_maker *how)
{
    v->threads = how->which;
    return 1;
}

/* Head h of `slot` is a copy of KV head h / group of the base, whatever the first axis is: sequences, pages or one
 * packed batch. */
static int repeat_heads(variant *v, int slot, int64_t group)
{
    const attn_tensor from = v->in.slot[slot];
    attn_tensor *const to = &v->in.slot[slot];
    if (from.type == ATTN_ABSENT) return 1;
    const int64_t size = (int64_t)attn_type_size(from.type), channels = from.stride[3] == 0 ? 1 : from.extent[3];
    if (!variant_resize(v, slot, from.extent[1] * group, from.extent[2])) return 0;
    for (int64_t b = 0; b < (from.stride[0] == 0 ? 1 : from.extent[0]); b++)
        for (int64_t h = 0; h < to->extent[1]; h++)
            for (int64_t i = 0; i < from.extent[2]; i++)
                for (int64_t c = 0; c < channels; c++)
                    memcpy((char *)to->data + (b * to->stride[0] + h * to->stride[1] + i * to->stride[2] + c) * size,
                           (const char *)from.data + (b * from.stride[0] + h / group * from.stride[1] +
                                                      i * from.stride[2] + c * from.stride[3]) *
                                                         size,
                           (size_t)size);
    return 1;
}

static int heads_repeated(variant *v, const variant_maker *how)
{
    static const int slots[] = {ATTN_K, ATTN_V, ATTN_K_SCALES, ATTN_V_SCALES};
    attn_problem *const p = &v->in.problem;
    (void)how;
    for (size_t i = 0; i < sizeof slots / sizeof *slots; i++)
        if (!repeat_heads(v, slots[i], p->h / p->hkv)) return 0;
    p->hkv = p->h;
    return 1;
}

static const variant_maker first_row = {"row 0 alone", slice, 0, 0},
                           middle_rows = {"the middle third of the rows", slice, 1, 0},
                           last_rows = {"the last rows alone", slice, 2, 0},
                           on_1 = {"the call on 1 thread", with_threads, 1, 0},
                           on_3 = {"the call on 3 threads", with_threads, 3, 0},
                           on_5 = {"the call on 5 threads", with_threads, 5, 0},
                           repeated = {"KV heads repeated for each query head", heads_repeated, 0, 0};

/* ---- where they apply, and what holds ---------------------------------------------------------------------------- */

static bool sliceable(const property_subject *s)
{
    return s->in->problem.q > 1 && s->in->slot[ATTN_QUERY_STARTS].type == ATTN_ABSENT &&
           s->in->slot[ATTN_QUERY_LENGTHS].type == ATTN_ABSENT;
}

/* Not kernels with threads of their own: a runtime has one number of them in a process. */
static bool threaded(const property_subject *s) { return (s->kernel->traits & ATTN_TRAIT_THREADED) != 0; }

static bool grouped(const property_subject *s) { return s->in->problem.h != s->in->problem.hkv; }

static void hold_rows(const property_view *v)
{
    for (int i = 0; v->variant[i]; i++) hold_same(v, i, 1, NULL);
}

static const check checks[] = {
    {"slice-of-rows", "more than one row",
     "rows run as a slice at their own positions equal those of the whole: bit by bit where declared"},
    {"thread-count", "kernels on the threads of attn_exec",
     "other numbers of threads give the same: bit by bit where declared"},
    {"repeated-kv-heads", "grouped KV heads", "each query head with a KV head of its own gives the same within bounds"},
};
const check_group row_checks = {"rows", checks, sizeof checks / sizeof *checks};

static const property properties[] = {
    {&checks[0], (const variant_maker *const[]){&first_row, &middle_rows, &last_rows, NULL},
     ATTN_TRAIT_REPEATABLE | ATTN_TRAIT_SAME_IN_SLICES, sliceable, hold_rows},
    {&checks[1], (const variant_maker *const[]){&on_1, &on_3, &on_5, NULL},
     ATTN_TRAIT_REPEATABLE | ATTN_TRAIT_SAME_AT_ANY_THREADS, threaded, hold_rows},
    {&checks[2], (const variant_maker *const[]){&repeated, NULL}, 0, grouped, hold_rows},
};
const property_family row_properties = {&row_checks, properties};
