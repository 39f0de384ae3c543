/* builtin_module.c: a file that the program brings along, and its digest. */
#include "builtin_module.h"

#include <stdlib.h>

#include "util/npy.h"
#include "util/program_files.h"

char *builtin_module_path(char *reason, size_t size)
{
    return program_file(PROGRAM_MODULES, "attnbench_kernels.so", reason, size);
}

int builtin_module_digest(char out[17])
{
    char reason[512];
    char *path = builtin_module_path(reason, sizeof reason);
    const int ok = path && file_digest(path, out);
    free(path);
    return ok;
}
