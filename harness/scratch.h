/* scratch.h: folders for what is needed only while we run, in TMPDIR or /tmp. */
#ifndef ATTNBENCH_SCRATCH_H
#define ATTNBENCH_SCRATCH_H

#include <stddef.h>

enum { SCRATCH_PATH = 1024 };

/* Makes attnbench-NAME-XXXXXX. 0 and a reason, and "" in `out`, where it cannot be had. */
int scratch_make(const char *name, char out[SCRATCH_PATH], char *reason, size_t reason_size);

/* With all that is in it, by ourselves: an interruption, which ends the programs that we run, does not keep it from
 * being done. Says what could not be removed. */
void scratch_remove(const char *folder);

#endif
