/* blocked_online: tiles and online softmax in portable C.
 *
 *   for each (sequence, head), for each block of 64 query rows, for each block of 64 keys that some row sees:
 *     pack keys (transposed) and values of the block           workspace, L2
 *     for each tile of 4 rows:
 *       scores = rows x keys                                   4 x 8 register tile
 *       m' = max(m, scores); l, o *= exp(m - m')               online softmax, one row at a time
 *       weights = exp(scores - m'); l += weights; o += weights x values
 *
 * Computes on four lanes in the compilers' vector extension (lanes_impl.h), which becomes any baseline's vectors.
 * Reads K and V once for 64 query rows, keeps no score row (memory does not grow with the keys), and skips blocks that
 * no row sees. Rows of a tile that see different keys (the edge of a mask) are scored together and summed separately,
 * so that a masked key's value is never multiplied by zero. Keys of a prefix come first, in one more turn of the loop
 * over blocks of keys.
 * Improves on naive_online: reuse of K and V, vectors, independent accumulators.
 * Fewer than 4 rows (decode) read K and V in place.
 * Weaknesses: heads that share K and V pack them again, and so does every block of 64 rows.
 * Papers: Milakov and Gimelshein 2018 (online softmax), Dao et al. 2022 (FlashAttention).
 */
#include <math.h>
#include <string.h>

#include "lanes_impl.h"
#include "logits_impl.h"
#include "roofline_impl.h"

enum { ROWS = 64, KEYS = 64, TILE = 4 }; /* of a block of queries, of a block of keys, rows of a register tile */

/* One thread's workspace. Row-major; leading dimensions are d8 and dv8 (channels rounded up to 8) and KEYS. */
typedef struct scratch {
    float *q;         /* (ROWS, d) */
    float *k;         /* (d, KEYS): transposed */
    float *v;         /* (KEYS, dv8) */
    float *o;         /* (ROWS, dv8) unnormalised */
    float *score;     /* (TILE, KEYS) */
    float *max, *sum; /* (ROWS) */
    int64_t dv8;
} scratch;

static int64_t round8(int64_t x) { return (x + 7) / 8 * 8; }
static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

static int64_t scratch_floats(int64_t d, int64_t dv)
{
    return ROWS * d + d * KEYS + KEYS * round8(dv) + ROWS * round8(dv) + TILE * KEYS + 2 * ROWS;
}

static scratch carve(float *at, int64_t d, int64_t dv)
{
    scratch s = {.dv8 = round8(dv)};
    s.k = at, at += d * KEYS;
    s.v = at, at += KEYS * s.dv8;
    s.o = at, at += ROWS * s.dv8;
    s.score = at, at += TILE * KEYS;
    s.max = at, at += ROWS;
    s.sum = at, at += ROWS;
    s.q = at;
    return s;
}

typedef struct block_job {
    const attn_problem *problem;
    const attn_tensor *k, *v;
    int64_t b, kv_head, rows;
    attn_keys keys[ROWS];       /* that each row sees */
    attn_range range[ROWS];     /* those of this turn: the prefix, or the others */
    attn_row_terms terms[ROWS]; /* ALiBi and bias */
    scratch s;
} block_job;

/* Raw dot products score[begin .. end) of a row with the block of keys at j0 become weights exp(logit - max); max, sum
 * and o follow the new maximum. Writes up to 3 entries on either side. NaN does not raise the maximum and shows in the
 * weights. */
