/* plugin_read.c: reads descriptors from the bytes of a shared library. Sizes, pointers and texts are all checked,
 * because the file may be old, foreign or broken. */
#include "plugin_read.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "elf_file.h"
#include "util/npy.h"

enum { MOST_KERNELS = 1024, LONGEST_NAME = 63 };

/* A descriptor without functions, and the plugin that it belongs to. The descriptor comes first, so that a pointer to
 * it is a pointer to the whole. */
typedef struct stand_in {
    attn_kernel kernel;
    plugin *owner;
    int index;
    uint64_t types[64];
} stand_in;

plugin *stand_in_owner(const attn_kernel *kernel) { return ((const stand_in *)kernel)->owner; }
int stand_in_index(const attn_kernel *kernel) { return ((const stand_in *)kernel)->index; }

static int abi_fits(uint32_t abi) { return abi >> 16 == ATTN_ABI_MAJOR && abi <= ATTN_ABI; }

static void say_abi(uint32_t abi, char *reason, size_t size)
{
    snprintf(reason, size, "is built for ABI %u.%u; this program takes %u.0 to %u.%u", abi >> 16, abi & 0xffff,
             ATTN_ABI_MAJOR, ATTN_ABI_MAJOR, ATTN_ABI_MINOR);
}

/* Names become parts of entry names, patterns and file names: only letters, digits and _ + - . are allowed. */
static int plain_name(const char *name)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-.";
    const size_t length = strnlen(name, LONGEST_NAME + 1);
    return length > 0 && length <= LONGEST_NAME && strspn(name, plain) == length;
}

/* Other texts go into lists and records: one line of UTF-8, or NULL. */
static int plain_text(const char *text)
{
    if (!text) return 1;
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f) return 0;
    json_t *string = json_string(text);
    json_decref(string);
    return string != NULL;
}

static int name_of_file(plugin *p, const char *path, char *reason, size_t size)
{
    const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    size_t length = strlen(base);
    if (length > 3 && strcmp(base + length - 3, ".so") == 0) length -= 3;
    snprintf(p->name, sizeof p->name, "%.*s", length > LONGEST_NAME ? 0 : (int)length, base);
    if (plain_name(p->name)) return 1;
    snprintf(reason, size, "its name must be 1 to %d letters, digits and _ + - . before .so", LONGEST_NAME);
    return 0;
}

/* Copies a struct that begins with its own size to `out` of `ours` bytes; what it lacks stays as it was. Returns 0 if
 * it has fewer than `least` bytes. */
static int read_struct(const elf_file *f, uint64_t address, void *out, size_t ours, size_t least)
{
    uint32_t size;
    const void *at = elf_at(f, address, sizeof size);
    if (!at) return 0;
    memcpy(&size, at, sizeof size);
    if (size < least || !(at = elf_at(f, address, size))) return 0;
    memcpy(out, at, size < ours ? size : ours);
    return 1;
}

static char *joined_name(const char *file, const char *kernel)
{
    char text[2 * LONGEST_NAME + 2];
    snprintf(text, sizeof text, "%s:%s", file, kernel);
    return strdup(text);
}

/* Does a kernel before the last one have this name? */
static int is_taken(const plugin *p, const char *name)
{
    for (int i = 0; i + 1 < p->kernels; i++)
        if (strcmp(p->kernel[i]->name, name) == 0) return 1;
    return 0;
}

static int read_kernel(plugin *p, const elf_file *f, uint64_t address, int index, char *reason, size_t size)
{
    stand_in *s = calloc(1, sizeof *s);
    if (!s) {
        snprintf(reason, size, "out of memory");
        return 0;
    }
    attn_kernel *k = &s->kernel;
    p->kernel[p->kernels++] = k;
    s->owner = p;
    s->index = index;
    const size_t least = offsetof(attn_kernel, run) + sizeof k->run;
    if (!address || !read_struct(f, address, k, sizeof *k, least)) {
        k->name = k->idea = k->improves_on = NULL;
        snprintf(reason, size, "kernel %d has no descriptor of %zu bytes or more in the file's data", index, least);
        return 0;
    }
    const char *name = elf_text(f, elf_pointer(f, address + offsetof(attn_kernel, name)));
    const char *idea = elf_text(f, elf_pointer(f, address + offsetof(attn_kernel, idea)));
    const char *improves_on = elf_text(f, elf_pointer(f, address + offsetof(attn_kernel, improves_on)));
    const uint64_t types = elf_pointer(f, address + offsetof(attn_kernel, types));
    k->size = sizeof *k;
    k->name = name && plain_name(name) ? joined_name(p->name, name) : NULL;
    const int plain = plain_text(idea) && plain_text(improves_on);
    k->idea = strdup(idea && plain ? idea : "");
    k->improves_on = improves_on && plain ? strdup(improves_on) : NULL;
    k->types = s->types;
    k->accepts = NULL;
    k->plan = NULL;
    k->release = NULL;
    k->pack = NULL;
    k->run = NULL;
    if (k->type_count > 64) k->type_count = 64;
    const void *mask = elf_at(f, types, k->type_count * sizeof *s->types);
    if (!k->name) {
        snprintf(reason, size, "the name of kernel %d must be 1 to %d letters, digits and _ + - .", index,
                 LONGEST_NAME);
    } else if (!plain) {
        snprintf(reason, size, "what %s says of itself is not one line of UTF-8 text", k->name);
    } else if (!abi_fits(k->abi)) {
        say_abi(k->abi, reason, size);
    } else if (k->type_count && (!types || !mask)) {
        snprintf(reason, size, "the types of %s are not in the file's data", k->name);
    } else if (is_taken(p, k->name)) {
        snprintf(reason, size, "two of its kernels are named %s", strchr(k->name, ':') + 1);
    } else {
        if (mask) memcpy(s->types, mask, k->type_count * sizeof *s->types);
        return 1;
    }
    return 0;
}

