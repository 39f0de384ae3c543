/* atomic_file.h: writes files that are either whole or not there, such as records, reports and moved modules. */
#ifndef ATTNBENCH_ATOMIC_FILE_H
#define ATTNBENCH_ATOMIC_FILE_H

#include <stddef.h>

/* Writes `bytes` of text to a temporary file beside `path`, flushes it and renames it; "-" is standard output. Returns
 * 0 and a reason on failure, which names the temporary file if something is in it. */
int file_write_atomically(const char *path, const char *text, size_t bytes, char *reason, size_t reason_size);

/* Can `path` be written? Commands ask before hours of work. Leaves nothing behind. Returns 0 and a reason if not. */
int file_writable(const char *path, char *reason, size_t reason_size);

#endif
