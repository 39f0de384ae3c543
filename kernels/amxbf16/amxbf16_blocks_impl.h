/* amxbf16_blocks_impl.h: scores and results of a group of 32 query rows with a block of keys and values, in 2 x 2
 * tiles. Vector work runs behind each product: the tile unit is then busy for 16 cycles and needs no vector port.
 *
 *   for each step of 32 keys: scores        behind the products: weights of the step before
 *   for each 32 channels of V: results      behind those of the first: weights of the last step; of the second: sums of
 *                                           the weights */
#ifndef ATTN_AMXBF16_BLOCKS_IMPL_H
#define ATTN_AMXBF16_BLOCKS_IMPL_H

#include "amxbf16_weigh_impl.h"

/* What is done behind a product. */
enum work { NO_WORK, WEIGH, ADD_UP };

/* Vector work of a block, and how far it is. */
typedef struct vector_work {
    weigher weigher;
    score_step step;     /* WEIGH: the step whose scores become weights */
    const char *weights; /* ADD_UP: of the group's first step of keys */
    int64_t steps, row;  /* ADD_UP: steps of keys; the next row whose weights are added up */
    __m512 *sums;        /* (GROUP) 16 parts of each row's sum */
    fetch_queue *next;   /* lines that are asked for meanwhile */
} vector_work;

static __attribute__((noinline)) void prefetch_some(fetch_queue *next) { fetch_burst(next); }

ALWAYS_INLINE void add_up_row(vector_work *work, const int64_t steps)
{
    const __m512bh one = (__m512bh)_mm512_set1_epi16(0x3f80);
    const char *p = work->weights + work->row * TILE_ROW_BYTES;
    __m512 even = _mm512_setzero_ps(), odd = even;
    int64_t i = 0;
    for (; i + 2 <= steps; i += 2, p += 4 * TILE_BYTES) {
        even = _mm512_dpbf16_ps(even, (__m512bh)_mm512_load_si512(p), one);
        odd = _mm512_dpbf16_ps(odd, (__m512bh)_mm512_load_si512(p + 2 * TILE_BYTES), one);
    }
    if (i < steps) even = _mm512_dpbf16_ps(even, (__m512bh)_mm512_load_si512(p), one);
    work->sums[work->row++] = _mm512_add_ps(even, odd);
}

/* How many rows a product takes: a constant (the block is then one of KEYS_MOST keys where sums are added up), or at
 * most so many as remain. With a constant the loops unroll: 34 to 41 % of the tile ceiling at d = 64, 41 to 45 % at
 * 128. */
typedef struct rows_behind {
    int64_t constant; /* 0: none */
    int64_t at_most;
} rows_behind;

ALWAYS_INLINE void do_work(vector_work *work, const enum work what, const rows_behind rows, const enum kind kind)
{
    enum { STEPS_OF_BLOCK = KEYS_MOST / WIDTH };
    if (what == WEIGH) {
        const int64_t left = GROUP - work->step.row;
        weigh_rows(&work->weigher, &work->step, rows.constant ? rows.constant : smaller(rows.at_most, left), kind);
    } else if (what == ADD_UP && rows.constant) {
        for (int64_t i = 0; i < rows.constant; i++) add_up_row(work, STEPS_OF_BLOCK);
    } else if (what == ADD_UP) {
        const int64_t end = smaller(work->row + rows.at_most, GROUP);
        while (work->row < end) add_up_row(work, work->steps);
    }
}

/* Where the four accumulators are stored (NULL: nowhere), and what they begin with (NULL: 0), `step` floats apart:
 * columns' tiles of the same rows follow each other two apart. */
typedef struct tile_exchange {
    float *to;
    const float *from;
    int64_t step;
} tile_exchange;

#define EXCHANGE_TILE(exchange, tile, place)                                                                           \
    do {                                                                                                               \
        if (!(exchange)) break;                                                                                        \
        if ((exchange)->to) TILE_STORE(tile, (exchange)->to + (place)*TILE_FLOATS);                                    \
        if ((exchange)->from)                                                                                          \
            TILE_LOAD(tile, (exchange)->from + (place) * (exchange)->step);                                            \
        else                                                                                                           \
            TILE_ZERO(tile);                                                                                           \
    } while (0)

/* 32 rows x 32 channels (keys) times 32 channels (keys) x 32 keys (channels), added to tiles 0 to 3. These are
 * exchanged one by one before their first product of a sum (exchange NULL: they go on), so that no store is waited
 * for. */
