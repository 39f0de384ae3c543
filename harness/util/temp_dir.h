/* temp_dir.h: folders for what is needed only while we run, in TMPDIR or /tmp.
 *
 * A program that is killed leaves its own behind, so a later one looks for such. Dead is whose process is not there and
 * whose lock is free: the lock tells what a process number cannot, for one may be used again, and containers that share
 * TMPDIR do not see each other's. What we began inherits it, and so a build that outlives us keeps its folder.
 */
#ifndef ATTNBENCH_TEMP_DIR_H
#define ATTNBENCH_TEMP_DIR_H

#include <stddef.h>

enum { TEMP_DIR_PATH = 1024 };
typedef struct temp_dir {
    char path[TEMP_DIR_PATH]; /* "" none */
    int lock;
} temp_dir;

/* Makes attnbench-NAME-PROCESS-XXXXXX. 0 and a reason where it cannot be had. */
int temp_dir_make(const char *name, temp_dir *out, char *reason, size_t reason_size);

/* With all that is in it, by ourselves: an interruption, which ends the programs that we run, does not keep it from
 * being done. Says what could not be removed. */
void temp_dir_remove(temp_dir *s);

/* Removes each folder of that name that a dead program of this user left, after `each` (may be NULL) was called with
 * its path. */
void temp_dir_sweep(const char *name, void (*each)(const char *path));

#endif
