/* results_counts.h: the record's counted events and instructions (bench --counters, --instructions) as Markdown. */
#ifndef ATTNBENCH_RESULTS_COUNTS_H
#define ATTNBENCH_RESULTS_COUNTS_H

#include <jansson.h>
#include <stdio.h>

/* Nothing where the record has none. */
void counts_put(FILE *out, const json_t *record);

#endif
