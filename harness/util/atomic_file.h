/* atomic_file.h: files that are either whole or not there. */
#ifndef ATTNBENCH_ATOMIC_FILE_H
#define ATTNBENCH_ATOMIC_FILE_H

#include <stddef.h>

/* Writes `bytes` of text to a temporary file beside `path`, flushes it and renames it; "-" is standard output. 0 and a
 * reason on failure, which names the temporary file if something is in it. */
int file_write_atomically(const char *path, const char *text, size_t bytes, char *reason, size_t reason_size);

/* Can `path` be written? Checked before hours of work, without leaving anything behind. 0 and a reason. */
int file_writable(const char *path, char *reason, size_t reason_size);

#endif
