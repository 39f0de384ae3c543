/* accuracy_class.h: which kernels may be ranked against each other by error: those that hold the same things in the
 * same types. */
#ifndef ATTNBENCH_ACCURACY_CLASS_H
#define ATTNBENCH_ACCURACY_CLASS_H

#include <stddef.h>

#include "attention.h"

enum { ACCURACY_CLASS_SIZE = 96 };

/* The storage type, then what is held in another type than usual: "f32", "bf16, weights bf16", "i8, quantised Q".
 * Scores, weights and the accumulator are usually f32, the output is usually in the storage type. */
void accuracy_class(const attn_plan *plan, char *out, size_t size);

#endif
