/* property_compare.c: two results of one kernel held against each other. */
#include <inttypes.h>
#include <math.h>

#include "property.h"
#include "reference.h"

static double element_of(const property_view *v, int which, const attn_tensor *base, int slot, const row_id *row,
                         int64_t c)
{
    if (which < 0) return ref_element(base, row->b, row->h, row->row, c);
    const variant *const other = v->variant[which];
    return ref_element(&other->in.slot[slot], row->b, row->h, row->row - other->first_row, c);
}

double output_of(const property_view *v, int which, const row_id *row, int64_t c)
{
    return element_of(v, which, v->got.output, ATTN_O, row, c);
}

double lse_of(const property_view *v, int which, const row_id *row)
{
    return element_of(v, which, v->got.lse, ATTN_LSE, row, 0);
}

bool hold_element(const property_view *v, const char *of, const char *what, const row_id *row, int64_t c, double got,
                  double wanted, double tolerance)
{
    if (got == wanted || (isnan(got) && isnan(wanted)) || isnan(tolerance)) return true;
    if (!isfinite(wanted) && !isfinite(got) && tolerance > 0) return true;
    if (isfinite(got) && fabs(got - wanted) <= tolerance) return true;
    findings_add(v->found, v->p->said->name,
                 "%s of %s at (b %" PRId64 ", h %" PRId64 ", q %" PRId64 ", %" PRId64
                 "): got %.9g, wanted %.9g %s %.3g",
                 what, of, row->b, row->h, row->i, c, got, wanted, tolerance > 0 ? "to within" : "exactly, off by",
                 tolerance > 0 ? tolerance : fabs(got - wanted));
    return false;
}

void hold_same(const property_view *v, int i, double factor, row_test *counts)
{
    const variant *const other = v->variant[i];
    const char *const name = v->p->variant[i]->name;
    for (int64_t r = 0; r < v->rows->count; r++) {
        const row_id *const row = &v->rows->row[r];
        if (row->i < other->first_row || row->i >= other->first_row + other->in.problem.q) continue;
        if (counts && !counts(v, i, row)) continue;
        const expectation *const of_base = v->limits, *const of_variant = v->expected[i] ? v->expected[i] : v->limits;
        const int64_t dv = of_base->dv;
        for (int64_t c = 0; c < dv; c++) {
            const double limit =
                fabs(factor) * of_base->output_limit[r * dv + c] + of_variant->output_limit[r * dv + c];
            if (!hold_element(v, name, "output", row, c, output_of(v, i, row, c), factor * output_of(v, -1, row, c),
                              v->exact ? 0 : limit))
                return;
        }
        if (v->got.lse && !hold_element(v, name, "LSE", row, 0, lse_of(v, i, row), lse_of(v, -1, row),
                                        v->exact ? 0 : of_base->lse_limit[r] + of_variant->lse_limit[r]))
            return;
    }
}
