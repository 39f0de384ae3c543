/* gate_base.h: both sides of a gate as files: NEW, built in the tree that we are in, and BASE, from a baseline or built
 * from a commit. */
#ifndef ATTNBENCH_GATE_BASE_H
#define ATTNBENCH_GATE_BASE_H

#include "baseline.h"
#include "gate_worktree.h"

/* What the command line says; NULL where it does not. */
typedef struct gate_base_settings {
    const char *plugin;          /* NEW's module; NULL: the built-in kernels */
    const char *key;             /* what the build is known by, beside its flags */
    const char *build;           /* command that builds the base */
    const char *base, *baseline; /* a commit, or a folder of baselines */
} gate_base_settings;

typedef struct gate_base {
    char module[2][TREE_PATH]; /* BASE, NEW */
    char commit[2][80];        /* "" unknown */
    gate_tree tree;            /* of the base, where it was built */
} gate_base;

/* NEW's module: --plugin, else the built-in kernels beside this program. */
int gate_new_module(const gate_base_settings *s, char *out, size_t size, char *reason, size_t reason_size);

/* The commit of the tree that the module lies in, wherever we are; "" outside of git. */
void gate_module_commit(const char *module, char *out, size_t size);

/* The one that --commit names: a commit here, by any name, or one elsewhere, by its full name. 0 and a reason. */
int gate_named_commit(const char *name, char *out, size_t size, char *reason, size_t reason_size);

/* What the key says of flags: --key, else those of this program for its own kernels, else CFLAGS and LDFLAGS. */
void gate_build_flags(const gate_base_settings *s, char *out, size_t size);

/* An exit code, with a reason unless it is 0. gate_base_close is due in any case. */
int gate_base_open(const gate_base_settings *s, gate_base *out, char *reason, size_t reason_size);
void gate_base_close(gate_base *b);

#endif
