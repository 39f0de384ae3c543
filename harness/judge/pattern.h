/* pattern.h: what a wrong output looks like, in words: where the wrong elements lie, and which mistake gives just these
 * values. */
#ifndef ATTNBENCH_PATTERN_H
#define ATTNBENCH_PATTERN_H

#include "judge.h"

/* A judged case. */
typedef struct pattern_case {
    const instance *in;
    const row_list *rows;
    const expectation *expected;
    const accuracy *contract;
    const attn_plan *plan; /* its blocks are where mistakes change sides; may be NULL */
    outputs_view got;
} pattern_case;

/* "columns >= 56; output as if the last key were missing". "" where no judged element is wrong. */
void pattern_describe(const pattern_case *c, char *words, size_t size);

/* ---- inner parts: places (pattern.c) and values (pattern_values.c) ---------------------------------------------- */

/* Which elements are wrong. */
typedef struct wrong_map {
    int64_t rows, columns;  /* judged rows; columns: dv, or keys for weights */
    unsigned char *element; /* (rows, columns) of the output; 1 wrong */
    unsigned char *lse;     /* (rows) */
    int64_t elements, lses; /* how many are wrong */
} wrong_map;

/* Tries mistakes on the first few wrong rows, recomputed from the reference's inputs. A mistake is named where it
 * explains every wrong element of them within its bounds and far better than the reference does. Returns false, words
 * "", where none does. */
bool pattern_values(const pattern_case *c, const wrong_map *wrong, char *words, size_t size);

/* One axis: which of its indexes were judged, and which of them are wrong somewhere. */
typedef struct pattern_axis {
    const char *one, *many; /* "row", "rows" */
    int64_t extent;
    const unsigned char *judged, *wrong; /* [extent] */
    int64_t border;                      /* size of the blocks along it; 0 unknown */
} pattern_axis;

/* "rows >= 64, behind a block border"; "rows 16i + 15"; "head 3 only". Returns false, words "", where every judged
 * index is wrong. */
bool pattern_axis_words(const pattern_axis *axis, char *words, size_t size);

#endif
