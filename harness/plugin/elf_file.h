/* elf_file.h: what stands in a shared library's file: symbols, and data with its pointers, read without running a line
 * of it. */
#ifndef ATTNBENCH_ELF_FILE_H
#define ATTNBENCH_ELF_FILE_H

#include <link.h>
#include <stddef.h>
#include <stdint.h>

typedef struct elf_file {
    const unsigned char *data; /* the file, mapped */
    size_t bytes;
    const ElfW(Phdr) * segment;
    size_t segments;
    const ElfW(Sym) * symbol; /* the dynamic ones */
    size_t symbols;
    const char *names; /* their names */
    size_t names_bytes;
    const ElfW(Rela) * relocation; /* of all sections, first those of data */
    size_t relocations;
    const ElfW(Rela) * call; /* those of calls */
    size_t calls;
    char build_id[65]; /* of the linker, in hexadecimal; "" none */
} elf_file;

/* Maps a shared library of this machine's kind. 0 and what it is instead. */
int elf_open(const char *path, elf_file *out, char *reason, size_t reason_size);
void elf_close(elf_file *f);

const char *elf_symbol_name(const elf_file *f, const ElfW(Sym) * symbol);
/* The symbol of that name that this file defines and exports, or NULL. */
const ElfW(Sym) * elf_symbol_find(const elf_file *f, const char *name);

/* `bytes` bytes at an address as the file has them; NULL where they are not in the file. */
const void *elf_at(const elf_file *f, uint64_t address, size_t bytes);
/* Where the pointer stored at `address` will point, as an address in the same file; 0: nowhere, or to another file. */
uint64_t elf_pointer(const elf_file *f, uint64_t address);
/* The text at an address; NULL where it does not end in the file. */
const char *elf_text(const elf_file *f, uint64_t address);

#endif
