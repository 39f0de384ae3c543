/* no_memory: realloc that has none for the first comparison of a list; nothing else begins with just that size. */
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "compare/compare.h"

__attribute__((visibility("default"))) void *realloc(void *old, size_t bytes)
{
    static void *(*next)(void *, size_t);
    void *const found = next ? NULL : dlsym(RTLD_NEXT, "realloc");
    if (found) memcpy(&next, &found, sizeof next); /* ISO C knows no cast to a function */
    if (next && (old || bytes != sizeof(comparison))) return next(old, bytes);
    errno = ENOMEM;
    return NULL;
}
