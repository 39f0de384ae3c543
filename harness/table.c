/* table.c: the record as a table for the terminal. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
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

void print_table(const json_t *record)
{
    result_table table;
    text_view current = {"", 0};
    if (!result_table_make(record, &table)) return;
    if (table.rows)
        printf("\n  %-24s %3s %10s %9s %7s %8s %9s\n", "kernel", "thr", "time ms", "GFLOP/s", "% peak", "speedup",
               "err/bound");
    for (size_t i = 0; i < table.rows; i++) {
        if (i == 0 || !view_equal(current, table.row[i].id.workload)) {
            current = table.row[i].id.workload;
            printf("%.*s\n", VIEW(current));
        }
        print_row(&table.row[i]);
    }
    if (table.rows)
        printf("  medians; %% of the ceiling measured in this run; speedup over the baseline kernel on the same "
               "problem\n");
    result_table_free(&table);
}