static void absorb_scores(const block_job *job, int64_t row, float *score, int64_t j0, int64_t begin, int64_t end)
{
    const int64_t first = begin / 4 * 4, last = (end + 3) / 4 * 4;
    const float scale = job->problem->scale, cap = job->problem->softcap;
    float *max = job->s.max + row, *sum = job->s.sum + row;
    for (int64_t j = first; j < last; j += 4) {
        lanes x = lanes_load(score + j) * scale;
        if (cap > 0) x = cap * lanes_tanh(x / cap);
        lanes_store(score + j, x);
    }
    for (int64_t j = begin; job->terms[row].used && j < end; j++) score[j] += attn_term(&job->terms[row], j0 + j);
    for (int64_t j = first; j < begin; j++) score[j] = -INFINITY;
    for (int64_t j = end; j < last; j++) score[j] = -INFINITY;

    lanes high = lanes_all(*max);
    for (int64_t j = first; j < last; j += 4) high = lanes_max(lanes_load(score + j), high);
    float top = high[0];
    for (int x = 1; x < 4; x++) top = high[x] > top ? high[x] : top;
    const float shift = top == -INFINITY ? 0 : top; /* no finite score yet: exp(-inf - 0) is the right 0 */

    const float factor = lanes_exp(lanes_all(*max - shift))[0];
    lanes partial = lanes_all(0);
    for (int64_t j = first; j < last; j += 4) {
        const lanes weight = lanes_exp(lanes_load(score + j) - shift);
        lanes_store(score + j, weight);
        partial += weight;
    }
    if (top > *max) {
        lanes_scale(job->s.o + row * job->s.dv8, factor, job->s.dv8);
        *sum *= factor;
        *max = top;
    }
    *sum += lanes_sum(partial);
}

/* Copies keys (transposed) and values of begin .. end, which lie in the block that starts at key j0. */
static void pack_keys(const block_job *job, int64_t j0, int64_t begin, int64_t end)
{
    const int64_t d = job->problem->d, dv = job->problem->dv, dv8 = job->s.dv8;
    for (int64_t j = begin; j < end; j++) {
        const float *k = attn_f32_row(job->k, job->b, job->kv_head, j);
        for (int64_t c = 0; c < d; c++) job->s.k[c * KEYS + j - j0] = k[c];
        float *v = job->s.v + (j - j0) * dv8;
        memcpy(v, attn_f32_row(job->v, job->b, job->kv_head, j), (size_t)dv * sizeof(float));
        for (int64_t c = dv; c < dv8; c++) v[c] = 0;
    }
}

/* One tile of up to 4 rows against the packed block of keys that starts at j0. */
static void absorb_tile(const block_job *job, int64_t row, int64_t j0)
{
    const scratch *s = &job->s;
    const int64_t d = job->problem->d, count = smaller(TILE, job->rows - row);
    int64_t begin[TILE], end[TILE]; /* what each row sees of the block */
    int64_t any_begin = KEYS, any_end = 0, all_begin = 0, all_end = KEYS;
    for (int64_t r = 0; r < count; r++) {
        begin[r] = larger(job->range[row + r].begin - j0, 0);
        end[r] = smaller(job->range[row + r].end - j0, KEYS);
        if (begin[r] < end[r]) any_begin = smaller(any_begin, begin[r]), any_end = larger(any_end, end[r]);
        all_begin = larger(all_begin, begin[r]), all_end = smaller(all_end, end[r]);
    }
    if (any_begin >= any_end) return;
    all_end = larger(all_end, all_begin);

    for (int64_t j = any_begin / 8 * 8; j < any_end; j += 8)
        lanes_tile_4x8(d, s->q + row * d, d, s->k + j, KEYS, s->score + j, KEYS, 0);
    for (int64_t r = 0; r < count; r++)
        if (begin[r] < end[r]) absorb_scores(job, row + r, s->score + r * KEYS, j0, begin[r], end[r]);
    for (int64_t r = count; r < TILE; r++)
        for (int64_t j = all_begin; j < all_end; j++) s->score[r * KEYS + j] = 0;

    for (int64_t c = 0; all_begin < all_end && c < s->dv8; c += 8)
        lanes_tile_4x8(all_end - all_begin, s->score + all_begin, KEYS, s->v + all_begin * s->dv8 + c, s->dv8,
                       s->o + row * s->dv8 + c, s->dv8, 1);
    for (int64_t r = 0; r < count; r++) { /* keys that only some rows see */
        float *o = s->o + (row + r) * s->dv8;
        const float *score = s->score + r * KEYS;
        for (int64_t j = begin[r]; j < smaller(end[r], all_begin); j++)
            lanes_axpy(o, score[j], s->v + j * s->dv8, s->dv8);
        for (int64_t j = larger(begin[r], all_end); j < end[r]; j++) lanes_axpy(o, score[j], s->v + j * s->dv8, s->dv8);
    }
}

