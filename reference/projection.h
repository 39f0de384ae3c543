/* projection.h: one number for a whole output row: its product with a vector r of +-1. judge/ calls it.
 *
 * Errors of the weights are shared by all channels, and mostly cancel in r.o, as V does. So the bound of r.o is smaller
 * than the sum of the channels' bounds, and a row that is wrong in any channel shows, at the cost of one output a row.
 */
#ifndef ATTN_PROJECTION_H
#define ATTN_PROJECTION_H

#include "error_model.h"

/* One row's V and O, projected; the same for all accuracy contracts. */
typedef struct projection {
    double *v;       /* (n) r.v_j */
    double *v_abs;   /* (n) sum over channels of |v_jc| */
    double *squares; /* (n) sum over channels of v_jc^2 */
    double o, o_abs, o_squares;
    double channels;
} projection;

/* Allocates for rows of up to `keys` keys; returns 0 where memory is short. */
int projection_new(int64_t keys, projection *p);
void projection_free(projection *p);

/* Projects a computed row by r (dv entries, each 1 or -1). */
void projection_of_row(const ref_row *row, const double *r, projection *p);

/* B_r: |r.got - r.o| of a correct kernel. `bound_o`: B of each channel, or NULL; their sum is a bound too. */
double projection_bound(const ref_row *row, const accuracy *a, const projection *p, const double *bound_o);

/* sigma of r.o, for a row to which the deviation applies (deviation.h). */
double projection_deviation(const ref_row *row, const accuracy *a, const projection *p);

#endif
