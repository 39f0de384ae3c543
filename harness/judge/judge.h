/* judge.h: what the outputs must be, and whether they are. Judging happens in the parent, after the kernel has gone. */
#ifndef ATTNBENCH_JUDGE_H
#define ATTNBENCH_JUDGE_H

#include "run/check.h"
#include "error_model.h"
#include "tensors/instance.h"
#include "rows.h"
#include "z_scores.h"

/* Reference values, bounds and standard deviations of the rows in a list, for one accuracy contract. `limit` is B +
 * B_ref; a limit of NaN accepts any value (the mathematics gives no finite bound), a wanted NaN any non-finite one. A
 * sigma of 0 is not judged. */
typedef struct expectation {
    int64_t rows, dv, keys;          /* keys: entries of a weight row; 0: weights are not judged */
    double *output, *output_limit;   /* (rows, dv); NULL: rows are judged by their projections and LSE alone */
    double *output_sigma;            /* (rows, dv) */
    double *lse, *lse_limit;         /* (rows) */
    double *weights, *weights_limit; /* (rows, keys); masked keys 0 with limit 0 */
    double *projected, *projected_limit, *projected_sigma; /* (rows): r.O; a limit of NaN is not judged */
    uint64_t seed;                                         /* of r */
    int64_t unbounded;    /* rows that are finite but have an output without a finite bound */
    const char *no_sigma; /* why no deviation is judged, in any row; NULL: it is where a row's errors are independent */
} expectation;

/* Fills out[i] for contract[i], i < count. `with_weights` only where rows * keys is small enough to keep. 0 and a
 * reason. */
int expect_rows(const instance *in, const row_list *rows, const accuracy *contract, int count, bool with_weights,
                expectation *out, char *reason, size_t reason_size);

/* The same without deviations and projections, for results that are held against other things than chance. */
int expect_limits(const instance *in, const row_list *rows, const accuracy *contract, int count, expectation *out,
                  char *reason, size_t reason_size);

/* The same without single elements: projections and LSE, at about half the cost. */
int expect_projections(const instance *in, const row_list *rows, const accuracy *contract, int count, expectation *out,
                       char *reason, size_t reason_size);
void expectation_free(expectation *e);

/* r of a head: dv signs, 1 or -1. */
void projection_signs(uint64_t seed, int64_t b, int64_t h, int64_t dv, double *r);

/* The largest deviation of one output, by its ratio to the limit. */
typedef struct deviation {
    bool judged;
    double error, bound, ratio; /* ratio <= 1 passes */
    int64_t where[4];           /* b, h, q, channel (or key) */
    double got, wanted;
} deviation;

typedef struct outputs_view { /* what a kernel wrote; LSE and weights may be absent */
    const attn_tensor *output, *lse, *weights;
} outputs_view;

typedef struct verdict {
    deviation output, lse, weights, projection; /* where of a projection: b, h, q */
    z_scores z, projected_z;
    int64_t projected_rows, unbounded;
    const char *no_sigma; /* why z was not judged; NULL: it was */
} verdict;

/* What is wrong becomes findings. Returns true where nothing is. */
bool judge_rows(const row_list *rows, const expectation *e, const outputs_view *got, verdict *out, findings *found);

/* Is one element within its limit, as the comment on `expectation` says? */
bool judge_accepts(double got, double wanted, double limit);
/* Holds more rows, by their projections and LSE, against `e` of expect_projections and adds to the verdict; its figures
 * of projections are then those of these rows. */
bool judge_projections(const row_list *rows, const expectation *e, const outputs_view *got, verdict *out,
                       findings *found);

/* Index of the first element of an output that still holds `pattern`, as b, h, q, c; false if none: every element was
 * written. Rows beyond a sequence's query length are not looked at: nobody may write them. */
bool find_unwritten(const instance *in, const attn_tensor *t, uint32_t pattern, int64_t where[4]);

extern const check_group value_checks; /* outputs against the reference */

#endif