/* Few rows: packing would cost more than it saves, so K and V are read where they lie. */
static void absorb_in_place(const block_job *job, int64_t row, int64_t j0)
{
    const scratch *s = &job->s;
    const int64_t d = job->problem->d, dv = job->problem->dv;
    const int64_t begin = larger(job->range[row].begin, j0), end = smaller(job->range[row].end, j0 + KEYS);
    float *o = s->o + row * s->dv8;
    if (begin >= end) return;
    for (int64_t j = begin; j < end; j++)
        s->score[j - j0] = lanes_dot(s->q + row * d, attn_f32_row(job->k, job->b, job->kv_head, j), d);
    absorb_scores(job, row, s->score, j0, begin - j0, end - j0);
    for (int64_t j = begin; j < end; j++) {
        const float *v = attn_f32_row(job->v, job->b, job->kv_head, j);
        lanes_axpy(o, s->score[j - j0], v, dv);
    }
}

static void absorb_keys(const block_job *job)
{
    int64_t begin = INT64_MAX, end = 0;
    for (int64_t r = 0; r < job->rows; r++) {
        if (job->range[r].begin >= job->range[r].end) continue;
        begin = smaller(begin, job->range[r].begin), end = larger(end, job->range[r].end);
    }
    if (begin >= end) return;
    for (int64_t j0 = begin / KEYS * KEYS; j0 < end; j0 += KEYS) {
        if (job->rows < TILE) {
            for (int64_t r = 0; r < job->rows; r++) absorb_in_place(job, r, j0);
            continue;
        }
        pack_keys(job, j0, larger(begin, j0), smaller(end, j0 + KEYS));
        for (int64_t r = 0; r < job->rows; r += TILE) absorb_tile(job, r, j0);
    }
}

/* The sink is the first logit, and has no value. */
static void start_rows(block_job *job, const attn_args *args, int64_t h, int64_t i0)
{
    const attn_tensor *q = attn_slot_of(args, ATTN_Q);
    const float sink = attn_sink_of(args, h), sink_sum = sink == -INFINITY ? 0 : expf(sink - sink);
    const int64_t d = job->problem->d, padded = (job->rows + TILE - 1) / TILE * TILE;
    for (int64_t r = 0; r < job->rows; r++) {
        memcpy(job->s.q + r * d, attn_f32_row(q, job->b, h, i0 + r), (size_t)d * sizeof(float));
        job->keys[r] = attn_keys_of_row(job->problem, args, job->b, i0 + r);
        job->terms[r] = attn_terms_of_row(job->problem, args, job->b, h, i0 + r);
    }
    memset(job->s.q + job->rows * d, 0, (size_t)((padded - job->rows) * d) * sizeof(float));
    memset(job->s.o, 0, (size_t)(padded * job->s.dv8) * sizeof(float));
    for (int64_t r = 0; r < padded; r++) job->s.max[r] = sink, job->s.sum[r] = sink_sum;
}

/* A sum of 0: nothing took part. */
static void finish_rows(const block_job *job, const attn_tensor *o, const attn_tensor *lse, int64_t h, int64_t i0)
{
    for (int64_t r = 0; r < job->rows; r++) {
        const float sum = job->s.sum[r];
        const float *from = job->s.o + r * job->s.dv8;
        float *to = attn_f32_row(o, job->b, h, i0 + r);
        for (int64_t c = 0; c < job->problem->dv; c++) to[c] = sum == 0 ? 0 : from[c] / sum;
        if (lse) *attn_f32_row(lse, job->b, h, i0 + r) = sum == 0 ? -INFINITY : job->s.max[r] + logf(sum);
    }
}

