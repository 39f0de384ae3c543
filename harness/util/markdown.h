/* markdown.h: writes text that may hold anything into Markdown. */
#ifndef ATTNBENCH_MARKDOWN_H
#define ATTNBENCH_MARKDOWN_H

#include <stdio.h>

#include "text_view.h"

/* For a table cell or a sentence: nothing in the text ends the cell, opens a tag or a link, or becomes emphasis. */
void markdown_put_view(FILE *out, text_view text);
void markdown_put(FILE *out, const char *text); /* nothing where it is NULL */

/* A code block of one line. It is indented, since a line could close a fence; by six columns, so that it is code within
 * a list item too. */
void markdown_put_code(FILE *out, const char *line);

#endif
