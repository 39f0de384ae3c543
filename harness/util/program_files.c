/* program_files.c: beside the program, where it is installed, or above (programs of tests). */
#include "program_files.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* From the folder of an installed program; the build knows (harness/CMakeLists.txt). */
static const char *const installed[] = {[PROGRAM_MODULES] = ATTNBENCH_MODULES, [PROGRAM_DATA] = ATTNBENCH_DATA};

/* In a build: beside the program first, since the folder of a build may lie where an older program is installed. */
static const char *const built[] = {[PROGRAM_MODULES] = "lib/attnbench", [PROGRAM_DATA] = "share/attnbench"};

static int own_folder(char out[PATH_MAX])
{
    const ssize_t length = readlink("/proc/self/exe", out, PATH_MAX - 1);
    out[length > 0 ? length : 0] = 0;
    char *const slash = strrchr(out, '/');
    if (!slash) return 0;
    *slash = 0;
    return 1;
}

char *program_file(program_folder folder, const char *name, char *reason, size_t reason_size)
{
    char own[PATH_MAX];
    if (!own_folder(own)) {
        snprintf(reason, reason_size, "%s: where this program is cannot be read from /proc/self/exe", name);
        return NULL;
    }
    const struct {
        const char *above, *below;
    } places[] = {{"", built[folder]}, {"", installed[folder]}, {"../", built[folder]}};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        char *path = NULL;
        if (asprintf(&path, "%s/%s%s/%s", own, places[i].above, places[i].below, name) < 0) break;
        char *const found = realpath(path, NULL);
        free(path);
        if (found) return found;
    }
    snprintf(reason, reason_size, "%s: no such file, neither in %s/%s nor in %s/%s: build or install it again", name,
             own, installed[folder], own, built[folder]);
    return NULL;
}
