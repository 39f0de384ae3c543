/* table.c: the record as a table for the terminal. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "counters_groups.h"
#include "crossover.h"
#include "results_table.h"

static void print_number(int width, const char *format, double x)
{
    char text[32] = "-";
    if (!isnan(x)) snprintf(text, sizeof text, format, x);
    printf(" %*s", width, text);
}

static void print_row(const result_row *row)
{
    char kernel[64];
    snprintf(kernel, sizeof kernel, "%.*s%s%.*s", VIEW(row->id.kernel), row->id.variant.size ? "/" : "",
             VIEW(row->id.variant));
    printf("  %-24s %3lld", kernel, (long long)row->id.threads);
    if (row->error) {
        printf("  %.90s\n", row->error);
        return;
    }
    print_number(10, row->milliseconds < 100 ? "%.3f" : "%.1f", row->milliseconds);
    print_number(7, "%.1f", 100 * result_row_range(row));
    print_number(9, "%.2f", row->gflops);
    print_number(7, "%.1f", 100 * row->share);
    print_number(8, "%.2f", row->speedup);
    if (row->failed)
        printf("    FAILED\n");
    else {
        print_number(9, "%.2g", row->ratio);
        putchar('\n');
    }
}

static void print_slow_beginnings(const result_table *table)
{
    for (size_t i = 0; i < table->rows; i++) {
        const result_row *row = &table->row[i];
        if (result_row_begins_slowly(row))
            printf("  first call %.1f times as long as the median: %.*s, %.*s, threads:%lld\n",
                   row->first / row->milliseconds, VIEW(row->id.kernel), VIEW(row->id.workload),
                   (long long)row->id.threads);
    }
}

void print_table(const json_t *record)
{
    result_table table;
    text_view current = {"", 0};
    if (!result_table_make(record, &table)) return;
    if (table.rows)
        printf("\n  %-24s %3s %10s %7s %9s %7s %8s %9s\n", "kernel", "thr", "time ms", "range %", "GFLOP/s", "% peak",
               "speedup", "err/bound");
    for (size_t i = 0; i < table.rows; i++) {
        if (i == 0 || !view_equal(current, table.row[i].id.workload)) {
            current = table.row[i].id.workload;
            printf("%.*s\n", VIEW(current));
        }
        print_row(&table.row[i]);
    }
    if (table.rows)
        printf("  medians; range: slowest less fastest repetition, over the median; %% of the ceiling measured in this "
               "run;\n  speedup over the baseline kernel on the same problem\n");
    print_slow_beginnings(&table);
    print_crossovers(json_object_get(json_object_get(json_object_get(record, "context"), "attnbench"), "crossovers"));
    result_table_free(&table);
}

static void print_counts(const json_t *entry)
{
    const json_t *const running = json_object_get(entry, "counters_running");
    const char *name;
    json_t *count;
    printf("%s\n", json_string_value(json_object_get(entry, "run_name")));
    json_object_foreach(json_object_get(entry, "counters"), name, count)
    {
        const double share = json_number_value(json_object_get(running, name));
        printf("  %-32s %14.6g", name, json_number_value(count));
        if (share < 0.995) printf("   scaled up: counted %.0f %% of the time", 100 * share);
        putchar('\n');
    }
    const json_t *const derived = json_object_get(entry, "derived");
    for (int i = 0; counters_derived_name(i); i++) {
        const json_t *const figure = json_object_get(derived, counters_derived_name(i));
        if (figure) printf("  %14.4g   %s\n", json_number_value(figure), counters_derived_about(i));
    }
}

static void print_instructions(const json_t *record)
{
    const json_t *const how =
        json_object_get(json_object_get(json_object_get(record, "context"), "attnbench"), "instructions");
    size_t i;
    const json_t *one;
    if (!how || json_object_get(how, "reason")) return;
    printf("\ninstructions of one call, %s at level %s:\n", json_string_value(json_object_get(how, "tool")),
           json_string_value(json_object_get(how, "isa")));
    json_array_foreach(json_object_get(record, "benchmarks"), i, one)
    {
        const json_t *const count = json_object_get(one, "instructions");
        if (count)
            printf("  %14lld   %.3g an operation   %s\n", (long long)json_integer_value(count),
                   json_number_value(json_object_get(one, "instructions_per_operation")),
                   json_string_value(json_object_get(one, "run_name")));
    }
    json_array_foreach(json_object_get(how, "absent"), i, one)
    {
        printf("  %14s   %s: %s\n", "absent", json_string_value(json_object_get(one, "name")),
               json_string_value(json_object_get(one, "reason")));
    }
}

void print_counters(const json_t *record)
{
    bool begun = false;
    size_t i;
    const json_t *entry;
    json_array_foreach(json_object_get(record, "benchmarks"), i, entry)
    {
        if (!json_object_get(entry, "counters")) continue;
        if (!begun) puts("\nevents of one call, all threads, counted in a run of its own:");
        begun = true;
        print_counts(entry);
    }
    print_instructions(record);
}
