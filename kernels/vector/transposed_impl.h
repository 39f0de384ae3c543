/* transposed_impl.h: the loops of kernels that compute S^T = K Q^T and O^T += V^T P^T in packed tiles, so that every
 * lane of a vector is one query row and nothing is summed across lanes. (amxbf16 uses the loops, with tiles the other
 * way round.)
 *
 *   for each (sequence, KV head), for each block of query rows of all its query heads:
 *     pack the queries in groups of GROUP rows                    (d, GROUP) each, scaled
 *     for each block of keys that some row sees:
 *       pack keys and values, unless they are shared              (d, TILE) and (keys, TILE) each
 *       for each group that sees some of them: absorb_group       scores, weights, values
 *     store_group
 *   few rows (decode, few_most): absorb_few reads K and V where they lie, once for all query heads that share them
 *
 * Rows are numbered position first, query head second, so that neighbouring rows see nearly the same keys. There are no
 * vectors in this file. The kernel that includes it defines before:
 *
 *   LANES, VECTORS           query rows of a vector; vectors of a group
 *   TILE                     keys, or channels of V, of a tile
 *   CHANNELS                 of K that are packed side by side
 *   KEYS_MOST, ROWS_MOST     keys of a block: (keys, GROUP) weights stay in L1; query rows that share a packed block
 *   FEW, FEW_OTHERS, REST    rows that absorb_few takes (few_most, rows_at_end)
 *   ROW_TYPE                 of Q, K and V when they are packed
 *   IN_PLACE_NEAR, _FAR      groups that read rows where they lie (in_place_impl.h)
 *
 * and after it the functions that row_job_impl.h declares. kernels/README.md follows a block of keys through these
 * loops. */
#ifndef ATTN_TRANSPOSED_IMPL_H
#define ATTN_TRANSPOSED_IMPL_H

#include "in_place_impl.h"
#include "logit_terms_impl.h"
#include "packed_blocks_impl.h"
#include "prefetch_impl.h"
#include "problem.h"
#include "roofline_impl.h"
#include "row_job_impl.h"
#include "staged_rows_impl.h"
#include "workspace_impl.h"

/* ---- the loops -------------------------------------------------------------------------------------------------- */

static inline void start_group(row_job *job, const attn_args *args, row_group *g, int64_t row, int64_t rows)
{
    const int positional = (job->problem->mask & (ATTN_MASK_LEFT | ATTN_MASK_RIGHT)) != 0;
    int64_t i = query_index(job, row), head = row - i * job->heads;
    g->row = row, g->rows = rows;
    g->any_begin = g->any_end = g->all_begin = 0, g->all_end = INT64_MAX;
    for (int64_t r = 0; r < rows; i++) {
        const attn_span span = attn_visible(job->problem, args, job->b, i);
        const int64_t same = positional ? smaller(r + job->heads - head, rows) : rows;
        for (head = 0; r < same; r++) g->begin[r] = span.begin, g->end[r] = span.end;
        g->all_begin = larger(g->all_begin, span.begin), g->all_end = smaller(g->all_end, span.end);
        if (span.begin >= span.end) continue;
        const int first = g->any_begin >= g->any_end;
        g->any_begin = first ? span.begin : smaller(g->any_begin, span.begin);
        g->any_end = first ? span.end : larger(g->any_end, span.end);
    }
    for (int64_t r = rows; r < GROUP; r++) g->begin[r] = g->all_begin, g->end[r] = g->all_end;
    for (int64_t r = 0; r < GROUP; r++) {
        start_softmax(job, row + smaller(r, rows - 1), &g->max[r], &g->sum[r]);
        g->factor[r] = 1;
    }
    g->rescaled = 0, g->empty = 1;
    read_queries(job, row, rows, ROW_TYPE);
    pack_queries(job, g, row);
}

static inline void absorb_block(row_job *job, row_group *g, int64_t first, int64_t count)
{
    block_span span = {.any_begin = larger(g->any_begin - first, 0), .any_end = smaller(g->any_end - first, count)};
    if (span.any_begin >= span.any_end) return;
    span.all_begin = smaller(larger(g->all_begin - first, span.any_begin), span.any_end);
    span.all_end = larger(smaller(g->all_end - first, span.any_end), span.all_begin);
    if (span.all_begin > span.any_begin || span.all_end < span.any_end || span.any_begin % TILE ||
        span.any_end % TILE) {
        for (int64_t r = 0; r < GROUP; r++) {
            job->begin[r] = (int32_t)smaller(larger(g->begin[r] - first, 0), count);
            job->end[r] = (int32_t)smaller(larger(g->end[r] - first, 0), count);
        }
    }
    if (job->terms) take_terms(job, g);
    absorb_group(job, g, span);
}

