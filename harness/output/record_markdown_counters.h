/* record_markdown_counters.h: the record's counted events and instructions (bench --counters, --instructions) as
 * Markdown. */
#ifndef ATTNBENCH_RECORD_MARKDOWN_COUNTERS_H
#define ATTNBENCH_RECORD_MARKDOWN_COUNTERS_H

#include <jansson.h>
#include <stdio.h>

/* Nothing where the record has none. */
void counts_put(FILE *out, const json_t *record);

#endif
