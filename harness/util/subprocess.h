/* subprocess.h: other programs (git, a build, sha256sum), run and waited for. */
#ifndef ATTNBENCH_SUBPROCESS_H
#define ATTNBENCH_SUBPROCESS_H

#include <stddef.h>

/* Runs argv[0], looked for on PATH, in a folder (NULL: ours), without standard input. What it prints goes to `out`, cut
 * to its size and without newlines at the end, and its errors nowhere; with `out` NULL both to our standard error. It
 * is a process group of its own, which is ended where the user interrupts us. Its exit code; -1 and a reason where it
 * has none. */
int subprocess_run(const char *folder, const char *const *argv, char *out, size_t out_size, char *reason,
                   size_t reason_size);

#endif
