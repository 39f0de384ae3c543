/* staged_rows_impl.h: converts rows of Q and O that are not fp32, for the loops of transposed_impl.h.
 *
 * The code that packs and stores tiles knows one type, mostly fp32. Rows of another type pass through a buffer, the
 * stage: a group of queries is widened into it before it is packed (unless it has the ROW_TYPE that the kernel packs),
 * and a group of results is stored there and then narrowed. A stand-in tensor, whose current rows are those of the
 * stage, replaces the stored one. absorb_few, which is limited by reading, widens K and V in registers instead. */
#ifndef ATTN_STAGED_ROWS_IMPL_H
#define ATTN_STAGED_ROWS_IMPL_H

#include "workspace_impl.h"

static inline int64_t channels_of(const attn_problem *p, int slot)
{
    return slot == ATTN_Q || slot == ATTN_K ? p->d : p->dv;
}

/* Q is packed as ROW_TYPE, and O is stored as fp32. */
static inline int is_staged(const attn_tensor *t, int slot)
{
    return t->type != (slot == ATTN_O ? ATTN_F32 : ROW_TYPE);
}

/* Room for a group of queries or results. A row ends with a whole vector. */
static inline int64_t stage_floats(const attn_problem *problem, const attn_args *args)
{
    int64_t most = FEW * round_up(problem->d, LANES); /* few rows are read as fp32 whatever ROW_TYPE is */
    for (int slot = ATTN_Q; slot <= ATTN_O; slot += ATTN_O - ATTN_Q)
        if (is_staged(attn_slot_of(args, slot), slot))
            most = larger(most, GROUP * round_up(channels_of(problem, slot), LANES));
    return most;
}

/* An fp32 tensor whose query rows from `row` on (one row of every query head, then the next) are those of the stage.
 * Its other rows must not be accessed. */
static inline const attn_tensor *stage_queries(row_job *job, int slot, int64_t row)
{
    const int64_t stride = round_up(channels_of(job->problem, slot), LANES);
    const int64_t before = (job->kv_head * job->heads + row) * stride;
    job->stand_in[slot] = (attn_tensor){.data = (void *)((uintptr_t)job->stage - (uintptr_t)before * sizeof(float)),
                                        .type = ATTN_F32,
                                        .stride = {0, stride, stride * job->heads, 1}};
    return &job->stand_in[slot];
}

static inline void read_queries(row_job *job, int64_t row, int64_t rows, uint32_t type)
{
    job->q = job->stored[ATTN_Q];
    if (job->q->type == type) return;
    const int64_t stride = round_up(job->problem->d, LANES);
    for (int64_t r = 0; r < rows; r++)
        widen_row(stored_query_row(job, ATTN_Q, row + r), job->q->type, 1, job->problem->d, job->stage + r * stride);
    job->q = stage_queries(job, ATTN_Q, row);
}

/* Until write_results, store_group and few_store write rows from `row` on to the stage. */
static inline void begin_results(row_job *job, int64_t row)
{
    job->o = is_staged(job->stored[ATTN_O], ATTN_O) ? stage_queries(job, ATTN_O, row) : job->stored[ATTN_O];
}

static inline void write_results(const row_job *job, int64_t row, int64_t rows)
{
    const attn_tensor *to = job->stored[ATTN_O];
    const int64_t stride = round_up(job->problem->dv, LANES);
    for (int64_t r = 0; is_staged(to, ATTN_O) && r < rows; r++)
        narrow_row(job->stage + r * stride, job->problem->dv, stored_query_row(job, ATTN_O, row + r), to->type);
}

#endif
