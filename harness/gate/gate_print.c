/* gate_print.c: cases that want to be looked at, what is less accurate, notes, and the end in one line. */
#include "gate_print.h"

#include <stdio.h>
#include <string.h>

#include "util/percent.h"
#include "util/json_text.h"

void gate_print_case(const json_t *one)
{
    printf("%-14s %s: %s\n", text_of(one, "outcome"), text_of(one, "case"), gate_words_beside_outcome(one));
    if (*text_of(one, "reproducer")) printf("               %s\n", text_of(one, "reproducer"));
}

static bool is_shown(const json_t *one)
{
    static const gate_outcome quiet[] = {GATE_WELL, GATE_SAME, GATE_UNABLE};
    for (size_t i = 0; i < sizeof quiet / sizeof *quiet; i++)
        if (strcmp(text_of(one, "outcome"), gate_outcome_name(quiet[i])) == 0) return false;
    return true;
}

static void print_accuracy(const gate_result *r, const json_t *gate)
{
    for (int k = 0; k < r->kernels; k++) {
        const gate_accuracy *a = &r->accuracy[k];
        if (!a->worse) continue;
        printf("less accurate  %s: error / bound %.2g, was %.2g; pooled z %.2g, was %.2g (what grows by %g counts)\n",
               a->kernel, a->ratio[1], a->ratio[0], a->rms[1], a->rms[0],
               json_number_value(json_object_get(gate, "factor")));
    }
}

/* Where nothing could be told, it is not said of the cases again. */
static void print_end(const gate_result *r, const char *heading)
{
    const char *separator = ": ";
    fputs(heading, stdout);
    for (int o = 0; o < GATE_OUTCOMES; o++) {
        const char *name = gate_outcome_name((gate_outcome)o);
        if (r->outcomes[o] == 0) continue;
        printf("%s%d %s", separator, r->outcomes[o], o == GATE_UNDECIDED && strcmp(name, heading) == 0 ? "open" : name);
        separator = ", ";
    }
    if (r->worse) printf("; %d less accurate", r->worse);
}

void gate_print(const compare_sides *sides, const gate_result *r, const json_t *gate, double seconds)
{
    size_t i;
    const json_t *one;
    compare_print_side("BASE", &sides->side[0]);
    compare_print_side("NEW", &sides->side[1]);
    printf("%s\n", text_of(gate, "headline"));
    json_array_foreach(json_object_get(gate, "cases"), i, one) if (is_shown(one)) gate_print_case(one);
    print_accuracy(r, gate);
    json_array_foreach(json_object_get(gate, "notes"), i, one) printf("note: %s\n", json_string_value(one));
    print_end(r, gate_heading(gate));
    printf("; threshold %.*g %%, false alarms %.*g %% over all; %.0f s\n",
           PERCENT(json_number_value(json_object_get(gate, "threshold"))),
           PERCENT(json_number_value(json_object_get(gate, "false_alarms"))), seconds);
}
