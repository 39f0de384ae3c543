/* proc_file.h: small text files of /proc and /sys. */
#ifndef ATTNBENCH_PROC_FILE_H
#define ATTNBENCH_PROC_FILE_H

#include <stddef.h>

/* Reads the start of root + path into `out`, without newlines at the end. Returns 1; or 0 and "" if that fails. */
int proc_file_read(const char *root, const char *path, char *out, size_t out_size);

/* The value of the first line "key<separator>value" of a text, blanks trimmed, into `out`. Returns 1; or 0 and "". */
int proc_file_value(const char *text, const char *key, char separator, char *out, size_t out_size);

#endif
