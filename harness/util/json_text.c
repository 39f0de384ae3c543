/* json_text.c: a text member of a JSON object. */
#include "json_text.h"

const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}
