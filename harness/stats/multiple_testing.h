/* multiple_testing.h: decisions on many cases at once, so that the chance of any false claim, or the share of false
 * claims, stays bounded. compare_confirm.c, compare_markdown.c and the gate call it. */
#ifndef ATTNBENCH_MULTIPLE_TESTING_H
#define ATTNBENCH_MULTIPLE_TESTING_H

#include <stdbool.h>
#include <stddef.h>

/* Holm's procedure (1979): refused[i] says whether the null hypothesis of case i is rejected at family-wise `alpha`
 * over all n p-values; level[i] is what p[i] was compared with. Returns 0 where memory is short. */
int holm_gates(const double *p, size_t n, double alpha, bool *refused, double *level);

/* Benjamini and Hochberg's procedure on e-values (Wang and Ramdas 2022), which needs no independence. `order` gets the
 * cases by falling evidence; the first *discoveries of them are the discoveries at a false discovery rate of `rate`.
 * Returns 0 where memory is short. */
int e_bh_order(const double *log_e, size_t n, double rate, size_t *order, size_t *discoveries);

#endif
