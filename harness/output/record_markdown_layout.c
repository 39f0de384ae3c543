/* record_markdown_layout.c: the record's "layout" in tables: a row a buffer, a column an offset, percents of time. */
#include "record_markdown_layout.h"

#include <math.h>
#include <string.h>

#include "record/record.h"

enum { MOST_COLUMNS = 16, WIDTH = 9 };

static const char *what_of(const json_t *cell) { return json_string_value(json_object_get(cell, "what")); }
static int bytes_of(const json_t *cell) { return (int)json_integer_value(json_object_get(cell, "bytes")); }

/* Offsets that occur, in ascending order. */
static int columns_of(const json_t *cells, int column[MOST_COLUMNS])
{
    int count = 0;
    size_t i;
    const json_t *cell;
    json_array_foreach(cells, i, cell)
    {
        int at = 0;
        while (at < count && column[at] < bytes_of(cell)) at++;
        if ((at < count && column[at] == bytes_of(cell)) || count == MOST_COLUMNS) continue;
        memmove(&column[at + 1], &column[at], (size_t)(count - at) * sizeof *column);
        column[at] = bytes_of(cell);
        count++;
    }
    return count;
}

static void put_cell(FILE *out, const json_t *cell)
{
    char text[32] = "";
    const double ratio = json_real_of(json_object_get(cell, "ratio"), (double)NAN);
    if (cell && isnan(ratio)) snprintf(text, sizeof text, "void");
    if (isfinite(ratio))
        snprintf(text, sizeof text, "%+.1f%s", 100 * (ratio - 1),
                 json_is_true(json_object_get(cell, "shows")) ? "*" : "");
    fprintf(out, " %*s |", WIDTH - 2, text);
}

static const json_t *find(const json_t *cells, const char *what, int bytes)
{
    size_t i;
    const json_t *cell;
    json_array_foreach(cells, i, cell)
    {
        if (strcmp(what_of(cell), what) == 0 && bytes_of(cell) == bytes) return cell;
    }
    return NULL;
}

static void put_cells(FILE *out, const json_t *cells)
{
    int column[MOST_COLUMNS];
    const int columns = columns_of(cells, column);
    size_t i;
    const json_t *cell;
    fprintf(out, "| %-9s |", "moved by");
    for (int c = 0; c < columns; c++) fprintf(out, " %*d |", WIDTH - 2, column[c]);
    fputs("\n|---|", out);
    for (int c = 0; c < columns; c++) fputs("--:|", out);
    fputc('\n', out);
    json_array_foreach(cells, i, cell)
    {
        if (i && strcmp(what_of(cell), what_of(json_array_get(cells, i - 1))) == 0) continue;
        fprintf(out, "| %-9s |", what_of(cell));
        for (int c = 0; c < columns; c++) put_cell(out, find(cells, what_of(cell), column[c]));
        fputc('\n', out);
    }
}

static void put_worst(FILE *out, const json_t *worst)
{
    const json_t *ends = json_object_get(worst, "interval");
    if (!worst) {
        fputs("\nNo move shows.\n", out);
        return;
    }
    fprintf(out, "\nMost sensitive: %s by %d bytes, %+.1f %% [%.1f, %.1f].\n", what_of(worst), bytes_of(worst),
            100 * (json_number_value(json_object_get(worst, "ratio")) - 1),
            100 * (json_number_value(json_array_get(ends, 0)) - 1),
            100 * (json_number_value(json_array_get(ends, 1)) - 1));
}

void record_markdown_layout(FILE *out, const json_t *record)
{
    const json_t *rows = json_object_get(record, "layout");
    size_t i;
    const json_t *row;
    if (json_array_size(rows) == 0) return;
    fputs("\n## Layout\n\nPercent of time that a call takes more where a buffer lies so many bytes behind the "
          "beginning of "
          "a page, at which all others begin,\nor its code behind a 64-byte border; * where the interval (1 % over all "
          "cells of a table) leaves out 0.\n",
          out);
    json_array_foreach(rows, i, row)
    {
        const json_t *cells = json_object_get(row, "cells");
        fprintf(out, "\n### %s, %s, %lld thread%s\n\n", json_string_value(json_object_get(row, "kernel")),
                json_string_value(json_object_get(row, "workload")),
                (long long)json_integer_value(json_object_get(row, "threads")),
                json_integer_value(json_object_get(row, "threads")) == 1 ? "" : "s");
        put_cells(out, cells);
        put_worst(out, json_object_get(row, "worst"));
        const char *const unmoved = json_string_value(json_object_get(row, "unmoved"));
        if (unmoved) fprintf(out, "Its code was not moved: %s.\n", unmoved);
    }
}
