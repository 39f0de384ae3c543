/* elf_move.h: the same shared library at another offset in its pages, as if it had been linked there.
 *
 * Where a loop begins within a line or a page of code moves its time, by percents, in every launch alike: the loader
 * only moves whole pages. All of a library is position-independent, so it may be moved as one block by any multiple of
 * its strictest alignment; then what names addresses (headers, dynamic section, relocations, symbols) is moved with it.
 * The code itself is not touched. */
#ifndef ATTNBENCH_ELF_MOVE_H
#define ATTNBENCH_ELF_MOVE_H

#include <stddef.h>

enum { ELF_MOVE_STEP = 64 /* bytes: a line, and the alignment that functions are built with */ };

/* The offsets, below a page, that the library can be moved by: at most `most`, spread over those there are. Their
 * number; 0 and a reason where there are none. */
int elf_move_offsets(const char *path, int most, int *offset, char *reason, size_t reason_size);

/* Writes it, moved by one of these offsets, to another file. 0 and a reason. */
int elf_move(const char *from, const char *to, int offset, char *reason, size_t reason_size);

#endif
