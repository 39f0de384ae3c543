/* naive_3pass: the textbook's three loops, one query row at a time, with the score row in memory.
 *
 *   for each query row:
 *     for each key: score[j] = scale * q . k_j                 pass 1, keeps the maximum
 *     for each key: weight[j] = exp(score[j] - maximum) / sum  pass 2
 *     for each key: o += weight[j] * v_j                       pass 3
 *
 * Scalar, one accumulator for each dot product, compiled without auto-vectorisation: a first correct version, and the
 * baseline that all others are measured against. It can also return the weights, and reads inputs of any layout:
 * channels apart, packed sequences, keys in pages.
 * Weaknesses: every dot product waits for its own additions; K and V are read again for every query row; the score row
 * grows with the keys.
 * Paper: Vaswani et al. 2017, equation 1.
 */
#include <math.h>
#include <stdio.h>

#include "logits_impl.h"
#include "roofline_impl.h"

static float dot(const float *a, int64_t a_step, const float *b, int64_t b_step, int64_t n)
{
    float sum = 0;
    for (int64_t c = 0; c < n; c++) sum += a[c * a_step] * b[c * b_step];
    return sum;
}

typedef struct row_job {
    const attn_problem *problem;
    const attn_tensor *q, *k, *v, *pages;
    int64_t b, kv_head, first_key; /* first_key: of the sequence, in a packed batch */
    attn_keys keys;                /* that the row sees */
    attn_row_terms terms;          /* ALiBi and bias */
    float sink;                    /* -INFINITY: none */
} row_job;

/* Key or value j of the sequence. */
static const float *key_row(const row_job *job, const attn_tensor *t, int64_t j)
{
    if (!job->pages) return attn_f32_row(t, job->b, job->kv_head, job->first_key + j);
    const int64_t *table = (const int64_t *)job->pages->data + job->b * job->pages->stride[0];
    const int64_t page = table[j / job->problem->page_size * job->pages->stride[2]];
    return attn_f32_row(t, page, job->kv_head, j % job->problem->page_size);
}

/* Pass 1: logits of the visible keys; returns the maximum, sink included. NaN does not raise it and shows in the
 * weights. */
static float scores(const row_job *job, const float *q, float *score)
{
    const float scale = job->problem->scale, cap = job->problem->softcap;
    const int64_t d = job->problem->d, q_step = job->q->stride[3], k_step = job->k->stride[3];
    float max = job->sink;
    for (const attn_range *keys = job->keys.range; keys < job->keys.range + 2; keys++) {
        for (int64_t j = keys->begin; j < keys->end; j++) {
            float s = scale * dot(q, q_step, key_row(job, job->k, j), k_step, d);
            if (cap > 0) s = cap * tanhf(s / cap);
            if (job->terms.used) s += attn_term(&job->terms, j);
            score[j] = s;
            if (s > max) max = s;
        }
    }
    return max;
}

/* Pass 2: normalised weights in place; returns the row's log-sum-exp. Where nothing takes part (no key and no sink, or
 * a bias of -infinity on every key) the weights are 0. */
static float softmax(const row_job *job, float max, float *score)
{
    const float shift = max == -INFINITY ? 0 : max;
    float sum = expf(job->sink - shift);
    for (const attn_range *keys = job->keys.range; keys < job->keys.range + 2; keys++) {
        for (int64_t j = keys->begin; j < keys->end; j++) {
            score[j] = expf(score[j] - shift);
            sum += score[j];
        }
    }
    if (sum == 0) return -INFINITY;
    for (const attn_range *keys = job->keys.range; keys < job->keys.range + 2; keys++)
        for (int64_t j = keys->begin; j < keys->end; j++) score[j] /= sum;
    return max + logf(sum);
}

/* Pass 3. */
static void weighted_sum(const row_job *job, const float *weight, float *o)
{
    const int64_t dv = job->problem->dv, step = job->v->stride[3];
    for (const attn_range *keys = job->keys.range; keys < job->keys.range + 2; keys++) {
        for (int64_t j = keys->begin; j < keys->end; j++) {
            const float *v = key_row(job, job->v, j);
            for (int64_t c = 0; c < dv; c++) o[c] += weight[j] * v[c * step];
        }
    }
}

