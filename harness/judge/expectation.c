/* expectation.c: reference rows, bounds and standard deviations become what the judge holds outputs against. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "deviation.h"
#include "judge.h"
#include "projection.h"

static double *numbers(int64_t count) { return calloc((size_t)(count > 0 ? count : 1), sizeof(double)); }

/* What is expected of rows. */
typedef struct parts {
    bool elements, statistics; /* statistics: deviations and projections */
    int64_t keys;              /* of weight rows; 0 none */
} parts;

static int expectation_new(int64_t rows, int64_t dv, const parts *what, expectation *e)
{
    const int64_t keys = what->keys;
    int ok = 1;
    *e = (expectation){.rows = rows, .dv = dv, .keys = keys};
    double **const table[] = {&e->output, &e->output_limit, &e->output_sigma, &e->weights, &e->weights_limit};
    double **const column[] = {&e->lse, &e->lse_limit, &e->projected, &e->projected_limit, &e->projected_sigma};
    for (int i = 0; what->elements && i < 5; i++) ok &= (*table[i] = numbers(rows * (i < 3 ? dv : keys))) != NULL;
    for (int i = 0; i < 5; i++) ok &= (*column[i] = numbers(rows)) != NULL;
    for (int64_t r = 0; ok && !what->statistics && r < rows; r++) e->projected_limit[r] = (double)NAN;
    return ok;
}

void expectation_free(expectation *e)
{
    free(e->output), free(e->output_limit), free(e->output_sigma);
    free(e->lse), free(e->lse_limit);
    free(e->weights), free(e->weights_limit);
    free(e->projected), free(e->projected_limit), free(e->projected_sigma);
    memset(e, 0, sizeof *e);
}

/* One bit of a mixed hash for each sign (splitmix64's last steps), so that a row needs nothing of the rows before
 * it. */
void projection_signs(uint64_t seed, int64_t b, int64_t h, int64_t dv, double *r)
{
    for (int64_t c = 0; c < dv; c++) {
        uint64_t x = seed ^ (uint64_t)b * UINT64_C(0x9e3779b97f4a7c15) ^ (uint64_t)h * UINT64_C(0xd1b54a32d192ed03);
        x += (uint64_t)(c + 1) * UINT64_C(0x8cb92ba72f3d8dd7);
        x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
        r[c] = (x >> 40) & 1 ? 1 : -1;
    }
}

/* Why the errors of a whole instance are not independent draws; NULL: its inputs are continuous and random. */
static const char *not_random(const instance *in)
{
    const workload *w = in->w;
    const bool drawn = in->input == INPUT_NORMAL || in->input == INPUT_OUTLIERS || in->input == INPUT_MASKED;
    if (w->q_file || w->k_file || w->v_file || !drawn) return "the inputs are not drawn from a continuous distribution";
    return NULL;
}

/* Work arrays of one row: bounds by a contract and by the reference's own accuracy, and its projection. */
typedef struct bounds {
    double *output, *output_ref, *weights, *weights_ref, *sign;
    double lse, lse_ref, projected_ref;
    projection projected;
} bounds;

static int bounds_new(int64_t keys, int64_t dv, int64_t weights, bounds *b)
{
    *b = (bounds){.output = numbers(dv),
                  .output_ref = numbers(dv),
                  .weights = numbers(weights),
                  .weights_ref = numbers(weights),
                  .sign = numbers(dv)};
    return projection_new(keys, &b->projected) && b->output && b->output_ref && b->weights && b->weights_ref && b->sign;
}

static void bounds_free(bounds *b)
{
    free(b->output), free(b->output_ref), free(b->weights), free(b->weights_ref), free(b->sign);
    projection_free(&b->projected);
}

/* Every visible logit is -inf: 0 / 0. */
static bool no_softmax(const ref_row *row) { return row->n > 0 && !(row->l > 0); }

static void store_elements(const ref_row *row, const int64_t *key, const bounds *b, int64_t r, expectation *e)
{
    bool bounded = true;
    for (int64_t c = 0; c < e->dv; c++) {
        e->output[r * e->dv + c] = row->o[c];
        e->output_limit[r * e->dv + c] = no_softmax(row) ? (double)NAN : b->output[c] + b->output_ref[c];
        bounded &= isfinite(b->output[c]) || !isfinite(row->o[c]) || no_softmax(row);
    }
    e->unbounded += !bounded;
    for (int64_t j = 0; e->keys && j < row->n; j++) {
        e->weights[r * e->keys + key[j]] = row->w[j];
        e->weights_limit[r * e->keys + key[j]] = b->weights[j] + b->weights_ref[j];
    }
}

