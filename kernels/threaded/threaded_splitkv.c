/* threaded_splitkv: cuts the keys too, so that few query rows against many keys occupy every thread, and ragged batches
 * balance.
 *
 *   the keys that blocks of query rows see lie on one line, which is cut into equal pieces
 *     (cut_impl.h)
 *   for each piece, for each block of rows in it: the best inner kernel computes those keys
 *     into O and LSE, if the piece has all keys of the block; else into a partial result with its own LSE
 *   for each block of rows that was cut: O = sum of exp(LSE_i - LSE) O_i over its pieces, LSE = ln sum of exp(LSE_i),
 *     in fp32, whatever K, V and O are; O is narrowed at the end
 *
 * Pieces are PIECES_A_THREAD times as many as threads and handed out one by one, so a thread that is disturbed takes
 * fewer. A piece has at most two partial results, which lie in the workspace: nothing grows with the keys.
 *
 * Improves on threaded_rows: its slices are whole KV heads, 8 of which do not divide among 16 threads.
 * Weaknesses: blocks of rows are small, so long prompts pack their keys often; the bits depend on the number of
 * threads.
 * Papers: Dao et al. 2023 (Flash-Decoding), Osama et al. 2023 (Stream-K, the equal cut of a line of work).
 */
#include <float.h>
#include <math.h>
#include <stdio.h>

#include "cut_impl.h"
#include "inner_impl.h"
#include "narrow_impl.h"

enum {
    UNIT_ROWS = 96, /* of all query heads of a KV head: two groups of the widest inner kernel */
    STEP_KEYS = 64, /* or whole pages of as many keys */
    PIECES_A_THREAD =
        4,     /* two threads that are disturbed for a fifth of the time still end within a tenth of each other */
    PARTS = 2, /* partial results of a piece */
};

static attn_cut cut_for(const attn_problem *p, const attn_args *args, uint32_t threads)
{
    const int64_t heads = p->h / p->hkv, rows = heads < UNIT_ROWS ? UNIT_ROWS / heads : 1;
    const int64_t page = attn_slot_of(args, ATTN_PAGES) ? p->page_size : 1;
    return attn_cut_of(p, args, rows, (STEP_KEYS + page - 1) / page * page, (int64_t)threads * PIECES_A_THREAD);
}

/* ---- the plan -------------------------------------------------------------------------------------------------- */

/* What an inner kernel must be able to do: all keys of a head, as a slice of them. */
static void slice_of_keys(const attn_problem *problem, const attn_args *args, attn_slice *slice)
{
    attn_slice_rows(problem, args, 0, 0, 0, problem->q, slice);
    attn_slice_keys(slice, 0, problem->k);
    slice->problem.q_pos = problem->q_pos ? problem->q_pos : 1; /* a slice of keys has other positions than the whole */
    slice->slot[ATTN_LSE] = (attn_tensor){NULL, ATTN_F32, 0, {1, slice->problem.h, problem->q, 1}, {0, 0, 1, 1}};
}

static const attn_kernel *choose_split_kernel(const attn_problem *problem, const attn_args *args, uint64_t isa,
                                              const attn_machine *machine, attn_plan *inner)
{
    attn_slice slice;
    slice_of_keys(problem, args, &slice);
    return choose_inner(problem, args, &slice, 0, isa, machine, 1, inner);
}

/* Could a machine with every instruction set do it? Whether the one at hand can, plan finds out. */
static int accepts(const attn_problem *problem, const attn_args *args, char *reason, size_t reason_size)
{
    attn_slice slice;
    slice_of_keys(problem, args, &slice);
    if (any_takes_slice(problem, args, &slice, 0)) return 1;
    snprintf(reason, reason_size, "no serial kernel of this module can compute a slice of its keys with LSE");
    return 0;
}

static int64_t partial_floats(const attn_problem *p, const attn_cut *cut)
{
    const int64_t rows = cut->rows * (p->h / p->hkv);
    return (rows * (p->dv + 1) + 15) / 16 * 16;
}

/* Partial results lie behind the inner kernel's workspace: those of PIECES_A_THREAD pieces with each thread. */
static int64_t partials_offset(const attn_plan *inner) { return (inner->workspace_bytes + 63) / 64 * 64; }

