/* elf_move.c: the copy begins with one page and `offset` bytes, which hold the headers; the old file follows, with
 * every address raised by as much. */
#include "elf_move.h"

#include <elf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "elf_file.h"
#include "util/atomic_file.h"

enum { PAGE = 4096 };

static uint64_t page_of(uint64_t address) { return address / PAGE; }

/* ---- may it be moved? -------------------------------------------------------------------------------------------- */

#if defined(__x86_64__)
static bool is_address(uint32_t relocation)
{
    return relocation == R_X86_64_RELATIVE || relocation == R_X86_64_IRELATIVE;
}
static const bool by_less_than_pages = true;
#else
/* Other processors address a page and the offset within it by separate instructions, which would have to be changed. */
static bool is_address(uint32_t relocation) { return relocation == 0; }
static const bool by_less_than_pages = false;
#endif

static const ElfW(Dyn) * dynamic_section(const elf_file *f, size_t *count)
{
    for (size_t s = 0; s < f->segments; s++) {
        if (f->segment[s].p_type != PT_DYNAMIC) continue;
        *count = f->segment[s].p_filesz / sizeof(ElfW(Dyn));
        return elf_at(f, f->segment[s].p_vaddr, *count * sizeof(ElfW(Dyn)));
    }
    return NULL;
}

static bool is_movable(const elf_file *f, char *reason, size_t size)
{
    const ElfW(Ehdr) *head = (const void *)f->data;
    const ElfW(Shdr) *section = (const void *)(f->data + head->e_shoff);
    size_t entries = 0;
    const ElfW(Dyn) *entry = dynamic_section(f, &entries);
    const char *why = by_less_than_pages ? NULL : "code of this processor cannot be moved by less than a page";
    if (!why && !entry) why = "it has no dynamic section";
    for (size_t i = 0; !why && i < entries && entry[i].d_tag != DT_NULL; i++)
        if (entry[i].d_tag == 36 /* DT_RELR */) why = "its relocations are packed";
    for (int s = 0; !why && s < head->e_shnum; s++)
        if (section[s].sh_flags & SHF_ALLOC && section[s].sh_addralign > ELF_MOVE_STEP)
            why = "some of its data are aligned more strictly";
    if (why) snprintf(reason, size, "%s", why);
    return !why;
}

/* May all segments move by so much? Each has rights of its own, so none may come to share a page with another. */
static bool segments_fit(const elf_file *f, uint64_t by)
{
    uint64_t free_page = 0;
    for (size_t s = 0; s < f->segments; s++) {
        const ElfW(Phdr) *p = &f->segment[s];
        if (p->p_type != PT_LOAD) continue;
        if (page_of(p->p_vaddr + by) < free_page) return false;
        free_page = page_of(p->p_vaddr + by + p->p_memsz + PAGE - 1);
    }
    return true;
}

int elf_move_offsets(const char *path, int most, int *offset, char *reason, size_t reason_size)
{
    int possible[PAGE / ELF_MOVE_STEP], count = 0, taken = 0;
    elf_file f;
    if (!elf_open(path, &f, reason, reason_size)) return 0;
    if (is_movable(&f, reason, reason_size)) {
        for (int by = ELF_MOVE_STEP; by < PAGE; by += ELF_MOVE_STEP)
            if (segments_fit(&f, (uint64_t)by)) possible[count++] = by;
        if (!count) snprintf(reason, reason_size, "its segments fill their pages");
    }
    elf_close(&f);
    for (; taken < most && taken < count; taken++)
        offset[taken] = possible[taken * count / (most < count ? most : count)];
    return taken;
}

/* ---- moved ------------------------------------------------------------------------------------------------------- */

typedef struct mover {
    const elf_file *f;
    unsigned char *out; /* `by` bytes, which begin with a copy of the headers, then the old file */
    uint64_t by;
} mover;

/* Where something of the old file is in the new one. */
static void *in_new(const mover *m, const void *at)
{
    return m->out + m->by + ((const unsigned char *)at - m->f->data);
}

