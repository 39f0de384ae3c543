/* fuzz_problem: validation and masks. attn_check takes any bytes as a problem. Of a valid one, what attn_visible says
 * of every row is what ref_sees says of every key, and attn_work counts the same pairs. */
#include <string.h>

#include "fuzz.h"
#include "problem.h"
#include "reference.h"

typedef struct bytes {
    const uint8_t *at;
    size_t left;
} bytes;

static uint8_t take(bytes *b)
{
    if (b->left == 0) return 0;
    b->left--;
    return *b->at++;
}

/* A number near 0, near a limit or anything. */
static int64_t take_number(bytes *b)
{
    static const int64_t near[] = {
        0, 16, INT64_C(1) << 24, INT64_C(1) << 31, INT64_C(1) << 40, INT64_C(1) << 60, INT64_MAX - 128};
    const uint8_t kind = take(b);
    const int64_t base = near[kind % 7] + (int8_t)take(b) / (kind & 64 ? 1 : 8);
    return kind & 128 ? -base : base;
}

static void check_masks(const attn_problem *p, const attn_args *args)
{
    double pairs = 0;
    for (int64_t b = 0; b < p->b; b++)
        for (int64_t i = 0; i < attn_query_count(p, args, b); i++) {
            const attn_span s = attn_visible(p, args, b, i);
            HOLDS(0 <= s.prefix && s.prefix <= s.begin && s.begin <= s.end && s.end <= attn_key_count(p, args, b));
            for (int64_t j = 0; j < attn_key_count(p, args, b); j++) {
                const bool sees = ref_sees(p, args, b, i, j);
                HOLDS(sees == (j < s.prefix || (j >= s.begin && j < s.end)));
                pairs += sees ? (double)p->h : 0;
            }
        }
    HOLDS(attn_work(p, args).pairs == pairs);
}

/* Row-major, of the extents given. */
static attn_tensor tensor_of(uint32_t type, void *data, int64_t b, int64_t h, int64_t r, int64_t c)
{
    return (attn_tensor){data, type, 0, {b, h, r, c}, {h * r * c, r * c, c, 1}};
}

static void fill_slots(bytes *in, const attn_problem *p, int64_t metadata[3][4], attn_tensor *slot)
{
    static const int vector[] = {ATTN_KEY_LENGTHS, ATTN_QUERY_LENGTHS, ATTN_QUERY_POSITIONS};
    const uint8_t use = take(in);
    slot[ATTN_Q] = tensor_of(ATTN_F32, NULL, p->b, p->h, p->q, p->d);
    slot[ATTN_K] = tensor_of(ATTN_F32, NULL, p->b, p->hkv, p->k, p->d);
    slot[ATTN_V] = tensor_of(ATTN_F32, NULL, p->b, p->hkv, p->k, p->dv);
    slot[ATTN_O] = tensor_of(ATTN_F32, NULL, p->b, p->h, p->q, p->dv);
    for (int v = 0; v < 3; v++) {
        for (int i = 0; i < 4; i++) metadata[v][i] = v == 2 ? take_number(in) : take(in) % 40;
        if (use >> v & 1) slot[vector[v]] = tensor_of(ATTN_I64, metadata[v], p->b, 1, 1, 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bytes in = {data, size};
    char reason[512] = "", names[1024];
    uint64_t needs[2];
    int64_t metadata[3][4];
    attn_tensor slot[ATTN_SLOTS] = {{0}};
    const attn_args args = {sizeof args, ATTN_SLOTS, slot};
    attn_problem p = {.size = sizeof p};
    const bool raw = take(&in) & 1;
    if (raw) {
        memcpy(&p, in.at, in.left < sizeof p ? in.left : sizeof p);
        attn_check(&p, &args, reason, sizeof reason);
        attn_needs(&p, &args, needs);
        attn_needs_names(needs, names, sizeof names);
        return 0;
    }
    p.b = 1 + take(&in) % 4, p.hkv = 1 + take(&in) % 3, p.h = p.hkv * (1 + take(&in) % 3);
    p.q = 1 + take(&in) % 20, p.k = take(&in) % 40, p.d = 1 + take(&in) % 8, p.dv = 1 + take(&in) % 8;
    p.mask = take(&in) % ATTN_MASK_BLOCKS, p.scale = 1;
    p.q_pos = take_number(&in), p.left = take_number(&in), p.right = take_number(&in), p.prefix = take_number(&in);
    fill_slots(&in, &p, metadata, slot);
    if (!attn_check(&p, &args, reason, sizeof reason)) {
        HOLDS(reason[0] && !strchr(reason, '\n'));
        return 0;
    }
    check_masks(&p, &args);
    return 0;
}
