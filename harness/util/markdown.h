/* markdown.h: text that may hold anything, in Markdown. */
#ifndef ATTNBENCH_MARKDOWN_H
#define ATTNBENCH_MARKDOWN_H

#include <stdio.h>

#include "text_view.h"

/* In a table cell or a sentence: nothing in the text ends the cell, opens a tag or a link, or becomes emphasis. */
void markdown_put_view(FILE *out, text_view text);
void markdown_put(FILE *out, const char *text); /* nothing where it is NULL */

/* A block of one line: indentation needs no fence that the line could close, and by six it is code in a list's item,
 * too. */
void markdown_put_code(FILE *out, const char *line);

#endif
