/* cut_impl.h: puts the keys of all query rows on one line and cuts it into equal pieces, for threaded_splitkv. This is
 * arithmetic only: nothing runs here.
 *
 *   |--- unit 0 ---|- unit 1 -|-------- unit 2 --------|   a unit: some rows of one sequence and KV head, and the keys
 *                                                          that they see, in steps of `step` keys
 *   |   piece 0  |   piece 1  |   piece 2  |  piece 3  |   pieces differ by at most one step
 *
 * So threads are equally busy whatever the lengths of sequences and the mask. A piece shares at most two units with
 * other pieces: the one where it begins (part 0) and the one where it ends (part 1). A unit without keys takes one
 * step, since its results are written too. */
#ifndef ATTN_CUT_IMPL_H
#define ATTN_CUT_IMPL_H

#include "problem.h"

typedef struct attn_cut {
    int64_t rows;   /* query rows of a unit */
    int64_t blocks; /* units of one KV head of one sequence */
    int64_t units;
    int64_t step; /* keys */
    int64_t steps, pieces;
} attn_cut;

typedef struct attn_unit {
    int64_t index, at; /* which; steps before it on the line */
    int64_t b, kv_head, row, rows;
    int64_t begin, end; /* keys that some row sees; begins on a step */
    int64_t steps;
} attn_unit;

static inline attn_unit attn_unit_of(const attn_problem *p, const attn_args *args, const attn_cut *cut, int64_t index,
                                     int64_t at)
{
    attn_unit u = {.index = index, .at = at, .steps = 1};
    u.b = index / cut->blocks / p->hkv, u.kv_head = index / cut->blocks % p->hkv;
    u.row = index % cut->blocks * cut->rows;
    const int64_t left = attn_query_count(p, args, u.b) - u.row;
    u.rows = left < 0 ? 0 : left < cut->rows ? left : cut->rows;
    if (u.rows == 0) return u;
    const attn_span first = attn_visible(p, args, u.b, u.row), last = attn_visible(p, args, u.b, u.row + u.rows - 1);
    u.begin = first.begin / cut->step * cut->step, u.end = last.end; /* both move right from row to row */
    if (u.end <= u.begin) u.begin = u.end = 0;
    if (u.end > 0) u.steps = (u.end - u.begin + cut->step - 1) / cut->step;
    return u;
}

static inline attn_unit attn_next_unit(const attn_problem *p, const attn_args *args, const attn_cut *cut,
                                       const attn_unit *u)
{
    return attn_unit_of(p, args, cut, u->index + 1, u->at + u->steps);
}

/* Units of at most `rows` rows. Keys of a mask with a prefix are not one range: such problems are not cut. */
static inline attn_cut attn_cut_of(const attn_problem *p, const attn_args *args, int64_t rows, int64_t step,
                                   int64_t most_pieces)
{
    attn_cut cut = {.rows = rows < p->q ? rows : p->q, .step = step};
    cut.blocks = (p->q + cut.rows - 1) / cut.rows;
    cut.units = p->b * p->hkv * cut.blocks;
    attn_unit u = attn_unit_of(p, args, &cut, 0, 0);
    while (u.index + 1 < cut.units) u = attn_next_unit(p, args, &cut, &u);
    cut.steps = u.at + u.steps;
    cut.pieces = most_pieces < cut.steps ? most_pieces : cut.steps;
    return cut;
}

/* Piece `piece` takes steps attn_piece_begin(piece) .. attn_piece_begin(piece + 1) - 1, at least one. */
static inline int64_t attn_piece_begin(const attn_cut *cut, int64_t piece) { return cut->steps * piece / cut->pieces; }

static inline int64_t attn_piece_at(const attn_cut *cut, int64_t step)
{
    return ((step + 1) * cut->pieces - 1) / cut->steps;
}

/* The unit that has a step of the line. */
static inline attn_unit attn_unit_at(const attn_problem *p, const attn_args *args, const attn_cut *cut, int64_t step)
{
    attn_unit u = attn_unit_of(p, args, cut, 0, 0);
    while (u.at + u.steps <= step) u = attn_next_unit(p, args, cut, &u);
    return u;
}

#endif
