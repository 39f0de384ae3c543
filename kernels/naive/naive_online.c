/* naive_online: one pass over the keys with a running maximum.
 *
 *   for each query row:
 *     for each key: s = scale * q . k_j
 *                   if s > m: o, l *= exp(m - s); m = s
 *                   l += exp(s - m); o += exp(s - m) * v_j
 *     o /= l
 *
 * Scalar and without auto-vectorisation, so that only the algorithm differs from naive_3pass; a row of o stays in L1.
 * Improves on naive_3pass: no score row, so memory does not grow with the keys, and a key and its value are read
 * together. A key that raises the maximum rescales all of o: about ln n times for n keys in random order, at every key
 * for rising logits. Measured: 3.8 of 42 GFLOP/s (h = 2, n = 1024, d = 64), 0.72 of naive_3pass: keys are taken
 * strictly one by one, while in naive_3pass the compiler adds two values to o at a time.
 * Weaknesses: that; and as in naive_3pass, dot products wait for their own additions, and K and V are read again
 * for every row.
 * Paper: Milakov and Gimelshein 2018.
 */
#include "logits_impl.h"
#include "roofline_impl.h"

static float dot(const float *a, const float *b, int64_t n)
{
    float sum = 0;
    for (int64_t c = 0; c < n; c++) sum += a[c] * b[c];
    return sum;
}

typedef struct row_state {
    float max, sum; /* running maximum, and sum of exp(logit - max) */
} row_state;

/* The sink is the first logit, and has no value. */
static row_state start_row(float sink, float *o, int64_t dv)
{
    for (int64_t c = 0; c < dv; c++) o[c] = 0;
    return (row_state){sink, sink == -INFINITY ? 0 : expf(sink - sink)};
}

/* A maximum of -infinity (a bias may be) is not subtracted: exp(-inf - 0) is the right 0. NaN does not raise the
 * maximum and shows in o and the sum. */
static void absorb_key(row_state *r, float *o, float logit, const float *v, int64_t dv)
{
    if (logit > r->max) {
        const float factor = expf(r->max - logit);
        for (int64_t c = 0; c < dv; c++) o[c] *= factor;
        r->sum *= factor;
        r->max = logit;
    }
    const float weight = expf(logit - (r->max == -INFINITY ? 0 : r->max));
    r->sum += weight;
    for (int64_t c = 0; c < dv; c++) o[c] += weight * v[c];
}

/* Returns the log-sum-exp. A sum of 0: nothing took part, and o is 0 already. */
static float finish_row(row_state r, float *o, int64_t dv)
{
    if (r.sum == 0) return -INFINITY;
    for (int64_t c = 0; c < dv; c++) o[c] /= r.sum;
    return r.max + logf(r.sum);
}

static int run(const attn_problem *problem, const attn_plan *plan, const attn_args *args, const attn_exec *exec,
               const void *shared, void *workspace)
{
    (void)plan, (void)exec, (void)shared, (void)workspace;
    const attn_tensor *q = attn_slot_of(args, ATTN_Q), *k = attn_slot_of(args, ATTN_K), *v = attn_slot_of(args, ATTN_V),
                      *o = attn_slot_of(args, ATTN_O), *lse = attn_slot_of(args, ATTN_LSE);
    const float cap = problem->softcap;
    for (int64_t b = 0; b < problem->b; b++) {
        const int64_t rows = attn_query_count(problem, args, b);
        for (int64_t h = 0; h < problem->h; h++) {
            const int64_t kv_head = h / (problem->h / problem->hkv);
            for (int64_t i = 0; i < rows; i++) {
                const attn_keys keys = attn_keys_of_row(problem, args, b, i);
                const attn_row_terms terms = attn_terms_of_row(problem, args, b, h, i);
                const float *query = attn_f32_row(q, b, h, i);
                float *out = attn_f32_row(o, b, h, i);
                row_state r = start_row(attn_sink_of(args, h), out, problem->dv);
                for (const attn_range *range = keys.range; range < keys.range + 2; range++) {
                    for (int64_t j = range->begin; j < range->end; j++) {
                        float s = problem->scale * dot(query, attn_f32_row(k, b, kv_head, j), problem->d);
                        if (cap > 0) s = cap * tanhf(s / cap);
                        if (terms.used) s += attn_term(&terms, j);
                        absorb_key(&r, out, s, attn_f32_row(v, b, kv_head, j), problem->dv);
                    }
                }
                const float log_sum = finish_row(r, out, problem->dv);
                if (lse) *attn_f32_row(lse, b, h, i) = log_sum;
            }
        }
    }
    return ATTN_OK;
}

static int plan(const attn_problem *problem, const attn_args *args, const attn_machine *machine, const attn_exec *exec,
                attn_plan *out)
{
    (void)args, (void)exec;
    out->ceiling =
        attn_limiting_ceiling(machine, ATTN_CEILING_FP32_PORTABLE, problem, 4.0 * (double)(problem->d + problem->dv));
    out->expected_share = 0.09; /* measured: 3.8 of 42 GFLOP/s, n = 1024, d = 64 */
    out->row_block = 1;
    out->key_block = 1;
    out->storage_type = out->score_type = out->weight_type = out->accumulator_type = out->output_type = ATTN_F32;
    out->kappa = 2;     /* expf: below 1 ulp in every libm in use; 1 ulp is at most 2u */
    out->kappa_t = 4;   /* tanhf: 2 ulp */
    out->kappa_log = 2; /* logf: 1 ulp */
    out->rho = 1;       /* a division */
    out->rescales = problem->k;
    return ATTN_OK;
}

static const uint64_t types[] = ATTN_TYPES_F32;

const attn_kernel attn_kernel_naive_online = {
    .size = sizeof(attn_kernel),
    .abi = ATTN_ABI,
    .name = "naive_online",
    .idea = "one scalar pass over the keys with a running maximum",
    .improves_on = "naive_3pass",
    .role = ATTN_ROLE_TEACHING,
    .isa = ATTN_FOLDER_ISA,
    .caps = {ATTN_CAP_GQA | ATTN_CAP_DV | ATTN_CAP_LEFT | ATTN_CAP_RIGHT | ATTN_CAP_PREFIX | ATTN_CAP_PREFIX_FREE |
                 ATTN_CAP_POSITION | ATTN_CAP_SOFTCAP | ATTN_CAP_BIAS_OFFSET,
             ATTN_SLOTS_QKVO | ATTN_SLOT_BIT(ATTN_LSE) | ATTN_SLOT_BIT(ATTN_KEY_LENGTHS) |
                 ATTN_SLOT_BIT(ATTN_QUERY_LENGTHS) | ATTN_SLOT_BIT(ATTN_QUERY_POSITIONS) | ATTN_SLOT_BIT(ATTN_BIAS) |
                 ATTN_SLOT_BIT(ATTN_SLOPES) | ATTN_SLOT_BIT(ATTN_SINK_LOGITS)},
    .traits = ATTN_TRAIT_REPEATABLE | ATTN_TRAIT_SAME_AT_ANY_THREADS | ATTN_TRAIT_SAME_IN_SLICES,
    .type_count = sizeof types / sizeof types[0],
    .types = types,
    .plan = plan,
    .run = run,
};
