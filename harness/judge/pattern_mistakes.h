/* pattern_mistakes.h: the mistakes that attention kernels are known to make, each as a way to make it. Inner part of
 * pattern.c. */
#ifndef ATTNBENCH_PATTERN_MISTAKES_H
#define ATTNBENCH_PATTERN_MISTAKES_H

#include "tensors/instance.h"
#include "reference.h"
#include "rows.h"

typedef struct mistake mistake;
struct mistake {
    const char *words; /* after "as if" */
    int kind;          /* the rest is for pattern_mistakes.c */
    size_t field;
    uint64_t bits;
    double by;
};

const mistake *mistake_list(int *count);

/* A row as it should be, and room for what mistakes make of it. */
typedef struct mistake_row {
    attn_problem problem;
    attn_tensor slot[ATTN_SLOTS];
    attn_args args;
    int64_t key_block; /* keys of a block of the kernel; 0 unknown */
    row_id id;
    const ref_row *right;
    const int64_t *key; /* its kept keys */
    double got_lse;     /* what the kernel wrote; NaN: nothing */
    ref_row made;
    double *room;
} mistake_row;

int mistake_row_new(const instance *in, int64_t key_block, mistake_row *out);
void mistake_row_free(mistake_row *row);

typedef enum mistake_result {
    MISTAKE_IMPOSSIBLE, /* not in this problem, or it changes nothing */
    MISTAKE_ROW,
    MISTAKE_FITTED, /* a row too, made so that its LSE is what the kernel wrote */
    MISTAKE_LSE
} mistake_result;

typedef struct mistaken {
    const ref_row *row; /* computed; its output is to be multiplied by the factor */
    double factor;
    double lse; /* of MISTAKE_LSE */
} mistaken;

/* Makes the mistake. `changed` is a workspace for rows that are gathered anew. */
mistake_result mistake_make(const mistake *m, mistake_row *row, ref_workspace *changed, mistaken *out);

#endif
