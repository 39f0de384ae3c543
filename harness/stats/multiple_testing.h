/* multiple_testing.h: many cases at once: how often anything at all may be accused falsely. */
#ifndef ATTNBENCH_MULTIPLE_TESTING_H
#define ATTNBENCH_MULTIPLE_TESTING_H

#include <stdbool.h>
#include <stddef.h>

/* Holm's gates (1979): refused[i] where case i is refused at family-wise `alpha` over all n p-values; level[i] is
 * what its p-value was held against. 0 where memory is short. */
int holm_gates(const double *p, size_t n, double alpha, bool *refused, double *level);

/* Benjamini and Hochberg's procedure on e-values (Wang and Ramdas 2022), which needs no independence: `order` gets
 * the cases by falling evidence, *discoveries how many of them, from the first, are named at a false discovery rate
 * of `rate`. 0 where memory is short. */
int e_bh_order(const double *log_e, size_t n, double rate, size_t *order, size_t *discoveries);

#endif