static inline void fetch_slot(const row_job *job, int slot, int64_t b, int64_t head, int64_t heads, int64_t row,
                              int64_t rows)
{
    const attn_tensor *t = job->stored[slot];
    const int64_t size = attn_element_bytes(t->type);
    const fetch_rows of = {
        (uintptr_t)attn_row(t, b, head, row), heads, t->stride[1] * size, rows, t->stride[2] * size, 0};
    fetch_add(job->next, of, channels_of(job->problem, slot) * size);
}

/* What follows a block of keys that is at work for the `rows` query rows from `row` on: keys from `next` on; or after
 * the last ones the results of these rows, then the next rows' queries and first keys, which are those of the next KV
 * head unless it has more rows. */
static inline void fetch_behind(const row_job *job, int64_t next, int64_t end, int64_t row, int64_t rows)
{
    const attn_problem *p = job->problem;
    const int64_t count = rows / job->heads;
    int64_t b = job->b, head = job->kv_head, i = query_index(job, row);
    fetch_none(job->next, job->weights);
    if (next >= end) {
        fetch_slot(job, ATTN_O, b, head * job->heads, job->heads, i, count);
        next = 0, i += count;
        if (p->q - i < count / 2) {
            i = 0;
            if (++head == p->hkv) head = 0, b++;
            if (b == p->b) return;
        }
        fetch_slot(job, ATTN_Q, b, head * job->heads, job->heads, i, smaller(count, p->q - i));
    }
    if (job->pages || job->shared) return;
    fetch_slot(job, ATTN_K, b, head, 1, next, smaller(job->keys, end - next));
    fetch_slot(job, ATTN_V, b, head, 1, next, smaller(job->keys, end - next));
}

static inline void absorb_rows(row_job *job, const attn_args *args, int64_t row, int64_t rows)
{
    const int64_t groups = (rows + GROUP - 1) / GROUP;
    int64_t begin = INT64_MAX, end = 0;
    for (int64_t i = 0; i < groups; i++) {
        row_group *g = &job->group[i];
        start_group(job, args, g, row + i * GROUP, smaller(GROUP, rows - i * GROUP));
        if (g->any_begin < g->any_end) begin = smaller(begin, g->any_begin), end = larger(end, g->any_end);
    }
    const int64_t start = job->shared ? begin / job->keys * job->keys : begin;
    const int64_t blocks = begin < end ? (end - start + job->keys - 1) / job->keys : 0;
    for (int64_t n = 0; n < blocks; n++) {
        const int64_t first = start + (job->terms ? blocks - 1 - n : n) * job->keys,
                      count = smaller(job->keys, end - first);
        const int64_t next = n + 1 == blocks ? end : job->terms ? first - job->keys : first + job->keys;
        job->first = first;
        if (job->in_place)
            read_block(job, first, count, groups);
        else
            take_block(job, first, begin, end);
        const int64_t asking = next < end ? larger(groups - GROUPS_ASKING, 0) : 0;
        for (int64_t i = 0; i < groups; i++) {
            if (i == asking) fetch_behind(job, next, end, row, rows);
            absorb_block(job, &job->group[i], first, count);
        }
        fetch_none(job->next, job->weights);
    }
    for (int64_t i = 0; i < groups; i++) {
        const int64_t at = row + i * GROUP;
        begin_results(job, at);
        store_group(job, &job->group[i], at);
        write_results(job, at, job->group[i].rows);
    }
}

/* The most query rows of a KV head that absorb_few takes. Packing bf16 keys for one query position takes longer than
 * widening them for every four heads: with AVX-512 20, 24 and 32 heads a KV head are 38, 25 and 1% faster so (d=576: 32
 * heads 22%), in fp16 32 heads 18% slower; with AVX2 12 and 16 heads 45 and 23% (d=576: 46%), in fp32 8% slower. */
static inline int64_t few_most(const attn_problem *problem, uint32_t k_type)
{
    return problem->q == 1 && k_type == ATTN_BF16 ? FEW : FEW_OTHERS;
}

/* Rows at the end of a block that are taken one by one, for a group works as long for one row as for LANES. It gains
 * 13% with 2 rows behind one group (b=8,h=8,q=50,d=64 with AVX-512), 7 to 12% with 1 to 4 behind two (h=8,q=97 to
 * 100,k=850; AVX2 4 to 9%). */
static inline int64_t rows_at_end(const row_job *job, int64_t rows)
{
    const int64_t rest = rows % GROUP;
    return rows <= few_most(job->problem, job->stored[ATTN_K]->type) ? rows : rest <= REST ? rest : 0;
}

static inline void absorb_end(row_job *job, const attn_args *args, int64_t row, int64_t rows)
{
    attn_span span[FEW];
    for (int64_t r = 0; r < rows; r++) span[r] = attn_visible(job->problem, args, job->b, query_index(job, row + r));
    read_queries(job, row, rows, ATTN_F32);
    begin_results(job, row);
    absorb_few(job, row, rows, span);
    write_results(job, row, rows);
}

/* plan->state: groups that the workspace holds, keys of a block, KV heads that were planned for, are keys read in
 * place? */
