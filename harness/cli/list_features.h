/* list_features.h: which kernel takes which feature of attention in which element types, as a Markdown table. */
#ifndef ATTNBENCH_LIST_FEATURES_H
#define ATTNBENCH_LIST_FEATURES_H

#include <stddef.h>

#include "attention.h"

/* A row a kernel, in the order given, a column a feature that any kernel has; then a line that names the others. Each
 * kernel is asked about a small problem for each feature and type, as if this CPU had every instruction set; kernels
 * that choose inner kernels answer for those that this CPU can run. 0 and one line in `reason`. */
int print_features(const attn_kernel *const *kernel, int count, char *reason, size_t reason_size);

#endif
