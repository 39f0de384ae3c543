/* packed_blocks_impl.h: packs blocks of keys and values into tiles, for the loops of transposed_impl.h.
 *
 *   block   tiles of K, tiles of V, notes       in the workspace of the thread that needs it, or
 *   shared  for each (sequence, KV head): its blocks, packed once for all slices of query rows (attn_kernel.pack)
 *
 * Shared blocks begin at multiples of their length, whatever the mask; only keys that some row sees are read. Two kinds
 * of blocks are not shared, and each slice that needs them packs them: those of sequences that are one slice (decoding,
 * in a mixed batch), and those with values that are not finite, because each kernel has its own way of hiding such
 * values from the rows that do not see them.
 *
 * Rows of another type than ROW_TYPE are widened, a few at a time, as they are packed. */
#ifndef ATTN_PACKED_BLOCKS_IMPL_H
#define ATTN_PACKED_BLOCKS_IMPL_H

#include "staged_rows_impl.h"

enum {
    STAGED_ROWS = 16,                 /* widened at once; a multiple of the keys that any kernel packs together */
    KEY_STEP = TILE > 16 ? TILE : 16, /* keys that every pack_keys can begin at */
};

_Static_assert(KEYS_MOST / 2 % KEY_STEP == 0, "a block's packed keys begin where pack_keys can");

/* Keys of a block: as equal as possible, so that the last block is not mostly empty. */
static inline int64_t even_block_keys(int64_t k, int64_t most)
{
    const int64_t blocks = larger((k + most - 1) / most, 1);
    return smaller(larger(round_up((k + blocks - 1) / blocks, KEY_STEP), KEY_STEP), most);
}

static inline int64_t packed_key_floats(int64_t keys, int64_t d)
{
    return keys * round_up(d, CHANNELS) * attn_element_bytes(ROW_TYPE) / (int64_t)sizeof(float);
}

static inline int64_t packed_value_floats(int64_t keys, int64_t dv_padded)
{
    return keys * dv_padded * attn_element_bytes(ROW_TYPE) / (int64_t)sizeof(float);
}

static inline int64_t packed_block_floats(int64_t keys, int64_t d, int64_t dv)
{
    return packed_key_floats(keys, d) + packed_value_floats(keys, round_up(dv, TILE)) + NOTES_FLOATS;
}

/* Block `index` of a KV head whose packed keys and values begin at `head`. */
static inline packed_block packed_block_at(const row_job *job, const void *head, int64_t index)
{
    const int64_t d = job->problem->d;
    packed_block block;
    block.k = (float *)(uintptr_t)head + index * packed_block_floats(job->keys, d, job->problem->dv);
    block.v = block.k + packed_key_floats(job->keys, d);
    block.notes = (block_notes *)(void *)(block.v + packed_value_floats(job->keys, job->dv_padded));
    return block;
}

static inline float scale_of_key(const row_job *job, const attn_tensor *scales, int64_t j)
{
    const char *row;
    float scale = 1;
    if (!scales) return scale;
    attn_key_rows(scales, job->pages, job->problem->page_size, job->b, job->kv_head, j, 1, &row);
    memcpy(&scale, row, sizeof scale);
    return scale;
}

/* Packs keys first + at .. first + end - 1 of the block that begins at `first` into its tiles of K or V; those before
 * `begin` are not read. Returns whether they are finite. */
