/* builtin_module.c: looks for the module beside the program, where an installation puts it, and in the build tree. */
#include "builtin_module.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/npy.h"

#define MODULE_NAME "attnbench_kernels.so"

char *builtin_module_path(char *reason, size_t size)
{
    char program[4096], *path = NULL;
    const ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length > 0 ? length : 0] = 0;
    char *slash = strrchr(program, '/');
    if (slash) *slash = 0;
    static const char *const places[] = {"%s/" MODULE_NAME, "%s/../lib/attnbench/" MODULE_NAME};
    for (int i = 0; i < 2; i++) {
        if (asprintf(&path, i ? places[1] : places[0], program) < 0) return NULL;
        if (access(path, R_OK) == 0) return path;
        free(path);
    }
    path = strdup(ATTNBENCH_BUILD "/" MODULE_NAME);
    if (path && access(path, R_OK) == 0) return path;
    snprintf(reason, size,
             "the built-in kernels as a module, " MODULE_NAME ", are not beside the program in %.300s: build it again",
             program);
    free(path);
    return NULL;
}

int builtin_module_digest(char out[17])
{
    char reason[512];
    char *path = builtin_module_path(reason, sizeof reason);
    const int ok = path && file_digest(path, out);
    free(path);
    return ok;
}
