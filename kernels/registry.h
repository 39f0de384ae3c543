/* registry.h: the built-in kernels, in name order. The list is generated in the build tree from the files in the
 * folders. */
#ifndef ATTN_REGISTRY_H
#define ATTN_REGISTRY_H

#include "attention.h"

/* All kernels of this module; *count is set. */
const attn_kernel *const *attn_kernels(int *count);

/* Do all kernels of a list have this header's ABI, a plan and a run, and a name each of its own? Else 0 and one line in
 * `reason`. */
int attn_kernels_check(const attn_kernel *const *kernel, int count, char *reason, size_t reason_size);

/* The kernel of that name, or NULL. */
const attn_kernel *attn_kernel_find(const char *name);

#endif
