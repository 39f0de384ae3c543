/* multiple_testing.c: sorts by evidence, then compares each case with its own level. */
#include "multiple_testing.h"

#include <gsl/gsl_sort.h>
#include <math.h>
#include <stdlib.h>

int holm_gates(const double *p, size_t n, double alpha, bool *refused, double *level)
{
    size_t *order = calloc(n + 1, sizeof *order);
    if (!order) return 0;
    gsl_sort_index(order, p, 1, n);
    bool open = true;
    for (size_t i = 0; i < n; i++) {
        level[order[i]] = alpha / (double)(n - i);
        open = open && p[order[i]] <= level[order[i]];
        refused[order[i]] = open;
    }
    free(order);
    return 1;
}

int e_bh_order(const double *log_e, size_t n, double rate, size_t *order, size_t *discoveries)
{
    double *falling = calloc(n + 1, sizeof *falling);
    if (!falling) return 0;
    for (size_t i = 0; i < n; i++) falling[i] = -log_e[i];
    gsl_sort_index(order, falling, 1, n);
    *discoveries = 0;
    for (size_t i = 0; i < n; i++)
        if (log_e[order[i]] >= log((double)n / ((double)(i + 1) * rate))) *discoveries = i + 1;
    free(falling);
    return 1;
}
