/* plugin_isolation.c: looks for the three kinds of sharing in the files, and in a child that has loaded them all. */
#include "plugin_isolation.h"

#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/child_process.h"
#include "elf_file.h"

static const double look_limit = 30; /* seconds */

/* ---- lists of paths, one a line -------------------------------------------------------------------------------- */

/* Copies the next line to `line` and moves *at behind it; 0 at the end. */
static int next_line(const char **at, char *line, size_t size)
{
    const size_t length = strcspn(*at, "\n");
    if (!**at || length >= size) return 0;
    memcpy(line, *at, length);
    line[length] = 0;
    *at += length + ((*at)[length] == '\n');
    return 1;
}

static int same_file(const char *a, const char *b)
{
    char *ra = realpath(a, NULL), *rb = realpath(b, NULL);
    const int same = ra && rb ? strcmp(ra, rb) == 0 : strcmp(a, b) == 0;
    free(ra);
    free(rb);
    return same;
}

static int has_file(const char *list, const char *path)
{
    char line[4096];
    while (next_line(&list, line, sizeof line))
        if (same_file(line, path)) return 1;
    return 0;
}

static const char *base_name(const char *path) { return strrchr(path, '/') ? strrchr(path, '/') + 1 : path; }

int plugin_of_system(const char *path) { return strncmp(path, "/lib", 4) == 0 || strncmp(path, "/usr/lib", 8) == 0; }

/* ---- symbols that resolve to the program ------------------------------------------------------------------------- */

static int is_symbolic(const elf_file *f)
{
    for (size_t s = 0; s < f->segments; s++) {
        if (f->segment[s].p_type != PT_DYNAMIC) continue;
        const size_t count = f->segment[s].p_filesz / sizeof(ElfW(Dyn));
        const ElfW(Dyn) *d = elf_at(f, f->segment[s].p_vaddr, count * sizeof *d);
        for (size_t i = 0; d && i < count && d[i].d_tag != DT_NULL; i++)
            if (d[i].d_tag == DT_SYMBOLIC || (d[i].d_tag == DT_FLAGS && d[i].d_un.d_val & DF_SYMBOLIC)) return 1;
    }
    return 0;
}

/* Does a library of the list export a definition of the symbol? Weak ones (of C++ templates) may be shared. */
static int defined_in(const char *list, const char *name)
{
    char path[4096], reason[128];
    int found = 0;
    while (!found && next_line(&list, path, sizeof path)) {
        elf_file f;
        if (!elf_open(path, &f, reason, sizeof reason)) continue;
        const ElfW(Sym) *symbol = elf_symbol_find(&f, name);
        found = symbol && ELF64_ST_BIND(symbol->st_info) == STB_GLOBAL &&
                ELF64_ST_VISIBILITY(symbol->st_other) == STV_DEFAULT;
        elf_close(&f);
    }
    return found;
}

/* Finds the first relocation of a table that resolves to the program although a library of the list defines it. */
static int interposed_in(const elf_file *f, const ElfW(Rela) * table, size_t count, const char *list, const char *path,
                         char *found, size_t size)
{
    for (size_t i = 0; i < count; i++) {
        const size_t index = ELF64_R_SYM(table[i].r_info);
        if (index == 0 || index >= f->symbols) continue;
        const char *name = elf_symbol_name(f, &f->symbol[index]);
        const void *answer = dlsym(RTLD_DEFAULT, name);
        Dl_info info;
        if (!answer || !dladdr(answer, &info) || has_file(list, info.dli_fname) || !defined_in(list, name)) continue;
        snprintf(found, size, "%s, which %s calls, is answered by %s", name, base_name(path),
                 base_name(info.dli_fname));
        return 1;
    }
    return 0;
}

int plugin_interposed(const char *libraries, char *found, size_t size)
{
    char path[4096], reason[128];
    const char *at = libraries;
    int any = 0;
    while (!any && next_line(&at, path, sizeof path)) {
        elf_file f;
        if (plugin_of_system(path) || !elf_open(path, &f, reason, sizeof reason)) continue;
        any = !is_symbolic(&f) && (interposed_in(&f, f.call, f.calls, libraries, path, found, size) ||
                                   interposed_in(&f, f.relocation, f.relocations, libraries, path, found, size));
        elf_close(&f);
    }
    return any;
}

/* ---- objects that are unique in a process ------------------------------------------------------------------------ */

