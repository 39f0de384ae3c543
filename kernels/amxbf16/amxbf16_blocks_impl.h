/* amxbf16_blocks_impl.h: a group of 32 query rows meets a block of keys and values: 2 x 2 tiles, vector work between their products. */
#ifndef ATTN_AMXBF16_BLOCKS_IMPL_H
#define ATTN_AMXBF16_BLOCKS_IMPL_H

#include "amxbf16_weigh_impl.h"

/* Vector work that is dealt out behind the products. */
typedef struct chores {
    weigher weigher;
    score_step step;
    const char *weights; /* of the group's first step of keys */
    int64_t steps, row;  /* of keys; the next row whose weights are added up */
    __m512 *sums;        /* (GROUP) */
    fetch_queue *next;
} chores;

static __attribute__((noinline)) void ask_ahead(fetch_queue *next) { fetch_burst(next); }

enum chore { NOTHING, WEIGH, ADD_UP };

ALWAYS_INLINE void add_up_row(chores *x, const int64_t steps)
{
    const __m512bh one = (__m512bh)_mm512_set1_epi16(0x3f80);
    const char *p = x->weights + x->row * TILE_ROW_BYTES;
    __m512 even = _mm512_setzero_ps(), odd = even;
    int64_t i = 0;
    for (; i + 2 <= steps; i += 2, p += 4 * TILE_BYTES) {
        even = _mm512_dpbf16_ps(even, (__m512bh)_mm512_load_si512(p), one);
        odd = _mm512_dpbf16_ps(odd, (__m512bh)_mm512_load_si512(p + 2 * TILE_BYTES), one);
    }
    if (i < steps) even = _mm512_dpbf16_ps(even, (__m512bh)_mm512_load_si512(p), one);
    x->sums[x->row++] = _mm512_add_ps(even, odd);
}

/* `rows` at once; 0: as many as `rest` says, while there are any. */
ALWAYS_INLINE void do_chore(chores *x, const enum chore chore, const int64_t rows, int64_t rest, const enum kind kind)
{
    enum { STEPS_OF_BLOCK = KEYS_MOST / WIDTH };
    if (chore == WEIGH) weigh_rows(&x->weigher, &x->step, rows ? rows : smaller(rest, GROUP - x->step.row), kind);
    if (chore != ADD_UP) return;
    if (rows)
        add_up_row(x, STEPS_OF_BLOCK);
    else
        for (const int64_t end = smaller(x->row + rest, GROUP); x->row < end;) add_up_row(x, x->steps);
}

/* Where the four accumulators are stored (NULL: nowhere) and what they begin with (NULL: 0), `step` floats apart. Tiles of the same
 * columns follow each other. */
typedef struct hand_over {
    float *to;
    const float *from;
    int64_t step;
} hand_over;

/* 32 rows x 32 channels (keys) by as many keys (channels) added to the tiles. The tiles change hands one by one before their first
 * product, so that stores wait for nothing. */
ALWAYS_INLINE void multiply(const char *rows, const char *pairs, const hand_over *next, chores *x,
                            const enum chore chore, const int64_t rows_each, int64_t rest, const enum kind kind)
{
    TILES_FENCE();
    if (next) {
        if (next->to) TILE_STORE(0, next->to);
        if (next->from)
            TILE_LOAD(0, next->from);
        else
            TILE_ZERO(0);
    }
    TILE_LOAD(4, rows);
    TILE_LOAD_STREAM(6, pairs);
    TILE_DOT(0, 4, 6);
    do_chore(x, chore, rows_each, rest, kind);
    if (next) {
        if (next->to) TILE_STORE(1, next->to + 2 * TILE_FLOATS);
        if (next->from)
            TILE_LOAD(1, next->from + 2 * next->step);
        else
            TILE_ZERO(1);
    }
    TILE_LOAD_STREAM(7, pairs + TILE_BYTES);
    TILE_DOT(1, 4, 7);
    do_chore(x, chore, rows_each, rest, kind);
    if (next) {
        if (next->to) TILE_STORE(2, next->to + TILE_FLOATS);
        if (next->from)
            TILE_LOAD(2, next->from + next->step);
        else
            TILE_ZERO(2);
    }
    TILE_LOAD(5, rows + TILE_BYTES);
    TILE_DOT(2, 5, 6);
    do_chore(x, chore, rows_each, rest, kind);
    if (next) {
        if (next->to) TILE_STORE(3, next->to + 3 * TILE_FLOATS);
        if (next->from)
            TILE_LOAD(3, next->from + 3 * next->step);
        else
            TILE_ZERO(3);
    }
    TILE_DOT(3, 5, 7);
    do_chore(x, chore, rows_each, rest, kind);
    if (x->next->first < x->next->count) ask_ahead(x->next);
}

static inline void store_tiles(float *to)
{
    TILE_STORE(0, to);
    TILE_STORE(1, to + 2 * TILE_FLOATS);
    TILE_STORE(2, to + TILE_FLOATS);
    TILE_STORE(3, to + 3 * TILE_FLOATS);
}

ALWAYS_INLINE score_step step_of(const row_job *job, const float *scores, block_span span, int64_t key)
{
    return (score_step){bytes_of((float *)(uintptr_t)scores), weights_at(job, key, 0), key, 0,
                        key < span.all_begin || key + WIDTH > span.all_end};
}

