/* transposed_impl.h: the loops of kernels that compute S^T = K Q^T and O^T += V^T P^T in packed tiles, so that every lane of a vector
 * is one query row and nothing is ever summed across lanes.
 *
 *   for each (sequence, KV head), for each block of query rows of all its query heads:
 *     pack the queries in groups of GROUP rows                    (d, GROUP) each, scaled
 *     for each block of keys that some row sees:
 *       pack keys and values, unless they are shared              (d, TILE) and (keys, TILE) each
 *       for each group that sees some of them: absorb_group       scores, weights, values
 *     store_group
 *   few rows (decode, few_most): absorb_few reads K and V where they lie, once for all query heads that share them
 *
 * Rows are numbered position first, query head second, so that neighbours see nearly the same keys. This file has no vectors: the
 * kernel that includes it defines LANES (of a vector), VECTORS (of a group), TILE (keys, or channels of V, of a tile), KEYS_MOST (of a block:
 * (keys, GROUP) weights stay in L1), ROWS_MOST (of queries that share a packed block), CHANNELS (of K that are packed together), IN_PLACE_NEAR and IN_PLACE_FAR (in_place_impl.h), FEW and FEW_OTHERS (few_most), REST (rows_at_end) and ROW_TYPE (of Q, K and V when they are packed) before, and the functions that are declared here after. */
#ifndef ATTN_TRANSPOSED_IMPL_H
#define ATTN_TRANSPOSED_IMPL_H

#include <float.h>
#include <math.h>
#include <string.h>

#include "fetch_impl.h"
#include "problem.h"
#include "roofline_impl.h"
#include "rows_impl.h"

#ifndef ALWAYS_INLINE /* tests that emulate vectors compile hundreds of copies of a loop no faster than one */
#define ALWAYS_INLINE static inline __attribute__((always_inline))
#endif

enum {
    GROUP = LANES * VECTORS,         /* query rows of a group */
    GROUPS_MOST = ROWS_MOST / GROUP, /* of a block of query rows: packing keys and values is then below 1% */
    BUDGET_MOST = 3 * (1 << 19),     /* bytes of workspace aimed at */
    BUDGET_LEAST = 1 << 19,
    GROUPS_ASKING = 12, /* the last ones of a block ask for the next block (fetch_impl.h) */
};

/* Rows whose queries are packed side by side. Arrays of GROUP are 64-byte aligned. Maxima and sums are in base 2:
 * weight = 2^(x - max), x = log2(e) * logit; where terms join the logits, x = logit and weight = e^(x - max). max is the reference of
 * the weights, not more than LAZY below the largest x. */
typedef struct row_group {
    int64_t row, rows; /* first, and how many exist; the lanes beyond compute garbage and are not stored */
    int64_t any_begin, any_end, all_begin, all_end; /* keys that some row sees, that every row sees */
    int64_t *begin, *end;                           /* (GROUP) keys that each row sees */
    float *q, *o;                                   /* (d, GROUP) scaled, (dv rounded up to TILE, GROUP) unnormalised */
    float *max, *sum;                               /* (GROUP) */
    float *factor;                                  /* (GROUP) what o must be multiplied by before it is added to */
    int rescaled;                                   /* factor is not 1 everywhere */
    int empty;                                      /* o has not been written yet: it counts as 0 */
} row_group;

/* What packing finds out about a block of keys and values; a line of a cache. */
typedef struct block_notes {
    int32_t finite; /* it is packed, and no value is NaN or infinite */
    int32_t hidden; /* the kernel has taken those that are out of the tiles */
    float longest_key, largest_value;
    float unused[12];
} block_notes;

typedef struct packed_block {
    float *k; /* [keys / TILE] (d, TILE) */
    float *v; /* [dv_padded / TILE] (keys, TILE) */
    block_notes *notes;
} packed_block;