static int unique_in_both(const elf_file *a, const elf_file *b, char *name, size_t size)
{
    for (size_t i = 0; i < a->symbols; i++) {
        if (ELF64_ST_BIND(a->symbol[i].st_info) != STB_GNU_UNIQUE) continue;
        const ElfW(Sym) *other = elf_symbol_find(b, elf_symbol_name(a, &a->symbol[i]));
        if (!other || ELF64_ST_BIND(other->st_info) != STB_GNU_UNIQUE) continue;
        snprintf(name, size, "%s", elf_symbol_name(a, &a->symbol[i]));
        return 1;
    }
    return 0;
}

static int share_an_object(const plugin *a, const plugin *b, char *reason, size_t size)
{
    char path_a[4096], path_b[4096], none[128], name[256];
    int found = 0;
    for (const char *at_a = a->libraries; !found && next_line(&at_a, path_a, sizeof path_a);)
        for (const char *at_b = b->libraries; !found && next_line(&at_b, path_b, sizeof path_b);) {
            elf_file fa, fb;
            if (same_file(path_a, path_b) || !elf_open(path_a, &fa, none, sizeof none)) continue;
            if (elf_open(path_b, &fb, none, sizeof none)) {
                found = unique_in_both(&fa, &fb, name, sizeof name);
                elf_close(&fb);
            }
            elf_close(&fa);
        }
    if (found)
        snprintf(reason, size,
                 "%s and %s share the object %s, of which a process has only one (compile with -fno-gnu-unique and "
                 "-fvisibility=hidden)",
                 a->name, b->name, name);
    return found;
}

/* ---- libraries --------------------------------------------------------------------------------------------------- */

static int share_a_library(const plugin *a, const plugin *b, char *reason, size_t size)
{
    char path[4096];
    for (const char *at = a->libraries; next_line(&at, path, sizeof path);) {
        if (plugin_of_system(path) || !has_file(b->libraries, path)) continue;
        snprintf(reason, size, "%s and %s use one copy of %s", a->name, b->name, path);
        return 1;
    }
    return 0;
}

typedef struct isolation_look {
    const plugin_set *set;
    int isolated;
    char reason[512];
} isolation_look;

static int append_object(struct dl_phdr_info *info, size_t size, void *arg)
{
    (void)size;
    if (*info->dlpi_name) fprintf(arg, "%s\n", info->dlpi_name);
    return 0;
}

/* Loads all plugins: each must get the same libraries as when it is loaded alone. */
static void load_all(void *arg)
{
    isolation_look *l = arg;
    char *now = NULL, path[4096];
    size_t size = 0;
    FILE *out = open_memstream(&now, &size);
    for (int i = 0; i < l->set->count; i++)
        if (l->set->plugin[i]->loads && !plugin_load(l->set->plugin[i], l->reason, sizeof l->reason)) return;
    if (!out) return;
    dl_iterate_phdr(append_object, out);
    fclose(out);
    l->isolated = 1;
    for (int i = 0; l->isolated && i < l->set->count; i++) {
        const plugin *p = l->set->plugin[i];
        for (const char *at = p->libraries ? p->libraries : ""; l->isolated && next_line(&at, path, sizeof path);) {
            if (has_file(now, path)) continue;
            snprintf(l->reason, sizeof l->reason, "%s does not get its %.300s: another library of that name is loaded",
                     p->name, path);
            l->isolated = 0;
        }
    }
    free(now);
}

int plugins_isolated(const plugin_set *set, char *reason, size_t size)
{
    const child_limit limit = {.seconds = look_limit};
    char end[256];
    for (int i = 0; i < set->count; i++) {
        const plugin *a = set->plugin[i];
        if (a->interposed[0]) {
            snprintf(reason, size, "%s: %s", a->name, a->interposed);
            return 0;
        }
        for (int j = 0; a->loads && j < i; j++) {
            const plugin *b = set->plugin[j];
            if (b->loads && (share_a_library(a, b, reason, size) || share_an_object(a, b, reason, size))) return 0;
        }
    }
    isolation_look *l = shared_new(sizeof *l);
    if (!l) {
        snprintf(reason, size, "out of memory");
        return 0;
    }
    l->set = set;
    const child_end how = child_run(load_all, l, &limit, end, sizeof end);
    const int isolated = how == CHILD_DONE && l->isolated;
    if (!isolated) snprintf(reason, size, "%s", how == CHILD_DONE ? l->reason : end);
    shared_free(l, sizeof *l);
    return isolated;
}
