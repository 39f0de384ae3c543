/* builtin_module.h: the built-in kernels once more, as a module: comparisons load both sides. */
#ifndef ATTNBENCH_BUILTIN_MODULE_H
#define ATTNBENCH_BUILTIN_MODULE_H

#include <stddef.h>

/* Its file; the caller frees the path. NULL and a reason where the build lacks it. */
char *builtin_module_path(char *reason, size_t reason_size);

/* Its digest. 0 where it cannot be read. */
int builtin_module_digest(char out[17]);

#endif
