/* proc_file.h: reads small text files of /proc and /sys. */
#ifndef ATTNBENCH_PROC_FILE_H
#define ATTNBENCH_PROC_FILE_H

#include <stddef.h>

/* Reads the start of file root + path into `out`, without newlines at the end. Returns 1; 0 and "" on failure. */
int proc_file_read(const char *root, const char *path, char *out, size_t out_size);

/* Finds the first line "key<separator>value" of a text. `out` gets the value, trimmed. Returns 1; 0 and "" if there is
 * none. */
int proc_file_value(const char *text, const char *key, char separator, char *out, size_t out_size);

#endif
