/* record_markdown_counters.c: counted events and instructions of a record, and what follows from them, as Markdown. */
#include "record_markdown_counters.h"

#include <string.h>

#include "counters/counters_groups.h"
#include "util/markdown.h"
#include "record/record_rows.h"
#include "util/json_text.h"

/* Counts of one call. What is scaled up says so: '1.2e+06 (of 33 %)'. */
static void put_counts(FILE *out, const json_t *entry, const json_t *events)
{
    const entry_id id = entry_id_of(entry);
    size_t i;
    const json_t *event;
    fputs("| ", out);
    markdown_put_view(out, id.workload);
    if (id.variant.size) fputs(" / ", out);
    markdown_put_view(out, id.variant);
    fputs(" | ", out);
    markdown_put_view(out, id.kernel);
    fprintf(out, " | %lld |", (long long)id.threads);
    json_array_foreach(events, i, event)
    {
        const char *name = text_of(event, "name");
        const json_t *count = json_object_get(json_object_get(entry, "counters"), name);
        const double share = json_number_value(json_object_get(json_object_get(entry, "counters_running"), name));
        if (!json_is_number(count))
            fputs(" - |", out);
        else if (share < 0.995)
            fprintf(out, " %.4g (of %.0f %%) |", json_number_value(count), 100 * share);
        else
            fprintf(out, " %.4g |", json_number_value(count));
    }
    fputc('\n', out);
}

/* The events that were counted in some case: the others have a reason and no column. */
static json_t *counted_events(const json_t *record, const json_t *events)
{
    json_t *found = json_array();
    size_t i, k;
    json_t *event;
    const json_t *entry;
    json_array_foreach(events, i, event)
    {
        bool counted = false;
        json_array_foreach(json_object_get(record, "benchmarks"), k, entry)
        {
            counted |= json_object_get(json_object_get(entry, "counters"), text_of(event, "name")) != NULL;
        }
        if (counted) json_array_append(found, event);
    }
    return found;
}

static void put_counts_of_all(FILE *out, const json_t *record, const json_t *events)
{
    size_t i;
    const json_t *one;
    if (json_array_size(events) == 0) return;
    fputs("| workload | kernel | threads |", out);
    json_array_foreach(events, i, one)
    {
        fputc(' ', out);
        markdown_put(out, text_of(one, "name"));
        fputs(" |", out);
    }
    fputs("\n|---|---|--:|", out);
    for (i = 0; i < json_array_size(events); i++) fputs("--:|", out);
    fputc('\n', out);
    json_array_foreach(json_object_get(record, "benchmarks"), i, one)
    {
        if (json_object_get(one, "counters")) put_counts(out, one, events);
    }
    fputs("\nEvents of one call on all threads, counted in a run of its own. (of N %): counters took turns, and the "
          "figure is scaled up from N % of the time.\n",
          out);
}

/* Each reason once, with all events that it holds for. */
static void put_uncounted(FILE *out, const json_t *events)
{
    for (size_t i = 0; i < json_array_size(events); i++) {
        const char *const reason = text_of(json_array_get(events, i), "reason");
        bool said = !*reason;
        for (size_t k = 0; k < i; k++) said |= strcmp(text_of(json_array_get(events, k), "reason"), reason) == 0;
        if (said) continue;
        const char *separator = "\n- not counted: ";
        for (size_t k = i; k < json_array_size(events); k++) {
            if (strcmp(text_of(json_array_get(events, k), "reason"), reason)) continue;
            fputs(separator, out);
            markdown_put(out, text_of(json_array_get(events, k), "name"));
            separator = ", ";
        }
        fputs(": ", out);
        markdown_put(out, reason);
        fputc('\n', out);
    }
}

static void put_counters(FILE *out, const json_t *record)
{
    const json_t *ours = json_object_get(json_object_get(record, "context"), "attnbench");
    const json_t *events = json_object_get(ours, "counters");
    if (json_array_size(events) == 0) return;
    json_t *const counted = counted_events(record, events);
    fputs("\n## Counters\n\n", out);
    put_counts_of_all(out, record, counted);
    put_uncounted(out, events);
    json_decref(counted);
}

/* What follows from the counts: a line a case, each figure with its meaning. */
static void put_derived(FILE *out, const json_t *record)
{
    size_t i;
    const json_t *entry;
    json_array_foreach(json_object_get(record, "benchmarks"), i, entry)
    {
        const json_t *derived = json_object_get(entry, "derived");
        if (json_object_size(derived) == 0) continue;
        fputs("\n- ", out);
        markdown_put(out, text_of(entry, "run_name"));
        const char *separator = ": ";
        for (int k = 0; counters_derived_name(k); k++) {
            const json_t *figure = json_object_get(derived, counters_derived_name(k));
            if (!figure) continue;
            fprintf(out, "%s%.4g %s", separator, json_number_value(figure), counters_derived_about(k));
            separator = "; ";
        }
        fputc('\n', out);
    }
}

static void put_instructions(FILE *out, const json_t *record)
{
    const json_t *how =
        json_object_get(json_object_get(json_object_get(record, "context"), "attnbench"), "instructions");
    size_t i;
    const json_t *one;
    if (!how) return;
    fprintf(out, "\n## Instructions\n\nOf one call on one thread, by %s at level %s; the same number every time.\n",
            text_of(how, "tool"), text_of(how, "isa"));
    if (*text_of(how, "reason")) fprintf(out, "\nNone: %s.\n", text_of(how, "reason"));
    json_array_foreach(json_object_get(record, "benchmarks"), i, one)
    {
        if (!json_object_get(one, "instructions")) continue;
        fputs("\n- ", out);
        markdown_put(out, text_of(one, "run_name"));
        fprintf(out, ": %lld, %.3g an operation\n", (long long)json_integer_value(json_object_get(one, "instructions")),
                json_number_value(json_object_get(one, "instructions_per_operation")));
    }
    json_array_foreach(json_object_get(how, "absent"), i, one)
    {
        fputs("\n- ", out);
        markdown_put(out, text_of(one, "name"));
        fputs(": absent: ", out);
        markdown_put(out, text_of(one, "reason"));
        fputc('\n', out);
    }
}

void counts_put(FILE *out, const json_t *record)
{
    put_counters(out, record);
    put_derived(out, record);
    put_instructions(out, record);
}
