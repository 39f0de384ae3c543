/* threaded_rows: cuts sequences x heads x blocks of query rows over the threads; the best inner kernel computes each slice.
 *
 *   plan: of the kernels of this module that can do a slice, take the one that expects the highest rate here
 *   run:  slices of one inner row block, the last rows first (under a causal mask they see the most keys), handed out one at a time to
 *         whichever thread is free
 *
 * What slices resolve, no inner kernel need know: query lengths and packed batches are where a slice begins and ends; keys in pages and
 * channels that lie apart are copied to the thread's memory (gather_impl.h).
 *
 * Slices do not depend on the number of threads, so neither do the bits of the result.
 * Improves on any serial kernel: all cores.
 * Weaknesses: one query against many keys is one slice a head (split-KV is another kernel's idea); query heads of a group
 * pack their common keys each for itself unless the inner kernel packs beforehand.
 */
#include <stdio.h>
#include <string.h>

#include "gather_impl.h"
#include "registry.h"
#include "roofline_impl.h"

/* ---- a one-thread exec for inner kernels ------------------------------------------------------------------------ */

static void serial_each(const attn_exec *exec, int64_t n, int64_t grain, void (*task)(void *, int64_t, int64_t, int),
                        void *arg)
{
    (void)exec;
    for (int64_t begin = 0; begin < n; begin += grain) task(arg, begin, begin + grain < n ? begin + grain : n, 0);
}

static void serial_team(const attn_exec *exec, void (*task)(void *, int), void *arg)
{
    (void)exec;
    task(arg, 0);
}

static void serial_barrier(const attn_exec *exec) { (void)exec; }

static const attn_exec serial = {sizeof serial, 1, NULL, serial_each, serial_team, serial_barrier};

/* ---- the choice ------------------------------------------------------------------------------------------------ */

/* Rate that a plan expects of itself; where rates are unknown, ceilings count by their rank, so that wider vectors win. */
static double expected_rate(const attn_machine *machine, const attn_plan *plan, double bytes)
{
    if (plan->ceiling == ATTN_CEILING_BANDWIDTH) {
        const double bandwidth = attn_bandwidth_of(machine, bytes);
        return plan->expected_share * (bandwidth > 0 ? bandwidth : 1);
    }
    const double rate = attn_rate_of(machine, plan->ceiling);
    return plan->expected_share * (rate > 0 ? rate : (double)plan->ceiling);
}

/* Planned for the whole problem, so that the ceiling which the plan names is the whole's; a plan holds for its slices too. */
static int plan_inner(const attn_kernel *kernel, const attn_problem *problem, const attn_args *args,
                      const attn_machine *machine, attn_plan *out)
{
    memset(out, 0, sizeof *out);
    out->size = sizeof *out;
    return kernel->plan(problem, args, machine, &serial, out) == ATTN_OK;
}

/* The best kernel for a slice of the problem, and its plan; NULL where none can do it. */
static const attn_kernel *choose(const attn_problem *problem, const attn_args *args, uint64_t isa,
                                 const attn_machine *machine, attn_plan *best_plan)
{
    attn_slice slice;
    attn_slice_rows(problem, args, 0, 0, 0, problem->q, &slice);
    const attn_gather gather = attn_gather_of(problem, args, problem->q);
    attn_gather_slice(&gather, &slice, 0, 0, NULL);
    const double bytes = (double)(problem->b * problem->hkv * problem->k * (problem->d + problem->dv)) * sizeof(float);
    const attn_kernel *best = NULL;
    int count;
    const attn_kernel *const *kernels = attn_kernels(&count);
    for (int i = 0; i < count; i++) {
        attn_plan plan;
        char reason[160];
        if (kernels[i]->traits & (ATTN_TRAIT_THREADED | ATTN_TRAIT_OWN_THREADS | ATTN_TRAIT_ALLOCATES)) continue;
        if (kernels[i]->release || kernels[i]->pack) continue; /* those need one plan and one packing for all slices */
        if (!attn_supports(kernels[i], &slice.problem, &slice.args, isa, reason, sizeof reason)) continue;
        if (!plan_inner(kernels[i], problem, args, machine, &plan)) continue;
        if (best && expected_rate(machine, &plan, bytes) <= expected_rate(machine, best_plan, bytes)) continue;
        best = kernels[i];
        *best_plan = plan;
    }
    return best;
}

static int accepts(const attn_problem *problem, const attn_args *args, char *reason, size_t reason_size)
{
    attn_plan plan;
    if (choose(problem, args, ATTN_ISA_PORTABLE, NULL, &plan)) return 1;
    snprintf(reason, reason_size, "no serial kernel of this module can compute a slice of it");
    return 0;
}

/* The gathered rows lie behind the inner kernel's workspace. */
static int64_t gather_offset(const attn_plan *inner) { return (inner->workspace_bytes + 63) / 64 * 64; }

static int plan(const attn_problem *problem, const attn_args *args, const attn_machine *machine, const attn_exec *exec,
                attn_plan *out)
{
    (void)exec;
    attn_plan inner;
    const attn_kernel *kernel = choose(problem, args, machine ? machine->isa : ATTN_ISA_PORTABLE, machine, &inner);
    if (!kernel) return ATTN_UNSUPPORTED;
    *out = inner; /* accuracy, ceiling and share of the whole are those of its slices */
    memset(out->state, 0, sizeof out->state);
    out->state[0] = (uint64_t)gather_offset(&inner);
    memcpy(out->inner_state, inner.state, sizeof out->inner_state);
    out->inner = kernel;
    out->workspace_bytes = gather_offset(&inner) + attn_gather_of(problem, args, inner.row_block).bytes;
    return ATTN_OK;
}

