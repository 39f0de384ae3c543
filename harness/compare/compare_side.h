/* compare_side.h: BASE and NEW as they were named: kernels in modules.
 *
 * Both sides are modules, also where a side is built in: the build links the built-in kernels a second time as a
 * plugin, so that neither side has the program's own layout and linkage in its favour. */
#ifndef ATTNBENCH_COMPARE_SIDE_H
#define ATTNBENCH_COMPARE_SIDE_H

#include "plugin/plugin.h"

typedef struct compare_side {
    const char *word; /* as given */
    char *path;       /* of the module */
    char *kernel;     /* the one that was named; NULL: all of them */
    plugin_set set;   /* that module, opened; empty where the other side has the same file */
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
    bool isolated;    /* each side runs its own code and nothing else */
    char shared[512]; /* else what they share */
} compare_sides;

/* KERNEL, FILE.so:KERNEL, FILE.so or 'builtin' (all built-in kernels). Where each side is one kernel these two are
 * compared, else those with the same names that `glob` (NULL: any) matches. 0 and one line in `reason`; nothing is
 * open then. */
int compare_sides_open(const char *base, const char *fresh, const char *const *globs, int glob_count, uint64_t isa,
                       compare_sides *out, char *reason, size_t reason_size);
void compare_sides_close(compare_sides *s);

/* The same for two modules that the program brings along (util/program_files.h), by their names there. */
int compare_sides_open_own(const char *base, const char *fresh, uint64_t isa, compare_sides *out, char *reason,
                           size_t reason_size);

/* "BASE" or "NEW" where that file is not what was opened any more; NULL: neither. Each case and each launch loads them
 * anew, so what was judged, timed and confirmed would not be one build. */
const char *compare_sides_changed(const compare_sides *s);

/* The kernel's name without its module's. */
const char *compare_kernel_name(const attn_kernel *stand_in);

#endif
