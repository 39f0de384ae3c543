/* plugin.h: kernels from other people's shared libraries.
 *
 * The file's data are read first, without running any of its code: ABI, instruction sets, names, capabilities. Then a
 * child loads it once, to see whether that goes well. This process itself never loads a plugin, since it forks a child
 * for each case and some libraries (libgomp) hang in children of a process that used them. Here a plugin's kernel is a
 * stand-in: a descriptor without functions, named `file:kernel`, that selections, judges and records treat as any
 * other; the child that shall call it exchanges it for the real one (plugin_resolve). */
#ifndef ATTNBENCH_PLUGIN_H
#define ATTNBENCH_PLUGIN_H

#include <stdbool.h>

#include "attention.h"

typedef struct plugin {
    char *path;           /* absolute */
    char name[64];        /* the file's name without .so */
    char build_id[128];   /* what it says of itself; "" nothing */
    char linker_id[65];   /* of the linker, hexadecimal; "" none */
    char digest[17];      /* FNV-1a of the file */
    attn_kernel **kernel; /* stand-ins */
    int kernels;
    bool loads;              /* false: no kernel of it can run on this machine, so it was never loaded */
    bool flushes_subnormals; /* loading it switched flush-to-zero on (and we switched it off again) */
    char *libraries;         /* files that were loaded with it, one a line, itself first */
    char interposed[320];    /* a symbol of its own that the program answers instead, in words; "" none */
    attn_kernel *loaded;     /* in a process that has loaded it: its descriptors, in this program's size */
} plugin;

typedef struct plugin_set {
    plugin **plugin;
    int count;
} plugin_set;

/* Reads and tries the plugins. `isa`: usable instruction sets. 0 and one line in `reason`; the set is then empty. */
int plugins_open(const char *const *path, int count, uint64_t isa, plugin_set *out, char *reason, size_t reason_size);
void plugins_close(plugin_set *set);

/* The plugin that a kernel stands in for; NULL for built-in kernels. */
const plugin *plugin_of(const attn_kernel *kernel);

/* The kernel to call in this process: itself, or for a stand-in that of its plugin, which is loaded now if it was not.
 * Not to be called in a process that forks afterwards. NULL and a reason. */
const attn_kernel *plugin_resolve(const attn_kernel *kernel, char *reason, size_t reason_size);

/* Loads it into this process, under the rules of the contract (symbols local, bound at once, control bits put back). */
int plugin_load(plugin *p, char *reason, size_t reason_size);

/* Complains of what was noticed of the plugins and does not stop a run. */
void plugins_notes(const plugin_set *set);

#endif