/* ---- running ------------------------------------------------------------------------------------------------- */

typedef struct rows_job {
    const attn_problem *problem;
    const attn_plan *plan;
    attn_plan inner;
    const attn_args *args;
    unsigned char *workspace;
    attn_gather gather;
    int64_t row_blocks;
    int status[1];
} rows_job;

static char *gather_memory(const rows_job *job, int thread)
{
    return job->gather.bytes
               ? (char *)job->workspace + thread * ATTN_WORKSPACE_STRIDE(job->plan) + (int64_t)job->plan->state[0]
               : NULL;
}

static void run_slices(void *arg, int64_t begin, int64_t end, int thread)
{
    rows_job *job = arg;
    const attn_problem *p = job->problem;
    for (int64_t index = begin; index < end; index++) {
        const int64_t heads = p->b * p->h;
        const int64_t block = job->row_blocks - 1 - index / heads, b = index % heads / p->h, h = index % p->h;
        const int64_t i0 = block * job->inner.row_block, left = attn_query_count(p, job->args, b) - i0;
        const int64_t rows = left < job->inner.row_block ? left : job->inner.row_block;
        if (rows <= 0) continue;
        attn_slice slice;
        attn_slice_rows(p, job->args, b, h, i0, rows, &slice);
        if (job->gather.bytes)
            attn_gather_slice(&job->gather, &slice, b, h / (p->h / p->hkv), gather_memory(job, thread));
        const int status = job->plan->inner->run(&slice.problem, &job->inner, &slice.args, &serial, NULL,
                                                 job->workspace + thread * ATTN_WORKSPACE_STRIDE(job->plan));
        if (status != ATTN_OK) __atomic_store_n(job->status, status, __ATOMIC_RELAXED);
    }
}

static int run(const attn_problem *problem, const attn_plan *plan_, const attn_args *args, const attn_exec *exec,
               const void *shared, void *workspace)
{
    (void)shared;
    rows_job job = {.problem = problem, .plan = plan_, .inner = *plan_, .args = args, .workspace = workspace};
    memcpy(job.inner.state, plan_->inner_state, sizeof job.inner.state);
    job.inner.inner = NULL;
    job.gather = attn_gather_of(problem, args, job.inner.row_block);
    for (uint32_t t = 0; job.gather.bytes && t < exec->threads; t++)
        ((attn_gathered *)(void *)gather_memory(&job, (int)t))->b = -1;
    job.row_blocks = (problem->q + job.inner.row_block - 1) / job.inner.row_block;
    exec->each(exec, problem->b * problem->h * job.row_blocks, 1, run_slices, &job);
    return job.status[0];
}

/* What slices of the inner kernels can be cut from; whether one of them can do it, `accepts` asks. */
static const uint64_t types[] = {
    [ATTN_Q] = UINT64_MAX,          [ATTN_K] = UINT64_MAX,        [ATTN_V] = UINT64_MAX,
    [ATTN_O] = UINT64_MAX,          [ATTN_LSE] = UINT64_MAX,      [ATTN_WEIGHTS] = UINT64_MAX,
    [ATTN_BIAS] = UINT64_MAX,       [ATTN_SLOPES] = UINT64_MAX,   [ATTN_SINK_LOGITS] = UINT64_MAX,
    [ATTN_HEAD_SCALE] = UINT64_MAX, [ATTN_K_SCALES] = UINT64_MAX, [ATTN_V_SCALES] = UINT64_MAX,
};

const attn_kernel attn_kernel_threaded_rows = {
    .size = sizeof(attn_kernel),
    .abi = ATTN_ABI,
    .name = "threaded_rows",
    .idea = "blocks of query rows on all threads, each by the best serial kernel",
    .improves_on = "blocked_online",
    .role = ATTN_ROLE_PRODUCT,
    .isa = ATTN_FOLDER_ISA,
    .caps = {ATTN_CAP_GQA | ATTN_CAP_DV | ATTN_CAP_LEFT | ATTN_CAP_RIGHT | ATTN_CAP_PREFIX | ATTN_CAP_PREFIX_FREE |
                 ATTN_CAP_POSITION | ATTN_CAP_SOFTCAP | ATTN_CAP_COSINE | ATTN_CAP_BIAS_OFFSET |
                 ATTN_CAP_CHANNEL_STRIDE,
             ATTN_SLOTS_QKVO | ATTN_SLOT_BIT(ATTN_LSE) | ATTN_SLOT_BIT(ATTN_WEIGHTS) | ATTN_SLOT_BIT(ATTN_KEY_LENGTHS) |
                 ATTN_SLOT_BIT(ATTN_QUERY_POSITIONS) | ATTN_SLOT_BIT(ATTN_BIAS) | ATTN_SLOT_BIT(ATTN_SLOPES) |
                 ATTN_SLOT_BIT(ATTN_SINK_LOGITS) | ATTN_SLOT_BIT(ATTN_HEAD_SCALE) | ATTN_SLOT_BIT(ATTN_K_SCALES) |
                 ATTN_SLOT_BIT(ATTN_V_SCALES) | ATTN_SLOT_BIT(ATTN_QUERY_LENGTHS) | ATTN_SLOT_BIT(ATTN_QUERY_STARTS) |
                 ATTN_SLOT_BIT(ATTN_KEY_STARTS) | ATTN_SLOT_BIT(ATTN_PAGES)},
    .traits = ATTN_TRAIT_THREADED | ATTN_TRAIT_REPEATABLE | ATTN_TRAIT_SAME_AT_ANY_THREADS,
    .type_count = sizeof types / sizeof types[0],
    .types = types,
    .accepts = accepts,
    .plan = plan,
    .run = run,
};
