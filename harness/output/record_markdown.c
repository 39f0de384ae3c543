/* record_markdown.c: the record for a pull request's page: the verdict, what failed and how to see it again, then the
 * table kernel x workload, then what was not done. */
#include <math.h>
#include <string.h>

#include "util/format_number.h"
#include "util/markdown.h"
#include "judge/quantisation.h"
#include "record_markdown_counters.h"
#include "record_markdown_failures.h"
#include "record_markdown_layout.h"
#include "record/record_rows.h"
#include "util/json_text.h"
#include "record_forms.h"

/* What makes the verdict one of a part: the user ended it, or asked for some of the checks. Returns the word for
 * right. */
static const char *put_reserves(FILE *out, const json_t *record)
{
    const json_t *ours = json_object_get(json_object_get(record, "context"), "attnbench"), *name;
    const json_t *const checks = json_object_get(ours, "checks");
    const char *right = "Right";
    size_t i;
    json_array_foreach(checks, i, name)
    {
        fputs(i ? ", " : "**Not all checks:** --check asked for these alone: ", out);
        markdown_put(out, json_is_string(name) ? json_string_value(name) : "");
        right = "Right by these checks";
    }
    if (json_array_size(checks)) fputs(".\n\n", out);
    if (!record_interrupted(record)) return right;
    fputs("**Interrupted:** the rest of what was asked for did not run.\n\n", out);
    return "Right so far";
}

static void put_verdict(FILE *out, const json_t *record)
{
    const case_counts n = case_counts_of(record, NULL);
    fputs("# attnbench\n\n", out);
    const char *right = put_reserves(out, record);
    if (n.all == 0)
        fputs("**Nothing was judged:** the record holds no cases.\n", out);
    else
        fprintf(out,
                "**%s:** %lld of %lld cases passed, %lld failed, %lld crashed, %lld hung; %lld unsupported here.\n",
                n.fail + n.crash + n.hang ? "WRONG"
                : n.pass                  ? right
                                          : "Nothing was judged",
                (long long)n.pass, (long long)(n.all - n.unsupported), (long long)n.fail, (long long)n.crash,
                (long long)n.hang, (long long)n.unsupported);
}

static void put_machine(FILE *out, const json_t *record)
{
    static const char *const keys[] = {"cpu", "isa", "compiler", "flags", "commit", "governor", "command"};
    const json_t *ours = json_object_get(json_object_get(record, "context"), "attnbench");
    if (!ours) return;
    fputs("\n## Machine and build\n\n", out);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (!*text_of(ours, keys[i])) continue;
        fprintf(out, "- %s: ", keys[i]);
        markdown_put(out, text_of(ours, keys[i]));
        fputc('\n', out);
    }
    const json_t *threads = json_object_get(ours, "threads");
    if (json_is_integer(threads)) fprintf(out, "- threads: %" JSON_INTEGER_FORMAT "\n", json_integer_value(threads));
}

/* A cell that holds a figure. */
static void put_number(FILE *out, double x)
{
    enum { DECIMALS = 6 };
    char text[DIGITS_TEXT];
    fprintf(out, " %s |", three_digits(x, DECIMALS, text));
}

static void put_row(FILE *out, const record_row *row)
{
    fputs("| ", out);
    markdown_put_view(out, row->id.workload);
    if (row->id.variant.size) fputs(" / ", out);
    markdown_put_view(out, row->id.variant);
    fputs(" | ", out);
    markdown_put_view(out, row->id.kernel);
    fprintf(out, " | %lld |", (long long)row->id.threads);
    if (row->error) {
        fputs(" **not timed:** ", out);
        markdown_put(out, row->error);
        fputs(" | - | - | - | - |", out);
    } else {
        put_number(out, row->milliseconds);
        put_number(out, 100 * record_row_range(row));
        put_number(out, row->gflops);
        put_number(out, row->share * 100);
        put_number(out, row->speedup);
    }
    if (row->failed && isnan(row->ratio))
        fputs(" **failed** |\n", out);
    else if (row->failed)
        fprintf(out, " **%.3g** |\n", row->ratio);
    else if (isnan(row->ratio))
        fputs(" not judged |\n", out);
    else {
        put_number(out, row->ratio);
        fputc('\n', out);
    }
}