/* Keys and values of the block that are read where they lie (in_place_impl.h). */
typedef struct block_rows {
    const float *k, *v;   /* the block's first row; v NULL: packed */
    int64_t k_row, v_row; /* distance of rows */
    int64_t end;          /* of the whole tiles; 0: all are packed */
} block_rows;

typedef struct group_terms group_terms;

typedef struct row_job {
    const attn_problem *problem;
    const attn_plan *plan;
    const attn_args *args;
    const attn_tensor *q, *o; /* fp32 rows, or stand-ins for those at hand (see stage) */
    const attn_tensor *lse, *sinks, *pages, *k_scales, *v_scales;
    const attn_tensor *stored[ATTN_O + 1]; /* Q, K, V, O */
    attn_tensor stand_in[ATTN_O + 1];
    float *stage;              /* the stand-ins' rows, one slot at a time */
    int64_t b, kv_head, heads; /* sequence, KV head, query heads that share it */
    float q_factor;            /* of packed queries: x = packed q . k, or the argument of cap2 * tanh */
    float cap2;                /* softcap * log2(e), 0 none; softcap alone with terms */
    float to_base2;            /* 1, or log2(e) with terms */
    group_terms *terms;        /* ALiBi and bias (terms_impl.h); NULL none */
    int64_t keys, dv_padded;   /* of a block; dv rounded up to TILE */
    packed_block block;        /* at hand */
    int64_t first;             /* its first key */
    packed_block own;          /* where this job packs */
    block_rows rows;           /* of the block at hand */
    int in_place;              /* read whole tiles where they lie */
    fetch_queue *next;         /* asked for meanwhile */
    const void *shared;        /* packed blocks of the KV head; NULL: none */
    float *weights;            /* (keys, GROUP) */
    int32_t *begin, *end;      /* (GROUP) keys of the block that each row of the group at hand sees */
    float *few;                /* absorb_few's */
    row_group group[GROUPS_MOST];
} row_job;

/* Where a group stands against the block of keys: begins and ends count from the block's first key. */
typedef struct block_span {
    int64_t any_begin, any_end, all_begin, all_end; /* any_begin <= all_begin <= all_end <= any_end */
} block_span;

static void widen_row(const char *row, uint32_t type, float scale, int64_t n, float *to);
static void narrow_row(const float *from, int64_t n, char *row, uint32_t type);
static void pack_queries(const row_job *job, const row_group *g, int64_t row);
/* Rows of ROW_TYPE become keys at .. at + count - 1 of the block at hand. */
static void pack_keys(const row_job *job, const char *const row[], int64_t at, int64_t count);
static int pack_values(const row_job *job, const char *const row[], int64_t at, int64_t count); /* are they finite? */
static void absorb_group(const row_job *job, row_group *g, block_span span);
static void store_group(const row_job *job, const row_group *g, int64_t row);
static int64_t few_floats(int64_t d, int64_t dv);
static void absorb_few(const row_job *job, int64_t row, int64_t rows, const attn_span *span);

static inline int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }
static inline int64_t round_up(int64_t x, int64_t step) { return (x + step - 1) / step * step; }

/* Which row of its query head row `row` of the KV head's query rows is. */
static inline int64_t query_index(const row_job *job, int64_t row) { return job->heads == 1 ? row : row / job->heads; }

/* Row `row` of the KV head's query rows, in Q, O or LSE. */
static inline float *query_row(const row_job *job, const attn_tensor *t, int64_t row)
{
    const int64_t i = query_index(job, row);
    return attn_f32_row(t, job->b, job->kv_head * job->heads + row - i * job->heads, i);
}

static inline char *stored_query_row(const row_job *job, int slot, int64_t row)
{
    const int64_t i = query_index(job, row);
    return attn_row(job->stored[slot], job->b, job->kv_head * job->heads + row - i * job->heads, i);
}

