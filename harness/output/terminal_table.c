/* terminal_table.c: the record as a table for the terminal. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "terminal_table.h"
#include "counters/counters_groups.h"
#include "record/crossover.h"
#include "util/format_number.h"
#include "record/record_rows.h"

enum { NAME_LEAST = 12, NAME_MOST = 35, LINE = 100 }; /* columns */

/* Figures of a row, in 59 columns: three significant digits, the points of a column below each other. */
static const struct column {
    const char *head;
    int before, decimals;
} columns[] = {{"time, ms", 6, 5}, {"range, %", 4, 3}, {"GFLOP/s", 5, 3},
               {"% peak", 3, 2},   {"speedup", 5, 3},  {"err/bound", 2, 6}};
enum { COLUMNS = sizeof columns / sizeof *columns };

static int width_of(const struct column *c) { return c->before + 1 + c->decimals; }

static void name_of(const record_row *row, char *out, size_t size)
{
    snprintf(out, size, "%.*s%s%.*s", VIEW(row->id.kernel), row->id.variant.size ? "/" : "", VIEW(row->id.variant));
}

/* What the longest name needs. Longer ones stand in a line of their own. */
static int name_width(const record_table *table)
{
    char name[256];
    size_t width = NAME_LEAST;
    for (size_t i = 0; i < table->rows; i++) {
        name_of(&table->row[i], name, sizeof name);
        if (strlen(name) > width) width = strlen(name);
    }
    return width < NAME_MOST ? (int)width : NAME_MOST;
}

/* Words to the end of the line, and further ones below, where they began. */
static void print_words(const char *text, int indent)
{
    int at = indent;
    while (*text) {
        const int word = (int)strcspn(text, " "), room = at + 1 + word <= LINE || at == indent;
        if (!room) printf("\n%*s", at = indent, "");
        printf(" %.*s", word, text);
        at += 1 + word;
        text += word;
        text += strspn(text, " ");
    }
    putchar('\n');
}

static void print_figures(const record_row *row)
{
    const double figure[COLUMNS] = {
        row->milliseconds, 100 * record_row_range(row), row->gflops, 100 * row->share, row->speedup, row->ratio};
    char text[DIGITS_TEXT], line[COLUMNS * DIGITS_TEXT] = "";
    for (int c = 0; c < COLUMNS; c++) {
        const bool failed = c == COLUMNS - 1 && row->failed;
        strcat(strcat(line, " "),
               failed ? " FAILED" : three_digits_aligned(figure[c], columns[c].before, columns[c].decimals, text));
    }
    size_t end = strlen(line);
    while (end > 0 && line[end - 1] == ' ') end--;
    printf("%.*s\n", (int)end, line);
}

static void print_row(const record_row *row, int names)
{
    char name[256];
    name_of(row, name, sizeof name);
    if ((int)strlen(name) > names) printf("  %s\n", name);
    printf("  %-*s %3lld", names, (int)strlen(name) > names ? "" : name, (long long)row->id.threads);
    if (row->error)
        print_words(row->error, 2 + names + 4);
    else
        print_figures(row);
}

static void print_head(int names)
{
    printf("\n  %-*s %3s", names, "kernel", "thr");
    for (int c = 0; c < COLUMNS; c++) printf(" %*s", width_of(&columns[c]), columns[c].head);
    putchar('\n');
}

static void print_slow_beginnings(const record_table *table)
{
    for (size_t i = 0; i < table->rows; i++) {
        const record_row *row = &table->row[i];
        if (record_row_begins_slowly(row))
            printf("  first call %.1f times as long as the median: %.*s, %.*s, threads:%lld\n",
                   row->first / row->milliseconds, VIEW(row->id.kernel), VIEW(row->id.workload),
                   (long long)row->id.threads);
    }
}

void print_table(const json_t *record)
{
    record_table table;
    text_view current = {"", 0};
    if (!record_table_make(record, &table)) return;
    const int names = name_width(&table);
    if (table.rows) print_head(names);
    for (size_t i = 0; i < table.rows; i++) {
        if (i == 0 || !view_equal(current, table.row[i].id.workload)) {
            current = table.row[i].id.workload;
            printf("%.*s\n", VIEW(current));
        }
        print_row(&table.row[i], names);
    }
    if (table.rows)
        puts("  Fewer threads first, then the fastest first. Medians; range: slowest less fastest repetition,\n"
             "  over the median; % peak: of the ceiling measured in this run; speedup: over the baseline kernel.");
    print_slow_beginnings(&table);
    crossovers_print(json_object_get(json_object_get(json_object_get(record, "context"), "attnbench"), "crossovers"));
    record_table_free(&table);
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