/* Where the inputs lay, by the first word of what the entries say. */
static void put_inputs(FILE *out, const json_t *record)
{
    static const char *const say[][2] = {
        {"hot", "Hot inputs: where the call before left them, for a small case the innermost cache."},
        {"rotated", "Rotated inputs: each call takes the next of so many copies that the caches do not hold them all."},
        {"cold", "Cold inputs: all data are flushed from the caches before each call, untimed."}};
    for (size_t s = 0; s < sizeof say / sizeof *say; s++) {
        size_t i;
        const json_t *entry;
        json_array_foreach(json_object_get(record, "benchmarks"), i, entry)
        {
            if (strncmp(text_of(entry, "inputs"), say[s][0], strlen(say[s][0])) != 0) continue;
            fprintf(out, " %s", say[s][1]);
            break;
        }
    }
}

static void put_slow_beginnings(FILE *out, const record_table *table)
{
    for (size_t i = 0; i < table->rows; i++) {
        const record_row *row = &table->row[i];
        if (!record_row_begins_slowly(row)) continue;
        fprintf(out, "\n- first call %.1f times as long as the median: ", row->first / row->milliseconds);
        markdown_put_view(out, row->id.kernel);
        fputs(", ", out);
        markdown_put_view(out, row->id.workload);
        fprintf(out, ", threads: %lld\n", (long long)row->id.threads);
    }
}

static void put_table(FILE *out, const json_t *record, const record_table *table)
{
    if (table->rows == 0) return;
    int64_t fewest = INT64_MAX, most = 0;
    fputs("\n## Times\n\n"
          "| workload | kernel | threads | ms | range % | GFLOP/s | % of peak | x baseline | err/bound |\n"
          "|---|---|--:|--:|--:|--:|--:|--:|--:|\n",
          out);
    for (size_t i = 0; i < table->rows; i++) {
        const record_row *row = &table->row[i];
        put_row(out, row);
        if (row->error) continue;
        fewest = row->repetitions < fewest ? row->repetitions : fewest;
        most = row->repetitions > most ? row->repetitions : most;
    }
    fputs("\nTimes are medians of pack + run", out);
    if (most > 0 && fewest == most) fprintf(out, " over %lld repetition%s", (long long)most, most == 1 ? "" : "s");
    if (most > 0 && fewest != most) fprintf(out, " over %lld to %lld repetitions", (long long)fewest, (long long)most);
    fputs(". Kernels of one workload and number of threads stand together, the fastest first. Range: slowest less "
          "fastest repetition, over the median. Peak: the ceiling measured in the same run, "
          "times threads. x baseline: over the baseline kernel on the same "
          "workload, with as many threads where it has them, else with its fewest. err/bound: the largest over all "
          "judged cases of this kernel and workload; above 1 is wrong.",
          out);
    put_inputs(out, record);
    fputc('\n', out);
    put_slow_beginnings(out, table);
}

/* Errors in standard deviations, pooled; then what the figures of the judge rest on. */
static void put_deviations(FILE *out, const json_t *record)
{
    static const char *const names[] = {"kernel", "accuracy", "class"};
    static const char *const figures[] = {"rms", "max", "projected_rms", "projected_max"};
    const json_t *deviations = json_object_get(record, "deviations");
    size_t i;
    const json_t *one;
    json_array_foreach(deviations, i, one)
    {
        if (i == 0)
            fputs("\n## Errors in standard deviations\n\n"
                  "| kernel | accuracy class | input class | rms z | max z | projected rms z | max | rows |\n"
                  "|---|---|---|--:|--:|--:|--:|--:|\n",
                  out);
        fputc('|', out);
        for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
            fputc(' ', out);
            markdown_put(out, text_of(one, names[n]));
            fputs(" |", out);
        }
        for (size_t n = 0; n < sizeof figures / sizeof *figures; n++)
            put_number(out, json_real_of(json_object_get(one, figures[n]), (double)NAN));
        fprintf(out, " %" JSON_INTEGER_FORMAT " |\n", json_integer_value(json_object_get(one, "rows")));
    }
    if (json_array_size(deviations))
        fputs("\nz: error over the standard deviation that rounding is expected to cause, pooled over the rows of all "
              "cases that it "
              "applies to. Shown, not judged here: each case is judged by its own. Compare kernels of one accuracy "
              "class only.\n",
              out);
}

