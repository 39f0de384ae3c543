/* row_job_impl.h: the data of the loops of transposed_impl.h: a job (the query rows of one KV head), its groups of
 * rows, its block of keys and values, and where rows lie. It needs the constants that transposed_impl.h lists, and
 * declares the functions that a kernel defines. */
#ifndef ATTN_ROW_JOB_IMPL_H
#define ATTN_ROW_JOB_IMPL_H

#include <float.h>
#include <math.h>
#include <string.h>

#include "prefetch_impl.h"
#include "problem.h"
#include "rows_impl.h"

#ifndef ALWAYS_INLINE /* tests that emulate vectors compile hundreds of copies of a loop no faster than one */
#define ALWAYS_INLINE static inline __attribute__((always_inline))
#endif

enum {
    GROUP = LANES * VECTORS,         /* query rows of a group */
    GROUPS_MOST = ROWS_MOST / GROUP, /* of a block of query rows: packing keys and values is then below 1% */
    BUDGET_MOST = 3 * (1 << 19),     /* bytes of workspace aimed at */
    BUDGET_LEAST = 1 << 19,
    GROUPS_ASKING = 12, /* the last groups of a block prefetch the next block (prefetch_impl.h) */
};

/* Rows whose queries are packed side by side. Arrays of GROUP are 64-byte aligned. Maxima and sums are in base 2:
 * weight = 2^(x - max), x = log2(e) * logit; where terms join the logits, x = logit and weight = e^(x - max). max is
 * the reference of the weights, not more than LAZY below the largest x. */
typedef struct row_group {
    int64_t row, rows;                              /* first, and how many exist; further lanes are not stored */
    int64_t any_begin, any_end, all_begin, all_end; /* keys that some row sees, that every row sees */
    int64_t *begin, *end;                           /* (GROUP) keys that each row sees */
    float *q, *o;                                   /* (d, GROUP) scaled, (dv rounded up to TILE, GROUP) unnormalised */
    float *max, *sum;                               /* (GROUP) */
    float *factor;                                  /* (GROUP) by which o is multiplied before values are added */
    int rescaled;                                   /* factor is not 1 everywhere */
    int empty;                                      /* o has not been written yet: it counts as 0 */
} row_group;

/* What packing finds about a block of keys and values. One cache line. */
typedef struct block_notes {
    int32_t finite; /* it is packed, and no value is NaN or infinite */
    int32_t hidden; /* values that are not finite were replaced by 0 in the tiles */
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
    const attn_tensor *q, *o; /* fp32 rows, or stand-ins for the current rows (see stage) */
    const attn_tensor *lse, *sinks, *pages, *k_scales, *v_scales;
    const attn_tensor *stored[ATTN_O + 1]; /* Q, K, V, O */
    attn_tensor stand_in[ATTN_O + 1];
    float *stage;              /* the stand-ins' rows, one slot at a time */
    int64_t b, kv_head, heads; /* sequence, KV head, query heads that share it */
    float q_factor;            /* of packed queries: x = packed q . k, or the argument of cap2 * tanh */
    float cap2;                /* softcap * log2(e), 0 none; softcap alone with terms */
    float to_base2;            /* 1, or log2(e) with terms */
    group_terms *terms;        /* ALiBi and bias (logit_terms_impl.h); NULL none */
    int64_t keys, dv_padded;   /* of a block; dv rounded up to TILE */
    packed_block block;        /* the current block */
    int64_t first;             /* its first key */
    packed_block own;          /* where this job packs */
    block_rows rows;           /* of the current block */
    int in_place;              /* read whole tiles where they lie */
    fetch_queue *next;         /* lines to prefetch meanwhile */
    const void *shared;        /* packed blocks of the KV head; NULL: none */
    float *weights;            /* (keys, GROUP) */
    int32_t *begin, *end;      /* (GROUP) keys of the block that each row of the current group sees */
    float *few;                /* workspace of absorb_few */
    row_group group[GROUPS_MOST];
} row_job;

/* The keys of a block that a group sees, counted from the block's first key. */
typedef struct block_span {
    int64_t any_begin, any_end, all_begin, all_end; /* any_begin <= all_begin <= all_end <= any_end */
} block_span;

static void widen_row(const char *row, uint32_t type, float scale, int64_t n, float *to);
static void narrow_row(const float *from, int64_t n, char *row, uint32_t type);
static void pack_queries(const row_job *job, const row_group *g, int64_t row);
/* Packs rows of ROW_TYPE as keys at .. at + count - 1 of the current block. */
static void pack_keys(const row_job *job, const char *const row[], int64_t at, int64_t count);
static int pack_values(const row_job *job, const char *const row[], int64_t at, int64_t count); /* are they finite? */
static void absorb_group(const row_job *job, row_group *g, block_span span);
static void store_group(const row_job *job, const row_group *g, int64_t row);
static int64_t few_floats(int64_t d, int64_t dv);
static void absorb_few(const row_job *job, int64_t row, int64_t rows, const attn_span *span);

static inline int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }
static inline int64_t round_up(int64_t x, int64_t step) { return (x + step - 1) / step * step; }

/* The number, within its query head, of row `row` of the KV head's query rows. */
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

/* Where the KV head's query rows row .. row + rows - 1 lie in Q, O or LSE; beyond them, to[rows .. count - 1] repeat
 * the last. */
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

/* Stores LSE if it is wanted. For a row that sees neither a key nor a sink it is -infinity, the logarithm of its sum
 * 0. */
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

#endif
