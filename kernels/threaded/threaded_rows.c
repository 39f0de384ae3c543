/* threaded_rows: cuts sequences x KV heads x blocks of query rows over the threads; the best inner kernel computes each
 * slice.
 *
 *   plan: of the kernels of this module that can do a slice, take the one that expects the highest rate here
 *   pack: keys and values of each KV head, once for all its slices, where the inner kernel shares them
 *   run:  slices of one inner row block of all query heads that share K and V, the last rows first (under a causal mask
 *         they see the most keys), handed out to free threads, one at a time or, where they are alike, several
 *
 * Inner kernels need not support what slices resolve: query lengths and packed batches become the bounds of a slice;
 * keys in pages and channels that lie apart are copied to the thread's memory (gather_impl.h).
 *
 * Slices and what they share depend on the machine and not on the number of threads, so the bits of the result do not
 * depend on the number of threads either.
 * Improves on any serial kernel: all cores.
 * Weakness: one query against many keys is one slice a KV head (threaded_splitkv cuts keys too).
 */
#include <stdio.h>

#include "inner_impl.h"

static const attn_kernel *choose_row_kernel(const attn_problem *problem, const attn_args *args, uint64_t isa,
                                            const attn_machine *machine, attn_plan *inner)
{
    attn_slice slice;
    attn_slice_rows(problem, args, 0, 0, 0, problem->q, &slice);
    return choose_inner(problem, args, &slice, 1, isa, machine, machine ? machine->threads : 1, inner);
}

/* Could a machine with every instruction set do it? Whether the one at hand can, plan finds out. */
static int accepts(const attn_problem *problem, const attn_args *args, char *reason, size_t reason_size)
{
    attn_slice slice;
    attn_slice_rows(problem, args, 0, 0, 0, problem->q, &slice);
    if (any_takes_slice(problem, args, &slice, 1)) return 1;
    snprintf(reason, reason_size, "no serial kernel of this module can compute a slice of it");
    return 0;
}

/* The gathered rows lie behind the inner kernel's workspace. */
static int64_t gather_offset(const attn_plan *inner) { return (inner->workspace_bytes + 63) / 64 * 64; }

static int64_t slices_of(const attn_problem *problem, const attn_plan *inner)
{
    return problem->b * problem->hkv * ((problem->q + inner->row_block - 1) / inner->row_block);
}

/* Part of the time in which threads are busy that take equal slices one by one. */
static double busy_share(int64_t slices, int64_t threads)
{
    return (double)slices / (double)((slices + threads - 1) / threads * threads);
}

static int plan(const attn_problem *problem, const attn_args *args, const attn_machine *machine, const attn_exec *exec,
                attn_plan *out)
{
    attn_plan inner;
    const attn_kernel *kernel =
        choose_row_kernel(problem, args, machine ? machine->isa : ATTN_ISA_PORTABLE, machine, &inner);
    if (!kernel) return ATTN_UNSUPPORTED;
    *out = inner; /* accuracy, ceiling and share of the whole are those of its slices */
    out->expected_share *= busy_share(slices_of(problem, &inner), exec->threads);
    memset(out->state, 0, sizeof out->state);
    out->state[0] = (uint64_t)gather_offset(&inner);
    memcpy(out->inner_state, inner.state, sizeof out->inner_state);
    out->inner = kernel;
    const attn_gather gather = attn_gather_of(problem, args, kernel, inner.row_block);
    out->workspace_bytes = gather_offset(&inner) + gather.bytes;
    if (gather.at[ATTN_K] >= 0 || gather.at[ATTN_V] >= 0) out->shared_bytes = 0; /* each thread has its own copy */
    return ATTN_OK;
}

static attn_plan plan_of_slices(const attn_plan *plan)
{
    attn_plan inner = *plan;
    memcpy(inner.state, plan->inner_state, sizeof inner.state);
    inner.inner = NULL;
    return inner;
}

/* ---- packing --------------------------------------------------------------------------------------------------- */

typedef struct pack_job {
    const attn_problem *problem;
    attn_plan inner;
    const attn_kernel *kernel;
    const attn_args *args;
    unsigned char *shared;
    int status;
} pack_job;

static void pack_head(pack_job *job, int64_t head, const attn_exec *exec)
{
    const int64_t b = head / job->problem->hkv, rows = attn_query_count(job->problem, job->args, b);
    if (rows <= 0) return;
    attn_slice slice;
    attn_slice_rows(job->problem, job->args, b, head % job->problem->hkv, 0, rows, &slice);
    const int status = job->kernel->pack(&slice.problem, &job->inner, &slice.args, exec,
                                         job->shared + head * job->inner.shared_stride);
    if (status != ATTN_OK) __atomic_store_n(&job->status, status, __ATOMIC_RELAXED);
}

