/* plugin.h: kernels from other people's shared libraries.
 *
 * A plugin's file is read first without running any of its code (plugin_read.h): ABI, instruction sets, names,
 * capabilities. Then a child process loads it once, to see whether that succeeds. This process never loads a plugin,
 * because it forks a child for each case, and some libraries (libgomp) hang in the children of a process that used
 * them. Instead it has a stand-in for each of the plugin's kernels: a descriptor without functions, named
 * `file:kernel`, which selections, judges and records treat like any other. The child that calls the kernel exchanges
 * the stand-in for the real descriptor (plugin_resolve). */
#ifndef ATTNBENCH_PLUGIN_H
#define ATTNBENCH_PLUGIN_H

#include <stdbool.h>

#include "attention.h"

typedef struct plugin {
    char *path;           /* absolute */
    char name[64];        /* the file's name without .so */
    char build_id[128];   /* from its entry; "" none */
    char linker_id[65];   /* the linker's build id, hexadecimal; "" none */
    char digest[17];      /* FNV-1a of the file */
    attn_kernel **kernel; /* stand-ins */
    int kernels;
    bool loads;              /* false: not loaded, since none of its kernels can run on this machine */
    bool flushes_subnormals; /* loading it switched flush-to-zero on (plugin_load switches it off again) */
    char *libraries;         /* files that were loaded with it, one a line, itself first */
    char interposed[320];    /* plugin_interposed, in words; "" none */
    attn_kernel *loaded;     /* in a process that has loaded it: its descriptors, in this program's size */
} plugin;

typedef struct plugin_set {
    plugin **plugin;
    int count;
} plugin_set;

/* Reads the plugins and loads each in a child. `isa`: usable instruction sets. Returns 0 and one line in `reason`, with
 * the set empty. */
int plugins_open(const char *const *path, int count, uint64_t isa, plugin_set *out, char *reason, size_t reason_size);
void plugins_close(plugin_set *set);

/* The plugin that a kernel stands in for; NULL for built-in kernels. */
const plugin *plugin_of(const attn_kernel *kernel);

/* The kernel to call in this process: a built-in kernel itself; for a stand-in, the kernel of its plugin, which is
 * loaded now if it was not. A process that calls this must not fork afterwards. NULL and a reason. */
const attn_kernel *plugin_resolve(const attn_kernel *kernel, char *reason, size_t reason_size);

/* Loads it into this process as the contract says: symbols local, bound at once, control bits restored. */
int plugin_load(plugin *p, char *reason, size_t reason_size);

/* Prints notes on the plugins that do not stop a run. */
void plugins_notes(const plugin_set *set);

#endif