/* A projection of numbers that are not finite says nothing. */
static void store_projection(const ref_row *row, const accuracy *a, const bounds *b, int64_t r, expectation *e)
{
    const double *by_channel = e->output ? b->output : NULL;
    e->projected[r] = b->projected.o;
    e->projected_limit[r] = projection_bound(row, a, &b->projected, by_channel) + b->projected_ref;
    if (no_softmax(row) || !isfinite(b->projected.o)) e->projected_limit[r] = (double)NAN;
    if (e->no_sigma || !deviation_applies(row, a)) return;
    e->projected_sigma[r] = projection_deviation(row, a, &b->projected);
    if (e->output) deviation_of_outputs(row, a, e->output_sigma + r * e->dv);
}

static void expect_row(const ref_row *row, const int64_t *key, const row_id *id, const accuracy *contract, int count,
                       const parts *what, int64_t r, bounds *b, expectation *out)
{
    const accuracy own = accuracy_of_reference();
    const bool elements = what->elements;
    error_bound(row, &own, elements ? b->output_ref : NULL, &b->lse_ref, out[0].keys ? b->weights_ref : NULL);
    if (what->statistics) {
        projection_signs(out[0].seed, id->b, id->h, row->dv, b->sign);
        projection_of_row(row, b->sign, &b->projected);
        b->projected_ref = projection_bound(row, &own, &b->projected, NULL);
    }
    for (int i = 0; i < count; i++) {
        expectation *e = &out[i];
        error_bound(row, &contract[i], elements ? b->output : NULL, &b->lse, e->keys ? b->weights : NULL);
        if (elements) store_elements(row, key, b, r, e);
        e->lse[r] = row->lse;
        e->lse_limit[r] = row->n == 0 && row->lse == -INFINITY ? 0 : b->lse + b->lse_ref;
        if (what->statistics) store_projection(row, &contract[i], b, r, e);
    }
}

static int expect(const instance *in, const row_list *rows, const accuracy *contract, int count, const parts *what,
                  expectation *out, char *reason, size_t reason_size)
{
    const attn_problem *p = &in->problem;
    attn_tensor slot[ATTN_SLOTS];
    const attn_args args = instance_args(in, true, false, slot);
    ref_workspace *workspace = ref_workspace_new(p->k, p->d, p->dv);
    bounds b;
    int ok = bounds_new(p->k, p->dv, what->keys, &b) && workspace != NULL;
    memset(out, 0, (size_t)count * sizeof *out);
    for (int i = 0; i < count; i++) {
        ok &= expectation_new(rows->count, p->dv, what, &out[i]);
        out[i].seed = in->seed;
        out[i].no_sigma =
            contract[i].to_nearest ? not_random(in) : "the plan declares truncation, whose errors line up";
    }
    if (!ok) snprintf(reason, reason_size, "no memory for the reference of %" PRId64 " rows", rows->count);
    for (int64_t r = 0; ok && r < rows->count; r++) {
        const row_id *id = &rows->row[r];
        const ref_row *row = ref_gather_row(workspace, p, &args, id->b, id->h, id->i, reason, reason_size);
        ok = row != NULL;
        if (ok) expect_row(row, ref_kept_keys(workspace), id, contract, count, what, r, &b, out);
    }
    bounds_free(&b);
    if (workspace) ref_workspace_free(workspace);
    for (int i = 0; !ok && i < count; i++) expectation_free(&out[i]);
    return ok;
}

int expect_rows(const instance *in, const row_list *rows, const accuracy *contract, int count, bool with_weights,
                expectation *out, char *reason, size_t reason_size)
{
    const parts what = {true, true, with_weights ? in->problem.k : 0};
    return expect(in, rows, contract, count, &what, out, reason, reason_size);
}

int expect_projections(const instance *in, const row_list *rows, const accuracy *contract, int count, expectation *out,
                       char *reason, size_t reason_size)
{
    const parts what = {false, true, 0};
    return expect(in, rows, contract, count, &what, out, reason, reason_size);
}

int expect_limits(const instance *in, const row_list *rows, const accuracy *contract, int count, expectation *out,
                  char *reason, size_t reason_size)
{
    const parts what = {true, false, 0};
    return expect(in, rows, contract, count, &what, out, reason, reason_size);
}
