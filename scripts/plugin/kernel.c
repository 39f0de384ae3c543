/* @NAME@: one pass over the keys with a running maximum.
 *
 *   for each query row: for each key:
 *     s = scale * q . k;  if s raises the maximum m: rescale the sum and o by exp(old m - new m)
 *     sum += exp(s - m);  o += exp(s - m) * v
 *   o /= sum
 *
 * A start, right but slow: change it until it is fast. attention.h, beside this file, says what each field means; what
 * a kernel here may do with others' code (vector instructions, threads through exec, packing, workspace) is all in
 * there.
 * Verified by: attnbench verify --plugin build/@NAME@.so --kernel '@NAME@:*'
 */
#include <math.h>

#include "attention.h"

/* ---- reading the arguments: keep these as they are -------------------------------------------------------------- */

static const attn_tensor *slot_of(const attn_args *args, int slot)
{
    return (uint32_t)slot < args->count && args->slot[slot].type != ATTN_ABSENT ? &args->slot[slot] : 0;
}

/* Row r of sequence b and head h. The channels of a row lie side by side. */
static float *row_of(const attn_tensor *t, int64_t b, int64_t h, int64_t r)
{
    return (float *)t->data + b * t->stride[0] + h * t->stride[1] + r * t->stride[2];
}

/* The keys begin <= j < end that row i of sequence b sees. */
static void visible(const attn_problem *p, const attn_args *args, int64_t b, int64_t i, int64_t *begin, int64_t *end)
{
    const attn_tensor *lengths = slot_of(args, ATTN_KEY_LENGTHS);
    const int64_t position = p->q_pos + i;
    *begin = 0;
    *end = lengths ? ((const int64_t *)lengths->data)[b * lengths->stride[0]] : p->k;
    if (p->mask & ATTN_MASK_LEFT && *begin < position - p->left) *begin = position - p->left;
    if (p->mask & ATTN_MASK_RIGHT && *end > position + p->right + 1) *end = position + p->right + 1;
}

/* ---- the kernel ------------------------------------------------------------------------------------------------- */

typedef struct row_state {
    float max, sum; /* running maximum, and sum of exp(score - max) */
} row_state;

static void absorb_key(row_state *r, float *o, float score, const float *v, int64_t dv)
{
    if (score > r->max) {
        const float shrink = expf(r->max - score); /* 0 for the first key */
        r->sum *= shrink;
        for (int64_t c = 0; c < dv; c++) o[c] *= shrink;
        r->max = score;
    }
    const float weight = expf(score - r->max);
    r->sum += weight;
    for (int64_t c = 0; c < dv; c++) o[c] += weight * v[c];
}

static float one_row(const attn_problem *p, const attn_args *args, int64_t b, int64_t h, int64_t i)
{
    const int64_t kv_head = h / (p->h / p->hkv);
    const float *q = row_of(slot_of(args, ATTN_Q), b, h, i);
    float *o = row_of(slot_of(args, ATTN_O), b, h, i);
    row_state r = {-INFINITY, 0};
    int64_t begin, end;
    visible(p, args, b, i, &begin, &end);
    for (int64_t c = 0; c < p->dv; c++) o[c] = 0;
    for (int64_t j = begin; j < end; j++) {
        const float *k = row_of(slot_of(args, ATTN_K), b, kv_head, j);
        float dot = 0;
        for (int64_t c = 0; c < p->d; c++) dot += q[c] * k[c];
        absorb_key(&r, o, p->scale * dot, row_of(slot_of(args, ATTN_V), b, kv_head, j), p->dv);
    }
    if (begin >= end) return -INFINITY; /* no visible key: O = 0 */
    for (int64_t c = 0; c < p->dv; c++) o[c] /= r.sum;
    return r.max + logf(r.sum);
}

static int run(const attn_problem *problem, const attn_plan *plan, const attn_args *args, const attn_exec *exec,
               const void *shared, void *workspace)
{
    const attn_tensor *lse = slot_of(args, ATTN_LSE);
    (void)plan, (void)exec, (void)shared, (void)workspace;
    for (int64_t b = 0; b < problem->b; b++)
        for (int64_t h = 0; h < problem->h; h++)
            for (int64_t i = 0; i < problem->q; i++) {
                const float log_sum = one_row(problem, args, b, h, i);
                if (lse) *row_of(lse, b, h, i) = log_sum;
            }
    return ATTN_OK;
}

/* ---- what it promises ------------------------------------------------------------------------------------------- */

/* The judge derives its error bound from these figures: a kernel that rounds more than it says here fails. */
static int plan(const attn_problem *problem, const attn_args *args, const attn_machine *machine, const attn_exec *exec,
                attn_plan *out)
{
    (void)args, (void)machine, (void)exec;
    out->ceiling = ATTN_CEILING_FP32_PORTABLE; /* the limit that `share` is measured against */
    out->expected_share = 0.05;
    out->row_block = 1;
    out->key_block = 1;
    out->storage_type = out->score_type = out->weight_type = out->accumulator_type = out->output_type = ATTN_F32;
    out->kappa = 2;     /* expf: 1 ulp is at most 2u */
    out->kappa_log = 2; /* logf likewise */
    out->rho = 1;       /* one division a channel at the end */
    out->rescales = problem->k;
    return ATTN_OK;
}

#define F32 ATTN_TYPE_BIT(ATTN_F32)
static const uint64_t types[] = {[ATTN_Q] = F32, [ATTN_K] = F32, [ATTN_V] = F32, [ATTN_O] = F32, [ATTN_LSE] = F32};

/* A feature that is not in `caps` is refused before run is called. Add the bit when the kernel honours the feature. */
static const attn_kernel kernel = {
    .size = sizeof(attn_kernel),
    .abi = ATTN_ABI,
    .name = "@NAME@",
    .idea = "one pass with a running maximum",
    .role = ATTN_ROLE_TEACHING,
    .isa = ATTN_ISA_PORTABLE, /* the instruction sets that CMakeLists.txt compiles for */
    .caps = {ATTN_CAP_GQA | ATTN_CAP_DV | ATTN_CAP_LEFT | ATTN_CAP_RIGHT | ATTN_CAP_POSITION,
             ATTN_SLOTS_QKVO | ATTN_SLOT_BIT(ATTN_LSE) | ATTN_SLOT_BIT(ATTN_KEY_LENGTHS)},
    .traits = ATTN_TRAIT_REPEATABLE | ATTN_TRAIT_SAME_AT_ANY_THREADS | ATTN_TRAIT_SAME_IN_SLICES,
    .type_count = sizeof types / sizeof types[0],
    .types = types,
    .plan = plan,
    .run = run,
};

static const attn_kernel *const kernels[] = {&kernel};

/* The one symbol that the library exports, as data. */
extern const attn_plugin attn_plugin_entry;
__attribute__((visibility("default"))) const attn_plugin attn_plugin_entry = {
    .size = sizeof(attn_plugin),
    .abi = ATTN_ABI,
    .build_id = __DATE__ " " __TIME__,
    .count = sizeof kernels / sizeof kernels[0],
    .kernels = kernels,
};