ALWAYS_INLINE void multiply(const char *rows, const char *columns, const tile_exchange *exchange, vector_work *work,
                            const enum work what, const rows_behind behind, const enum kind kind)
{
    TILES_FENCE();
    EXCHANGE_TILE(exchange, 0, 0);
    TILE_LOAD(4, rows);
    TILE_LOAD_STREAM(6, columns);
    TILE_DOT(0, 4, 6);
    do_work(work, what, behind, kind);
    EXCHANGE_TILE(exchange, 1, 2);
    TILE_LOAD_STREAM(7, columns + TILE_BYTES);
    TILE_DOT(1, 4, 7);
    do_work(work, what, behind, kind);
    EXCHANGE_TILE(exchange, 2, 1);
    TILE_LOAD(5, rows + TILE_BYTES);
    TILE_DOT(2, 5, 6);
    do_work(work, what, behind, kind);
    EXCHANGE_TILE(exchange, 3, 3);
    TILE_DOT(3, 5, 7);
    do_work(work, what, behind, kind);
    if (work->next->first < work->next->count) prefetch_some(work->next);
}

static inline void store_tiles(float *to)
{
    TILE_STORE(0, to);
    TILE_STORE(1, to + 2 * TILE_FLOATS);
    TILE_STORE(2, to + TILE_FLOATS);
    TILE_STORE(3, to + 3 * TILE_FLOATS);
}

/* The 32 keys from `key` of the block on, whose scores lie there. */
ALWAYS_INLINE score_step step_of(const row_job *job, const float *scores, block_span span, int64_t key)
{
    return (score_step){(const char *)(const void *)scores, weights_at(job, key, 0), key, 0,
                        key < span.all_begin || key + WIDTH > span.all_end};
}

/* What one group and one block have in common: the steps of keys that some row sees, and where their tiles lie. */
typedef struct block_steps {
    int64_t first, last, count;     /* first key of the first and of the last step; steps */
    int64_t channels;               /* of K, in steps of 32 */
    const char *q, *k, *v;          /* tiles of the first step */
    int64_t key_bytes, value_bytes; /* from a step of keys to the next; from 32 channels of V to the next */
} block_steps;

ALWAYS_INLINE block_steps block_steps_of(const row_job *job, const row_group *g, block_span span,
                                         const int64_t channels)
{
    const int64_t first = span.any_begin / WIDTH * WIDTH, count = (span.any_end - first + WIDTH - 1) / WIDTH;
    const int64_t key_bytes = 2 * TILE_BYTES * channels;
    return (block_steps){.first = first,
                         .last = first + (count - 1) * WIDTH,
                         .count = count,
                         .channels = channels,
                         .q = bytes_of(g->q),
                         .k = bytes_of(job->block.k) + first / WIDTH * key_bytes,
                         .v = bytes_of(job->block.v) + first / WIDTH * 2 * TILE_BYTES,
                         .key_bytes = key_bytes,
                         .value_bytes = job->keys / WIDTH * 2 * TILE_BYTES};
}

/* Scores of all steps; weights of all but the last two, whose scores lie in `scores` or still in the tiles. Returns
 * where the tiles are to be stored. `start` NULL: sums begin with 0. */
ALWAYS_INLINE float *score_steps(const row_job *job, block_span span, const block_steps *b, const float *start,
                                 float scores[2][4 * TILE_FLOATS], vector_work *work, const rows_behind behind,
                                 const enum kind kind)
{
    const rows_behind none = {0, 0};
    const char *q = b->q, *k = b->k;
    tile_exchange exchange = {.from = start};
    multiply(q, k, &exchange, work, NO_WORK, none, kind);
    for (int64_t c = 1; c < b->channels; c++)
        multiply(q + c * 2 * TILE_BYTES, k + c * 2 * TILE_BYTES, NULL, work, NO_WORK, none, kind);
    exchange.to = scores[0];
    for (int64_t i = 1; i < b->count; i++) {
        k += b->key_bytes;
        if (i == 1)
            multiply(q, k, &exchange, work, NO_WORK, none, kind);
        else
            multiply(q, k, &exchange, work, WEIGH, behind, kind);
        work->step = step_of(job, exchange.to, span, b->first + (i - 1) * WIDTH);
        exchange.to = scores[i % 2];
        for (int64_t c = 1; c < b->channels; c++)
            multiply(q + c * 2 * TILE_BYTES, k + c * 2 * TILE_BYTES, NULL, work, WEIGH, behind, kind);
    }
    return exchange.to;
}

