/* record_markdown_failures.h: what failed, in Markdown: a line a case, the rest of it folded away. */
#ifndef ATTNBENCH_RECORD_MARKDOWN_FAILURES_H
#define ATTNBENCH_RECORD_MARKDOWN_FAILURES_H

#include <jansson.h>
#include <stdio.h>

/* The section of the page, if a case of the record failed, crashed or hung: of each a line with its first finding, at
 * most FAILURE_LINES of a kernel; then, folded, all findings, the shape of the error, and how to see it again. */
enum { FAILURE_LINES = 10 };
void failures_put(FILE *out, const json_t *record);

#endif
