/* slowed_rows: attention that does SLOWED_PERCENT more work, honestly: every build computes its rows one and a half
 * times, and slowed ones so many of them more.
 *
 * The clock is tested with it (selftest clock): the same source is built several times, and what each build's time
 * should be is known. Rows are computed one by one and cost the same, so that a percent more rows is a percent more
 * time; several sums side by side keep the dot product from waiting on itself, so that a decode is limited by
 * memory. The half is there for that decode: where rows begin anew, the stream of keys is broken, which costs as much
 * as a tenth of a percent; so each build must do that as often, once within a call and once between two. */
#include <math.h>

#include "problem.h"
#include "rows_impl.h"

enum { SUMS = 16 };

/* In the data, and unknown to the compiler: the builds have the same code, byte for byte, and so the same layout. */
static volatile int percent = SLOWED_PERCENT;

static float dot(const float *a, const float *b, int64_t d)
{
    float sum[SUMS] = {0}, total = 0;
    int64_t c = 0;
    for (; c + SUMS <= d; c += SUMS)
        for (int i = 0; i < SUMS; i++) sum[i] += a[c + i] * b[c + i];
    for (int i = 0; i < SUMS; i++) total += sum[i];
    for (; c < d; c++) total += a[c] * b[c];
    return total;
}

static void compute_row(const attn_problem *p, const attn_args *args, float *weight, int64_t b, int64_t h, int64_t i)
{
    const int64_t g = h / (p->h / p->hkv);
    const attn_tensor *k = attn_slot_of(args, ATTN_K), *v = attn_slot_of(args, ATTN_V);
    const attn_tensor *lse = attn_slot_of(args, ATTN_LSE);
    const float *q = attn_f32_row(attn_slot_of(args, ATTN_Q), b, h, i);
    float *o = attn_f32_row(attn_slot_of(args, ATTN_O), b, h, i);
    float max = -INFINITY, sum = 0;
    for (int64_t j = 0; j < p->k; j++) {
        weight[j] = p->scale * dot(q, attn_f32_row(k, b, g, j), p->d);
        max = fmaxf(max, weight[j]);
    }
    for (int64_t j = 0; j < p->k; j++) sum += weight[j] = expf(weight[j] - max);
    for (int64_t c = 0; c < p->dv; c++) o[c] = 0;
    for (int64_t j = 0; j < p->k; j++) {
        const float *row = attn_f32_row(v, b, g, j);
        for (int64_t c = 0; c < p->dv; c++) o[c] += weight[j] * row[c];
    }
    for (int64_t c = 0; c < p->dv; c++) o[c] = p->k ? o[c] / sum : 0;
    if (lse) *attn_f32_row(lse, b, h, i) = p->k ? max + logf(sum) : -INFINITY;
}

static int run(const attn_problem *p, const attn_plan *plan, const attn_args *args, const attn_exec *exec,
               const void *shared, void *workspace)
{
    (void)plan, (void)exec, (void)shared;
    const int64_t rows = p->b * p->h * p->q, plain = rows + rows / 2, more = plain * percent / 100;
    for (int64_t n = 0; n < plain + more; n++) {
        const int64_t row = n % rows;
        compute_row(p, args, workspace, row / p->q / p->h, row / p->q % p->h, row % p->q);
    }
    return ATTN_OK;
}

static int plan(const attn_problem *problem, const attn_args *args, const attn_machine *machine, const attn_exec *exec,
                attn_plan *out)
{
    (void)args, (void)machine, (void)exec;
    out->ceiling = ATTN_CEILING_FP32_PORTABLE;
    out->expected_share = 0.3;
    out->row_block = 1;
    out->workspace_bytes = problem->k * (int64_t)sizeof(float);
    out->storage_type = out->score_type = out->weight_type = out->accumulator_type = out->output_type = ATTN_F32;
    out->kappa = 2;
    out->kappa_log = 2;
    out->rho = 1;
    return ATTN_OK;
}

static const uint64_t types[] = ATTN_TYPES_F32;

static const attn_kernel kernel = {
    .size = sizeof(attn_kernel),
    .abi = ATTN_ABI,
    .name = "slowed_rows",
    .idea = "does more work than it needs: " SLOWED_BUILD,
    .role = ATTN_ROLE_TEACHING,
    .caps = {ATTN_CAP_GQA | ATTN_CAP_DV, ATTN_SLOTS_QKVO | ATTN_SLOT_BIT(ATTN_LSE)},
    .traits = ATTN_TRAIT_REPEATABLE,
    .type_count = sizeof types / sizeof types[0],
    .types = types,
    .plan = plan,
    .run = run,
};
static const attn_kernel *const kernels[] = {&kernel};
extern const attn_plugin attn_plugin_entry;
__attribute__((visibility("default"))) const attn_plugin attn_plugin_entry = {
    .size = sizeof(attn_plugin), .abi = ATTN_ABI, .build_id = "selftest", .count = 1, .kernels = kernels};
