/* elf_file.c: sections and segments of a mapped file. Every offset is checked, because the file may hold anything. */
#include "elf_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(__x86_64__)
enum { MACHINE = EM_X86_64, RELATIVE = R_X86_64_RELATIVE, ABSOLUTE = R_X86_64_64 };
#elif defined(__aarch64__)
enum { MACHINE = EM_AARCH64, RELATIVE = R_AARCH64_RELATIVE, ABSOLUTE = R_AARCH64_ABS64 };
#else
#error "plugins are read on x86-64 and aarch64 only; add this machine's relocation types here"
#endif

/* `count` items of `size` bytes at a file offset; NULL if they reach beyond the file. */
static const void *in_file(const elf_file *f, uint64_t offset, uint64_t count, uint64_t size)
{
    if (offset > f->bytes || (size && count > (f->bytes - offset) / size)) return NULL;
    return f->data + offset;
}

static int map_file(const char *path, elf_file *f, char *reason, size_t size)
{
    struct stat st;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st)) {
        snprintf(reason, size, "%s", strerror(errno));
        if (fd >= 0) close(fd);
        return 0;
    }
    int ok = 0;
    if (S_ISDIR(st.st_mode)) {
        snprintf(reason, size, "is a folder, not a shared library");
    } else if (!S_ISREG(st.st_mode) || st.st_size < (off_t)sizeof(ElfW(Ehdr))) {
        snprintf(reason, size, "is no shared library");
    } else {
        void *data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data != MAP_FAILED) {
            f->data = data;
            f->bytes = (size_t)st.st_size;
            ok = 1;
        } else {
            snprintf(reason, size, "%s", strerror(errno));
        }
    }
    close(fd);
    return ok;
}

static void read_build_id(elf_file *f)
{
    for (size_t s = 0; s < f->segments; s++) {
        const ElfW(Phdr) *p = &f->segment[s];
        if (p->p_type != PT_NOTE || !in_file(f, p->p_offset, p->p_filesz, 1)) continue;
        for (uint64_t at = 0; at + sizeof(ElfW(Nhdr)) <= p->p_filesz;) {
            ElfW(Nhdr) note;
            const unsigned char *here = f->data + p->p_offset + at;
            memcpy(&note, here, sizeof note);
            const uint64_t name = ((uint64_t)note.n_namesz + 3) / 4 * 4, words = ((uint64_t)note.n_descsz + 3) / 4 * 4;
            if (at + sizeof note + name + words > p->p_filesz) break;
            if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && memcmp(here + sizeof note, "GNU", 4) == 0)
                for (uint32_t i = 0; i < note.n_descsz && i < 32; i++)
                    snprintf(f->build_id + 2 * i, 3, "%02x", here[sizeof note + name + i]);
            at += sizeof note + name + words;
        }
    }
}

/* Finds the tables of symbols and relocations by the section headers, since only these give their lengths. */
static int read_tables(elf_file *f, const ElfW(Ehdr) * head)
{
    const ElfW(Shdr) *section = in_file(f, head->e_shoff, head->e_shnum, sizeof *section);
    f->segment = in_file(f, head->e_phoff, head->e_phnum, sizeof *f->segment);
    f->segments = head->e_phnum;
    if (!section || !f->segment || head->e_shoff % 8 || head->e_phoff % 8) return 0;
    for (int s = 0; s < head->e_shnum; s++) {
        if (section[s].sh_type != SHT_DYNSYM && section[s].sh_type != SHT_RELA) continue;
        const void *table = in_file(f, section[s].sh_offset, section[s].sh_size, 1);
        if (!table || section[s].sh_offset % 8) return 0;
        if (section[s].sh_type == SHT_DYNSYM) {
            if (section[s].sh_link >= head->e_shnum) return 0;
            const ElfW(Shdr) *names = &section[section[s].sh_link];
            f->symbol = table;
            f->symbols = section[s].sh_size / sizeof *f->symbol;
            f->names = in_file(f, names->sh_offset, names->sh_size, 1);
            f->names_bytes = names->sh_size;
            if (!f->names || !f->names_bytes || f->names[f->names_bytes - 1]) return 0;
        } else if (section[s].sh_flags & SHF_INFO_LINK) {
            f->call = table;
            f->calls = section[s].sh_size / sizeof *f->call;
        } else if (section[s].sh_flags & SHF_ALLOC) {
            f->relocation = table;
            f->relocations = section[s].sh_size / sizeof *f->relocation;
        }
    }
    return f->symbol != NULL;
}

