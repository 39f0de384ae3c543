/* gate_worktree.h: the base of a comparison built from a commit: a git worktree in a temporary folder.
 *
 * Built beside NEW, by the same tools, on the same machine, it needs no trust in where an artifact came from and no key
 * that says whether it fits. */
#ifndef ATTNBENCH_GATE_WORKTREE_H
#define ATTNBENCH_GATE_WORKTREE_H

#include "util/temp_dir.h"

enum { TREE_PATH = 4096 };
typedef struct gate_tree {
    char top[TREE_PATH];  /* root of the tree that NEW is in */
    temp_dir folder;      /* temporary */
    char path[TREE_PATH]; /* of the worktree, in it */
} gate_tree;

/* What git tells the programs of a hook names the tree and the index that it is at work on: none of that holds in
 * another tree, and git would write to that index. */
void git_forget_caller(void);

/* The git tree that the current folder is in. 0 and a reason where it is in none. */
int git_top(char *out, size_t size, char *reason, size_t reason_size);

/* The full name of a commit of the tree that the folder (NULL: the current one) is in; "-dirty" appended where REF is
 * NULL (what is checked out) and tracked files differ. */
int git_commit(const char *folder, const char *ref, char *out, size_t size, char *reason, size_t reason_size);

/* Makes the worktree of `commit` and runs the command in it by sh; what that prints goes to standard error. An exit
 * code, with a reason unless it is 0. gate_tree_remove is due in any case. */
int gate_tree_build(const char *commit, const char *command, gate_tree *out, char *reason, size_t reason_size);
void gate_tree_remove(gate_tree *t);

/* Worktrees of gates that were killed are removed, and what else such gates left; those of a gate or of a build that
 * runs stay. */
void gate_tree_sweep(void);

#endif