/* Results of 32 channels of V: products of the weights at p and of the values at v, over steps i to end - 1. */
ALWAYS_INLINE void value_steps(const char *p, const char *v, int64_t i, const int64_t end, vector_work *work,
                               const enum work what, const rows_behind behind, const enum kind kind)
{
    for (; i < end; i++) multiply(p + i * 2 * TILE_BYTES, v + i * 2 * TILE_BYTES, NULL, work, what, behind, kind);
}

/* The first 32 channels, while the last scores, still in the tiles, become weights: behind the first product those left
 * of the step before, then those of the last step in four more (two where there are fewer than six), none of which
 * needs them. */
enum { OVERLAP_LEAST = 4, OVERLAP_LONG = 6 };

ALWAYS_INLINE void first_values(const block_steps *b, const tile_exchange *exchange, score_step last, vector_work *work,
                                const rows_behind behind, const enum kind kind)
{
    const rows_behind in_four = {GROUP / 16, 0}, in_two = {GROUP / 8, 0}, none = {0, 0};
    multiply(work->weights, b->v, exchange, work, WEIGH, behind, kind);
    work->step = last;
    if (b->count >= OVERLAP_LONG)
        value_steps(work->weights, b->v, 1, 5, work, WEIGH, in_four, kind);
    else
        value_steps(work->weights, b->v, 1, 3, work, WEIGH, in_two, kind);
    value_steps(work->weights, b->v, b->count >= OVERLAP_LONG ? 5 : 3, b->count, work, NO_WORK, none, kind);
}

/* The group's scores, weights, results and sums for the block. `channels` and `behind`, a product of scores, may be
 * constants. */
ALWAYS_INLINE void absorb_steps(const row_job *job, row_group *g, block_span span, const fixed_point *fixed,
                                const enum kind kind, const int64_t channels, const rows_behind behind)
{
    _Alignas(64) float scores[2][4 * TILE_FLOATS], start[TILE_FLOATS];
    __m512 sums[GROUP];
    const block_steps b = block_steps_of(job, g, span, channels);
    const int64_t pairs = job->dv_padded / WIDTH, steps = b.count;
    const int whole = steps * WIDTH == KEYS_MOST, overlap = kind == BOUNDED && steps >= OVERLAP_LEAST;
    const rows_behind none = {0, 0}, one = {1, 0}, some = {0, (GROUP + 4 * steps - 1) / (4 * steps)};
    vector_work work = {.weigher = {job, g, b.first, fixed_exp_of(fixed->multiplier)},
                        .step = {.row = GROUP},
                        .weights = weights_at(job, b.first, 0),
                        .steps = steps,
                        .sums = sums,
                        .next = job->next};
    for (int r = 0; r < LANES && kind == BOUNDED; r++) _mm512_store_ps(start + r * 16, _mm512_set1_ps(fixed->start));
    float *to = score_steps(job, span, &b, kind == BOUNDED ? start : NULL, scores, &work, behind, kind);
    const score_step last = step_of(job, to, span, b.last);
    if (!overlap) { /* weighing may rescale results, so they must not be in the tiles yet; or the steps are too few */
        store_tiles(to);
        weigh_rows(&work.weigher, &work.step, GROUP - work.step.row, kind);
        work.step = last;
        weigh_rows(&work.weigher, &work.step, GROUP, kind);
    }
    tile_exchange exchange = {.to = overlap ? to : NULL, .step = TILE_FLOATS};
    const char *v = b.v;
    float *o = g->o;
    for (int64_t pair = 0; pair < pairs; pair++, v += b.value_bytes, o += 4 * TILE_FLOATS) {
        exchange.from = g->empty ? NULL : o;
        if (pair == 0 && overlap) {
            first_values(&b, &exchange, last, &work, behind, kind);
        } else if (pair == 1 && whole) {
            multiply(work.weights, v, &exchange, &work, ADD_UP, one, kind);
            value_steps(work.weights, v, 1, steps, &work, ADD_UP, one, kind);
        } else if (pair == 1) {
            multiply(work.weights, v, &exchange, &work, ADD_UP, some, kind);
            value_steps(work.weights, v, 1, steps, &work, ADD_UP, some, kind);
        } else {
            multiply(work.weights, v, &exchange, &work, NO_WORK, none, kind);
            value_steps(work.weights, v, 1, steps, &work, NO_WORK, none, kind);
        }
        exchange.to = o;
    }
    store_tiles(exchange.to);
    while (work.row < GROUP) add_up_row(&work, steps);
    g->empty = 0;
    for (int64_t r = 0; r < GROUP; r += LANES)
        _mm512_store_ps(g->sum + r, _mm512_add_ps(_mm512_load_ps(g->sum + r), sums_of_16(sums + r)));
}

#endif
