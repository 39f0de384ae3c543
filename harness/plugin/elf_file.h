/* elf_file.h: reads a shared library's symbols, and its data with their pointers, without running any of its code.
 * plugin_read.c, plugin_isolation.c, code_digest.c and elf_move.c use it. */
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
    const ElfW(Sym) * symbol; /* the dynamic symbols */
    size_t symbols;
    const char *names; /* their names */
    size_t names_bytes;
    const ElfW(Rela) * relocation; /* of data (.rela.dyn) */
    size_t relocations;
    const ElfW(Rela) * call; /* of calls (.rela.plt) */
    size_t calls;
    char build_id[65]; /* the linker's, hexadecimal; "" none */
} elf_file;

/* Maps a shared library for this kind of machine. Returns 0 and what the file is instead. */
int elf_open(const char *path, elf_file *out, char *reason, size_t reason_size);
void elf_close(elf_file *f);

const char *elf_symbol_name(const elf_file *f, const ElfW(Sym) * symbol);
/* The symbol of that name that this file defines and exports, or NULL. */
const ElfW(Sym) * elf_symbol_find(const elf_file *f, const char *name);

/* The bytes that the file has for an address; NULL if not all of them are in the file. */
const void *elf_at(const elf_file *f, uint64_t address, size_t bytes);
/* Where the pointer at `address` will point once loaded, as an address of this file; 0: nowhere, or to another file. */
uint64_t elf_pointer(const elf_file *f, uint64_t address);
/* The text at an address; NULL if it does not end within the file. */
const char *elf_text(const elf_file *f, uint64_t address);

#endif
