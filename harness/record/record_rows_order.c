/* record_rows_order.c: sorts rows so that a reader can compare them: rows of one workload together, in them fewer
 * threads first, since kernels are compared at equal threads, then the fastest first, and rows without a time last. */
#include <math.h>
#include <stdlib.h>

#include "record_rows.h"

typedef struct placed {
    size_t group, index; /* group: index of the first row of the same workload and variant */
    record_row row;
} placed;

static bool same_workload(const record_row *a, const record_row *b)
{
    return view_equal(a->id.workload, b->id.workload) && view_equal(a->id.variant, b->id.variant);
}

static int by_place(const void *pa, const void *pb)
{
    const placed *a = pa, *b = pb;
    const double x = a->row.milliseconds, y = b->row.milliseconds;
    if (a->group != b->group) return a->group < b->group ? -1 : 1;
    if (a->row.id.threads != b->row.id.threads) return a->row.id.threads < b->row.id.threads ? -1 : 1;
    if (isnan(x) != isnan(y)) return isnan(x) ? 1 : -1;
    if (x < y || x > y) return x < y ? -1 : 1;
    return a->index < b->index ? -1 : 1;
}

int record_rows_order(record_row *row, size_t rows)
{
    placed *p = calloc(rows + 1, sizeof *p);
    if (!p) return 0;
    for (size_t i = 0; i < rows; i++) {
        p[i] = (placed){0, i, row[i]};
        while (!same_workload(&row[p[i].group], &row[i])) p[i].group++;
    }
    qsort(p, rows, sizeof *p, by_place);
    for (size_t i = 0; i < rows; i++) row[i] = p[i].row;
    free(p);
    return 1;
}
