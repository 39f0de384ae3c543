/* quantisation.c: the same rows drawn once more with keys and values of fp32, and the reference on both. */
#include "quantisation.h"

#include <math.h>

#include "reference.h"
#include "record/record.h"

enum { MOST_ROWS = 16 };

typedef struct sums {
    double squares, differences;
} sums;

static void compare(const ref_row *stored, const ref_row *drawn, quantisation *out, sums *s)
{
    if (!stored->finite || !drawn->finite) return;
    for (int64_t c = 0; c < drawn->dv; c++) {
        const double difference = stored->o[c] - drawn->o[c];
        out->output = fmax(out->output, fabs(difference));
        s->differences += difference * difference;
        s->squares += drawn->o[c] * drawn->o[c];
    }
    if (isfinite(drawn->lse)) out->lse = fmax(out->lse, fabs(stored->lse - drawn->lse));
    out->rows++;
}

static int compare_rows(const instance *in, const instance *drawn, const row_list *rows, quantisation *out, sums *s,
                        char *reason, size_t reason_size)
{
    attn_tensor slot[2][ATTN_SLOTS];
    const attn_args stored_args = instance_args(in, true, false, slot[0]),
                    drawn_args = instance_args(drawn, true, false, slot[1]);
    const attn_problem *p = &in->problem;
    ref_workspace *a = ref_workspace_new(p->k, p->d, p->dv), *b = ref_workspace_new(p->k, p->d, p->dv);
    const int64_t step = (rows->count + MOST_ROWS - 1) / MOST_ROWS;
    int done = a && b;
    if (!done) snprintf(reason, reason_size, "no memory for the reference of unquantised keys and values");
    for (int64_t at = 0; done && at < rows->count; at += step) {
        const row_id *id = &rows->row[at];
        const ref_row *x = ref_gather_row(a, p, &stored_args, id->b, id->h, id->i, reason, reason_size);
        const ref_row *y = ref_gather_row(b, &drawn->problem, &drawn_args, id->b, id->h, id->i, reason, reason_size);
        done = x && y;
        if (done) compare(x, y, out, s);
    }
    ref_workspace_free(a);
    ref_workspace_free(b);
    return done;
}

int quantisation_of(const instance *in, const row_list *rows, quantisation *out, char *reason, size_t reason_size)
{
    workload w = *in->w;
    instance drawn;
    sums s = {0, 0};
    *out = (quantisation){.rows = 0};
    if (w.kv_dtype != ATTN_I8 || in->input == INPUT_INT8_EXTREMES || rows->count == 0) return 1;
    w.kv_dtype = ATTN_F32;
    if (!instance_describe(&drawn, &w, in->input, in->seed, reason, reason_size)) return 0;
    const int done =
        instance_fill(&drawn, reason, reason_size) && compare_rows(in, &drawn, rows, out, &s, reason, reason_size);
    instance_free(&drawn);
    out->relative = s.squares > 0 ? sqrt(s.differences / s.squares) : 0;
    return done;
}

void quantisation_json(json_t *to, const quantisation *q)
{
    if (q->rows == 0) return;
    json_object_set_new(to, "quantisation",
                        json_pack("{s:I, s:o, s:o, s:o}", "rows", (json_int_t)q->rows, "output",
                                  json_any_real(q->output), "relative", json_any_real(q->relative), "lse",
                                  json_any_real(q->lse)));
}

void quantisation_print(FILE *to, const quantisation *q)
{
    if (q->rows > 0)
        fprintf(to, "  (quantisation itself: output %.2g, %.2g %% of it, LSE %.2g)", q->output, 100 * q->relative,
                q->lse);
}

int quantisation_of_classes(const json_t *cases, quantisation worst[INPUT_CLASSES])
{
    size_t i;
    const json_t *one;
    int found = 0;
    for (int c = 0; c < INPUT_CLASSES; c++) worst[c] = (quantisation){.rows = 0};
    json_array_foreach(cases, i, one)
    {
        const json_t *q = json_object_get(one, "quantisation");
        const char *name = json_string_value(json_object_get(one, "class"));
        const int c = name ? input_class_find(name) : -1;
        if (!q || c < 0) continue;
        found += worst[c].rows == 0;
        worst[c].rows += json_integer_value(json_object_get(q, "rows"));
        worst[c].output = fmax(worst[c].output, json_real_of(json_object_get(q, "output"), 0));
        worst[c].relative = fmax(worst[c].relative, json_real_of(json_object_get(q, "relative"), 0));
        worst[c].lse = fmax(worst[c].lse, json_real_of(json_object_get(q, "lse"), 0));
    }
    return found;
}

void quantisation_print_usual(FILE *to, const json_t *cases)
{
    quantisation worst[INPUT_CLASSES];
    quantisation_of_classes(cases, worst);
    const quantisation *q = &worst[INPUT_NORMAL];
    if (q->rows > 0)
        fprintf(to,
                "int8 keys and values by themselves, class normal: outputs move by up to %.2g, %.2g %% of them, LSE by "
                "%.2g\n",
                q->output, 100 * q->relative, q->lse);
}