static int plan(const attn_problem *problem, const attn_args *args, const attn_machine *machine, const attn_exec *exec,
                attn_plan *out)
{
    enum { EXP_ULPS = 1 }; /* of the C library's expf and logf */
    attn_plan inner;
    const attn_kernel *kernel =
        choose_split_kernel(problem, args, machine ? machine->isa : ATTN_ISA_PORTABLE, machine, &inner);
    if (!kernel) return ATTN_UNSUPPORTED;
    const attn_cut cut = cut_for(problem, args, exec->threads);
    *out = inner;
    memset(out->state, 0, sizeof out->state);
    out->state[0] = (uint64_t)partials_offset(&inner);
    memcpy(out->inner_state, inner.state, sizeof out->inner_state);
    out->inner = kernel;
    out->expected_share *=
        (double)cut.steps / (double)((cut.steps + exec->threads - 1) / exec->threads * exec->threads);
    if (cut.blocks > 1)
        out->expected_share *= 0.88; /* small blocks pack often: h=8,q=2048,d=64 61%, threaded_rows 69% */
    out->row_block = cut.rows;
    out->workspace_bytes =
        partials_offset(&inner) + PIECES_A_THREAD * PARTS * partial_floats(problem, &cut) * (int64_t)sizeof(float);
    out->accuracy_flags |= ATTN_MERGE_LSE;
    out->kappa = inner.kappa > 2 * EXP_ULPS ? inner.kappa : 2 * EXP_ULPS;
    out->kappa_log = inner.kappa_log > 2 * EXP_ULPS ? inner.kappa_log : 2 * EXP_ULPS;
    out->rho = inner.rho + 2; /* the weight of a partial result: a division and a product */
    out->rescales = inner.rescales + 1;
    return ATTN_OK;
}

/* ---- running --------------------------------------------------------------------------------------------------- */

typedef struct splitkv_job {
    const attn_problem *problem;
    const attn_plan *plan;
    attn_plan inner;
    const attn_args *args;
    unsigned char *workspace;
    attn_cut cut;
    int64_t heads; /* query heads of a KV head */
    int status;
} splitkv_job;

/* Partial result: O (heads, rows, dv), then LSE (heads, rows). */
static float *partial(const splitkv_job *job, int64_t piece, int64_t part)
{
    unsigned char *thread = job->workspace + piece / PIECES_A_THREAD * ATTN_WORKSPACE_STRIDE(job->plan);
    const int64_t index = piece % PIECES_A_THREAD * PARTS + part;
    return (float *)(void *)(thread + job->plan->state[0]) + index * partial_floats(job->problem, &job->cut);
}

static void aim_at_partial(const splitkv_job *job, attn_slice *slice, float *to)
{
    const int64_t rows = slice->problem.q, dv = slice->problem.dv;
    float *lse = to + job->heads * job->cut.rows * dv;
    slice->slot[ATTN_O] = (attn_tensor){to, ATTN_F32, 0, {1, job->heads, rows, dv}, {0, job->cut.rows * dv, dv, 1}};
    slice->slot[ATTN_LSE] = (attn_tensor){lse, ATTN_F32, 0, {1, job->heads, rows, 1}, {0, job->cut.rows, 1, 1}};
}

static void run_piece(splitkv_job *job, int64_t piece, int thread)
{
    const int64_t begin = attn_piece_begin(&job->cut, piece), end = attn_piece_begin(&job->cut, piece + 1);
    attn_unit u = attn_unit_at(job->problem, job->args, &job->cut, begin);
    for (int64_t at = begin; at < end;) {
        const int64_t unit_end = u.at + u.steps, to = end < unit_end ? end : unit_end;
        const int64_t last = u.begin + (to - u.at) * job->cut.step;
        if (u.rows > 0) {
            attn_slice slice;
            attn_slice_rows(job->problem, job->args, u.b, u.kv_head, u.row, u.rows, &slice);
            attn_slice_keys(&slice, u.begin + (at - u.at) * job->cut.step, last < u.end ? last : u.end);
            if (at > u.at || to < unit_end) aim_at_partial(job, &slice, partial(job, piece, at > begin));
            const int status = job->plan->inner->run(&slice.problem, &job->inner, &slice.args, &serial, NULL,
                                                     job->workspace + thread * ATTN_WORKSPACE_STRIDE(job->plan));
            if (status != ATTN_OK) __atomic_store_n(&job->status, status, __ATOMIC_RELAXED);
        }
        at = to;
        if (at < end) u = attn_next_unit(job->problem, job->args, &job->cut, &u);
    }
}

static void run_pieces(void *arg, int64_t begin, int64_t end, int thread)
{
    for (int64_t piece = begin; piece < end; piece++) run_piece(arg, piece, thread);
}

/* ---- merging --------------------------------------------------------------------------------------------------- */

/* One row of one head: `row` counts (head, row of the unit) in a partial result. Adds up in the first of them. */
static void merge_row(const splitkv_job *job, const attn_unit *u, int64_t row, uint32_t type, void *to, float *lse)
{
    const int64_t dv = job->problem->dv, lse_at = job->heads * job->cut.rows * dv + row;
    const int64_t first = attn_piece_at(&job->cut, u->at), last = attn_piece_at(&job->cut, u->at + u->steps - 1);
    float *o = partial(job, first, attn_piece_begin(&job->cut, first) < u->at) + row * dv;
    float max = -FLT_MAX, sum = 0;
    int empty = 1;
    for (int64_t piece = first; piece <= last; piece++) {
        const float x = partial(job, piece, attn_piece_begin(&job->cut, piece) < u->at)[lse_at];
        max = x > max ? x : max;
        empty &= x == -INFINITY;
    }
    for (int64_t piece = first; piece <= last; piece++)
        sum += expf(partial(job, piece, attn_piece_begin(&job->cut, piece) < u->at)[lse_at] - max);
    for (int64_t piece = first; piece <= last; piece++) {
        const float *from = partial(job, piece, attn_piece_begin(&job->cut, piece) < u->at);
        const float weight = empty ? 0 : expf(from[lse_at] - max) / sum;
        if (piece == first)
            for (int64_t c = 0; c < dv; c++) o[c] = weight * o[c];
        else
            for (int64_t c = 0; c < dv; c++) o[c] += weight * from[row * dv + c];
    }
    attn_narrow_row(o, dv, type, to);
    if (lse) *lse = empty ? -INFINITY : max + logf(sum);
}

