/* record_markdown_layout.h: the record's "layout" (alignment_sweep.h) as tables that are Markdown as well. */
#ifndef ATTNBENCH_RECORD_MARKDOWN_LAYOUT_H
#define ATTNBENCH_RECORD_MARKDOWN_LAYOUT_H

#include <jansson.h>
#include <stdio.h>

/* Nothing where the record has none. */
void record_markdown_layout(FILE *out, const json_t *record);

#endif
