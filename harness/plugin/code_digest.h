/* code_digest.h: a digest of the code of a plugin: compare_side.c does not time two builds whose digests are equal. */
#ifndef ATTNBENCH_CODE_DIGEST_H
#define ATTNBENCH_CODE_DIGEST_H

#include "plugin.h"

/* FNV-1a of what the loader maps of a plugin (code, constants, relocations) and of its libraries outside of the
 * system's folders. Build ids and the ELF header are left out, because they only name the build: two builds of the same
 * source with the same flags have equal digests, even if their build ids are different texts of equal length. Returns 0
 * where a file cannot be read. */
int code_digest(const plugin *p, uint64_t *out);

#endif
