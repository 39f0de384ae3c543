/* case_report_scores.c: what a case says beside its errors and bounds: standard deviations, projections, and what could
 * not be bounded. */
#include <inttypes.h>

#include "case_report.h"
#include "record/record.h"

static json_t *scores_json(const z_scores *z)
{
    return json_pack("{s:b, s:o, s:o, s:I}", "judged", z->rows > 0, "rms", json_any_real(z_scores_rms(z)), "max",
                     json_any_real(z->max), "rows", (json_int_t)z->rows);
}

void case_scores_json(json_t *to, const trial *t)
{
    const verdict *v = &t->verdict;
    if (!v->output.judged) return;
    json_t *z = scores_json(&v->z);
    if (v->no_sigma) json_object_set_new(z, "reason", json_string(v->no_sigma));
    json_object_set_new(to, "deviation", z);
    if (v->projected_rows > 0) {
        json_t *p = scores_json(&v->projected_z);
        json_object_set_new(p, "ratio", json_any_real(v->projection.ratio));
        json_object_set_new(p, "covered", json_integer((json_int_t)v->projected_rows));
        json_object_set_new(to, "projection", p);
    }
    if (v->unbounded > 0) json_object_set_new(to, "unbounded_rows", json_integer((json_int_t)v->unbounded));
}

void case_scores_print(FILE *to, const trial *t)
{
    const verdict *v = &t->verdict;
    if (v->projection.judged) fprintf(to, "  projection %.2g", v->projection.ratio);
    if (v->z.rows > 0) fprintf(to, "  z: rms %.2g, max %.2g", z_scores_rms(&v->z), v->z.max);
    if (v->unbounded > 0) fprintf(to, "  no finite bound in %" PRId64 " rows", v->unbounded);
    if (v->projected_rows > t->rows_checked) fprintf(to, "  (%" PRId64 " rows by projection)", v->projected_rows);
}