static int read_entry(plugin *p, const elf_file *f, char *reason, size_t size)
{
    attn_plugin entry = {0};
    const ElfW(Sym) *symbol = elf_symbol_find(f, ATTN_PLUGIN_ENTRY);
    if (!symbol) {
        snprintf(reason, size, "exports no symbol " ATTN_PLUGIN_ENTRY);
        return 0;
    }
    const uint32_t *head = elf_at(f, symbol->st_value, 2 * sizeof *head);
    if (ELF64_ST_TYPE(symbol->st_info) != STT_OBJECT || !head) {
        snprintf(reason, size, ATTN_PLUGIN_ENTRY " is no constant data");
        return 0;
    }
    uint32_t abi;
    memcpy(&abi, head + 1, sizeof abi);
    if (!abi_fits(abi)) {
        say_abi(abi, reason, size);
        return 0;
    }
    const size_t least = offsetof(attn_plugin, kernels) + sizeof entry.kernels;
    if (!read_struct(f, symbol->st_value, &entry, sizeof entry, least)) {
        snprintf(reason, size, ATTN_PLUGIN_ENTRY " is shorter than %zu bytes", least);
        return 0;
    }
    const uint64_t list = elf_pointer(f, symbol->st_value + offsetof(attn_plugin, kernels));
    if (entry.count < 1 || entry.count > MOST_KERNELS || !list) {
        snprintf(reason, size, ATTN_PLUGIN_ENTRY " lists %u kernels, must be 1 to %d", entry.count, MOST_KERNELS);
        return 0;
    }
    const char *id = elf_text(f, elf_pointer(f, symbol->st_value + offsetof(attn_plugin, build_id)));
    snprintf(p->build_id, sizeof p->build_id, "%s", id && plain_text(id) && strlen(id) < sizeof p->build_id ? id : "");
    memcpy(p->linker_id, f->build_id, sizeof p->linker_id);
    p->kernel = calloc(entry.count, sizeof *p->kernel);
    for (uint32_t i = 0; p->kernel && i < entry.count; i++)
        if (!read_kernel(p, f, elf_pointer(f, list + i * sizeof(uint64_t)), (int)i, reason, size)) return 0;
    if (!p->kernel) snprintf(reason, size, "out of memory");
    return p->kernel != NULL;
}

plugin *plugin_read(const char *path, char *reason, size_t size)
{
    elf_file f;
    plugin *p = calloc(1, sizeof *p);
    if (!p) {
        snprintf(reason, size, "out of memory");
        return NULL;
    }
    p->path = realpath(path, NULL);
    if (!p->path)
        snprintf(reason, size, "%s", strerror(errno));
    else if (elf_open(p->path, &f, reason, size)) {
        const int ok = name_of_file(p, path, reason, size) && read_entry(p, &f, reason, size);
        elf_close(&f);
        if (ok && file_digest(p->path, p->digest)) return p;
        if (ok) snprintf(reason, size, "cannot be read");
    }
    plugin_free(p);
    return NULL;
}

void plugin_free(plugin *p)
{
    for (int i = 0; i < p->kernels; i++) {
        free((void *)(uintptr_t)p->kernel[i]->name);
        free((void *)(uintptr_t)p->kernel[i]->idea);
        free((void *)(uintptr_t)p->kernel[i]->improves_on);
        free(p->kernel[i]);
    }
    free(p->kernel);
    free(p->libraries);
    free(p->loaded);
    free(p->path);
    free(p);
}
