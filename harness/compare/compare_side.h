/* compare_side.h: turns the words BASE and NEW into modules, and modules into pairs of kernels.
 *
 * Both sides are modules. Built-in kernels are linked a second time as a plugin for this, so that neither side has the
 * program's own layout and linkage in its favour. */
#ifndef ATTNBENCH_COMPARE_SIDE_H
#define ATTNBENCH_COMPARE_SIDE_H

#include "plugin/plugin.h"

typedef struct compare_side {
    const char *word; /* as given */
    char *path;       /* of the module */
    char *kernel;     /* the one that the word names; NULL: all */
    plugin_set set;   /* that module, opened; empty where the other side has opened the same file */
    const plugin *module;
} compare_side;

typedef struct compare_pair {
    const attn_kernel *kernel[2]; /* stand-ins */
    bool identical;               /* the same code */
} compare_pair;

typedef struct compare_sides {
    compare_side side[2];
    compare_pair *pair;
    int pairs;
    const attn_kernel **alone[2]; /* kernels that only one side has */
    int alone_count[2];
    bool isolated;    /* each side runs only its own code */
    char shared[512]; /* if not: what they share */
} compare_sides;

/* Opens both sides. A word is KERNEL, FILE.so:KERNEL, FILE.so or 'builtin' (all built-in kernels). If each side names
 * one kernel, these two are a pair; else kernels of the same name are, if one of `globs` (none: any) matches it.
 * Returns 0 and one line in `reason`, with nothing open. */
int compare_sides_open(const char *base, const char *fresh, const char *const *globs, int glob_count, uint64_t isa,
                       compare_sides *out, char *reason, size_t reason_size);
void compare_sides_close(compare_sides *s);

/* The same for two modules that the program brings along (util/program_files.h), by their names there. */
int compare_sides_open_own(const char *base, const char *fresh, uint64_t isa, compare_sides *out, char *reason,
                           size_t reason_size);

/* "BASE" or "NEW" if that file has changed since it was opened; NULL: neither has. Each case and each launch loads the
 * files anew, so a changed file means that what was judged, timed and confirmed is not one build. */
const char *compare_sides_changed(const compare_sides *s);

/* The kernel's name without its module's. */
const char *compare_kernel_name(const attn_kernel *stand_in);

#endif