/* rows_each: to weigh behind a product of scores, where that is a constant; else 0. */
ALWAYS_INLINE void absorb_steps(const row_job *job, row_group *g, block_span span, const fixed_point *fixed,
                                const enum kind kind, const int64_t channels, const int64_t rows_each)
{
    enum { SOME = GROUP / 16, MORE = GROUP / 8 }; /* rows behind a product of four steps of values, or two */
    _Alignas(64) float scores[2][4 * TILE_FLOATS], start[TILE_FLOATS];
    __m512 sums[GROUP];
    const int64_t first = span.any_begin / WIDTH * WIDTH, steps = (span.any_end - first + WIDTH - 1) / WIDTH;
    const int64_t pairs = job->dv_padded / WIDTH, last = first + (steps - 1) * WIDTH;
    const int64_t key_bytes = 2 * TILE_BYTES * channels, rest = (GROUP + 4 * channels - 1) / (4 * channels);
    const int64_t pair_bytes = job->keys / WIDTH * 2 * TILE_BYTES;
    const char *q = bytes_of(g->q), *k = bytes_of(job->block.k) + first / WIDTH * key_bytes;
    const char *v = bytes_of(job->block.v) + first / WIDTH * 2 * TILE_BYTES;
    chores x = {.weigher = {job, g, first, fixed_exp_of(fixed->multiplier)},
                .step = {.row = GROUP},
                .weights = weights_at(job, first, 0),
                .steps = steps,
                .sums = sums,
                .next = job->next};
    for (int r = 0; r < LANES && kind == BOUNDED; r++) _mm512_store_ps(start + r * 16, _mm512_set1_ps(fixed->start));

    hand_over next = {.from = kind == BOUNDED ? start : NULL};
    multiply(q, k, &next, &x, NOTHING, 0, 0, kind);
    for (int64_t c = 1; c < channels; c++)
        multiply(q + c * 2 * TILE_BYTES, k + c * 2 * TILE_BYTES, NULL, &x, NOTHING, 0, 0, kind);
    next.to = scores[0];
    for (int64_t i = 1; i < steps; i++) {
        k += key_bytes;
        if (i == 1)
            multiply(q, k, &next, &x, NOTHING, 0, 0, kind);
        else
            multiply(q, k, &next, &x, WEIGH, rows_each, rest, kind);
        x.step = step_of(job, next.to, span, first + (i - 1) * WIDTH);
        next.to = scores[i % 2];
        for (int64_t c = 1; c < channels; c++)
            multiply(q + c * 2 * TILE_BYTES, k + c * 2 * TILE_BYTES, NULL, &x, WEIGH, rows_each, rest, kind);
    }

    /* The last scores become weights while the first values are multiplied, unless they may rescale results. */
    const int overlap = kind == BOUNDED && steps >= 4;
    if (!overlap) {
        store_tiles(next.to);
        weigh_rows(&x.weigher, &x.step, GROUP - x.step.row, kind);
        x.step = step_of(job, next.to, span, last);
        weigh_rows(&x.weigher, &x.step, GROUP, kind);
        next.to = NULL;
    }
    float *o = g->o;
    for (int64_t pair = 0; pair < pairs; pair++, v += pair_bytes, o += 4 * TILE_FLOATS) {
        const char *p = x.weights, *values = v;
        int64_t i = 1;
        next.from = g->empty ? NULL : o, next.step = TILE_FLOATS;
        if (pair == 0 && overlap) {
            multiply(p, v, &next, &x, WEIGH, rows_each, rest, kind);
            x.step = step_of(job, next.to, span, last);
            for (; steps >= 6 && i < 5; i++)
                multiply(p += 2 * TILE_BYTES, values += 2 * TILE_BYTES, NULL, &x, WEIGH, SOME, 0, kind);
            for (; steps < 6 && i < 3; i++)
                multiply(p += 2 * TILE_BYTES, values += 2 * TILE_BYTES, NULL, &x, WEIGH, MORE, 0, kind);
        } else if (pair == 1 && steps * WIDTH == KEYS_MOST) {
            multiply(p, v, &next, &x, ADD_UP, 1, 0, kind);
            for (; i < steps; i++)
                multiply(p += 2 * TILE_BYTES, values += 2 * TILE_BYTES, NULL, &x, ADD_UP, 1, 0, kind);
        } else if (pair == 1) {
            multiply(p, v, &next, &x, ADD_UP, 0, (GROUP + 4 * steps - 1) / (4 * steps), kind);
            for (; i < steps; i++)
                multiply(p += 2 * TILE_BYTES, values += 2 * TILE_BYTES, NULL, &x, ADD_UP, 0,
                         (GROUP + 4 * steps - 1) / (4 * steps), kind);
        } else {
            multiply(p, v, &next, &x, NOTHING, 0, 0, kind);
        }
        for (; i < steps; i++)
            multiply(p += 2 * TILE_BYTES, values += 2 * TILE_BYTES, NULL, &x, NOTHING, 0, 0, kind);
        next.to = o;
    }
    store_tiles(next.to);
    while (x.row < GROUP) add_up_row(&x, steps);
    g->empty = 0;
    for (int64_t r = 0; r < GROUP; r += LANES)
        _mm512_store_ps(g->sum + r, _mm512_add_ps(_mm512_load_ps(g->sum + r), sums_of_16(sums + r)));
}

#endif