static int transposed_run(const attn_problem *problem, const attn_plan *plan, const attn_args *args, const void *shared,
                          void *workspace)
{
    row_job job = row_job_of(problem, plan, args);
    job.in_place = plan->state[3] != 0;
    fetch_queue next;
    job.next = &next;
    carve(&job, workspace, (int64_t)plan->state[0]);
    fetch_none(job.next, job.weights);

    const int64_t rows = problem->q * job.heads, block = (int64_t)plan->state[0] * GROUP;
    const int64_t blocks = (rows + block - 1) / block, step = round_up((rows + blocks - 1) / blocks, GROUP);
    for (job.b = 0; job.b < problem->b; job.b++) {
        for (job.kv_head = 0; job.kv_head < problem->hkv; job.kv_head++) {
            job.shared = shared && plan->shared_bytes > 0 ? shared_of(plan, shared, job.b, job.kv_head) : NULL;
            for (int64_t row = 0; row < rows; row += step) {
                const int64_t count = smaller(step, rows - row), end = rows_at_end(&job, count);
                if (count > end) absorb_rows(&job, args, row, count - end);
                if (end > 0) absorb_end(&job, args, row + count - end, end);
            }
        }
    }
    return ATTN_OK;
}

static inline int transposed_accepts(const attn_problem *problem, const attn_args *args, char *reason,
                                     size_t reason_size)
{
    (void)problem;
    return attn_scales_are_of_rows(args, reason, reason_size);
}

/* Bytes of a key and its value where they lie. */
static inline double bytes_per_key(const attn_problem *problem, const attn_args *args)
{
    const attn_tensor *k = attn_slot_of(args, ATTN_K), *v = attn_slot_of(args, ATTN_V);
    return (double)(problem->d * attn_element_bytes(k->type) + problem->dv * attn_element_bytes(v->type));
}

/* Everything of a plan but its ceiling, its share and the errors of the kernel's own exp and tanh. Slices of row_block
 * rows of all query heads that share K and V keep packing cheap, and are at least three for each thread where that
 * leaves them four groups long. Where SHARED_BY slices of a KV head or more run on several threads, they share packed
 * keys and values; fewer pack them as fast each in its own cache. Measured, fp32 on one thread, for slices as a machine
 * of so many threads would have them (h=8,n=4096,d=64): 64 threads, 240 rows a slice: sharing is 10% faster; 2 threads,
 * 1392 rows: 0.6% slower; h=1,n=2048, 16 threads, 240 rows: 5% faster. */
static void transposed_plan(const attn_problem *problem, const attn_args *args, const attn_machine *machine,
                            const attn_exec *exec, attn_plan *out)
{
    enum { SLICES_A_THREAD = 3, GROUPS_OF_SLICE = 4, SHARED_BY = 4 };
    const int64_t most = groups_that_fit(machine, problem->d, problem->dv);
    const int64_t heads = problem->h / problem->hkv, threads = machine ? (int64_t)machine->threads : 1;
    const int64_t groups = (problem->q * heads + GROUP - 1) / GROUP;
    int64_t slices = (groups + most - 1) / most;
    while (problem->b * problem->hkv * slices < SLICES_A_THREAD * threads && groups / (slices + 1) >= GROUPS_OF_SLICE)
        slices++;
    const int64_t groups_of_slice = (groups + slices - 1) / slices;
    out->row_block = larger(groups_of_slice * GROUP / heads, 1);
    out->key_block = even_block_keys(problem->k, block_keys(problem->d, problem->dv));
    out->state[0] = (uint64_t)larger(smaller(most, groups), groups_of_slice);
    out->state[1] = (uint64_t)out->key_block;
    out->state[2] = (uint64_t)problem->hkv;
    const int share = exec->threads > 1 && slices >= SHARED_BY;
    out->state[3] = (uint64_t)can_read_in_place(problem, args, (int64_t)out->state[0], share);
    if (share && !out->state[3]) {
        const int64_t blocks = (problem->k + out->key_block - 1) / out->key_block;
        out->shared_stride =
            blocks * packed_block_floats(out->key_block, problem->d, problem->dv) * (int64_t)sizeof(float);
        out->shared_bytes = problem->b * problem->hkv * out->shared_stride;
    }
    out->workspace_bytes =
        (block_floats(problem->d, problem->dv) + (int64_t)out->state[0] * group_floats(problem->d, problem->dv) +
         stage_floats(problem, args)) *
        (int64_t)sizeof(float);
    out->storage_type = attn_slot_of(args, ATTN_K)->type;
    out->output_type = attn_slot_of(args, ATTN_O)->type;
    out->score_type = out->weight_type = out->accumulator_type = ATTN_F32;
    out->kappa_log = 2; /* logf: 1 ulp */
    out->rho = 2;       /* a reciprocal by division, and a product */
    out->rescales = (problem->k + TILE - 1) / TILE;
}

#endif
