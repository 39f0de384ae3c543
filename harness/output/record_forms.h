/* record_forms.h: a record in forms that others read. They write as record_write_json does. */
#ifndef ATTNBENCH_RECORD_FORMS_H
#define ATTNBENCH_RECORD_FORMS_H

#include <jansson.h>
#include <stddef.h>

/* CSV: one row an entry, one row a case. */
int record_write_csv(const json_t *record, const char *path, char *reason, size_t reason_size);
/* JUnit: the cases. */
int record_write_junit(const json_t *record, const char *path, char *reason, size_t reason_size);
/* Markdown: tables, failures first. */
int record_write_markdown(const json_t *record, const char *path, char *reason, size_t reason_size);

#endif
