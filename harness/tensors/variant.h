/* variant.h: another problem that follows from an instance: the same tensors except for what is changed in it.
 *
 * A variant is an instance that borrows all inputs of its base and has outputs of its own; a slot that it changes
 * becomes its own first. So a variant costs what it changes, and freeing it leaves the base alone. */
#ifndef ATTNBENCH_VARIANT_H
#define ATTNBENCH_VARIANT_H

#include "instance.h"

typedef struct variant {
    instance in;
    int threads;       /* of the call; 0: those of the case */
    bool plan_of_base; /* run with the plan of the base problem, of which this is a slice */
    int64_t first_row; /* of the base that is this problem's row 0 */
} variant;

/* The base itself with outputs of its own, WEIGHTS only where the workload asks for them. 0 where memory is short. */
int variant_new(const instance *base, variant *out);
void variant_free(variant *v);

/* Gives the variant a copy of `slot` that it may change (V along with K where V is a view of it). */
int variant_own(variant *v, int slot);

/* Gives `slot` new memory: dense, heads outside rows. Axes on which the base's tensor repeats itself (stride 0) still
 * do. */
int variant_resize(variant *v, int slot, int64_t heads, int64_t rows);

/* A view of `count` rows of `slot` from `first` on. */
void variant_cut_rows(variant *v, int slot, int64_t first, int64_t count);

/* Entry c of a row of a float type, exactly, and rounded back to it. */
double row_get(const attn_tensor *t, const unsigned char *row, int64_t c);
void row_set(const attn_tensor *t, unsigned char *row, int64_t c, double x);

/* Where a row is. */
typedef struct row_place {
    int64_t b, h, i;
} row_place;

/* Calls visit(arg, tensor, row, place) once for every row in memory of Q, K or V (or their scales) that exists by the
 * lengths. */
typedef void row_visitor(void *arg, const attn_tensor *t, unsigned char *row, const row_place *at);
void variant_each_row(const instance *in, int slot, row_visitor *visit, void *arg);

/* Do several sequences or heads of Q, K or V lie in the same memory (stride 0)? */
bool slot_repeats(const instance *in, int slot);

/* The slot that scales a K or V of int8, else the slot itself: multiplying it multiplies the values. */
int variant_factor_slot(const instance *in, int slot);

#endif
