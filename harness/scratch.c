/* scratch.c: mkdtemp, and a walk from the leaves. */
#include "scratch.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "status.h"

int scratch_make(const char *name, char out[SCRATCH_PATH], char *reason, size_t reason_size)
{
    const char *const asked = getenv("TMPDIR"), *const root = asked && *asked ? asked : "/tmp";
    const int length = snprintf(out, SCRATCH_PATH, "%s/attnbench-%s-XXXXXX", root, name);
    if (length < SCRATCH_PATH && mkdtemp(out)) return 1;
    snprintf(reason, reason_size, "no temporary folder can be made in %.200s: %s; set TMPDIR to another", root,
             length < SCRATCH_PATH ? strerror(errno) : "its name is too long");
    out[0] = 0;
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    (void)st, (void)kind, (void)where;
    remove(path);
    return 0;
}

void scratch_remove(const char *folder)
{
    enum { OPEN_FOLDERS = 16 };
    if (nftw(folder, remove_one, OPEN_FOLDERS, FTW_DEPTH | FTW_PHYS) == 0 && remove(folder) != 0 && errno == ENOENT)
        return;
    complain("%s could not be removed", folder);
}
