/* reference: one query row of attention in double precision.
 *
 *   raw = scale * (K q)          GSL, level 2
 *   s   = softcap(raw) + add
 *   w   = exp(s - m) / l         three plain passes: no online trick that could share a kernel's mistake
 *   o   = V' w                   GSL, level 2
 *
 * Beside the results it keeps what the error bound needs: A_j = |scale| sum |q_k k_jk|, the maximum m and the sum l.
 * If inputs are not finite, the affected results are NaN, never a plausible number.
 */
#include <float.h>
#include <gsl/gsl_blas.h>
#include <math.h>
#include <string.h>

#include "reference.h"

/* raw and a of every key. The scale is applied after the product: gslcblas skips the product where alpha is 0, and
 * 0 * NaN must stay NaN. */
static void score_keys(ref_row *row)
{
    const size_t n = (size_t)row->n;
    const size_t d = (size_t)row->d;
    const gsl_matrix_const_view k = gsl_matrix_const_view_array(row->k, n, d);
    const gsl_vector_const_view q = gsl_vector_const_view_array(row->q, d);
    gsl_vector_view raw = gsl_vector_view_array(row->raw, n);
    gsl_blas_dgemv(CblasNoTrans, 1.0, &k.matrix, &q.vector, 0.0, &raw.vector);
    gsl_blas_dscal(row->scale, &raw.vector);

    for (int64_t j = 0; j < row->n; ++j) {
        const double *key = row->k + j * row->d;
        double sum = 0, squares = 0;
        for (int64_t c = 0; c < row->d; ++c) {
            const double product = row->q[c] * key[c];
            sum += fabs(product);
            squares += product * product;
        }
        row->a[j] = fabs(row->scale) * sum;
        if (row->squares) row->squares[j] = squares;
    }
}

/* s from raw, and m. Returns false where a logit is NaN or +inf: then no softmax exists. */
static bool finish_logits(ref_row *row)
{
    bool defined = !isnan(row->sink) && row->sink < INFINITY;
    row->m = row->sink;
    for (int64_t j = 0; j < row->n; ++j) {
        double s = row->raw[j];
        if (row->softcap > 0) s = row->softcap * tanh(s / row->softcap);
        if (row->add) s += row->add[j];
        row->s[j] = s;
        if (!isfinite(row->raw[j]) || !isfinite(s)) row->finite = false;
        if (isnan(s) || s == INFINITY) defined = false;
        if (s > row->m) row->m = s;
    }
    return defined;
}

/* o from w. A channel in which a kept value is not finite becomes NaN: gslcblas skips weights that underflowed to 0,
 * which would hide it. */
static void sum_values(ref_row *row)
{
    const size_t n = (size_t)row->n;
    const size_t dv = (size_t)row->dv;
    const gsl_matrix_const_view v = gsl_matrix_const_view_array(row->v, n, dv);
    const gsl_vector_const_view w = gsl_vector_const_view_array(row->w, n);
    gsl_vector_view o = gsl_vector_view_array(row->o, dv);
    gsl_blas_dgemv(CblasTrans, 1.0, &v.matrix, &w.vector, 0.0, &o.vector);

    bool bad = false;
    for (int64_t at = 0; at < row->n * row->dv; ++at) bad |= !(fabs(row->v[at]) <= DBL_MAX);
    if (!bad) return;
    row->finite = false;
    for (int64_t j = 0; j < row->n; ++j) {
        for (int64_t c = 0; c < row->dv; ++c) {
            if (!isfinite(row->v[j * row->dv + c])) row->o[c] = (double)NAN;
        }
    }
}

static void fill(double *x, int64_t count, double value)
{
    for (int64_t i = 0; i < count; ++i) x[i] = value;
}

void ref_row_compute(ref_row *row)
{
    row->finite = true;
    if (row->n > 0) score_keys(row);
    const bool defined = finish_logits(row);

    if (!defined) { /* no softmax exists */
        row->finite = false;
        row->m = row->l = row->lse = row->w_sink = (double)NAN;
        fill(row->w, row->n, (double)NAN);
        fill(row->o, row->dv, (double)NAN);
        return;
    }
    if (row->m == -INFINITY) { /* no key takes part: O = 0 and LSE = -inf */
        row->l = row->w_sink = 0;
        row->lse = -INFINITY;
        fill(row->w, row->n, 0);
        fill(row->o, row->dv, 0);
        return;
    }

    row->l = 0;
    for (int64_t j = 0; j < row->n; ++j) {
        row->w[j] = exp(row->s[j] - row->m);
        row->l += row->w[j];
    }
    const double sink = exp(row->sink - row->m);
    row->l += sink;
    for (int64_t j = 0; j < row->n; ++j) row->w[j] /= row->l;
    row->w_sink = sink / row->l;
    row->lse = row->m + log(row->l);

    if (row->n > 0) {
        sum_values(row);
    } else {
        fill(row->o, row->dv, 0);
    }
}

const void *ref_blas_address(void)
{
    void (*const routine)(void) = (void (*)(void))cblas_dgemv;
    const void *address;
    memcpy(&address, &routine, sizeof address); /* ISO C has no cast from a function to an object pointer */
    return address;
}
