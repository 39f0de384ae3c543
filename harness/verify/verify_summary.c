/* verify_summary.c: counting cases. Tables are made from the record, so that they say what it says. */
#include "verify_summary.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "record/record_rows.h"
#include "util/json_text.h"

enum { SHOWN_OF_KERNEL = 3, SHOWN_WITH_NEW_CHECK = 8, MOST_SUITES = 12 };

/* ---- failures ---------------------------------------------------------------------------------------------------- */

static struct kernel_failures *failures_of(const failure_log *log, const char *kernel)
{
    for (int i = 0; i < log->kernels; i++)
        if (strcmp(log->kernel[i].kernel, kernel) == 0) return &log->kernel[i];
    return NULL;
}

static struct kernel_failures *add_kernel(failure_log *log, const char *kernel)
{
    struct kernel_failures *grown = realloc(log->kernel, (size_t)(log->kernels + 1) * sizeof *grown);
    if (!grown) return NULL;
    log->kernel = grown;
    grown[log->kernels] = (struct kernel_failures){.kernel = kernel};
    return &grown[log->kernels++];
}

bool failure_log_shows(failure_log *log, const trial *t)
{
    struct kernel_failures *k = failures_of(log, t->kernel->name);
    if (!k) k = add_kernel(log, t->kernel->name);
    if (!k) return true;
    const int seen = k->seen.count;
    for (int i = 0; i < t->found.count; i++) findings_add(&k->seen, t->found.item[i].check, "seen");
    const bool new_check = k->seen.count > seen && k->shown < SHOWN_WITH_NEW_CHECK;
    const bool show = log->all || new_check || k->shown < SHOWN_OF_KERNEL;
    k->failed++;
    k->shown += show;
    return show;
}

bool failure_log_first(const failure_log *log, const trial *t)
{
    const struct kernel_failures *k = failures_of(log, t->kernel->name);
    return k && k->failed == 1;
}

void failure_log_print_rest(FILE *to, const failure_log *log)
{
    for (int i = 0; i < log->kernels; i++) {
        const int more = log->kernel[i].failed - log->kernel[i].shown;
        if (more) fprintf(to, "%d more of %s: --all-failures shows them\n", more, log->kernel[i].kernel);
    }
}

void failure_log_free(failure_log *log)
{
    free(log->kernel);
    memset(log, 0, sizeof *log);
}

/* ---- kernel x suite ---------------------------------------------------------------------------------------------- */

/* The values of a key, each once, in order of first appearance, as an object whose values are null. */
static json_t *values_of(const json_t *cases, const char *key)
{
    json_t *values = json_object();
    size_t i;
    const json_t *one;
    json_array_foreach(cases, i, one) if (!json_object_get(values, text_of(one, key)))
        json_object_set_new(values, text_of(one, key), json_null());
    return values;
}

typedef struct cell {
    int pass, failed, unsupported;
} cell;

static cell count_cell(const json_t *cases, const char *kernel, const char *suite)
{
    cell n = {0, 0, 0};
    size_t i;
    const json_t *one;
    json_array_foreach(cases, i, one)
    {
        if (strcmp(text_of(one, "kernel"), kernel) != 0 || strcmp(text_of(one, "suite"), suite) != 0) continue;
        n.failed += case_is_finding(one);
        n.pass += strcmp(text_of(one, "status"), "pass") == 0;
        n.unsupported += strcmp(text_of(one, "status"), "unsupported") == 0;
    }
    return n;
}

/* Of passing cases: of failing ones each line says it. NaN where none has figures. */
static double largest_ratio(const json_t *cases, const char *kernel)
{
    double largest = (double)NAN;
    size_t i;
    const json_t *one;
    json_array_foreach(cases, i, one)
    {
        if (strcmp(text_of(one, "kernel"), kernel) != 0 || strcmp(text_of(one, "status"), "pass") != 0) continue;
        largest = fmax(largest, case_ratio(one));
    }
    return largest;
}

static void print_cell(FILE *to, cell n)
{
    char text[64];
    int used = 0;
    if (n.failed) used = snprintf(text, sizeof text, "%d FAILED", n.failed);
    if (n.pass || !used) used += snprintf(text + used, sizeof text - (size_t)used, "%s%d", used ? ", " : "", n.pass);
    if (n.unsupported) snprintf(text + used, sizeof text - (size_t)used, " (%d)", n.unsupported);
    fprintf(to, "  %-18s", text);
}

void cases_print_counts(FILE *to, const json_t *cases)
{
    json_t *kernels = values_of(cases, "kernel"), *suites = values_of(cases, "suite"), *unused;
    const char *kernel, *suite;
    fprintf(to, "\n%-20s", "passed (unsupported)");
    json_object_foreach(suites, suite, unused) fprintf(to, "  %-18s", *suite ? suite : "named workloads");
    fputs("  largest error / bound\n", to);
    json_object_foreach(kernels, kernel, unused)
    {
        fprintf(to, "%-20s", kernel);
        json_object_foreach(suites, suite, unused) print_cell(to, count_cell(cases, kernel, suite));
        const double ratio = largest_ratio(cases, kernel);
        fprintf(to, isnan(ratio) ? "  -\n" : "  %.2g\n", ratio);
    }
    json_decref(kernels), json_decref(suites);
}

