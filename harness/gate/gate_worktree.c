/* gate_worktree.c: git worktree add, the build, git worktree remove. */
#include "gate_worktree.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/console.h"
#include "util/subprocess.h"

#define TREE "tree" /* in the temporary folder */

/* Hooks of the repository have no business in a tree that is only built. */
#define GIT "git", "-c", "core.hooksPath=/dev/null"

void git_forget_caller(void)
{
    static const char *const variable[] = {"GIT_DIR",        "GIT_WORK_TREE", "GIT_INDEX_FILE",
                                           "GIT_COMMON_DIR", "GIT_PREFIX",    "GIT_OBJECT_DIRECTORY"};
    for (size_t i = 0; i < sizeof variable / sizeof *variable; i++) unsetenv(variable[i]);
}

int git_top(char *out, size_t size, char *reason, size_t reason_size)
{
    const char *const argv[] = {GIT, "rev-parse", "--show-toplevel", NULL};
    const int code = subprocess_run(NULL, argv, out, size, reason, reason_size);
    if (code > 0)
        snprintf(reason, reason_size,
                 "--base: the current folder is in no git tree, or git does not trust it ('git status' tells)");
    return code == 0 && out[0];
}

int git_commit(const char *folder, const char *ref, char *out, size_t size, char *reason, size_t reason_size)
{
    char name[512], changed[64] = "";
    snprintf(name, sizeof name, "%s^{commit}", ref ? ref : "HEAD");
    const char *const argv[] = {GIT, "rev-parse", "--verify", "--quiet", "--end-of-options", name, NULL};
    const char *const status[] = {GIT, "status", "--porcelain", "--untracked-files=no", NULL};
    const int code = subprocess_run(folder, argv, out, size, reason, reason_size);
    if (code != 0 || !out[0]) {
        if (code >= 0)
            snprintf(reason, reason_size,
                     "'%.200s' is no commit here; a shallow clone lacks it until it is fetched (git fetch --depth=2)",
                     ref ? ref : "HEAD");
        return 0;
    }
    if (!ref && subprocess_run(folder, status, changed, sizeof changed, reason, reason_size) == 0 && changed[0])
        strncat(out, "-dirty", size - strlen(out) - 1);
    return 1;
}

int gate_tree_build(const char *commit, const char *command, gate_tree *out, char *reason, size_t reason_size)
{
    char why[512];
    memset(out, 0, sizeof *out);
    if (!git_top(out->top, sizeof out->top, reason, reason_size)) return EXIT_USAGE;
    if (!temp_dir_make("base", &out->folder, reason, reason_size)) return EXIT_USAGE;
    snprintf(out->path, sizeof out->path, "%s/" TREE, out->folder.path);
    const char *const add[] = {GIT, "worktree", "add", "--quiet", "--detach", out->path, commit, NULL};
    int code = subprocess_run(out->top, add, NULL, 0, why, sizeof why);
    if (code > 0) snprintf(why, sizeof why, "git could not make a worktree of it");
    if (code == 0) {
        const char *const build[] = {"sh", "-c", command, NULL};
        code = subprocess_run(out->path, build, NULL, 0, why, sizeof why);
        if (code > 0) snprintf(why, sizeof why, "'%.300s' ended with %d", command, code);
    }
    if (code == 0) return EXIT_WELL;
    snprintf(reason, reason_size, "could not tell: the base could not be built: %.12s: %s", commit, why);
    return EXIT_UNDECIDED;
}

void gate_tree_remove(gate_tree *t)
{
    char reason[256];
    if (!t->folder.path[0]) return;
    const char *const remove[] = {GIT, "worktree", "remove", "--force", "--force", t->path, NULL};
    const char *const prune[] = {GIT, "worktree", "prune", NULL};
    /* After an interruption too: what is begun now is not to be ended by the signal that ended the rest. */
    const int seen = interrupted;
    interrupted = 0;
    const int code = subprocess_run(t->top, remove, NULL, 0, reason, sizeof reason);
    temp_dir_remove(&t->folder);
    if (code != 0) subprocess_run(t->top, prune, NULL, 0, reason, sizeof reason); /* which forgets all that are gone */
    if (!interrupted) interrupted = seen;
}

/* By git, from the tree itself, which knows whose it is: else the repository would keep an entry of it. */
static void sweep(const char *folder)
{
    char path[TREE_PATH], said[256], reason[256];
    snprintf(path, sizeof path, "%s/" TREE, folder);
    const char *const remove[] = {GIT, "worktree", "remove", "--force", "--force", path, NULL};
    complain("note: removing %s, which a gate that was killed left", folder);
    subprocess_run(path, remove, said, sizeof said, reason, sizeof reason);
}

void gate_tree_sweep(void)
{
    temp_dir_sweep("base", sweep);
    temp_dir_sweep("moved", NULL);
}
