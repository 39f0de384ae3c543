/* certify: computes one row in ball arithmetic (FLINT's Arb), directly by its definition:
 *
 *   s_j = cap(scale q.k_j) + add_j,  L = sum_j e^(s_j - M) + e^(sink - M),  o = sum_j e^(s_j - M) v_j / L,  lse = M +
 *                                    ln L
 *
 * M is the double maximum of the row, here a constant like any other. Every ball contains the true value; its radius is
 * some 2^-100 of it, which does not affect the comparison.
 */
#include "certify.h"

#include <arb.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "error_model.h"

static const slong precision = 128; /* bits */

/* The enclosures of a row's figures. */
typedef struct enclosure {
    int64_t keys, dv;
    arb_ptr weight, output; /* (keys), (dv) */
    arb_t lse;
} enclosure;

static void enclosure_init(enclosure *e, int64_t keys, int64_t dv)
{
    e->keys = keys;
    e->dv = dv;
    e->weight = _arb_vec_init(keys);
    e->output = _arb_vec_init(dv);
    arb_init(e->lse);
}

static void enclosure_clear(enclosure *e)
{
    _arb_vec_clear(e->weight, e->keys);
    _arb_vec_clear(e->output, e->dv);
    arb_clear(e->lse);
}

/* s_j; q and one row of K are converted to balls in scratch space. */
static void enclose_logit(arb_t s, const ref_row *row, int64_t j, arb_srcptr q, arb_ptr key)
{
    arb_t x;
    arb_init(x);
    for (int64_t c = 0; c < row->d; ++c) arb_set_d(key + c, row->k[j * row->d + c]);
    arb_dot(s, NULL, 0, q, 1, key, 1, row->d, precision);
    arb_set_d(x, row->scale);
    arb_mul(s, s, x, precision);
    if (row->softcap > 0) {
        arb_set_d(x, row->softcap);
        arb_div(s, s, x, precision);
        arb_tanh(s, s, precision);
        arb_mul(s, s, x, precision);
    }
    if (row->add) {
        arb_set_d(x, row->add[j]);
        arb_add(s, s, x, precision);
    }
    arb_clear(x);
}

/* weight[j] becomes e^(s_j - M), total their sum with the sink's. */
static void enclose_sum(enclosure *e, const ref_row *row, const arb_t maximum, arb_t total)
{
    arb_ptr q = _arb_vec_init(row->d), key = _arb_vec_init(row->d);
    for (int64_t c = 0; c < row->d; ++c) arb_set_d(q + c, row->q[c]);
    if (row->sink > -INFINITY) {
        arb_set_d(total, row->sink);
        arb_sub(total, total, maximum, precision);
        arb_exp(total, total, precision);
    }
    for (int64_t j = 0; j < row->n; ++j) {
        enclose_logit(e->weight + j, row, j, q, key);
        arb_sub(e->weight + j, e->weight + j, maximum, precision);
        arb_exp(e->weight + j, e->weight + j, precision);
        arb_add(total, total, e->weight + j, precision);
    }
    _arb_vec_clear(q, row->d);
    _arb_vec_clear(key, row->d);
}

static void enclose(enclosure *e, const ref_row *row)
{
    arb_t maximum, total, v;
    arb_init(maximum);
    arb_init(total);
    arb_init(v);
    arb_set_d(maximum, row->m);
    enclose_sum(e, row, maximum, total);
    arb_log(e->lse, total, precision);
    arb_add(e->lse, e->lse, maximum, precision);
    for (int64_t j = 0; j < row->n; ++j) {
        arb_div(e->weight + j, e->weight + j, total, precision);
        for (int64_t c = 0; c < row->dv; ++c) {
            arb_set_d(v, row->v[j * row->dv + c]);
            arb_addmul(e->output + c, e->weight + j, v, precision);
        }
    }
    arb_clear(maximum);
    arb_clear(total);
    arb_clear(v);
}

/* Is every point of the ball within `bound` of x? Magnitudes keep their exponents where doubles would underflow. */
static bool holds(const char *what, int64_t index, double x, const arb_t ball, double bound, char *reason,
                  size_t reason_size)
{
    arb_t difference;
    mag_t distance, most;
    arb_init(difference);
    mag_init(distance);
    mag_init(most);
    arb_set_d(difference, isfinite(x) ? x : 0);
    arb_sub(difference, difference, ball, precision);
    arb_get_mag(distance, difference);
    mag_set_d_lower(most, bound);
    const bool ok = isfinite(x) && mag_cmp(distance, most) <= 0;
    if (!ok)
        snprintf(reason, reason_size,
                 "the reference's %s %lld is %.17g, which is %.3g from the true value; its bound is %.3g", what,
                 (long long)index, x, isfinite(x) ? mag_get_d(distance) : INFINITY, bound);
    mag_clear(most);
    mag_clear(distance);
    arb_clear(difference);
    return ok;
}

static int compare(const enclosure *e, const ref_row *row, char *reason, size_t reason_size)
{
    const accuracy own = accuracy_of_reference();
    double *bound_o = calloc((size_t)row->dv, sizeof *bound_o), *bound_w = calloc((size_t)row->n + 1, sizeof *bound_w);
    double bound_lse;
    bool ok = bound_o && bound_w;
    if (!ok) snprintf(reason, reason_size, "no memory to certify a row");
    if (ok) {
        error_bound(row, &own, bound_o, &bound_lse, bound_w);
        ok = holds("LSE", 0, row->lse, e->lse, bound_lse, reason, reason_size);
    }
    for (int64_t c = 0; ok && c < row->dv; ++c)
        ok = holds("output", c, row->o[c], e->output + c, bound_o[c], reason, reason_size);
    for (int64_t j = 0; ok && j < row->n; ++j)
        ok = holds("weight", j, row->w[j], e->weight + j, bound_w[j], reason, reason_size);
    free(bound_o);
    free(bound_w);
    return ok;
}

bool certify_available(void) { return true; }

int certify_row(const ref_row *row, char *reason, size_t reason_size)
{
    enclosure e;
    if (!row->finite || !(row->l > 0)) return 1;
    enclosure_init(&e, row->n, row->dv);
    enclose(&e, row);
    const int ok = compare(&e, row, reason, reason_size);
    enclosure_clear(&e);
    return ok;
}