/* Where the KV head's query rows row .. row + rows - 1 lie in Q, O or LSE; beyond them, to[rows .. count - 1] repeat the last. */
static inline void query_rows(const row_job *job, const attn_tensor *t, int64_t row, int64_t rows, int64_t count,
                              float *to[])
{
    const int64_t i = query_index(job, row);
    int64_t head = row - i * job->heads;
    float *at = query_row(job, t, row);
    for (int64_t r = 0; r < count; r++) {
        to[r] = at;
        if (r + 1 >= rows) continue;
        if (++head < job->heads)
            at += t->stride[1];
        else
            head = 0, at += t->stride[2] - (job->heads - 1) * t->stride[1];
    }
}

static inline float row_lse(const row_job *job, float max, float sum)
{
    return (float)((job->terms ? 1 : 0.69314718055994531) * (double)max + (double)logf(sum));
}

/* Where LSE is asked for; of a row that sees neither a key nor a sink it is -infinity, as is the logarithm of its sum 0. */
static inline void store_lse(const row_job *job, int64_t row, float max, float sum)
{
    if (job->lse) *query_row(job, job->lse, row) = row_lse(job, max, sum);
}

/* Maximum and sum of a row before its first key: those of its sink, a logit without a value, where there is one. */
static inline void start_softmax(const row_job *job, int64_t row, float *max, float *sum)
{
    *max = -FLT_MAX, *sum = 0;
    if (!job->sinks) return;
    const int64_t head = job->kv_head * job->heads + row - query_index(job, row) * job->heads;
    const float sink = *attn_f32_row(job->sinks, 0, head, 0);
    if (sink == -INFINITY) return;
    *max = (float)((job->terms ? 1 : 1.4426950408889634) * (double)sink), *sum = 1;
}

/* ---- workspace -------------------------------------------------------------------------------------------------- */

#include "terms_impl.h"

enum {
    GROUP_ARRAYS = 7, /* max, sum, factor; begin and end, twice as wide */
    NOTES_FLOATS = sizeof(block_notes) / sizeof(float),
};

static inline int64_t block_keys(int64_t d, int64_t dv) { return d + dv <= 512 ? KEYS_MOST : KEYS_MOST / 2; }

enum { LEAST_CHANNELS = 8 }; /* that a group's queries have room for: int8 ones keep more than channels there */

static inline int64_t group_floats(int64_t d, int64_t dv)
{
    return GROUP * (larger(d, LEAST_CHANNELS) + round_up(dv, TILE) + GROUP_ARRAYS);
}

static inline int64_t block_floats(int64_t d, int64_t dv)
{
    const int64_t keys = block_keys(d, dv);
    return keys * (d + round_up(dv, TILE) + GROUP) + NOTES_FLOATS + 2 * GROUP + TERMS_FLOATS +
           round_up(few_floats(d, dv), 16);
}

/* Groups whose queries and results, together with a block of keys and values, fit three quarters of the second-level cache. */
static inline int64_t groups_that_fit(const attn_machine *machine, int64_t d, int64_t dv)
{
    const int64_t l2 = machine && machine->l2 > 0 ? machine->l2 / 4 * 3 : BUDGET_MOST;
    const int64_t budget = smaller(larger(l2, BUDGET_LEAST), BUDGET_MOST) / (int64_t)sizeof(float);
    return smaller(larger((budget - block_floats(d, dv)) / group_floats(d, dv), 2), GROUPS_MOST);
}

static inline float *carve_group(row_group *g, float *at, int64_t d, int64_t dv_padded)
{
    g->q = at, at += GROUP * larger(d, LEAST_CHANNELS);
    g->o = at, at += GROUP * dv_padded;
    g->max = at, at += GROUP;
    g->sum = at, at += GROUP;
    g->factor = at, at += GROUP;
    g->begin = (int64_t *)(void *)at, at += 2 * GROUP;
    g->end = (int64_t *)(void *)at, at += 2 * GROUP;
    return at;
}

