/* judge.c: reference rows and bounds become limits; outputs are held against them, written so that NaN fails. */
#include "judge.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "problem.h"

static double *numbers(int64_t count) { return calloc((size_t)(count > 0 ? count : 1), sizeof(double)); }

static int expectation_new(int64_t rows, int64_t dv, int64_t keys, expectation *e)
{
    *e = (expectation){.rows = rows, .dv = dv, .keys = keys};
    e->output = numbers(rows * dv), e->output_limit = numbers(rows * dv);
    e->lse = numbers(rows), e->lse_limit = numbers(rows);
    e->weights = numbers(rows * keys), e->weights_limit = numbers(rows * keys);
    return e->output && e->output_limit && e->lse && e->lse_limit && e->weights && e->weights_limit;
}

void expectation_free(expectation *e)
{
    free(e->output), free(e->output_limit);
    free(e->lse), free(e->lse_limit);
    free(e->weights), free(e->weights_limit);
    memset(e, 0, sizeof *e);
}

/* Work arrays of one row's bounds: the contract's and the reference's own. */
typedef struct bounds {
    double *output, *output_ref, *weights, *weights_ref;
    double lse, lse_ref;
} bounds;

static int bounds_new(int64_t dv, int64_t keys, bounds *b)
{
    *b = (bounds){numbers(dv), numbers(dv), numbers(keys), numbers(keys), 0, 0};
    return b->output && b->output_ref && b->weights && b->weights_ref;
}

static void bounds_free(bounds *b) { free(b->output), free(b->output_ref), free(b->weights), free(b->weights_ref); }

static void store_row(const ref_row *row, const int64_t *key, const bounds *b, int64_t r, expectation *e)
{
    const bool no_softmax = row->n > 0 && !(row->l > 0); /* every visible logit is -inf: 0 / 0 */
    for (int64_t c = 0; c < e->dv; c++) {
        e->output[r * e->dv + c] = row->o[c];
        e->output_limit[r * e->dv + c] = no_softmax ? (double)NAN : b->output[c] + b->output_ref[c];
    }
    e->lse[r] = row->lse;
    e->lse_limit[r] = row->n == 0 && row->lse == -INFINITY ? 0 : b->lse + b->lse_ref;
    for (int64_t j = 0; e->keys && j < row->n; j++) {
        e->weights[r * e->keys + key[j]] = row->w[j];
        e->weights_limit[r * e->keys + key[j]] = b->weights[j] + b->weights_ref[j];
    }
}

int expect_rows(const instance *in, const row_list *rows, const accuracy *contract, int count, bool with_weights,
                expectation *out, char *reason, size_t reason_size)
{
    const attn_problem *p = &in->problem;
    const int64_t keys = with_weights ? p->k : 0;
    const accuracy own = accuracy_of_reference();
    attn_tensor slot[ATTN_SLOTS];
    const attn_args args = instance_args(in, true, false, slot);
    ref_workspace *workspace = ref_workspace_new(p->k, p->d, p->dv);
    bounds b;
    int ok = bounds_new(p->dv, keys ? p->k : 0, &b) && workspace != NULL;
    memset(out, 0, (size_t)count * sizeof *out);
    for (int i = 0; i < count; i++) ok &= expectation_new(rows->count, p->dv, keys, &out[i]);
    if (!ok) snprintf(reason, reason_size, "no memory for the reference of %" PRId64 " rows", rows->count);
    for (int64_t r = 0; ok && r < rows->count; r++) {
        const row_id id = rows->row[r];
        const ref_row *row = ref_gather_row(workspace, p, &args, id.b, id.h, id.i, reason, reason_size);
        if (!row) {
            ok = 0;
            break;
        }
        error_bound(row, &own, b.output_ref, &b.lse_ref, keys ? b.weights_ref : NULL);
        for (int i = 0; i < count; i++) {
            error_bound(row, &contract[i], b.output, &b.lse, keys ? b.weights : NULL);
            store_row(row, ref_kept_keys(workspace), &b, r, &out[i]);
        }
    }
    bounds_free(&b);
    if (workspace) ref_workspace_free(workspace);
    for (int i = 0; !ok && i < count; i++) expectation_free(&out[i]);
    return ok;
}

