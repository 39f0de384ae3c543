/* logit_terms_impl.h: ALiBi and bias of a group of query rows, for the loops of transposed_impl.h.
 *
 * With such terms, logits are in nats: models mask keys by biases as large as a float can be, and those would overflow
 * in base 2, in which scores are otherwise. Distances are whole numbers, rounded once, as in logits_impl.h. */
#ifndef ATTN_LOGIT_TERMS_IMPL_H
#define ATTN_LOGIT_TERMS_IMPL_H

#include "logits_impl.h"
#include "row_job_impl.h"

/* Data of each row of the current group, and the terms of one tile of keys. */
struct group_terms {
    float tile[TILE * GROUP > KEYS_MOST ? TILE *GROUP : KEYS_MOST];
    float slope[GROUP];
    int32_t ahead[GROUP]; /* position less the block's first key, where `near` */
    int32_t near;         /* all of them fit */
    int32_t sloping;      /* there are slopes */
    attn_row_terms row[GROUP];
};

enum { TERMS_FLOATS = (sizeof(struct group_terms) + 63) / 64 * 16 };

static inline attn_row_terms terms_of(const row_job *job, int64_t row)
{
    const int64_t i = query_index(job, row), head = job->kv_head * job->heads + row - i * job->heads;
    return attn_terms_of_row(job->problem, job->args, job->b, head, i);
}

/* Lanes beyond the last row repeat it. */
static inline void take_terms(const row_job *job, const row_group *g)
{
    group_terms *t = job->terms;
    t->near = 1, t->sloping = attn_slot_of(job->args, ATTN_SLOPES) != NULL;
    for (int64_t r = 0; r < GROUP; r++) {
        if (r < g->rows) t->row[r] = terms_of(job, g->row + r);
        if (r >= g->rows) t->row[r] = t->row[g->rows - 1];
        const int64_t ahead = t->row[r].position - job->first;
        t->near &= ahead < INT32_MAX / 2 && ahead > -(INT32_MAX / 2);
        t->ahead[r] = t->near ? (int32_t)ahead : 0;
        t->slope[r] = t->row[r].slope;
    }
}

/* Of keys that no bias is for, 0. */
static inline void biases_of_tile(const group_terms *t, int64_t key, float *to)
{
    const attn_row_terms *row = t->row;
    const int64_t column = key - row->bias_begin, columns = row->bias_end - row->bias_begin, step = row->bias_stride;
    if (column >= 0 && column + TILE <= columns && step == 1) {
        for (int r = 0; r < GROUP; r++) {
            const float *from = row[r].bias + column;
            for (int j = 0; j < TILE; j++) to[j * GROUP + r] = from[j];
        }
        return;
    }
    const int64_t begin = larger(-column, 0), end = smaller(columns - column, TILE);
    memset(to, 0, TILE * GROUP * sizeof *to);
    for (int64_t r = 0; r < GROUP; r++)
        for (int64_t j = begin; j < end; j++) to[j * GROUP + r] = row[r].bias[(column + j) * step];
}

/* The terms of the tile of keys that begins at `key` of the current block. */
static inline const float *terms_of_tile(const row_job *job, int64_t key)
{
    group_terms *t = job->terms;
    float *to = t->tile;
    if (!t->near) {
        for (int r = 0; r < GROUP; r++)
            for (int j = 0; j < TILE; j++) to[j * GROUP + r] = attn_term(&t->row[r], job->first + key + j);
        return to;
    }
    if (t->row[0].bias)
        biases_of_tile(t, job->first + key, to);
    else
        memset(to, 0, TILE * GROUP * sizeof *to);
    if (!t->sloping) return to;
    for (int j = 0; j < TILE; j++, to += GROUP) {
        const int32_t at = (int32_t)key + j;
        for (int r = 0; r < GROUP; r++) {
            const int32_t distance = t->ahead[r] < at ? at - t->ahead[r] : t->ahead[r] - at;
            to[r] -= t->slope[r] * (float)distance;
        }
    }
    return t->tile;
}

/* The terms of one row with keys first .. first + count - 1, stored where those of a tile are. */
static inline void terms_of_row(const row_job *job, int64_t row, int64_t first, int64_t count)
{
    const attn_row_terms t = terms_of(job, row);
    for (int64_t j = 0; j < count; j++) job->terms->tile[j] = attn_term(&t, first + j);
}

#endif
