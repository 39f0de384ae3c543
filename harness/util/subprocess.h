/* subprocess.h: runs another program (git, a build, sha256sum) and waits for it. */
#ifndef ATTNBENCH_SUBPROCESS_H
#define ATTNBENCH_SUBPROCESS_H

#include <stddef.h>

/* Runs argv[0], searched on PATH, in a folder (NULL: the current one), without standard input. `out` gets what it
 * prints, cut to its size and without newlines at the end; its standard error is dropped. With `out` NULL both go to
 * our standard error. The program has a process group of its own, which is ended if the user interrupts us. Returns its
 * exit code; -1 and a reason if it has none. */
int subprocess_run(const char *folder, const char *const *argv, char *out, size_t out_size, char *reason,
                   size_t reason_size);

#endif
