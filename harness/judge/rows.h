/* rows.h: which query rows the judge looks at: all of a small case, the telling ones of a large one. */
#ifndef ATTNBENCH_ROWS_H
#define ATTNBENCH_ROWS_H

#include <stdbool.h>

#include "attention.h"

typedef struct row_id {
    int64_t b, h, i;
    int64_t row; /* on the row axis of Q, O, LSE and WEIGHTS: i, in a packed batch behind the sequence's start */
} row_id;

typedef struct row_list {
    row_id *row; /* in order of sequence, head, row */
    int64_t count;
    int64_t total; /* rows of the problem: h * the query length of each sequence */
} row_list;

/* All rows if the reference can do them within `budget` element visits (kept keys * (d + dv), summed); else the first
 * and last rows, those around multiples of 16, 32, 64, 128 near the ends and in the middle, around the `borders`
 * (distances in rows: row blocks and thread shares; 0 is skipped), and 32 random ones, spread over all heads, as many
 * as fit (at least 48).
 * 0 where memory is short. */
int rows_choose(const attn_problem *problem, const attn_args *args, const int64_t *borders, int border_count,
                double budget, uint64_t seed, row_list *out);

/* As many of all rows, evenly spread over sequences and heads, as the reference can do within `budget`. */
int rows_cover(const attn_problem *problem, const attn_args *args, double budget, uint64_t seed, row_list *out);
void rows_free(row_list *list);

#endif