static void put_quantisation(FILE *out, const json_t *record)
{
    quantisation worst[INPUT_CLASSES];
    if (quantisation_of_classes(json_object_get(record, "cases"), worst) == 0) return;
    fputs(
        "\nWhat int8 keys and values cost by themselves: the reference on them against the reference on what they were "
        "rounded from. No kernel's error: kernels are judged on the dequantised numbers.\n\n"
        "| input class | largest move of an output | rms, of the outputs | of LSE |\n|---|---:|---:|---:|\n",
        out);
    for (int c = 0; c < INPUT_CLASSES; c++)
        if (worst[c].rows > 0)
            fprintf(out, "| %s | %.2g | %.2g %% | %.2g |\n", input_class_name(c), worst[c].output,
                    100 * worst[c].relative, worst[c].lse);
}

static void put_reference(FILE *out, const json_t *record)
{
    const json_t *reference = json_object_get(record, "reference");
    const json_t *certified = json_object_get(reference, "certified_rows");
    size_t i, unbounded = 0;
    const json_t *one;
    json_array_foreach(json_object_get(record, "cases"), i, one)
    {
        unbounded += json_integer_value(json_object_get(one, "unbounded_rows")) > 0;
    }
    if (json_is_integer(certified))
        fprintf(out, "\nReference: %" JSON_INTEGER_FORMAT " rows certified, %zu failed the certificate. ",
                json_integer_value(certified), json_array_size(json_object_get(reference, "failures")));
    markdown_put(out, text_of(reference, "reason"));
    if (unbounded)
        fprintf(out, "\n\n%zu case%s rows of which the accuracy contract promises nothing.", unbounded,
                unbounded == 1 ? " has" : "s have");
    if (json_is_integer(certified) || unbounded) fputc('\n', out);
}

static void put_unsupported(FILE *out, const json_t *record)
{
    const json_t *cases = json_object_get(record, "cases");
    bool first = true;
    size_t i;
    const json_t *one;
    json_array_foreach(cases, i, one)
    {
        const char *kernel = text_of(one, "kernel");
        bool seen = false;
        for (size_t k = 0; k < i && !seen; k++) seen = strcmp(text_of(json_array_get(cases, k), "kernel"), kernel) == 0;
        const case_counts n = case_counts_of(record, kernel);
        if (seen || n.unsupported == 0) continue;
        if (first) fputs("\n## Unsupported here\n\n| kernel | cases | of |\n|---|--:|--:|\n", out);
        first = false;
        fputs("| ", out);
        markdown_put(out, kernel);
        fprintf(out, " | %lld | %lld |\n", (long long)n.unsupported, (long long)n.all);
    }
}

static void put_skipped(FILE *out, const json_t *record)
{
    const json_t *ours = json_object_get(json_object_get(record, "context"), "attnbench");
    size_t i;
    const json_t *one;
    json_array_foreach(json_object_get(ours, "skipped"), i, one)
    {
        if (i == 0) fputs("\n## Not run\n\n", out);
        fputs("- ", out);
        markdown_put(out, text_of(one, "name"));
        fputs(": ", out);
        markdown_put(out, text_of(one, "reason"));
        fputc('\n', out);
    }
}

static int emit_markdown(FILE *out, const json_t *record)
{
    record_table table;
    if (!record_table_make(record, &table)) return 0;
    put_verdict(out, record);
    failures_put(out, record);
    put_table(out, record, &table);
    put_deviations(out, record);
    put_quantisation(out, record);
    put_reference(out, record);
    counts_put(out, record);
    record_markdown_layout(out, record);
    put_unsupported(out, record);
    put_skipped(out, record);
    put_machine(out, record);
    record_table_free(&table);
    return 1;
}

int record_write_markdown(const json_t *record, const char *path, char *reason, size_t reason_size)
{
    return record_write_text(record, path, emit_markdown, reason, reason_size);
}
