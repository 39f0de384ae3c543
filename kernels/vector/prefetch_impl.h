/* prefetch_impl.h: prefetches rows that are needed next into the second-level cache, line by line, while others are in
 * work.
 *
 * In the loops of transposed_impl.h, a block of keys prefetches the next one (fetch_behind), and the last block the
 * rows of O that will be written and the first rows of the next KV head. A loop that prefetches one line each turn
 * (fetch_take) waits least: with AVX-512 b=16,h=12,q=128,d=64 is 10% faster, as fast as from the second-level cache,
 * and q=64 13%; a few lines before each tile (fetch_burst) gain 2 to 4%. The short turns of AVX2 would be 2 to 3%
 * slower with a prefetch in each, and gain 4% by bursts. */
#ifndef ATTN_PREFETCH_IMPL_H
#define ATTN_PREFETCH_IMPL_H

#include <stdint.h>

enum { LINE_BYTES = 64, FETCHES_MOST = 4 /* O, Q, K, V */ };

/* In each of `heads` heads, rows of `columns` lines. */
typedef struct fetch_rows {
    uintptr_t at;
    int64_t heads, head_step, rows, row_step, columns; /* steps in bytes */
} fetch_rows;

typedef struct fetch_queue {
    fetch_rows of[FETCHES_MOST];
    int first, count;
    int64_t head, column, row; /* the next line; the queue goes down the rows, line by line */
    const void *idle;          /* prefetched when the queue is empty: a line that is in the cache */
} fetch_queue;

/* Lines `step` bytes apart. */
typedef struct fetch_lines {
    uintptr_t at;
    int64_t step;
} fetch_lines;

static inline void fetch_none(fetch_queue *queue, const void *idle) { *queue = (fetch_queue){.idle = idle}; }

/* Rows of this many bytes. If nothing lies between them, all their lines count as rows of one line. */
static inline void fetch_add(fetch_queue *queue, fetch_rows rows, int64_t bytes)
{
    if (rows.row_step == bytes)
        rows.row_step = LINE_BYTES, rows.rows = rows.rows * bytes / LINE_BYTES, rows.columns = 1;
    else
        rows.columns = (bytes + LINE_BYTES - 1) / LINE_BYTES;
    queue->of[queue->count++] = rows;
}

/* Takes the next n lines, some twice if fewer are left. A set of fewer than n rows is skipped. */
static inline fetch_lines fetch_take(fetch_queue *queue, int64_t n)
{
    while (queue->first < queue->count) {
        const fetch_rows *of = &queue->of[queue->first];
        if (of->rows >= n && queue->head < of->heads) {
            const int64_t row = queue->row + n <= of->rows ? queue->row : of->rows - n;
            const int64_t before = queue->head * of->head_step + row * of->row_step + queue->column * LINE_BYTES;
            queue->row += n;
            if (queue->row >= of->rows) queue->row = 0, queue->column++;
            if (queue->column == of->columns) queue->column = 0, queue->head++;
            return (fetch_lines){of->at + (uintptr_t)before, of->row_step};
        }
        queue->first++, queue->head = queue->row = queue->column = 0;
    }
    return (fetch_lines){(uintptr_t)queue->idle, 0};
}

/* A few lines at once, for a loop whose turns are too short to take one each. */
static inline void fetch_burst(fetch_queue *queue)
{
    enum { LINES = 8, READ = 0, SECOND_LEVEL = 2 };
    if (queue->first == queue->count) return;
    fetch_lines next = fetch_take(queue, LINES);
    for (int i = 0; i < LINES; i++, next.at += (uintptr_t)next.step)
        __builtin_prefetch((const void *)next.at, READ, SECOND_LEVEL);
}

#endif
