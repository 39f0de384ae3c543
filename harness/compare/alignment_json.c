/* alignment_json.c: a sweep as the record keeps it (record.h, "layout"). */
#include "alignment_sweep.h"

#include <math.h>

static json_t *cell_json(const alignment_cell *c)
{
    const interval at = c->figures.median_interval;
    json_t *j = json_pack("{s:s, s:i}", "what", c->what, "bytes", c->bytes);
    if (!c->timed) {
        json_object_set_new(j, "reason", json_string(c->reason));
        return j;
    }
    json_object_set_new(j, "ratio", json_real(exp(c->figures.median)));
    if (isfinite(at.low) && isfinite(at.high))
        json_object_set_new(j, "interval", json_pack("[f,f]", exp(at.low), exp(at.high)));
    json_object_set_new(j, "shows", json_boolean(alignment_shows(c)));
    json_object_set_new(j, "pairs", json_integer((json_int_t)c->pairs));
    return j;
}

json_t *alignment_json(const alignment_sweep *s)
{
    const alignment_cell *const worst = alignment_worst(s);
    json_t *cells = json_array();
    for (int i = 0; i < s->cells; i++) json_array_append_new(cells, cell_json(&s->cell[i]));
    json_t *j = json_pack("{s:s, s:s, s:s, s:i, s:o}", "kernel", s->kernel->name, "workload", s->w->name, "spec",
                          s->w->spec, "threads", s->threads, "cells", cells);
    if (worst) json_object_set_new(j, "worst", cell_json(worst));
    if (s->reason[0]) json_object_set_new(j, "reason", json_string(s->reason));
    if (s->unmoved[0]) json_object_set_new(j, "unmoved", json_string(s->unmoved));
    return j;
}
