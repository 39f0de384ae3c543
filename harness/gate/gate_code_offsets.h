/* gate_code_offsets.h: before a case is blamed: is it slower at other code offsets, too?
 *
 * Twelve launches agree on a slowdown that comes of where the linker happened to put a loop, for they all have it
 * there. So both builds are moved (elf_move.h), each to offsets of its own, and what was called slower is launched
 * again with them. It stays slower where the mean over these launches is above the threshold as well, at family_alpha
 * over all that was called slower; else it could not be told. */
#ifndef ATTNBENCH_GATE_CODE_OFFSETS_H
#define ATTNBENCH_GATE_CODE_OFFSETS_H

#include "compare/compare.h"

/* Concludes anew what is called slower in the list and was not moved yet; what an interruption leaves no time for could
 * not be told. 1; 0 and a reason where the builds cannot be moved, and the verdicts stand as they are. */
int gate_moved(comparison *list, size_t count, const compare_sides *sides, const compare_settings *settings,
               char *reason, size_t reason_size);

#endif
