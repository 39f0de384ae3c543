/* temp_dir.h: temporary folders in TMPDIR or /tmp.
 *
 * A program that is killed leaves its folder behind, and a later run removes it (temp_dir_sweep). A folder is left over
 * if its process does not exist and its lock is free. The lock is needed because a process number may be reused, and
 * because containers that share TMPDIR do not see each other's processes. Programs that we start inherit the lock, so a
 * build that outlives us keeps its folder. */
#ifndef ATTNBENCH_TEMP_DIR_H
#define ATTNBENCH_TEMP_DIR_H

#include <stddef.h>

enum { TEMP_DIR_PATH = 1024 };
typedef struct temp_dir {
    char path[TEMP_DIR_PATH]; /* "" none */
    int lock;
} temp_dir;

/* Makes attnbench-NAME-PROCESS-XXXXXX. Returns 0 and a reason if it cannot be made. */
int temp_dir_make(const char *name, temp_dir *out, char *reason, size_t reason_size);

/* Removes it with all that is in it, in this process: an interruption, which ends the programs that we run, does not
 * prevent that. Prints what could not be removed. */
void temp_dir_remove(temp_dir *s);

/* Removes each folder of that name that an ended program of this user left behind. `each` (may be NULL) is called with
 * its path before. */
void temp_dir_sweep(const char *name, void (*each)(const char *path));

#endif
