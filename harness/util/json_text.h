/* json_text.h: a text member of a JSON object, for those who print or compare it. */
#ifndef ATTNBENCH_JSON_TEXT_H
#define ATTNBENCH_JSON_TEXT_H

#include <jansson.h>

/* The member `key` of `object`, which owns it; "" where there is none or it is no text. */
const char *text_of(const json_t *object, const char *key);

#endif
