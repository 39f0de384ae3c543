/* json_util.h: JSON strings of text that others chose: file names, reasons, lines of a waiver. */
#ifndef ATTNBENCH_JSON_UTIL_H
#define ATTNBENCH_JSON_UTIL_H

#include <jansson.h>

/* JSON is UTF-8, but file names are bytes, and a text that was cut short may end within a character. If `text` is not
 * UTF-8, each byte beyond ASCII becomes "?"; otherwise the whole entry would be missing. */
json_t *json_text(const char *text);

#endif