static int run(const attn_problem *problem, const attn_plan *plan, const attn_args *args, const attn_exec *exec,
               const void *shared, void *workspace)
{
    (void)plan, (void)exec, (void)shared;
    const attn_tensor *o = attn_slot_of(args, ATTN_O), *lse = attn_slot_of(args, ATTN_LSE);
    block_job job = {.problem = problem, .k = attn_slot_of(args, ATTN_K), .v = attn_slot_of(args, ATTN_V)};
    job.s = carve(workspace, problem->d, problem->dv);
    for (job.b = 0; job.b < problem->b; job.b++) {
        const int64_t rows = attn_query_count(problem, args, job.b);
        for (int64_t h = 0; h < problem->h; h++) {
            job.kv_head = h / (problem->h / problem->hkv);
            for (int64_t i0 = 0; i0 < rows; i0 += ROWS) {
                job.rows = smaller(ROWS, rows - i0);
                start_rows(&job, args, h, i0);
                for (int turn = 0; turn < 2; turn++) {
                    for (int64_t r = 0; r < job.rows; r++) job.range[r] = job.keys[r].range[turn];
                    absorb_keys(&job);
                }
                finish_rows(&job, o, lse, h, i0);
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
    out->expected_share = problem->q < TILE ? 0.3 : 0.6;
    out->row_block = ROWS;
    out->key_block = KEYS;
    out->workspace_bytes = scratch_floats(problem->d, problem->dv) * (int64_t)sizeof(float);
    out->storage_type = out->score_type = out->weight_type = out->accumulator_type = out->output_type = ATTN_F32;
    out->kappa = LANES_EXP_KAPPA;
    out->kappa_t = 3, out->tau = 3;                     /* lanes_tanh */
    out->kappa_log = 2;                                 /* logf: 1 ulp */
    out->rho = 1;                                       /* a division */
    out->rescales = (problem->k + KEYS - 1) / KEYS + 1; /* a block may be seen in both turns */
    return ATTN_OK;
}

static const uint64_t types[] = ATTN_TYPES_F32;

const attn_kernel attn_kernel_blocked_online = {
    .size = sizeof(attn_kernel),
    .abi = ATTN_ABI,
    .name = "blocked_online",
    .idea = "tiles in cache and registers with online softmax, in portable C",
    .improves_on = "naive_online",
    .role = ATTN_ROLE_TEACHING,
    .isa = ATTN_FOLDER_ISA,
    .caps = {ATTN_CAP_GQA | ATTN_CAP_DV | ATTN_CAP_LEFT | ATTN_CAP_RIGHT | ATTN_CAP_PREFIX | ATTN_CAP_PREFIX_FREE |
                 ATTN_CAP_POSITION | ATTN_CAP_SOFTCAP | ATTN_CAP_BIAS_OFFSET,
             ATTN_SLOTS_QKVO | ATTN_SLOT_BIT(ATTN_LSE) | ATTN_SLOT_BIT(ATTN_KEY_LENGTHS) |
                 ATTN_SLOT_BIT(ATTN_QUERY_LENGTHS) | ATTN_SLOT_BIT(ATTN_QUERY_POSITIONS) | ATTN_SLOT_BIT(ATTN_BIAS) |
                 ATTN_SLOT_BIT(ATTN_SLOPES) | ATTN_SLOT_BIT(ATTN_SINK_LOGITS)},
    .traits = ATTN_TRAIT_REPEATABLE | ATTN_TRAIT_SAME_AT_ANY_THREADS,
    .type_count = sizeof types / sizeof types[0],
    .types = types,
    .plan = plan,
    .run = run,
};
