/* compare_record.h: comparisons as JSON. */
#ifndef ATTNBENCH_COMPARE_RECORD_H
#define ATTNBENCH_COMPARE_RECORD_H

#include "compare.h"

/* One entry of the record's "comparisons". */
json_t *compare_json(const comparison *c, const compare_settings *s);

/* context.attnbench.compare: what was compared, by which rule. */
json_t *compare_context(const compare_sides *sides, const compare_settings *s);

/* compare_markdown.c: the record's comparisons as a page. */
int compare_write_markdown(const json_t *record, const char *path, char *reason, size_t reason_size);

#endif
