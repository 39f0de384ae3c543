/* problem.c: validation, needed features and visible keys of a problem: the only formulas of each. */
#include "problem.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { EXTENT_ANY = -1 }; /* an extent that depends on data (pages, CSR entries) */

static const int64_t size_limit = INT64_C(1) << 40;     /* of one axis */
static const int64_t elements_limit = INT64_C(1) << 48; /* of one tensor: byte offsets stay far below 2^63 */
static const int64_t position_limit = INT64_C(1) << 60; /* sums of four positions stay below 2^63 */

/* ---- visible keys -------------------------------------------------------------------------------------------- */

static int64_t clamp(int64_t x, int64_t low, int64_t high) { return x < low ? low : x > high ? high : x; }

attn_span attn_visible(const attn_problem *problem, const attn_args *args, int64_t b, int64_t i)
{
    const int64_t keys = attn_key_count(problem, args, b);
    const int64_t position = problem->q_pos + attn_metadata(args, ATTN_QUERY_POSITIONS, b, 0) + i;
    attn_span span = {0, 0, keys};
    if (problem->mask & ATTN_MASK_RIGHT) span.end = clamp(position + problem->right + 1, 0, keys);
    if (problem->mask & ATTN_MASK_LEFT) span.begin = clamp(position - problem->left, 0, span.end);
    if (problem->mask & ATTN_MASK_PREFIX_FREE)
        span.prefix = clamp(problem->prefix, 0, keys);
    else if (problem->mask & ATTN_MASK_PREFIX)
        span.prefix = clamp(problem->prefix, 0, span.end);
    if (span.prefix >= span.begin) { /* the two ranges touch: one range */
        if (span.end < span.prefix) span.end = span.prefix;
        span.begin = span.prefix = 0;
    }
    return span;
}

/* ---- validation ---------------------------------------------------------------------------------------------- */

typedef struct range_rule {
    const char *name;
    int64_t value, low, high;
} range_rule;

static int in_range(const range_rule *rule, int count, char *reason, size_t size)
{
    for (int i = 0; i < count; i++) {
        if (rule[i].value >= rule[i].low && rule[i].value <= rule[i].high) continue;
        snprintf(reason, size, "%s is %" PRId64 ", must be %" PRId64 " to %" PRId64, rule[i].name, rule[i].value,
                 rule[i].low, rule[i].high);
        return 0;
    }
    return 1;
}

static int check_fields(const attn_problem *p, char *reason, size_t size)
{
    const range_rule rules[] = {
        {"b", p->b, 1, size_limit},
        {"h", p->h, 1, size_limit},
        {"hkv", p->hkv, 1, size_limit},
        {"q", p->q, 1, size_limit},
        {"k", p->k, 0, size_limit},
        {"d", p->d, 1, ATTN_MAX_D},
        {"dv", p->dv, 1, ATTN_MAX_D},
        {"q_pos", p->q_pos, -position_limit, position_limit},
        {"left", p->left, 0, position_limit},
        {"right", p->right, 0, position_limit},
        {"prefix", p->prefix, 0, position_limit},
        {"score", p->score, 0, ATTN_SCORE_ADDITIVE},
        {"mask", p->mask, 0, 2 * ATTN_MASK_BLOCKS - 1},
        {"pass", p->pass, 0, ATTN_BACKWARD},
        {"form", p->form, 0, ATTN_TOP_K},
        {"bias_k0", p->bias_k0, 0, p->k > 0 ? p->k : 0},
        {"page_size", p->page_size, 0, size_limit},
        {"mask_block_q", p->mask_block_q, p->mask & ATTN_MASK_BLOCKS ? 1 : 0, size_limit},
        {"mask_block_k", p->mask_block_k, p->mask & ATTN_MASK_BLOCKS ? 1 : 0, size_limit},
        {"rank", p->rank, p->form == ATTN_LOW_RANK ? 1 : 0, size_limit},
        {"topk", p->topk, p->form == ATTN_TOP_K ? 1 : 0, size_limit},
    };
    if (p->size < sizeof *p) {
        snprintf(reason, size, "problem.size is %" PRIu32 ", must be at least %zu", p->size, sizeof *p);
        return 0;
    }
    if (!in_range(rules, (int)(sizeof rules / sizeof rules[0]), reason, size)) return 0;
    if (p->h % p->hkv) {
        snprintf(reason, size, "hkv = %" PRId64 " does not divide h = %" PRId64, p->hkv, p->h);
        return 0;
    }
    if (!isfinite(p->scale)) {
        snprintf(reason, size, "scale is not finite");
        return 0;
    }
    if (!(p->softcap >= 0) || !isfinite(p->softcap)) {
        snprintf(reason, size, "softcap must be 0 (none) or a positive number");
        return 0;
    }
    return 1;
}

