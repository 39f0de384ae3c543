/* elf_move.h: writes a copy of a shared library whose code lies at another offset within its pages, as if it had been
 * linked there.
 *
 * Where a loop begins within a cache line or a page changes its time, by percents and in every launch alike, because
 * the loader moves whole pages only. A shared library is position-independent, so it may be moved as one block by any
 * multiple of its strictest alignment. What names addresses (headers, dynamic section, relocations, symbols) is
 * adjusted; the code is not touched. The gate uses it to tell a slower kernel from a kernel that lies at an unlucky
 * offset. */
#ifndef ATTNBENCH_ELF_MOVE_H
#define ATTNBENCH_ELF_MOVE_H

#include <stddef.h>

enum { ELF_MOVE_STEP = 64 /* bytes: a line, and the alignment that functions are built with */ };

/* Offsets below a page that the library can be moved by: at most `most`, spread evenly over the possible ones. Returns
 * their number; 0 and a reason if there are none. */
int elf_move_offsets(const char *path, int most, int *offset, char *reason, size_t reason_size);

/* Writes the library, moved by one of these offsets, to another file. Returns 1; 0 and a reason. */
int elf_move(const char *from, const char *to, int offset, char *reason, size_t reason_size);

#endif