static inline void carve(row_job *job, float *at, int64_t groups)
{
    const int64_t d = job->problem->d, dv = job->problem->dv;
    job->own.k = at, at += job->keys * d;
    job->own.v = at, at += job->keys * job->dv_padded;
    job->own.notes = (block_notes *)(void *)at, at += NOTES_FLOATS;
    job->weights = at, at += job->keys * GROUP;
    job->begin = (int32_t *)(void *)at, at += GROUP;
    job->end = (int32_t *)(void *)at, at += GROUP;
    job->terms = job->to_base2 == 1 ? NULL : (group_terms *)(void *)at;
    at += TERMS_FLOATS;
    job->few = at, at += round_up(few_floats(d, dv), 16);
    for (int64_t g = 0; g < groups; g++) at = carve_group(&job->group[g], at, d, job->dv_padded);
    job->stage = at;
}

static inline row_job row_job_of(const attn_problem *problem, const attn_plan *plan, const attn_args *args)
{
    const int terms = attn_slot_of(args, ATTN_SLOPES) || attn_slot_of(args, ATTN_BIAS);
    const double log2e = 1.4426950408889634, unit = terms ? 1 : log2e;
    row_job job = {.problem = problem,
                   .plan = plan,
                   .args = args,
                   .heads = problem->h / problem->hkv,
                   .keys = (int64_t)plan->state[1]};
    job.to_base2 = (float)(log2e / unit);
    for (int slot = ATTN_Q; slot <= ATTN_O; slot++) job.stored[slot] = attn_slot_of(args, slot);
    job.lse = attn_slot_of(args, ATTN_LSE), job.sinks = attn_slot_of(args, ATTN_SINK_LOGITS);
    job.pages = attn_slot_of(args, ATTN_PAGES);
    job.k_scales = attn_slot_of(args, ATTN_K_SCALES), job.v_scales = attn_slot_of(args, ATTN_V_SCALES);
    job.cap2 = (float)(unit * (double)problem->softcap);
    job.q_factor = (float)((double)problem->scale * (problem->softcap > 0 ? 1 / (double)problem->softcap : unit));
    job.dv_padded = round_up(problem->dv, TILE);
    return job;
}

#include "stage_impl.h"

#include "packed_impl.h"

#include "in_place_impl.h"

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

/* What follows a block of keys that is at work for the `rows` query rows from `row` on: keys from `next` on; or after the last ones the
 * results of these rows, then the next rows' queries and first keys, which are those of the next KV head unless it has more rows. */
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

/* The most query rows of a KV head that absorb_few takes. Packing bf16 keys for one query position takes longer than widening them for
 * every four heads: with AVX-512 20, 24 and 32 heads a KV head are 38, 25 and 1% faster so (d=576: 32 heads 22%), in fp16 32 heads 18% slower;
 * with AVX2 12 and 16 heads 45 and 23% (d=576: 46%), in fp32 8% slower. */
static inline int64_t few_most(const attn_problem *problem, uint32_t k_type)
{
    return problem->q == 1 && k_type == ATTN_BF16 ? FEW : FEW_OTHERS;
}

/* Rows at the end of a block that are taken one by one, for a group works as long for one row as for LANES. It gains 13% with 2 rows
 * behind one group (b=8,h=8,q=50,d=64 with AVX-512), 7 to 12% with 1 to 4 behind two (h=8,q=97 to 100,k=850; AVX2 4 to 9%). */
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

/* plan->state: groups that the workspace holds, keys of a block, KV heads that were planned for, are keys read in place? */
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

/* Everything of a plan but its ceiling, its share and the errors of the kernel's own exp and tanh. Slices of row_block rows of all
 * query heads that share K and V keep packing cheap, and are at least three for each thread where that leaves them four groups long.
 * Where SHARED_BY slices of a KV head or more run on several threads, they share packed keys and values; fewer pack them as fast each
 * in its own cache. Measured, fp32 on one thread, for slices as a machine of so many threads would have them (h=8,n=4096,d=64): 64
 * threads, 240 rows a slice: sharing is 10% faster; 2 threads, 1392 rows: 0.6% slower; h=1,n=2048, 16 threads, 240 rows: 5% faster. */
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