int elf_open(const char *path, elf_file *f, char *reason, size_t size)
{
    memset(f, 0, sizeof *f);
    if (!map_file(path, f, reason, size)) return 0;
    const ElfW(Ehdr) *head = (const void *)f->data;
    const union {
        uint16_t word;
        unsigned char first;
    } order = {1};
    if (memcmp(head->e_ident, ELFMAG, SELFMAG) != 0 || head->e_type != ET_DYN)
        snprintf(reason, size, "is no shared library");
    else if (head->e_ident[EI_CLASS] != ELFCLASS64 || head->e_machine != MACHINE ||
             (head->e_ident[EI_DATA] == ELFDATA2LSB) != order.first)
        snprintf(reason, size, "is a shared library for another kind of machine");
    else if (head->e_shentsize != sizeof(ElfW(Shdr)) || head->e_phentsize != sizeof(ElfW(Phdr)) ||
             !read_tables(f, head))
        snprintf(reason, size, "is a damaged shared library");
    else {
        read_build_id(f);
        return 1;
    }
    elf_close(f);
    return 0;
}

void elf_close(elf_file *f)
{
    if (f->data) munmap((void *)(uintptr_t)f->data, f->bytes);
    memset(f, 0, sizeof *f);
}

const char *elf_symbol_name(const elf_file *f, const ElfW(Sym) * symbol)
{
    return symbol->st_name < f->names_bytes ? f->names + symbol->st_name : "";
}

const ElfW(Sym) * elf_symbol_find(const elf_file *f, const char *name)
{
    for (size_t i = 0; i < f->symbols; i++)
        if (f->symbol[i].st_shndx != SHN_UNDEF && strcmp(elf_symbol_name(f, &f->symbol[i]), name) == 0)
            return &f->symbol[i];
    return NULL;
}

const void *elf_at(const elf_file *f, uint64_t address, size_t bytes)
{
    for (size_t s = 0; s < f->segments; s++) {
        const ElfW(Phdr) *p = &f->segment[s];
        if (p->p_type != PT_LOAD || address < p->p_vaddr || address - p->p_vaddr > p->p_filesz) continue;
        if (bytes > p->p_filesz - (address - p->p_vaddr)) continue;
        return p->p_offset > f->bytes ? NULL : in_file(f, p->p_offset + (address - p->p_vaddr), bytes, 1);
    }
    return NULL;
}

uint64_t elf_pointer(const elf_file *f, uint64_t address)
{
    uint64_t in_place = 0;
    for (size_t i = 0; i < f->relocations; i++) {
        const ElfW(Rela) *r = &f->relocation[i];
        if (r->r_offset != address) continue;
        if (ELF64_R_TYPE(r->r_info) == RELATIVE) return (uint64_t)r->r_addend;
        const size_t symbol = ELF64_R_SYM(r->r_info);
        if (ELF64_R_TYPE(r->r_info) != ABSOLUTE || symbol >= f->symbols) return 0;
        if (f->symbol[symbol].st_shndx == SHN_UNDEF) return 0;
        return f->symbol[symbol].st_value + (uint64_t)r->r_addend;
    }
    /* With packed relative relocations (RELR) the word holds the address itself; without any relocation it holds 0. */
    const void *word = elf_at(f, address, sizeof in_place);
    if (word) memcpy(&in_place, word, sizeof in_place);
    return in_place;
}

const char *elf_text(const elf_file *f, uint64_t address)
{
    const char *text = address ? elf_at(f, address, 1) : NULL;
    return text && memchr(text, 0, f->bytes - (size_t)((const unsigned char *)text - f->data)) ? text : NULL;
}
