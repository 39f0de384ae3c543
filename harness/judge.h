/* judge.h: what the outputs must be, and whether they are. Judging happens in the parent, after the kernel has gone. */
#ifndef ATTNBENCH_JUDGE_H
#define ATTNBENCH_JUDGE_H

#include "check.h"
#include "error_model.h"
#include "instance.h"
#include "rows.h"

/* Reference values and bounds of the rows in a list, for one accuracy contract. `limit` is B + B_ref; a limit of NaN accepts any
 * value (the mathematics gives no finite bound), a wanted NaN any non-finite one. */
typedef struct expectation {
    int64_t rows, dv, keys;          /* keys: entries of a weight row; 0: weights are not judged */
    double *output, *output_limit;   /* (rows, dv) */
    double *lse, *lse_limit;         /* (rows) */
    double *weights, *weights_limit; /* (rows, keys); masked keys 0 with limit 0 */
} expectation;

/* Fills out[i] for contract[i], i < count. `with_weights` only where rows * keys is small enough to keep. 0 and a reason. */
int expect_rows(const instance *in, const row_list *rows, const accuracy *contract, int count, bool with_weights,
                expectation *out, char *reason, size_t reason_size);
void expectation_free(expectation *e);

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
    deviation output, lse, weights;
} verdict;

/* What is wrong becomes findings. Returns true where nothing is. */
bool judge_rows(const row_list *rows, const expectation *e, const outputs_view *got, verdict *out, findings *found);

/* Is one element within its limit, as the comment on `expectation` says? */
bool judge_accepts(double got, double wanted, double limit);

/* Index of the first element of an output that still holds `pattern`, as b, h, q, c; false if none: every element was written. Rows
 * beyond a sequence's query length are not looked at: nobody may write them. */
bool find_unwritten(const instance *in, const attn_tensor *t, uint32_t pattern, int64_t where[4]);

#endif