static void expected_extents(const attn_problem *p, const attn_args *args, int slot, int64_t e[4])
{
    const int paged = attn_slot_of(args, ATTN_PAGES) != NULL;
    const int64_t query_rows = attn_slot_of(args, ATTN_QUERY_STARTS) ? EXTENT_ANY : p->q;
    const int64_t key_rows = paged ? p->page_size : attn_slot_of(args, ATTN_KEY_STARTS) ? EXTENT_ANY : p->k;
    const int64_t key_batch = paged ? EXTENT_ANY : p->b;
    const int64_t shapes[ATTN_SLOTS][4] = {
        [ATTN_Q] = {p->b, p->h, query_rows, p->d},
        [ATTN_K] = {key_batch, p->hkv, key_rows, p->d},
        [ATTN_V] = {key_batch, p->hkv, key_rows, p->dv},
        [ATTN_O] = {p->b, p->h, query_rows, p->dv},
        [ATTN_LSE] = {p->b, p->h, query_rows, 1},
        [ATTN_WEIGHTS] = {p->b, p->h, query_rows, p->k},
        [ATTN_BIAS] = {p->b, p->h, query_rows, EXTENT_ANY},
        [ATTN_KEY_LENGTHS] = {p->b, 1, 1, 1},
        [ATTN_QUERY_LENGTHS] = {p->b, 1, 1, 1},
        [ATTN_QUERY_POSITIONS] = {p->b, 1, 1, 1},
        [ATTN_QUERY_STARTS] = {p->b + 1, 1, 1, 1},
        [ATTN_KEY_STARTS] = {p->b + 1, 1, 1, 1},
        [ATTN_PAGES] = {p->b, 1, EXTENT_ANY, 1},
        [ATTN_SLOPES] = {1, p->h, 1, 1},
        [ATTN_SINK_LOGITS] = {1, p->h, 1, 1},
        [ATTN_HEAD_SCALE] = {1, p->h, 1, 1},
        [ATTN_K_SCALES] = {key_batch, p->hkv, key_rows, p->d},
        [ATTN_V_SCALES] = {key_batch, p->hkv, key_rows, p->dv},
        [ATTN_SCORE_VECTOR] = {1, p->h, 1, p->d},
        [ATTN_MASK_STARTS] = {1, EXTENT_ANY, EXTENT_ANY, 1},
        [ATTN_MASK_INDICES] = {1, EXTENT_ANY, EXTENT_ANY, 1},
        [ATTN_DO] = {p->b, p->h, query_rows, p->dv},
        [ATTN_DQ] = {p->b, p->h, query_rows, p->d},
        [ATTN_DK] = {p->b, p->hkv, key_rows, p->d},
        [ATTN_DV] = {p->b, p->hkv, key_rows, p->dv},
    };
    for (int axis = 0; axis < 4; axis++) e[axis] = shapes[slot][axis];
}

static int is_output(const attn_problem *p, int slot)
{
    if (slot == ATTN_O || slot == ATTN_LSE) return p->pass == ATTN_FORWARD;
    return slot == ATTN_WEIGHTS || slot == ATTN_DQ || slot == ATTN_DK || slot == ATTN_DV;
}