/* ---- unsupported, by reason -------------------------------------------------------------------------------------- */

/* A kernel under a reason; reasons: {reason: {kernel: null}}. */
static void add_reason(json_t *reasons, const char *reason, const char *kernel)
{
    json_t *kernels = json_object_get(reasons, reason);
    if (!kernels) json_object_set_new(reasons, reason, kernels = json_object());
    json_object_set_new(kernels, kernel, json_null());
}

/* Feature by feature, not by the combinations that the cases happen to ask for: those are many and say no more. */
static void add_reasons(json_t *reasons, const json_t *one)
{
    const json_t *missing = json_object_get(one, "missing"), *feature;
    size_t i;
    json_array_foreach(missing, i, feature)
    {
        char reason[128];
        snprintf(reason, sizeof reason, "does not have %s", json_string_value(feature));
        add_reason(reasons, reason, text_of(one, "kernel"));
    }
    if (json_array_size(missing) == 0) add_reason(reasons, text_of(one, "reason"), text_of(one, "kernel"));
}

void cases_print_unsupported(FILE *to, const json_t *cases)
{
    json_t *reasons = json_object(), *kernels, *unused;
    json_t *all = values_of(cases, "kernel");
    const char *reason, *kernel;
    size_t i;
    const json_t *one;
    json_array_foreach(cases, i, one)
    {
        if (strcmp(text_of(one, "status"), "unsupported") == 0) add_reasons(reasons, one);
    }
    if (json_object_size(reasons)) fputs("\nunsupported, by reason\n", to);
    json_object_foreach(reasons, reason, kernels)
    {
        const char *separator = ": ";
        fprintf(to, "  %s", reason);
        if (json_object_size(kernels) == json_object_size(all))
            fputs(": all of the kernels", to);
        else
            json_object_foreach(kernels, kernel, unused)
            {
                fprintf(to, "%s%s", separator, kernel);
                separator = ", ";
            }
        fputc('\n', to);
    }
    json_decref(reasons), json_decref(all);
}

/* ---- what failures share ----------------------------------------------------------------------------------------- */

typedef struct coverage {
    int all, with;
} coverage;

static void add_property(json_t *to, const char *before, const char *what)
{
    char text[96];
    snprintf(text, sizeof text, "%s%s", before, what ? what : "?");
    json_object_set_new(to, text, json_null());
}

static bool is_f32(const json_t *type) { return json_is_string(type) && strcmp(json_string_value(type), "f32") == 0; }

/* What may decide whether a case fails, as keys of an object. */
static json_t *properties_of(const json_t *one)
{
    json_t *properties = json_object(), *feature, *type;
    size_t i;
    const char *slot;
    json_array_foreach(json_object_get(one, "features"), i, feature)
        add_property(properties, "", json_string_value(feature));
    json_object_foreach(json_object_get(one, "types"), slot, type)
        add_property(properties, slot, is_f32(type) ? " in f32" : " not in f32");
    add_property(properties, "class ", text_of(one, "class"));
    if (json_integer_value(json_object_get(one, "threads")) > 1) add_property(properties, "more than one thread", "");
    return properties;
}

/* How many cases of the kernel are as asked, and how many of those have the property. */
static coverage count_with(const json_t *cases, const char *kernel, bool failing, const char *property)
{
    coverage n = {0, 0};
    size_t i;
    const json_t *one;
    json_array_foreach(cases, i, one)
    {
        const bool fails = case_is_finding(one), passes = strcmp(text_of(one, "status"), "pass") == 0;
        if (strcmp(text_of(one, "kernel"), kernel) != 0 || !(failing ? fails : passes)) continue;
        json_t *properties = properties_of(one);
        n.all++;
        n.with += json_object_get(properties, property) != NULL;
        json_decref(properties);
    }
    return n;
}

static const json_t *first_failure(const json_t *cases, const char *kernel)
{
    size_t i;
    const json_t *one;
    json_array_foreach(cases, i,
                       one) if (case_is_finding(one) && strcmp(text_of(one, "kernel"), kernel) == 0) return one;
    return NULL;
}

static void print_shared(FILE *to, const json_t *cases, const char *kernel)
{
    const json_t *first = first_failure(cases, kernel);
    json_t *properties = first ? properties_of(first) : json_object(), *unused;
    const char *property;
    json_object_foreach(properties, property, unused)
    {
        const coverage failing = count_with(cases, kernel, true, property);
        const coverage passing = count_with(cases, kernel, false, property);
        if (failing.all < 2 || failing.with < failing.all || passing.with == passing.all) continue;
        fprintf(to, "all %d failures of %s have: %s", failing.all, kernel, property);
        if (passing.with == 0)
            fputs("; no case that passes has it\n", to);
        else
            fprintf(to, "; %d of %d cases that pass have it too\n", passing.with, passing.all);
    }
    json_decref(properties);
}

void cases_print_shared(FILE *to, const json_t *cases)
{
    json_t *kernels = values_of(cases, "kernel"), *unused;
    const char *kernel;
    json_object_foreach(kernels, kernel, unused) print_shared(to, cases, kernel);
    json_decref(kernels);
}
