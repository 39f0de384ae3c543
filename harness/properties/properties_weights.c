/* properties_weights.c: what follows from an output being an average of V: weights add up to 1, a constant comes out as
 * it went in, the output stays within its values, and averages are linear. V lies on a grid of 1/8 from -2 to 2, so
 * that sums of two are exact in every float type. */
#include <gsl/gsl_rng.h>
#include <math.h>
#include <stdlib.h>

#include "tensors/inputs.h"
#include "tensors/instance_internal.h"
#include "problem.h"
#include "property.h"
#include "reference.h"

/* ---- variants -------------------------------------------------------------------------------------------------- */

static double on_grid(gsl_rng *rng) { return (double)gsl_rng_uniform_int(rng, 33) / 8 - 2; }

/* The constant of each channel that is added to V. */
static double offset(int64_t channel) { return (double)(channel * 7 % 33) / 8 - 2; }

/* V1 and V2 of a row are drawn one behind the other, so that every variant sees the same ones. */
typedef struct grid {
    gsl_rng *rng;
    double first, second, constant; /* what each counts */
} grid;

static void draw_on_grid(void *arg, const attn_tensor *t, unsigned char *row, const row_place *at)
{
    const grid *const x = arg;
    (void)at;
    for (int64_t c = 0; c < t->extent[3]; c++) {
        const double first = on_grid(x->rng), second = on_grid(x->rng);
        row_set(t, row, c, x->first * first + x->second * second + x->constant * offset(c));
    }
}

static int grid_v(variant *v, grid x)
{
    x.rng = input_stream(v->in.seed, ATTN_V);
    const int ok = x.rng && variant_own(v, ATTN_V);
    if (ok) variant_each_row(&v->in, ATTN_V, draw_on_grid, &x);
    if (x.rng) gsl_rng_free(x.rng);
    return ok;
}

static int first_v(variant *v, const variant_maker *how)
{
    (void)how;
    return grid_v(v, (grid){NULL, 1, 0, 0});
}

static int second_v(variant *v, const variant_maker *how)
{
    (void)how;
    return grid_v(v, (grid){NULL, 0, 1, 0});
}

static int sum_v(variant *v, const variant_maker *how)
{
    (void)how;
    return grid_v(v, (grid){NULL, 1, 1, 0});
}

static int offset_v(variant *v, const variant_maker *how)
{
    (void)how;
    return grid_v(v, (grid){NULL, 1, 0, 1});
}

static void raise_most(void *arg, const attn_tensor *t, unsigned char *row, const row_place *at)
{
    double *const most = arg;
    (void)at;
    for (int64_t c = 0; c < t->extent[3]; c++) *most = fmax(*most, fabs(row_get(t, row, c)));
}

static void set_constant(void *arg, const attn_tensor *t, unsigned char *row, const row_place *at)
{
    const double *const x = arg;
    (void)at;
    for (int64_t c = 0; c < t->extent[3]; c++) row_set(t, row, c, *x);
}

static double largest_v(const instance *in)
{
    double most = 0;
    variant_each_row(in, ATTN_V, raise_most, &most);
    return most;
}

static int constant_v(variant *v, const variant_maker *how)
{
    double most = largest_v(&v->in);
    (void)how;
    if (!variant_own(v, ATTN_V)) return 0;
    variant_each_row(&v->in, ATTN_V, set_constant, &most);
    return 1;
}

static const variant_maker v_first = {"V1 on a grid", first_v, 0, 0}, v_second = {"V2 on a grid", second_v, 0, 0},
                           v_sum = {"V1 + V2", sum_v, 0, 0}, v_offset = {"V1 + c", offset_v, 0, 0},
                           v_constant = {"V of one constant", constant_v, 0, 0};

/* ---- where they apply ------------------------------------------------------------------------------------------ */

static bool float_v(const property_subject *s) { return s->in->slot[ATTN_V].type != ATTN_I8; }

static bool float_v_no_sink(const property_subject *s)
{
    return float_v(s) && s->in->slot[ATTN_SINK_LOGITS].type == ATTN_ABSENT;
}

static bool weights_no_sink(const property_subject *s)
{
    return s->in->w->want_weights && s->in->slot[ATTN_SINK_LOGITS].type == ATTN_ABSENT;
}

/* ---- what holds ------------------------------------------------------------------------------------------------ */

static bool sees_a_key(const property_view *v, int64_t r) { return v->limits->lse[r] != -INFINITY; }

static void hold_constant(const property_view *v)
{
    const double constant = largest_v(v->base);
    const int64_t dv = v->limits->dv;
    for (int64_t r = 0; r < v->rows->count; r++)
        for (int64_t c = 0; c < dv; c++)
            if (!hold_element(v, v_constant.name, "output", &v->rows->row[r], c, output_of(v, 0, &v->rows->row[r], c),
                              sees_a_key(v, r) ? constant : 0, v->expected[0]->output_limit[r * dv + c]))
                return;
}