static int check_tensor(const attn_problem *p, const attn_args *args, int slot, char *reason, size_t size)
{
    const attn_tensor *t = &args->slot[slot];
    const int is_metadata =
        (slot >= ATTN_KEY_LENGTHS && slot <= ATTN_PAGES) || slot == ATTN_MASK_STARTS || slot == ATTN_MASK_INDICES;
    if (t->type >= ATTN_TYPES || (t->type == ATTN_I64) != is_metadata) {
        snprintf(reason, size, "%s has type %s, must be %s", attn_slot_name(slot), attn_type_name(t->type),
                 is_metadata ? "i64" : "a type of numbers");
        return 0;
    }
    int64_t expected[4], elements = 1;
    expected_extents(p, args, slot, expected);
    for (int axis = 0; axis < 4; axis++) {
        if (t->extent[axis] < 0 || (expected[axis] != EXTENT_ANY && t->extent[axis] != expected[axis])) {
            snprintf(reason, size, "%s has extent %" PRId64 " on axis %d, must be %" PRId64, attn_slot_name(slot),
                     t->extent[axis], axis, expected[axis]);
            return 0;
        }
        if (t->stride[axis] < 0 || (t->stride[axis] == 0 && t->extent[axis] > 1 && is_output(p, slot) &&
                                    !(axis == 0 && attn_slot_of(args, ATTN_QUERY_STARTS)))) {
            snprintf(reason, size,
                     "%s has stride %" PRId64 " on axis %d: strides are not negative, and not 0 for outputs",
                     attn_slot_name(slot), t->stride[axis], axis);
            return 0;
        }
        if (t->extent[axis] > 0 && elements > elements_limit / t->extent[axis]) {
            snprintf(reason, size, "%s has more than 2^48 elements", attn_slot_name(slot));
            return 0;
        }
        elements *= t->extent[axis];
        if (t->extent[axis] > 1 && t->stride[axis] > elements_limit / (t->extent[axis] - 1)) {
            snprintf(reason, size, "%s reaches beyond 2^48 elements on axis %d", attn_slot_name(slot), axis);
            return 0;
        }
    }
    return 1;
}

/* Every entry of a per-sequence vector within low .. high. */
static int check_metadata(const attn_problem *p, const attn_args *args, int slot, int64_t low, int64_t high,
                          char *reason, size_t size)
{
    const attn_tensor *t = attn_slot_of(args, slot);
    for (int64_t b = 0; t && t->data && b < p->b; b++) {
        const int64_t x = attn_metadata(args, slot, b, 0);
        if (x >= low && x <= high) continue;
        snprintf(reason, size, "%s[%" PRId64 "] is %" PRId64 ", must be %" PRId64 " to %" PRId64, attn_slot_name(slot),
                 b, x, low, high);
        return 0;
    }
    return 1;
}

static int check_starts(const attn_problem *p, const attn_args *args, int slot, int64_t most, char *reason, size_t size)
{
    const attn_tensor *t = attn_slot_of(args, slot);
    for (int64_t b = 0; t && t->data && b < p->b; b++) {
        const int64_t length = attn_metadata(args, slot, b + 1, 0) - attn_metadata(args, slot, b, 0);
        if (length >= 0 && length <= most && attn_metadata(args, slot, 0, 0) == 0) continue;
        snprintf(reason, size, "%s must begin with 0 and grow by 0 to %" PRId64 " each (sequence %" PRId64 ")",
                 attn_slot_name(slot), most, b);
        return 0;
    }
    return 1;
}

int attn_check(const attn_problem *problem, const attn_args *args, char *reason, size_t reason_size)
{
    if (!check_fields(problem, reason, reason_size)) return 0;
    for (int slot = 0; slot < ATTN_SLOTS; slot++)
        if (attn_slot_of(args, slot) && !check_tensor(problem, args, slot, reason, reason_size)) return 0;
    for (int slot = ATTN_Q; slot <= ATTN_O; slot++) {
        if (attn_slot_of(args, slot)) continue;
        snprintf(reason, reason_size, "%s is missing", attn_slot_name(slot));
        return 0;
    }
    if ((problem->mask & ATTN_MASK_BLOCKS) &&
        (!attn_slot_of(args, ATTN_MASK_STARTS) || !attn_slot_of(args, ATTN_MASK_INDICES))) {
        snprintf(reason, reason_size, "a block mask needs MASK_STARTS and MASK_INDICES");
        return 0;
    }
    if (attn_slot_of(args, ATTN_PAGES) && problem->page_size < 1) {
        snprintf(reason, reason_size, "PAGES needs page_size >= 1");
        return 0;
    }
    return check_metadata(problem, args, ATTN_KEY_LENGTHS, 0, problem->k, reason, reason_size) &&
           check_metadata(problem, args, ATTN_QUERY_LENGTHS, 0, problem->q, reason, reason_size) &&
           check_metadata(problem, args, ATTN_QUERY_POSITIONS, -position_limit, position_limit, reason, reason_size) &&
           check_starts(problem, args, ATTN_QUERY_STARTS, problem->q, reason, reason_size) &&
           check_starts(problem, args, ATTN_KEY_STARTS, problem->k, reason, reason_size);
}

