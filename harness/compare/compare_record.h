/* compare_record.h: comparisons as JSON, for the record, and as Markdown. compare_record.c lists the keys. */
#ifndef ATTNBENCH_COMPARE_RECORD_H
#define ATTNBENCH_COMPARE_RECORD_H

#include "compare.h"

/* One entry of the record's "comparisons". */
json_t *compare_json(const comparison *c, const compare_settings *s);

/* context.attnbench.compare: what was compared, and by which rule. The command adds "not_begun". */
json_t *compare_context(const compare_sides *sides, const compare_settings *s);

/* The first key in which the machines of two records differ, or NULL. Measured frequencies are not compared. */
const char *records_machine_differs(const json_t *base, const json_t *fresh);

/* The first of these keys of context.attnbench that differs. */
const char *records_key_differs(const json_t *base, const json_t *fresh, const char *const *keys, size_t count);

/* compare_markdown.c: writes the record's comparisons as a Markdown page. */
int compare_write_markdown(const json_t *record, const char *path, char *reason, size_t reason_size);

#endif
