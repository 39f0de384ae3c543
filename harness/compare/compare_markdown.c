/* compare_markdown.c: writes a record's comparisons as Markdown for a pull request: a table with findings first, then
 * the rule and both sides. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compare_record.h"
#include "util/markdown.h"
#include "util/percent.h"
#include "record/record_rows.h"
#include "stats/multiple_testing.h"
#include "util/json_text.h"

static void put_cell(FILE *out, const char *text)
{
    fputc(' ', out);
    markdown_put(out, text);
    fputs(" |", out);
}

static void put_percent(FILE *out, const json_t *ratio)
{
    if (json_is_number(ratio))
        fprintf(out, " %+.*g %% |", PERCENT(json_number_value(ratio) - 1));
    else
        fputs(" - |", out);
}

static void put_interval(FILE *out, const json_t *one)
{
    const json_t *at = json_object_get(one, "launch_interval");
    if (!at) at = json_object_get(one, "interval");
    const double low = json_real_of(json_array_get(at, 0), -INFINITY),
                 high = json_real_of(json_array_get(at, 1), INFINITY);
    if (isfinite(low) && isfinite(high))
        fprintf(out, " [%+.*g, %+.*g] |", PERCENT(low - 1), PERCENT(high - 1));
    else
        fputs(" - |", out);
}

static void put_pairs(FILE *out, const json_t *one)
{
    const double seconds = json_number_value(json_object_get(one, "seconds"));
    fprintf(out, " %lld in %.*g s |", (long long)json_integer_value(json_object_get(one, "pairs")), two_digits(seconds),
            seconds);
}

/* For comparisons of two records (compare_files.c), which have no pairs. */
static void put_repetitions(FILE *out, const json_t *both)
{
    if (json_array_size(both) == 2)
        fprintf(out, " %lld and %lld repetitions |", (long long)json_integer_value(json_array_get(both, 0)),
                (long long)json_integer_value(json_array_get(both, 1)));
    else
        fputs(" - |", out);
}

static void put_row(FILE *out, const json_t *one)
{
    const char *base = text_of(one, "base"), *fresh = text_of(one, "new");
    const json_t *ratio = json_object_get(one, "launch_ratio");
    fputs("|", out);
    put_cell(out, text_of(one, "verdict"));
    put_cell(out, fresh);
    put_cell(out, strcmp(base, fresh) ? base : "the same");
    put_cell(out, text_of(one, "workload"));
    fprintf(out, " %lld |", (long long)json_integer_value(json_object_get(one, "threads")));
    put_percent(out, ratio ? ratio : json_object_get(one, "ratio"));
    put_interval(out, one);
    put_percent(out, json_object_get(one, "tail"));
    put_percent(out, json_object_get(one, "control"));
    if (json_object_get(one, "pairs"))
        put_pairs(out, one);
    else
        put_repetitions(out, json_object_get(one, "repetitions"));
    put_cell(out, text_of(one, "why"));
    fputc('\n', out);
}

/* Rows of one verdict, those with the strongest evidence for 'slower' first. */
static int put_rows(FILE *out, const json_t *list, const char *name)
{
    const size_t all = json_array_size(list);
    size_t *index = calloc(all + 1, sizeof *index), *order = calloc(all + 1, sizeof *order), count = 0, named;
    double *log_e = calloc(all + 1, sizeof *log_e);
    for (size_t i = 0; index && log_e && i < all; i++) {
        const json_t *one = json_array_get(list, i);
        if (strcmp(text_of(one, "verdict"), name)) continue;
        index[count] = i;
        log_e[count++] = fmax(json_real_of(json_object_get(one, "log_e"), 0), -1e300);
    }
    const int ok = index && order && log_e && e_bh_order(log_e, count, 1, order, &named);
    for (size_t i = 0; ok && i < count; i++) put_row(out, json_array_get(list, index[order[i]]));
    free(index);
    free(order);
    free(log_e);
    return ok;
}

static void put_side(FILE *out, const char *name, const json_t *side)
{
    fprintf(out, "- %s:", name);
    fputs(" `", out);
    for (const char *c = text_of(side, "file"); *c; c++) fputc(*c == '`' ? '\'' : *c, out);
    fputs("`", out);
    if (*text_of(side, "digest")) fprintf(out, ", digest %s", text_of(side, "digest"));
    fputc('\n', out);
}

static int emit_comparisons(FILE *out, const json_t *record)
{
    static const compare_verdict order[] = {COMPARE_WRONG,     COMPARE_SLOWER,     COMPARE_COULD_NOT_TELL,
                                            COMPARE_FASTER,    COMPARE_NOT_SLOWER, COMPARE_NO_DIFFERENCE,
                                            COMPARE_IDENTICAL, COMPARE_UNSUPPORTED};
    const json_t *list = json_object_get(record, "comparisons");
    const json_t *rule = json_object_get(json_object_get(json_object_get(record, "context"), "attnbench"), "compare");
    int ok = 1;
    fputs("# attnbench compare\n\n| verdict | NEW | BASE | workload | threads | time | interval | 95th percentile | "
          "control | pairs | why |\n|---|---|---|---|--:|--:|---|--:|--:|---|---|\n",
          out);
    for (size_t v = 0; v < sizeof order / sizeof *order; v++) ok &= put_rows(out, list, compare_verdict_name(order[v]));
    const long long left = json_integer_value(json_object_get(rule, "not_begun"));
    if (left > 0)
        fprintf(out, "\n**Interrupted: %lld of %lld cases were not begun.**\n", left,
                (long long)json_integer_value(json_object_get(rule, "cases")));
    fprintf(
        out,
        "\nTime of NEW over BASE: %s A difference counts above %.*g %%; false alarms: %.*g %% over %lld cases.\n\n",
        json_is_true(json_object_get(rule, "of_records"))
            ? "ratio of the medians of two records, which were not measured together: a weak witness."
            : "median of adjacent pairs, or mean over launches where a verdict was confirmed in them. Control: each "
              "side against itself.",
        PERCENT(json_number_value(json_object_get(rule, "delta"))),
        PERCENT(json_number_value(json_object_get(rule, "alpha"))),
        (long long)json_integer_value(json_object_get(rule, "cases")));
    put_side(out, "BASE", json_object_get(rule, "base"));
    put_side(out, "NEW", json_object_get(rule, "new"));
    return ok;
}

int compare_write_markdown(const json_t *record, const char *path, char *reason, size_t reason_size)
{
    return record_write_text(record, path, emit_comparisons, reason, reason_size);
}
