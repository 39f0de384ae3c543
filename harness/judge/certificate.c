/* certificate.c: choosing rows to certify, and saying what came of it. */
#include "certificate.h"

#include <inttypes.h>
#include <string.h>

#include "certify.h"

enum { CHEAP_ROWS = 2 };
static const double cheap_row = 1e5; /* keys * (d + dv): some 3 ms in 128-bit balls */

static void certify_one(ref_workspace *workspace, const instance *in, const row_id *id, certificate *out)
{
    char reason[240];
    attn_tensor slot[ATTN_SLOTS];
    const attn_args args = instance_args(in, true, false, slot);
    const ref_row *row = ref_gather_row(workspace, &in->problem, &args, id->b, id->h, id->i, reason, sizeof reason);
    if (row && certify_row(row, reason, sizeof reason)) {
        out->rows++;
        return;
    }
    out->failed = true;
    snprintf(out->reason, sizeof out->reason, "(b %" PRId64 ", h %" PRId64 ", q %" PRId64 "): %s", id->b, id->h, id->i,
             reason);
}

void certify_rows(const instance *in, const row_list *rows, int64_t most, certificate *out)
{
    const attn_problem *p = &in->problem;
    *out = (certificate){0};
    if (most == CERTIFY_CHEAP) most = (double)p->k * (double)(p->d + p->dv) <= cheap_row ? CHEAP_ROWS : 0;
    if (most > rows->count) most = rows->count;
    if (most == 0 || !certify_available()) return;
    ref_workspace *workspace = ref_workspace_new(p->k, p->d, p->dv);
    if (!workspace) return;
    for (int64_t i = 0; i < most && !out->failed; i++)
        certify_one(workspace, in, &rows->row[most > 1 ? i * (rows->count - 1) / (most - 1) : rows->count - 1], out);
    ref_workspace_free(workspace);
}

void certificates_add(certificates *all, const workload *w, input_class input, const certificate *one)
{
    all->rows += one->rows;
    if (!one->failed) return;
    if (!all->failures) all->failures = json_array();
    json_array_append_new(all->failures, json_pack("{s:s, s:s, s:s}", "workload", w->name, "class",
                                                   input_class_name((int)input), "reason", one->reason));
}

void certificates_print(FILE *to, const certificates *all)
{
    size_t i;
    json_t *one;
    json_array_foreach(all->failures, i, one)
        fprintf(to, "REFERENCE WRONG %s %s %s\n", json_string_value(json_object_get(one, "workload")),
                json_string_value(json_object_get(one, "class")), json_string_value(json_object_get(one, "reason")));
    if (all->failures)
        fprintf(to, "the reference failed its certificate: the verdicts above mean nothing\n");
    else if (!certify_available())
        fprintf(to, "reference not certified: built without FLINT (Arb)\n");
    else
        fprintf(to, "reference certified by 128-bit balls on %" PRId64 " rows\n", all->rows);
}

json_t *certificates_json(const certificates *all)
{
    json_t *j = json_pack("{s:I, s:o}", "certified_rows", (json_int_t)all->rows, "failures",
                          all->failures ? json_deep_copy(all->failures) : json_array());
    if (!certify_available()) json_object_set_new(j, "reason", json_string("built without FLINT (Arb)"));
    return j;
}

void certificates_free(certificates *all)
{
    json_decref(all->failures);
    *all = (certificates){0};
}
