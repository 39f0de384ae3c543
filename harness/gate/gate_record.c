/* gate_record.c: the result as JSON. */
#include "gate_record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "util/json_util.h"
#include "record/record.h"
#include "stats/multiple_testing.h"
#include "util/console.h"

static json_t *waiver_json(const waiver *w)
{
    return json_pack("{s:o, s:f, s:s, s:o}", "case", json_text(w->pattern), "limit", w->limit, "until", w->until,
                     "reason", json_text(w->reason));
}

static json_t *case_of(const gate_case *g)
{
    const comparison *c = &g->c;
    const attn_kernel *kernel = c->kernel[1] ? c->kernel[1] : c->kernel[0];
    json_t *j = json_pack("{s:o, s:s, s:o, s:i, s:s, s:o}", "case", json_text(g->name), "kernel",
                          compare_kernel_name(kernel), "workload", json_text(c->w ? c->w->name : ""), "threads",
                          c->threads, "outcome", gate_outcome_name(g->outcome), "words", json_text(g->why));
    if (j && c->timed && c->verdict != COMPARE_WRONG) {
        const interval at = c->launches ? c->over_launches.bounds : c->figures.median_interval;
        json_object_set_new(j, "log_e", json_any_real(c->log_e));
        json_object_set_new(j, "ratio", json_real(exp(c->launches ? c->over_launches.mean : c->figures.median)));
        json_object_set_new(j, "interval", json_pack("[o,o]", json_any_real(exp(at.low)), json_any_real(exp(at.high))));
    }
    /* What came of its timing alone, that line would not repeat. */
    if (j && g->outcome == GATE_WRONG && c->judged[1].entry && c->judged[1].status != TRIAL_PASS)
        json_object_set(j, "reproducer", json_object_get(c->judged[1].entry, "reproducer"));
    if (j && g->waiver) json_object_set_new(j, "waiver", waiver_json(g->waiver));
    return j;
}

/* Outcomes in their order; within one, the strongest evidence for 'slower' first. */
static json_t *cases_of(const gate_result *r)
{
    json_t *list = json_array();
    size_t *index = calloc(r->count + 1, sizeof *index), *order = calloc(r->count + 1, sizeof *order), named;
    double *log_e = calloc(r->count + 1, sizeof *log_e);
    for (int o = 0; index && order && log_e && o < GATE_OUTCOMES; o++) {
        size_t count = 0;
        for (size_t i = 0; i < r->count; i++) {
            if ((int)r->item[i].outcome != o) continue;
            index[count] = i;
            log_e[count++] = fmax(r->item[i].c.log_e, -1e300);
        }
        if (!e_bh_order(log_e, count, 1, order, &named)) break;
        for (size_t i = 0; i < count; i++) json_array_append_new(list, case_of(&r->item[index[order[i]]]));
    }
    free(index);
    free(order);
    free(log_e);
    return list;
}

static json_t *accuracy_json(const gate_result *r)
{
    json_t *list = json_array();
    for (int i = 0; i < r->kernels; i++) {
        const gate_accuracy *a = &r->accuracy[i];
        json_array_append_new(list, json_pack("{s:s, s:[o,o], s:[o,o], s:I, s:b}", "kernel", a->kernel, "ratio",
                                              json_any_real(a->ratio[0]), json_any_real(a->ratio[1]), "rms",
                                              json_any_real(a->rms[0]), json_any_real(a->rms[1]), "rows",
                                              (json_int_t)a->rows, "worse", a->worse));
    }
    return list;
}

json_t *gate_json(const gate_result *r, const gate_rule *rule, const compare_settings *s, const gate_about *about)
{
    char headline[256];
    json_t *outcomes = json_object();
    gate_headline(r, headline, sizeof headline);
    for (int o = 0; o < GATE_OUTCOMES; o++)
        json_object_set_new(outcomes, gate_outcome_name((gate_outcome)o), json_integer(r->outcomes[o]));
    return json_pack("{s:s, s:i, s:b, s:i, s:s, s:s, s:f, s:f, s:i, s:O, s:o, s:o, s:o, s:f, s:b, s:b}", "headline",
                     headline, "compared", gate_compared(r), "passed", about->code == EXIT_WELL, "exit", about->code,
                     "base", about->base, "new", about->fresh, "threshold", s->delta, "false_alarms", s->family_alpha,
                     "launches", s->launches, "notes", about->notes, "outcomes", outcomes, "cases", cases_of(r),
                     "accuracy", accuracy_json(r), "factor", rule->accuracy_factor, "require_all", rule->require_all,
                     "undecided_fails", rule->undecided_fails);
}

json_t *gate_nothing_json(int code, const char *why)
{
    return json_pack("{s:o, s:i, s:b, s:i, s:s, s:s, s:[], s:{}, s:[], s:[], s:b}", "headline", json_text(why),
                     "compared", 0, "passed", 0, "exit", code, "base", "", "new", "", "notes", "outcomes", "cases",
                     "accuracy", "nothing_compared", 1);
}

const char *gate_heading(const json_t *gate)
{
    switch (json_integer_value(json_object_get(gate, "exit"))) {
    case EXIT_WELL: return "passed";
    case EXIT_UNDECIDED: return "could not tell";
    case EXIT_INTERRUPTED: return "interrupted";
    default: return "failed";
    }
}

const char *gate_words_beside_outcome(const json_t *one)
{
    const char *words = json_string_value(json_object_get(one, "words")),
               *outcome = json_string_value(json_object_get(one, "outcome"));
    if (!words || !outcome) return "";
    const size_t length = strlen(outcome);
    const bool again = strncmp(words, outcome, length) == 0 && words[length] && strchr(":,", words[length]);
    return again ? words + length + 1 + strspn(words + length + 1, " ") : words;
}
