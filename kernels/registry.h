/* registry.h: the built-in kernels, in name order. The build generates the list from the files in the folders. Commands
 * list and select kernels by it; threaded kernels find their inner kernels by it. */
#ifndef ATTN_REGISTRY_H
#define ATTN_REGISTRY_H

#include "attention.h"

/* All kernels of this module; *count is set. */
const attn_kernel *const *attn_kernels(int *count);

/* Do all kernels of a list have this header's ABI, a plan, a run and distinct names? Else 0 and one line in `reason`.
 */
int attn_kernels_check(const attn_kernel *const *kernel, int count, char *reason, size_t reason_size);

/* The kernel of that name, or NULL. */
const attn_kernel *attn_kernel_find(const char *name);

#endif