static void pack_heads(void *arg, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    for (int64_t head = begin; head < end; head++) pack_head(arg, head, &serial);
}

/* A thread a head where there are heads for all threads, else all threads on one head after the other. */
static int pack(const attn_problem *problem, const attn_plan *plan_, const attn_args *args, const attn_exec *exec,
                void *shared)
{
    pack_job job = {problem, plan_of_slices(plan_), plan_->inner, args, shared, ATTN_OK};
    const int64_t heads = problem->b * problem->hkv;
    if (plan_->shared_bytes == 0) return ATTN_OK;
    if (heads >= exec->threads)
        exec->each(exec, heads, 1, pack_heads, &job);
    else
        for (int64_t head = 0; head < heads; head++) pack_head(&job, head, exec);
    return job.status;
}

/* ---- running ------------------------------------------------------------------------------------------------- */

typedef struct rows_job {
    const attn_problem *problem;
    const attn_plan *plan;
    attn_plan inner;
    const attn_args *args;
    unsigned char *workspace;
    const unsigned char *shared;
    attn_gather gather;
    int64_t row_blocks;
    int64_t together; /* slices that a thread takes at once, at most */
    int status[1];
} rows_job;

static int64_t smaller_of(int64_t a, int64_t b) { return a < b ? a : b; }

/* Whole heads that all take as long are handed out several at a time: an inner kernel asks for the next one while the
 * one before is at work. Others one by one, the longest first. */
static int64_t slices_together(const rows_job *job)
{
    static const int lengths[] = {ATTN_KEY_LENGTHS, ATTN_QUERY_LENGTHS, ATTN_QUERY_STARTS, ATTN_KEY_STARTS};
    if (job->row_blocks > 1 || job->gather.bytes || job->shared) return 1;
    for (int i = 0; i < 4; i++)
        if (attn_slot_of(job->args, lengths[i])) return 1;
    return job->problem->hkv;
}

static char *gather_memory(const rows_job *job, int thread)
{
    return job->gather.bytes
               ? (char *)job->workspace + thread * ATTN_WORKSPACE_STRIDE(job->plan) + (int64_t)job->plan->state[0]
               : NULL;
}

/* `rows` rows of `heads` KV heads of sequence b. */
static void run_slice(rows_job *job, int64_t b, int64_t g, int64_t heads, int64_t i0, int64_t rows, int thread)
{
    const attn_problem *p = job->problem;
    attn_slice slice;
    attn_slice_heads(p, job->args, b, g, heads, i0, rows, &slice);
    if (job->gather.bytes) attn_gather_slice(&job->gather, &slice, b, g, gather_memory(job, thread));
    const void *packed = job->shared ? job->shared + (b * p->hkv + g) * job->plan->shared_stride : NULL;
    const int status = job->plan->inner->run(&slice.problem, &job->inner, &slice.args, &serial, packed,
                                             job->workspace + thread * ATTN_WORKSPACE_STRIDE(job->plan));
    if (status != ATTN_OK) __atomic_store_n(job->status, status, __ATOMIC_RELAXED);
}

static void run_slices(void *arg, int64_t begin, int64_t end, int thread)
{
    rows_job *job = arg;
    const attn_problem *p = job->problem;
    for (int64_t index = begin, heads; index < end; index += heads) {
        const int64_t all = p->b * p->hkv, block = job->row_blocks - 1 - index / all;
        const int64_t b = index % all / p->hkv, g = index % p->hkv;
        const int64_t i0 = block * job->inner.row_block, left = attn_query_count(p, job->args, b) - i0;
        const int64_t rows = left < job->inner.row_block ? left : job->inner.row_block;
        heads = job->together > 1 ? smaller_of(end - index, p->hkv - g) : 1;
        if (rows > 0) run_slice(job, b, g, heads, i0, rows, thread);
    }
}

static int run(const attn_problem *problem, const attn_plan *plan_, const attn_args *args, const attn_exec *exec,
               const void *shared, void *workspace)
{
    rows_job job = {
        .problem = problem, .plan = plan_, .inner = plan_of_slices(plan_), .args = args, .workspace = workspace};
    job.shared = plan_->shared_bytes > 0 ? shared : NULL;
    job.gather = attn_gather_of(problem, args, plan_->inner, job.inner.row_block);
    for (uint32_t t = 0; job.gather.bytes && t < exec->threads; t++)
        ((attn_gathered *)(void *)gather_memory(&job, (int)t))->b = -1;
    job.row_blocks = (problem->q + job.inner.row_block - 1) / job.inner.row_block;
    job.together = slices_together(&job);
    exec->each(exec, slices_of(problem, &job.inner), job.together, run_slices, &job);
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
    .pack = pack,
    .run = run,
};