/* error / limit; above 1 fails. */
static double ratio_of(double got, double wanted, double limit, double *error)
{
    *error = fabs(got - wanted);
    if (isnan(wanted) ||
        isinf(wanted)) { /* -inf is exact (no key is visible); otherwise any non-finite value is right */
        const bool right = wanted == -INFINITY && limit == 0 ? got == wanted : !isfinite(got);
        *error = right ? 0 : INFINITY;
        return right ? 0 : INFINITY;
    }
    if (isnan(limit)) return 0;
    if (*error <= limit) return limit > 0 && *error > 0 ? *error / limit : 0;
    return limit > 0 && isfinite(*error) ? *error / limit : INFINITY;
}

/* Rounding makes error / limit 1 where error is just above limit: the verdict must come from the comparison itself. */
static void hold(deviation *d, double got, double wanted, double limit, const row_id *id, int64_t channel)
{
    double error;
    double ratio = ratio_of(got, wanted, limit, &error);
    if (!(error <= limit) && ratio <= 1 && ratio > 0) ratio = nextafter(1, 2);
    if (d->judged && !(ratio > d->ratio)) return;
    *d = (deviation){true, error, limit, ratio, {id->b, id->h, id->i, channel}, got, wanted};
}

static const check checks[] = {
    {"output-bound", "every case", "each output element is within the derived bound B of the reference"},
    {"lse-bound", "kernels that write LSE", "each log-sum-exp is within its derived bound of the reference"},
    {"weights-bound", "cases that ask for weights",
     "each weight is within the bound of a one-key value; masked ones are 0"},
};
const check_group value_checks = {"values", checks, sizeof checks / sizeof *checks};

static bool say(const char *name, const char *what, const deviation *d, findings *found)
{
    if (!d->judged || d->ratio <= 1) return false;
    findings_add(found, name,
                 "%s at (b %" PRId64 ", h %" PRId64 ", q %" PRId64 ", %" PRId64
                 "): got %.9g, wanted %.9g, error %.3g is %.3g x its bound",
                 what, d->where[0], d->where[1], d->where[2], d->where[3], d->got, d->wanted, d->error, d->ratio);
    return true;
}

bool judge_rows(const row_list *rows, const expectation *e, const outputs_view *got, verdict *out, findings *found)
{
    memset(out, 0, sizeof *out);
    for (int64_t r = 0; r < rows->count; r++) {
        const row_id *id = &rows->row[r];
        for (int64_t c = 0; c < e->dv; c++)
            hold(&out->output, ref_element(got->output, id->b, id->h, id->row, c), e->output[r * e->dv + c],
                 e->output_limit[r * e->dv + c], id, c);
        if (got->lse)
            hold(&out->lse, ref_element(got->lse, id->b, id->h, id->row, 0), e->lse[r], e->lse_limit[r], id, 0);
        for (int64_t j = 0; got->weights && j < e->keys; j++)
            hold(&out->weights, ref_element(got->weights, id->b, id->h, id->row, j), e->weights[r * e->keys + j],
                 e->weights_limit[r * e->keys + j], id, j);
    }
    bool wrong = say("output-bound", "output", &out->output, found);
    wrong |= say("lse-bound", "LSE", &out->lse, found);
    wrong |= say("weights-bound", "weight", &out->weights, found);
    return !wrong;
}

bool find_unwritten(const instance *in, const attn_tensor *t, uint32_t pattern, int64_t where[4])
{
    const attn_args args = {sizeof args, ATTN_SLOTS, in->slot};
    const size_t size = attn_type_size(t->type);
    for (int64_t b = 0; b < t->extent[0]; b++)
        for (int64_t h = 0; h < t->extent[1]; h++)
            for (int64_t r = 0; r < attn_metadata(&args, ATTN_QUERY_LENGTHS, b, t->extent[2]); r++) {
                const unsigned char *row = (const unsigned char *)t->data +
                                           (size_t)(b * t->stride[0] + h * t->stride[1] + r * t->stride[2]) * size;
                for (int64_t c = 0; c < t->extent[3]; c++)
                    if (memcmp(row + (size_t)(c * t->stride[3]) * size, &pattern, size) == 0) {
                        const int64_t at[4] = {b, h, r, c};
                        memcpy(where, at, sizeof at);
                        return true;
                    }
            }
    return false;
}