static int run(const attn_problem *problem, const attn_plan *plan, const attn_args *args, const attn_exec *exec,
               const void *shared, void *workspace)
{
    (void)plan, (void)exec, (void)shared;
    const attn_tensor *o = attn_slot_of(args, ATTN_O), *lse = attn_slot_of(args, ATTN_LSE),
                      *weights = attn_slot_of(args, ATTN_WEIGHTS);
    row_job job = {.problem = problem,
                   .q = attn_slot_of(args, ATTN_Q),
                   .k = attn_slot_of(args, ATTN_K),
                   .v = attn_slot_of(args, ATTN_V),
                   .pages = attn_slot_of(args, ATTN_PAGES)};
    for (job.b = 0; job.b < problem->b; job.b++) {
        job.first_key = attn_metadata(args, ATTN_KEY_STARTS, job.b, 0);
        for (int64_t h = 0; h < problem->h; h++) {
            job.kv_head = h / (problem->h / problem->hkv);
            job.sink = attn_sink_of(args, h);
            for (int64_t i = 0; i < attn_query_count(problem, args, job.b); i++) {
                const int64_t place = attn_query_place(args, job.b, i);
                float *out = attn_f32_row(o, job.b, h, place);
                float *row = weights ? attn_f32_row(weights, job.b, h, place) : workspace;
                for (int64_t c = 0; c < problem->dv; c++) out[c] = 0;
                for (int64_t j = 0; weights && j < problem->k; j++) row[j] = 0;
                job.keys = attn_keys_of_row(problem, args, job.b, i);
                job.terms = attn_terms_of_row(problem, args, job.b, h, i);
                const float max = scores(&job, attn_f32_row(job.q, job.b, h, place), row);
                const float log_sum = softmax(&job, max, row);
                weighted_sum(&job, row, out);
                if (lse) *attn_f32_row(lse, job.b, h, place) = log_sum;
            }
        }
    }
    return ATTN_OK;
}

static int accepts(const attn_problem *problem, const attn_args *args, char *reason, size_t reason_size)
{
    (void)problem;
    for (int slot = ATTN_O; slot <= ATTN_WEIGHTS; slot++) {
        const attn_tensor *t = attn_slot_of(args, slot);
        if (!t || t->extent[3] <= 1 || t->stride[3] == 1) continue;
        snprintf(reason, reason_size, "channels of %s must lie side by side: only inputs may have them apart",
                 attn_slot_name(slot));
        return 0;
    }
    return 1;
}

static int plan(const attn_problem *problem, const attn_args *args, const attn_machine *machine, const attn_exec *exec,
                attn_plan *out)
{
    (void)args, (void)exec;
    out->ceiling =
        attn_limiting_ceiling(machine, ATTN_CEILING_FP32_PORTABLE, problem, 4.0 * (double)(problem->d + problem->dv));
    out->expected_share = 0.12; /* measured: 5.2 of 42 GFLOP/s, n = 1024, d = 64 */
    out->row_block = 1;
    out->key_block = problem->k;
    out->workspace_bytes = (problem->k * (int64_t)sizeof(float) + 63) / 64 * 64;
    out->storage_type = out->score_type = out->weight_type = out->accumulator_type = out->output_type = ATTN_F32;
    out->accuracy_flags = ATTN_WEIGHTS_NORMALISED;
    out->kappa = 2;     /* expf: below 1 ulp in every libm in use; 1 ulp is at most 2u */
    out->kappa_t = 4;   /* tanhf: 2 ulp */
    out->kappa_log = 2; /* logf: 1 ulp */
    out->rho = 1;       /* one division a weight */
    return ATTN_OK;
}

static const uint64_t types[] = ATTN_TYPES_F32;

const attn_kernel attn_kernel_naive_3pass = {
    .size = sizeof(attn_kernel),
    .abi = ATTN_ABI,
    .name = "naive_3pass",
    .idea = "three scalar loops with the score row in memory",
    .role = ATTN_ROLE_BASELINE,
    .isa = ATTN_FOLDER_ISA,
    .caps = {ATTN_CAP_GQA | ATTN_CAP_DV | ATTN_CAP_LEFT | ATTN_CAP_RIGHT | ATTN_CAP_PREFIX | ATTN_CAP_PREFIX_FREE |
                 ATTN_CAP_POSITION | ATTN_CAP_SOFTCAP | ATTN_CAP_BIAS_OFFSET | ATTN_CAP_CHANNEL_STRIDE,
             ATTN_SLOTS_QKVO | ATTN_SLOT_BIT(ATTN_LSE) | ATTN_SLOT_BIT(ATTN_WEIGHTS) | ATTN_SLOT_BIT(ATTN_KEY_LENGTHS) |
                 ATTN_SLOT_BIT(ATTN_QUERY_LENGTHS) | ATTN_SLOT_BIT(ATTN_QUERY_POSITIONS) | ATTN_SLOT_BIT(ATTN_BIAS) |
                 ATTN_SLOT_BIT(ATTN_SLOPES) | ATTN_SLOT_BIT(ATTN_SINK_LOGITS) | ATTN_SLOT_BIT(ATTN_QUERY_STARTS) |
                 ATTN_SLOT_BIT(ATTN_KEY_STARTS) | ATTN_SLOT_BIT(ATTN_PAGES)},
    .traits = ATTN_TRAIT_REPEATABLE | ATTN_TRAIT_SAME_AT_ANY_THREADS | ATTN_TRAIT_SAME_IN_SLICES,
    .type_count = sizeof types / sizeof types[0],
    .types = types,
    .accepts = accepts,
    .plan = plan,
    .run = run,
};