static void merge_unit(const splitkv_job *job, const attn_unit *u)
{
    attn_slice slice;
    attn_slice_rows(job->problem, job->args, u->b, u->kv_head, u->row, u->rows, &slice);
    const attn_tensor *o = &slice.slot[ATTN_O], *lse = attn_slot_of(&slice.args, ATTN_LSE);
    for (int64_t h = 0; h < job->heads; h++)
        for (int64_t r = 0; r < u->rows; r++)
            merge_row(job, u, h * job->cut.rows + r, o->type,
                      (char *)o->data + (h * o->stride[1] + r * o->stride[2]) * (int64_t)attn_type_size(o->type),
                      lse ? (float *)lse->data + h * lse->stride[1] + r * lse->stride[2] : NULL);
}

static void merge_units(void *arg, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const splitkv_job *job = arg;
    attn_unit u = attn_unit_of(job->problem, job->args, &job->cut, 0, 0);
    for (int64_t index = 0; index < end; index++) {
        if (index > 0) u = attn_next_unit(job->problem, job->args, &job->cut, &u);
        if (index >= begin && attn_piece_at(&job->cut, u.at) < attn_piece_at(&job->cut, u.at + u.steps - 1))
            merge_unit(job, &u);
    }
}

static int run(const attn_problem *problem, const attn_plan *plan_, const attn_args *args, const attn_exec *exec,
               const void *shared, void *workspace)
{
    (void)shared;
    splitkv_job job = {.problem = problem, .plan = plan_, .inner = *plan_, .args = args, .workspace = workspace};
    memcpy(job.inner.state, plan_->inner_state, sizeof job.inner.state);
    job.inner.inner = NULL;
    job.cut = cut_for(problem, args, exec->threads);
    job.heads = problem->h / problem->hkv;
    exec->each(exec, job.cut.pieces, 1, run_pieces, &job);
    exec->each(exec, job.cut.units, (job.cut.units + exec->threads - 1) / exec->threads, merge_units, &job);
    return job.status;
}

static const uint64_t types[] = {
    [ATTN_Q] = UINT64_MAX,
    [ATTN_K] = UINT64_MAX,
    [ATTN_V] = UINT64_MAX,
    [ATTN_O] = ATTN_TYPE_BIT(ATTN_F32) | ATTN_TYPE_BIT(ATTN_F16) | ATTN_TYPE_BIT(ATTN_BF16),
    [ATTN_LSE] = ATTN_TYPE_BIT(ATTN_F32),
    [ATTN_SLOPES] = UINT64_MAX,
    [ATTN_HEAD_SCALE] = UINT64_MAX,
    [ATTN_K_SCALES] = UINT64_MAX,
    [ATTN_V_SCALES] = UINT64_MAX,
};

const attn_kernel attn_kernel_threaded_splitkv = {
    .size = sizeof(attn_kernel),
    .abi = ATTN_ABI,
    .name = "threaded_splitkv",
    .idea = "equal pieces of all keys on all threads, partial results merged by their log-sum-exp",
    .improves_on = "threaded_rows",
    .role = ATTN_ROLE_PRODUCT,
    .isa = ATTN_FOLDER_ISA,
    .caps = {ATTN_CAP_GQA | ATTN_CAP_DV | ATTN_CAP_LEFT | ATTN_CAP_RIGHT | ATTN_CAP_POSITION | ATTN_CAP_SOFTCAP |
                 ATTN_CAP_COSINE,
             ATTN_SLOTS_QKVO | ATTN_SLOT_BIT(ATTN_LSE) | ATTN_SLOT_BIT(ATTN_KEY_LENGTHS) |
                 ATTN_SLOT_BIT(ATTN_QUERY_POSITIONS) | ATTN_SLOT_BIT(ATTN_SLOPES) | ATTN_SLOT_BIT(ATTN_HEAD_SCALE) |
                 ATTN_SLOT_BIT(ATTN_QUERY_LENGTHS) | ATTN_SLOT_BIT(ATTN_QUERY_STARTS) | ATTN_SLOT_BIT(ATTN_KEY_STARTS) |
                 ATTN_SLOT_BIT(ATTN_PAGES) | ATTN_SLOT_BIT(ATTN_K_SCALES) | ATTN_SLOT_BIT(ATTN_V_SCALES)},
    .traits = ATTN_TRAIT_THREADED | ATTN_TRAIT_REPEATABLE,
    .type_count = sizeof types / sizeof types[0],
    .types = types,
    .accepts = accepts,
    .plan = plan,
    .run = run,
};
