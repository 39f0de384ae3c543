/* builtin_module.h: the built-in kernels linked a second time, as a plugin: comparisons load both sides as modules.
 * compare_side.c opens it, context.c writes its digest into records. */
#ifndef ATTNBENCH_BUILTIN_MODULE_H
#define ATTNBENCH_BUILTIN_MODULE_H

#include <stddef.h>

/* The path of its file; the caller frees it. NULL and a reason where the file is missing. */
char *builtin_module_path(char *reason, size_t reason_size);

/* Its digest. 0 where it cannot be read. */
int builtin_module_digest(char out[17]);

#endif