static inline int pack_rows(const row_job *job, int slot, int64_t first, int64_t at, int64_t begin, int64_t end)
{
    _Alignas(64) float stage[STAGED_ROWS * ATTN_MAX_D];
    const attn_tensor *from = job->stored[slot], *scales = slot == ATTN_K ? job->k_scales : job->v_scales;
    const int64_t n = channels_of(job->problem, slot), stride = round_up(n, LANES);
    const int64_t step = from->type == ROW_TYPE ? KEYS_MOST : STAGED_ROWS;
    int finite = 1;
    for (int64_t count; at < end; at += count) {
        const char *row[KEYS_MOST];
        const int64_t unread = larger(begin - at, 0);
        count = smaller(step, end - at);
        attn_key_rows(from, job->pages, job->problem->page_size, job->b, job->kv_head, first + at + unread,
                      count - unread, row + unread);
        for (int64_t j = 0; j < unread; j++) row[j] = row[unread];
        for (int64_t j = 0; from->type != ROW_TYPE && j < count; j++) {
            widen_row(row[j], from->type, scale_of_key(job, scales, first + larger(at + j, begin)), n,
                      stage + j * stride);
            row[j] = (const char *)(stage + j * stride);
        }
        if (slot == ATTN_K)
            pack_keys(job, row, at, count);
        else
            finite &= pack_values(job, row, at, count);
    }
    return finite;
}

/* Packs keys begin .. end - 1 of the current block; they count from `first`, where it begins. */
static inline void pack_block(const row_job *job, int64_t first, int64_t begin, int64_t end)
{
    const int64_t at = begin / KEY_STEP * KEY_STEP;
    pack_rows(job, ATTN_K, first, at, begin, end);
    job->block.notes->hidden = 0;
    job->block.notes->finite = pack_rows(job, ATTN_V, first, at, begin, end);
}

/* Makes the block that begins at key `first` the current one. Keys begin .. end - 1 of it are needed. */
static inline void take_block(row_job *job, int64_t first, int64_t begin, int64_t end)
{
    if (job->shared) {
        job->block = packed_block_at(job, job->shared, first / job->keys);
        if (job->block.notes->finite) return;
    }
    job->block = job->own;
    pack_block(job, first, larger(begin - first, 0), smaller(end - first, job->keys));
}

/* ---- once for all slices ---------------------------------------------------------------------------------------- */

typedef struct pack_task {
    const attn_problem *problem;
    const attn_plan *plan;
    const attn_args *args;
    unsigned char *shared;
    int64_t blocks; /* of a KV head */
} pack_task;

static inline unsigned char *shared_of(const attn_plan *plan, const void *shared, int64_t b, int64_t kv_head)
{
    return (unsigned char *)(uintptr_t)shared + (b * (int64_t)plan->state[2] + kv_head) * plan->shared_stride;
}

static void pack_shared_blocks(void *arg, int64_t from, int64_t to, int thread)
{
    (void)thread;
    const pack_task *task = arg;
    const attn_problem *p = task->problem;
    row_job job = row_job_of(p, task->plan, task->args);
    for (int64_t index = from; index < to; index++) {
        const int64_t first = index % task->blocks * job.keys;
        job.kv_head = index / task->blocks % p->hkv, job.b = index / task->blocks / p->hkv;
        const int64_t rows = attn_query_count(p, task->args, job.b);
        job.block =
            packed_block_at(&job, shared_of(task->plan, task->shared, job.b, job.kv_head), index % task->blocks);
        job.block.notes->finite = 0;
        if (rows <= task->plan->row_block) continue; /* one slice, which packs in its own cache */
        const attn_span low = attn_visible(p, task->args, job.b, 0),
                        high = attn_visible(p, task->args, job.b, rows - 1);
        const int64_t begin = larger(low.begin - first, 0), end = smaller(high.end - first, job.keys);
        if (begin >= end) continue;
        pack_block(&job, first, begin, end);
    }
}

static int transposed_pack(const attn_problem *problem, const attn_plan *plan, const attn_args *args,
                           const attn_exec *exec, void *shared)
{
    if (plan->shared_bytes == 0) return ATTN_OK;
    pack_task task = {problem, plan, args, shared,
                      .blocks = (problem->k + (int64_t)plan->state[1] - 1) / (int64_t)plan->state[1]};
    exec->each(exec, problem->b * problem->hkv * task.blocks, 1, pack_shared_blocks, &task);
    return ATTN_OK;
}

#endif
