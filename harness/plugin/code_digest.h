/* code_digest.h: is it the same code? */
#ifndef ATTNBENCH_CODE_DIGEST_H
#define ATTNBENCH_CODE_DIGEST_H

#include "plugin.h"

/* FNV-1a of all that a plugin loads (code, constants, relocations) and of its libraries outside of the system's
 * folders, without what only names the build: build ids, and the file's own header. Two builds of the same source
 * with the same flags are equal, also where they call themselves differently in words of equal length. 0 where a
 * file cannot be read. */
int code_digest(const plugin *p, uint64_t *out);

#endif
