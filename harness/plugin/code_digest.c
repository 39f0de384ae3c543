/* code_digest.c: hashes the loadable segments of a file, except for the holes that only name the build. */
#include "code_digest.h"

#include <stddef.h>
#include <string.h>

#include "elf_file.h"
#include "plugin_isolation.h"

/* Ranges of the file that the digest leaves out. */
typedef struct holes {
    struct {
        size_t begin, end;
    } at[16];
    int count;
} holes;

static void add_hole(holes *h, size_t begin, size_t bytes)
{
    if (h->count == (int)(sizeof h->at / sizeof *h->at)) return;
    h->at[h->count].begin = begin;
    h->at[h->count++].end = begin + bytes;
}

static void find_holes(const elf_file *f, holes *h)
{
    add_hole(h, 0, sizeof(ElfW(Ehdr))); /* it says where sections begin, which debugging information moves */
    for (size_t s = 0; s < f->segments; s++)
        if (f->segment[s].p_type == PT_NOTE) add_hole(h, f->segment[s].p_offset, f->segment[s].p_filesz);
    const ElfW(Sym) *entry = elf_symbol_find(f, ATTN_PLUGIN_ENTRY);
    const char *id = entry ? elf_text(f, elf_pointer(f, entry->st_value + offsetof(attn_plugin, build_id))) : NULL;
    if (id) add_hole(h, (size_t)((const unsigned char *)id - f->data), strlen(id));
}

static uint64_t fnv_1a(uint64_t hash, const unsigned char *at, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static uint64_t digest_range(uint64_t hash, const elf_file *f, const holes *h, size_t begin, size_t end)
{
    while (begin < end) {
        size_t stop = end;
        for (int i = 0; i < h->count; i++) {
            if (h->at[i].begin <= begin && begin < h->at[i].end) {
                begin = h->at[i].end;
                stop = begin;
                break;
            }
            if (h->at[i].begin > begin && h->at[i].begin < stop) stop = h->at[i].begin;
        }
        if (stop > begin) hash = fnv_1a(hash, f->data + begin, stop - begin);
        begin = stop > begin ? stop : begin;
    }
    return hash;
}

static int digest_file(const char *path, uint64_t *hash)
{
    elf_file f;
    char reason[128];
    holes h = {.count = 0};
    if (!elf_open(path, &f, reason, sizeof reason)) return 0;
    find_holes(&f, &h);
    for (size_t s = 0; s < f.segments; s++) {
        const ElfW(Phdr) *p = &f.segment[s];
        if (p->p_type != PT_LOAD || p->p_offset > f.bytes || p->p_filesz > f.bytes - p->p_offset) continue;
        *hash = digest_range(*hash, &f, &h, p->p_offset, p->p_offset + p->p_filesz);
    }
    elf_close(&f);
    return 1;
}

int code_digest(const plugin *p, uint64_t *out)
{
    *out = UINT64_C(0xcbf29ce484222325);
    if (!digest_file(p->path, out)) return 0;
    char path[4096];
    for (const char *at = p->libraries ? p->libraries : ""; *at;) {
        const size_t length = strcspn(at, "\n");
        if (length >= sizeof path) return 0;
        memcpy(path, at, length);
        path[length] = 0;
        at += length + (at[length] == '\n');
        if (strcmp(path, p->path) && !plugin_of_system(path) && !digest_file(path, out)) return 0;
    }
    return 1;
}
