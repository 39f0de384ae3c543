/* json_util.c: the string as it is, or else in ASCII. */
#include "json_util.h"

#include <stdlib.h>
#include <string.h>

json_t *json_text(const char *text)
{
    json_t *j = json_string(text);
    char *ascii = j ? NULL : strdup(text);
    if (!ascii) return j;
    for (char *c = ascii; *c; c++)
        if ((unsigned char)*c >= 0x80) *c = '?';
    j = json_string(ascii);
    free(ascii);
    return j;
}