/* ---- features ------------------------------------------------------------------------------------------------ */

void attn_needs(const attn_problem *p, const attn_args *args, uint64_t needs[2])
{
    const struct {
        int used;
        uint64_t bit;
    } fields[] = {
        {p->hkv != p->h, ATTN_CAP_GQA},
        {p->dv != p->d, ATTN_CAP_DV},
        {(p->mask & ATTN_MASK_LEFT) != 0, ATTN_CAP_LEFT},
        {(p->mask & ATTN_MASK_RIGHT) != 0, ATTN_CAP_RIGHT},
        {(p->mask & ATTN_MASK_PREFIX) != 0, ATTN_CAP_PREFIX},
        {(p->mask & ATTN_MASK_PREFIX_FREE) != 0, ATTN_CAP_PREFIX_FREE},
        {(p->mask & ATTN_MASK_BLOCKS) != 0, ATTN_CAP_BLOCKS},
        {p->q_pos != 0, ATTN_CAP_POSITION},
        {p->softcap != 0, ATTN_CAP_SOFTCAP},
        {p->score == ATTN_SCORE_COSINE, ATTN_CAP_COSINE},
        {p->score == ATTN_SCORE_ADDITIVE, ATTN_CAP_ADDITIVE},
        {p->pass == ATTN_BACKWARD, ATTN_CAP_BACKWARD},
        {p->form == ATTN_LINEAR, ATTN_CAP_LINEAR},
        {p->form == ATTN_LOW_RANK, ATTN_CAP_LOW_RANK},
        {p->form == ATTN_TOP_K, ATTN_CAP_TOP_K},
        {p->bias_k0 != 0, ATTN_CAP_BIAS_OFFSET},
    };
    needs[0] = needs[1] = 0;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (fields[i].used) needs[0] |= fields[i].bit;
    for (uint32_t slot = 0; slot < args->count && slot < 64; slot++) {
        const attn_tensor *t = &args->slot[slot];
        if (t->type == ATTN_ABSENT) continue;
        needs[1] |= ATTN_SLOT_BIT(slot);
        if (t->type != ATTN_I64 && t->extent[3] > 1 && t->stride[3] != 1 && slot != ATTN_K_SCALES &&
            slot != ATTN_V_SCALES)
            needs[0] |= ATTN_CAP_CHANNEL_STRIDE;
    }
}

int attn_supports(const attn_kernel *kernel, const attn_problem *problem, const attn_args *args, uint64_t isa,
                  char *reason, size_t reason_size)
{
    if (kernel->abi >> 16 != ATTN_ABI_MAJOR || kernel->abi > ATTN_ABI) {
        snprintf(reason, reason_size, "ABI %" PRIu32 ".%" PRIu32 ", this host takes %u.0 to %u.%u", kernel->abi >> 16,
                 kernel->abi & 0xffff, ATTN_ABI_MAJOR, ATTN_ABI_MAJOR, ATTN_ABI_MINOR);
        return 0;
    }
    if (kernel->isa & ~isa) {
        char names[160];
        attn_isa_names(kernel->isa & ~isa, names, sizeof names);
        snprintf(reason, reason_size, "needs instruction sets that this CPU or ATTNBENCH_ISA does not give: %s", names);
        return 0;
    }
    uint64_t needs[2];
    attn_needs(problem, args, needs);
    const uint64_t missing[2] = {needs[0] & ~kernel->caps[0], needs[1] & ~kernel->caps[1]};
    if (missing[0] | missing[1]) {
        char names[192];
        attn_needs_names(missing, names, sizeof names);
        snprintf(reason, reason_size, "does not have: %s", names);
        return 0;
    }
    for (uint32_t slot = 0; slot < args->count; slot++) {
        const uint32_t type = args->slot[slot].type;
        if (type == ATTN_ABSENT || type == ATTN_I64) continue;
        if (slot < kernel->type_count && (kernel->types[slot] & ATTN_TYPE_BIT(type))) continue;
        snprintf(reason, reason_size, "does not take %s as type of %s", attn_type_name(type),
                 attn_slot_name((int)slot));
        return 0;
    }
    if (ATTN_HAS(kernel, accepts) && kernel->accepts && !kernel->accepts(problem, args, reason, reason_size)) return 0;
    return 1;
}