static void hold_offset(const property_view *v)
{
    const int64_t dv = v->limits->dv;
    for (int64_t r = 0; r < v->rows->count; r++) {
        const row_id *const row = &v->rows->row[r];
        for (int64_t c = 0; c < dv; c++) {
            const int64_t at = r * dv + c;
            if (!hold_element(v, v_offset.name, "output", row, c, output_of(v, 1, row, c),
                              output_of(v, 0, row, c) + (sees_a_key(v, r) ? offset(c) : 0),
                              v->expected[0]->output_limit[at] + v->expected[1]->output_limit[at]))
                return;
        }
    }
}

static void hold_linear(const property_view *v)
{
    const int64_t dv = v->limits->dv;
    for (int64_t r = 0; r < v->rows->count; r++) {
        const row_id *const row = &v->rows->row[r];
        for (int64_t c = 0; c < dv; c++) {
            double tolerance = 0;
            for (int i = 0; i < 3; i++) tolerance += v->expected[i]->output_limit[r * dv + c];
            if (!hold_element(v, v_sum.name, "output", row, c, output_of(v, 2, row, c),
                              output_of(v, 0, row, c) + output_of(v, 1, row, c), tolerance))
                return;
        }
    }
}

/* The rows of V that one query row sees, widened to their least and largest values in each channel. */
static void hull_of_row(const property_view *v, const row_id *row, double *low, double *high)
{
    const instance *const in = v->base;
    const attn_problem *const p = &in->problem;
    const attn_args args = instance_all(in);
    const bool sink = in->slot[ATTN_SINK_LOGITS].type != ATTN_ABSENT;
    const int64_t keys = attn_key_count(p, &args, row->b);
    for (int64_t c = 0; c < p->dv; c++) low[c] = sink ? 0 : INFINITY, high[c] = sink ? 0 : -INFINITY;
    for (int64_t j = 0; j < keys; j++) {
        if (!ref_sees(p, &args, row->b, row->i, j)) continue;
        const unsigned char *const value = inputs_row(in, ATTN_V, row->b, row->h / (p->h / p->hkv), j);
        for (int64_t c = 0; c < p->dv; c++) {
            const double x = row_get(&in->slot[ATTN_V], value, c);
            low[c] = fmin(low[c], x), high[c] = fmax(high[c], x);
        }
    }
}

/* How far rounding may carry an average out of its hull is what it may do to a constant as large as the largest |v|: of
 * the second form of the bound that is the whole, and the first one is never smaller there, since acc <= t. */
static void hold_hull(const property_view *v)
{
    const int64_t dv = v->limits->dv;
    double low[ATTN_MAX_D], high[ATTN_MAX_D];
    for (int64_t r = 0; r < v->rows->count; r++) {
        const row_id *const row = &v->rows->row[r];
        if (!sees_a_key(v, r)) continue;
        hull_of_row(v, row, low, high);
        for (int64_t c = 0; c < dv; c++) {
            const double o = output_of(v, -1, row, c), within = fmin(fmax(o, low[c]), high[c]);
            if (!hold_element(v, "the case", "output", row, c, o, within, v->expected[0]->output_limit[r * dv + c]))
                return;
        }
    }
}

static void hold_sum(const property_view *v)
{
    const expectation *const e = v->limits;
    for (int64_t r = 0; r < v->rows->count && v->got.weights && e->keys; r++) {
        const row_id *const row = &v->rows->row[r];
        double sum = 0, tolerance = 0;
        for (int64_t j = 0; j < e->keys; j++) {
            sum += ref_element(v->got.weights, row->b, row->h, row->row, j);
            tolerance += e->weights_limit[r * e->keys + j];
        }
        if (!hold_element(v, "all keys", "sum of weights", row, 0, sum, sees_a_key(v, r) ? 1 : 0, tolerance)) return;
    }
}

/* ---- the properties -------------------------------------------------------------------------------------------- */

static const check checks[] = {
    {"constant-v", "no sink", "V of one constant comes out as that constant, within its bound"},
    {"hull-of-v", "every case",
     "each output lies within the values that its row sees (and 0 with a sink), but for rounding"},
    {"shift-v", "no sink", "V + c gives O + c, within both bounds"},
    {"linear-in-v", "every case", "O of V1 + V2 is O of V1 plus O of V2, within the three bounds"},
    {"weights-sum-to-1", "cases that ask for weights", "the weights of a row add up to 1 within their bounds"},
};
const check_group weight_checks = {"weights", checks, sizeof checks / sizeof *checks};

static const property properties[] = {
    {&checks[0], (const variant_maker *const[]){&v_constant, NULL}, 0, float_v_no_sink, hold_constant},
    {&checks[1], (const variant_maker *const[]){&v_constant, NULL}, 0, float_v, hold_hull},
    {&checks[2], (const variant_maker *const[]){&v_first, &v_offset, NULL}, 0, float_v_no_sink, hold_offset},
    {&checks[3], (const variant_maker *const[]){&v_first, &v_second, &v_sum, NULL}, 0, float_v, hold_linear},
    {&checks[4], (const variant_maker *const[]){NULL}, 0, weights_no_sink, hold_sum},
};
const property_family weight_properties = {&weight_checks, properties};
