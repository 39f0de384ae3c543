/* plugin.c: opens a set of plugins, tries each in a child, and loads them where they are called. plugin_read.c reads
 * the files. */
#include "plugin.h"

#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/child_process.h"
#include "machine/cpu_state.h"
#include "plugin_isolation.h"
#include "plugin_read.h"
#include "util/console.h"

static const double load_limit = 10; /* seconds */

/* ---- loading ------------------------------------------------------------------------------------------------- */

/* Copies the descriptors in this program's size: fields that an older plugin lacks are 0. */
static int take_descriptors(plugin *p, const attn_plugin *entry, char *reason, size_t size)
{
    attn_kernel *loaded = calloc((size_t)p->kernels, sizeof *loaded);
    if (!loaded) {
        snprintf(reason, size, "out of memory");
        return 0;
    }
    int ok = entry->count == (uint32_t)p->kernels;
    for (int i = 0; ok && i < p->kernels; i++) {
        const attn_kernel *k = entry->kernels[i];
        memcpy(&loaded[i], k, k->size < sizeof *k ? k->size : sizeof *k);
        ok = loaded[i].name && strcmp(loaded[i].name, strchr(p->kernel[i]->name, ':') + 1) == 0;
        if (!ok || (loaded[i].plan && loaded[i].run)) continue;
        snprintf(reason, size, "%s has no %s", p->kernel[i]->name, loaded[i].plan ? "run" : "plan");
        free(loaded);
        return 0;
    }
    if (!ok) {
        snprintf(reason, size, "%s is not what it was when this run began", p->path);
        free(loaded);
        return 0;
    }
    p->loaded = loaded;
    return 1;
}

int plugin_load(plugin *p, char *reason, size_t size)
{
    if (p->loaded) return 1;
    const uint32_t state = cpu_state_save();
    /* NODELETE: threads that it started may still run its code when it is closed. */
    void *module = dlopen(p->path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    p->flushes_subnormals = cpu_state_flushes(cpu_state_save()) && !cpu_state_flushes(state);
    cpu_state_restore(state);
    const attn_plugin *entry = module ? dlsym(module, ATTN_PLUGIN_ENTRY) : NULL;
    if (entry) return take_descriptors(p, entry, reason, size);
    const char *why = dlerror();
    snprintf(reason, size, "cannot be loaded: %s", why ? why : "no entry");
    return 0;
}

const plugin *plugin_of(const attn_kernel *kernel) { return kernel->run ? NULL : stand_in_owner(kernel); }

const attn_kernel *plugin_resolve(const attn_kernel *kernel, char *reason, size_t size)
{
    if (kernel->run) return kernel;
    plugin *p = stand_in_owner(kernel);
    return plugin_load(p, reason, size) ? &p->loaded[stand_in_index(kernel)] : NULL;
}

/* ---- trying it in a child ---------------------------------------------------------------------------------------- */

typedef struct load_trial {
    plugin *p;
    int loaded, flushes;
    char reason[512];
    char interposed[320];
    char libraries[1 << 14];
} load_trial;

typedef struct object_list {
    char *text;
    size_t size, used;
    const char *known; /* lines that are not noted again; NULL: note all */
} object_list;

static int note_object(struct dl_phdr_info *info, size_t size, void *arg)
{
    (void)size;
    object_list *o = arg;
    const char *found = o->known && *info->dlpi_name ? strstr(o->known, info->dlpi_name) : NULL;
    if (!*info->dlpi_name || (found && found[strlen(info->dlpi_name)] == '\n')) return 0;
    const int n = snprintf(o->text + o->used, o->size - o->used, "%s\n", info->dlpi_name);
    if (n > 0 && (size_t)n < o->size - o->used) o->used += (size_t)n;
    return 0;
}

static void try_to_load(void *arg)
{
    load_trial *t = arg;
    char *before = calloc(1, sizeof t->libraries);
    if (!before) return;
    object_list o = {before, sizeof t->libraries, 0, NULL};
    dl_iterate_phdr(note_object, &o);
    t->loaded = plugin_load(t->p, t->reason, sizeof t->reason);
    t->flushes = t->p->flushes_subnormals;
    o = (object_list){t->libraries, sizeof t->libraries, 0, before};
    dl_iterate_phdr(note_object, &o);
    if (t->loaded) plugin_interposed(t->libraries, t->interposed, sizeof t->interposed);
    free(before);
}

static int try_plugin(plugin *p, char *reason, size_t size)
{
    const child_limit limit = {.seconds = load_limit};
    char end[256];
    load_trial *t = shared_new(sizeof *t);
    if (!t) {
        snprintf(reason, size, "out of memory");
        return 0;
    }
    t->p = p;
    const child_end how = child_run(try_to_load, t, &limit, end, sizeof end);
    const int ok = how == CHILD_DONE && t->loaded;
    if (how != CHILD_DONE)
        snprintf(reason, size, "could not be loaded: %s", end);
    else if (!ok)
        snprintf(reason, size, "%s", t->reason);
    p->flushes_subnormals = t->flushes;
    p->libraries = strdup(t->libraries);
    memcpy(p->interposed, t->interposed, sizeof p->interposed);
    p->loads = ok;
    shared_free(t, sizeof *t);
    return ok && p->libraries;
}

/* ---- the set --------------------------------------------------------------------------------------------------- */

static int runs_somewhere(const plugin *p, uint64_t isa)
{
    for (int i = 0; i < p->kernels; i++)
        if (!(p->kernel[i]->isa & ~isa)) return 1;
    return 0;
}

static int open_plugin(plugin_set *set, const char *path, uint64_t isa, char *reason, size_t size)
{
    char why[768];
    plugin *p = plugin_read(path, why, sizeof why);
    if (p) {
        set->plugin[set->count++] = p;
        int taken = 0;
        for (int i = 0; i + 1 < set->count; i++) taken |= strcmp(set->plugin[i]->name, p->name) == 0;
        if (taken)
            snprintf(why, sizeof why, "another plugin of this run is named %s too; rename one of the files", p->name);
        else if (!runs_somewhere(p, isa) || try_plugin(p, why, sizeof why))
            return 1;
    }
    snprintf(reason, size, "--plugin %.400s: %.600s", path, why);
    return 0;
}

int plugins_open(const char *const *path, int count, uint64_t isa, plugin_set *out, char *reason, size_t size)
{
    *out = (plugin_set){calloc((size_t)count + 1, sizeof *out->plugin), 0};
    for (int i = 0; out->plugin && i < count; i++)
        if (!open_plugin(out, path[i], isa, reason, size)) {
            plugins_close(out);
            return 0;
        }
    if (!out->plugin) snprintf(reason, size, "out of memory");
    return out->plugin != NULL;
}

void plugins_close(plugin_set *set)
{
    for (int i = 0; i < set->count; i++) plugin_free(set->plugin[i]);
    free(set->plugin);
    *set = (plugin_set){NULL, 0};
}

void plugins_notes(const plugin_set *set)
{
    for (int i = 0; i < set->count; i++) {
        const plugin *p = set->plugin[i];
        if (p->flushes_subnormals)
            complain("note: loading %s switches flush-to-zero on (is it linked with -ffast-math?); its kernels run "
                     "without it",
                     p->path);
        if (p->interposed[0]) complain("note: %s does not run its own code alone: %s", p->path, p->interposed);
        if (!p->loads)
            complain("note: %s was not loaded: none of its kernels can run with the instruction sets in use", p->path);
    }
}
