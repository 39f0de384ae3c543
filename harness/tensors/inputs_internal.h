/* inputs_internal.h: what inputs.c and inputs_classes.c share: how the rows of a class are drawn. */
#ifndef ATTNBENCH_INPUTS_INTERNAL_H
#define ATTNBENCH_INPUTS_INTERNAL_H

#include <gsl/gsl_rng.h>

#include "instance.h"

/* Draws one row of a slot. `row` keeps what the head's row before it was. */
typedef struct draw {
    const instance *in;
    int slot;
    gsl_rng *rng;
    int64_t channels;
    int64_t i; /* row of its head */
    float *row;
    double *path; /* what each key of the current head adds to the logits' direction; the classes that climb or fall */
} draw;

/* Draws a row of Q, K or V by the instance's class, of any other slot from N(0,1). */
void draw_row(const draw *d);

/* Before the rows of each head of K. */
void draw_head(const draw *d);

/* Do the logits of the class climb or fall along the keys? Then so must a bias: +1, -1, or 0. */
int class_direction(const instance *in);

#endif