static void move_headers(const mover *m)
{
    const elf_file *f = m->f;
    const ElfW(Ehdr) *old = (const void *)f->data;
    ElfW(Ehdr) *head = (void *)m->out;
    *head = *old;
    head->e_phoff = sizeof *head;
    head->e_shoff += m->by;
    ElfW(Phdr) *p = (void *)(m->out + sizeof *head);
    memcpy(p, f->segment, f->segments * sizeof *p);
    for (size_t s = 0; s < f->segments; s++) {
        if (p[s].p_type == PT_GNU_STACK) continue;
        if (p[s].p_type == PT_PHDR) p[s].p_type = PT_NULL; /* the program headers lie in no segment now; optional */
        p[s].p_offset += m->by;
        p[s].p_vaddr += m->by;
        p[s].p_paddr += m->by;
    }
    ElfW(Shdr) *section = in_new(m, f->data + old->e_shoff);
    for (int s = 0; s < old->e_shnum; s++) {
        if (section[s].sh_type == SHT_NULL) continue;
        section[s].sh_offset += m->by;
        if (section[s].sh_flags & SHF_ALLOC) section[s].sh_addr += m->by;
    }
}

static bool holds_address(int64_t tag)
{
    static const int64_t tags[] = {DT_PLTGOT,     DT_HASH,       DT_STRTAB, DT_SYMTAB, DT_RELA,    DT_INIT,  DT_FINI,
                                   DT_INIT_ARRAY, DT_FINI_ARRAY, DT_JMPREL, DT_VERSYM, DT_VERNEED, DT_VERDEF};
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++)
        if (tag == tags[i]) return true;
    return tag >= DT_ADDRRNGLO && tag <= DT_ADDRRNGHI;
}

static void move_dynamic(const mover *m)
{
    size_t count = 0;
    ElfW(Dyn) *entry = in_new(m, dynamic_section(m->f, &count));
    for (size_t i = 0; i < count && entry[i].d_tag != DT_NULL; i++)
        if (holds_address(entry[i].d_tag)) entry[i].d_un.d_ptr += m->by;
}

static void move_relocations(const mover *m, const ElfW(Rela) * table, size_t count)
{
    ElfW(Rela) *r = count ? in_new(m, table) : NULL;
    for (size_t i = 0; i < count; i++) {
        r[i].r_offset += m->by;
        if (is_address((uint32_t)ELF64_R_TYPE(r[i].r_info))) r[i].r_addend += (int64_t)m->by;
    }
}

static void move_symbols(const mover *m)
{
    ElfW(Sym) *symbol = in_new(m, m->f->symbol);
    for (size_t i = 0; i < m->f->symbols; i++)
        if (symbol[i].st_shndx != SHN_UNDEF && symbol[i].st_shndx != SHN_ABS &&
            ELF64_ST_TYPE(symbol[i].st_info) != STT_TLS)
            symbol[i].st_value += m->by;
}

int elf_move(const char *from, const char *to, int offset, char *reason, size_t reason_size)
{
    elf_file f;
    int ok = 0;
    if (!elf_open(from, &f, reason, reason_size)) return 0;
    const mover m = {&f, calloc(f.bytes + PAGE + (size_t)offset, 1), (uint64_t)(PAGE + offset)};
    const bool headers_fit = sizeof(ElfW(Ehdr)) + f.segments * sizeof(ElfW(Phdr)) <= PAGE;
    if (!m.out || !headers_fit) {
        snprintf(reason, reason_size, "%s", m.out ? "it has too many segments" : "out of memory");
    } else if (is_movable(&f, reason, reason_size)) {
        memcpy(m.out + m.by, f.data, f.bytes);
        move_headers(&m);
        move_dynamic(&m);
        move_relocations(&m, f.relocation, f.relocations);
        move_relocations(&m, f.call, f.calls);
        move_symbols(&m);
        ok = file_write_atomically(to, (const char *)m.out, f.bytes + m.by, reason, reason_size);
    }
    free(m.out);
    elf_close(&f);
    return ok;
}
