/* registry.h: the built-in kernels, in name order. The list is generated in the build tree from the files in the folders. */
#ifndef ATTN_REGISTRY_H
#define ATTN_REGISTRY_H

#include "attention.h"

/* All kernels of this module; *count is set. */
const attn_kernel *const *attn_kernels(int *count);

/* The kernel of that name, or NULL. */
const attn_kernel *attn_kernel_find(const char *name);

#endif
