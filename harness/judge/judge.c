/* judge.c: outputs are held against their limits, written so that NaN fails, and against what chance allows. */
#include "judge.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "problem.h"

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

bool judge_accepts(double got, double wanted, double limit)
{
    double error;
    const double ratio = ratio_of(got, wanted, limit, &error);
    return error <= limit || ratio <= 0;
}

static const check checks[] = {
    {"output-bound", "every case", "each output element is within the derived bound B of the reference"},
    {"lse-bound", "kernels that write LSE", "each log-sum-exp is within its derived bound of the reference"},
    {"weights-bound", "cases that ask for weights",
     "each weight is within the bound of a one-key value; masked ones are 0"},
    {"projection", "every case",
     "each row of each head, multiplied by a random vector of +-1, is within the bound of that product"},
    {"rms-deviation", "random inputs, roundings to nearest, logits that differ",
     "errors in units of their standard deviation have the root mean square of chance (chi-square over the rows, "
     "1e-9)"},
    {"max-deviation", "random inputs, roundings to nearest, logits that differ",
     "no error is more standard deviations large than chance allows (normal distribution, 1e-9 over all elements)"},
    {"projection-deviation", "random inputs, roundings to nearest, logits that differ",
     "the projections' errors in units of their standard deviation stay within chance, root mean square and largest"},
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

static void hold_lse(const row_id *id, int64_t r, const expectation *e, const outputs_view *got, verdict *out)
{
    if (got->lse) hold(&out->lse, ref_element(got->lse, id->b, id->h, id->row, 0), e->lse[r], e->lse_limit[r], id, 0);
}

static void hold_elements(const row_id *id, int64_t r, const expectation *e, const outputs_view *got, verdict *out)
{
    double error[ATTN_MAX_D];
    for (int64_t c = 0; c < e->dv; c++) {
        const double value = ref_element(got->output, id->b, id->h, id->row, c), wanted = e->output[r * e->dv + c];
        hold(&out->output, value, wanted, e->output_limit[r * e->dv + c], id, c);
        error[c] = value - wanted;
    }
    z_scores_add(&out->z, error, e->output_sigma + r * e->dv, e->dv, (int64_t[]){id->b, id->h, id->i});
    for (int64_t j = 0; got->weights && j < e->keys; j++)
        hold(&out->weights, ref_element(got->weights, id->b, id->h, id->row, j), e->weights[r * e->keys + j],
             e->weights_limit[r * e->keys + j], id, j);
}

static void hold_projection(const row_id *id, int64_t r, const expectation *e, const outputs_view *got, verdict *out)
{
    double sign[ATTN_MAX_D], sum = 0;
    if (isnan(e->projected_limit[r])) return;
    projection_signs(e->seed, id->b, id->h, e->dv, sign);
    for (int64_t c = 0; c < e->dv; c++) sum += sign[c] * ref_element(got->output, id->b, id->h, id->row, c);
    hold(&out->projection, sum, e->projected[r], e->projected_limit[r], id, 0);
    const double error = sum - e->projected[r];
    z_scores_add(&out->projected_z, &error, &e->projected_sigma[r], 1, (int64_t[]){id->b, id->h, id->i});
    out->projected_rows++;
}

static bool accuse(const char *rms_name, const char *max_name, const char *what, const z_scores *z, findings *found)
{
    if (z->rows == 0) return false;
    const double rms = z_scores_rms(z), rms_limit = z_scores_rms_limit(z->rows);
    const double max_limit = z_scores_max_limit(z->elements);
    if (rms > rms_limit)
        findings_add(found, rms_name,
                     "errors of %s are %.3g standard deviations large (root mean square over %" PRId64
                     " rows); chance allows %.3g",
                     what, rms, z->rows, rms_limit);
    if (z->max > max_limit)
        findings_add(found, max_name,
                     "an error of %s at (b %" PRId64 ", h %" PRId64 ", q %" PRId64 ", %" PRId64
                     ") is %.3g standard deviations large; chance allows %.3g",
                     what, z->where[0], z->where[1], z->where[2], z->where[3], z->max, max_limit);
    return rms > rms_limit || z->max > max_limit;
}

/* What the figures of a verdict say. */
static bool conclude(const verdict *v, findings *found)
{
    bool wrong = say("output-bound", "output", &v->output, found);
    wrong |= say("lse-bound", "LSE", &v->lse, found);
    wrong |= say("weights-bound", "weight", &v->weights, found);
    wrong |= say("projection", "projection of the row", &v->projection, found);
    wrong |= accuse("rms-deviation", "max-deviation", "outputs", &v->z, found);
    wrong |= accuse("projection-deviation", "projection-deviation", "projected rows", &v->projected_z, found);
    return !wrong;
}

bool judge_rows(const row_list *rows, const expectation *e, const outputs_view *got, verdict *out, findings *found)
{
    memset(out, 0, sizeof *out);
    for (int64_t r = 0; r < rows->count; r++) {
        hold_elements(&rows->row[r], r, e, got, out);
        hold_lse(&rows->row[r], r, e, got, out);
        hold_projection(&rows->row[r], r, e, got, out);
    }
    out->unbounded = e->unbounded;
    out->no_sigma = e->no_sigma;
    if (!out->no_sigma && out->z.rows == 0)
        out->no_sigma = "logits that hardly differ, or with large errors, in every row";
    return conclude(out, found);
}

bool judge_projections(const row_list *rows, const expectation *e, const outputs_view *got, verdict *out,
                       findings *found)
{
    out->projected_rows = 0;
    out->projected_z = (z_scores){0}; /* a row counts once */
    for (int64_t r = 0; r < rows->count; r++) {
        hold_lse(&rows->row[r], r, e, got, out);
        hold_projection(&rows->row[r], r, e, got, out);
    }
    return conclude(out, found);
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
