/* json_util.h: text that others chose, in records: names of files, reasons, lines of a waiver. */
#ifndef ATTNBENCH_JSON_UTIL_H
#define ATTNBENCH_JSON_UTIL_H

#include <jansson.h>

/* JSON is UTF-8, file names are bytes, and a text that was cut to its room may end within a character. Where it is no
 * UTF-8, "?" stands for each byte beyond ASCII; without that the whole entry would be missing. */
json_t *json_text(const char *text);

#endif
