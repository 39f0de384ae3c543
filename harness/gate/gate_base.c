/* gate_base.c: a baseline where one fits, else a build where one is asked for. */
#include "gate_base.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "build_info.h"
#include "compare/compare_side.h"
#include "util/console.h"
#include "plugin/builtin_module.h"

int gate_new_module(const gate_base_settings *s, char *out, size_t size, char *reason, size_t reason_size)
{
    char *found = s->plugin ? strdup(s->plugin) : builtin_module_path(reason, reason_size);
    char *path = found ? realpath(found, NULL) : NULL;
    if (found && !path)
        snprintf(reason, reason_size, "NEW, %.300s: %s; build it first, or name it by --plugin FILE.so", found,
                 strerror(errno));
    else if (path && strlen(path) >= size)
        snprintf(reason, reason_size, "NEW, %.300s: its path is too long", path);
    const int ok = path && strlen(path) < size;
    if (ok) memcpy(out, path, strlen(path) + 1);
    free(found);
    free(path);
    return ok;
}

void gate_module_commit(const char *module, char *out, size_t size)
{
    char folder[TREE_PATH], reason[256];
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(module, '/') - module), module);
    if (!git_commit(folder[0] ? folder : "/", NULL, out, size, reason, sizeof reason)) out[0] = 0;
}

int gate_named_commit(const char *name, char *out, size_t size, char *reason, size_t reason_size)
{
    enum { SHA1 = 40, SHA256 = 64 }; /* digits of a full name */
    const size_t length = strlen(name);
    if (git_commit(NULL, name, out, size, reason, reason_size)) return 1;
    if ((length == SHA1 || length == SHA256) && strspn(name, "0123456789abcdef") == length) {
        snprintf(out, size, "%s", name);
        return 1;
    }
    snprintf(reason, reason_size, "--commit %.80s: is no commit here, and no full name of one", name);
    return 0;
}

void gate_build_flags(const gate_base_settings *s, char *out, size_t size)
{
    const char *const compiler = getenv("CFLAGS"), *const linker = getenv("LDFLAGS");
    if (s->key)
        snprintf(out, size, "%s", s->key);
    else if (!s->plugin)
        snprintf(out, size, "%s", BUILD_FLAGS);
    else
        snprintf(out, size, "CFLAGS=%s LDFLAGS=%s", compiler ? compiler : "", linker ? linker : "");
}

static int from_build(const gate_base_settings *s, gate_base *out, char *reason, size_t reason_size)
{
    char top[TREE_PATH];
    if (!git_top(top, sizeof top, reason, reason_size)) return EXIT_USAGE;
    const size_t length = strlen(top);
    if (strncmp(out->module[1], top, length) != 0 || out->module[1][length] != '/') {
        snprintf(
            reason, reason_size,
            "NEW, %.300s, is not in this tree, %.200s: name what --build makes, in both trees, by --plugin FILE.so",
            out->module[1], top);
        return EXIT_USAGE;
    }
    complain("building the base, %.12s", out->commit[0]);
    const int code = gate_tree_build(out->commit[0], s->build, &out->tree, reason, reason_size);
    if (code != EXIT_WELL) return code;
    const int used = snprintf(out->module[0], sizeof out->module[0], "%s%s", out->tree.path, out->module[1] + length);
    if (used < (int)sizeof out->module[0] && access(out->module[0], R_OK) == 0) return EXIT_WELL;
    snprintf(reason, reason_size, "could not tell: the base could not be built: --build made no %.300s in its tree",
             out->module[1] + length + 1);
    return EXIT_UNDECIDED;
}

static int from_baseline(const gate_base_settings *s, gate_base *out, char *reason, size_t reason_size)
{
    baseline_key wanted, saved;
    char flags[sizeof wanted.flags];
    gate_build_flags(s, flags, sizeof flags);
    if (!baseline_key_of(out->module[1], out->commit[0], flags, &wanted, reason, reason_size)) return EXIT_USAGE;
    const int code =
        baseline_open(s->baseline, &wanted, out->module[0], sizeof out->module[0], &saved, reason, reason_size);
    if (code == EXIT_WELL) memcpy(out->commit[0], saved.commit, sizeof saved.commit);
    return code;
}

int gate_base_open(const gate_base_settings *s, gate_base *out, char *reason, size_t reason_size)
{
    char top[TREE_PATH];
    memset(out, 0, sizeof *out);
    gate_tree_sweep();
    if (!gate_new_module(s, out->module[1], sizeof out->module[1], reason, reason_size)) return EXIT_USAGE;
    if (s->base && !git_top(top, sizeof top, reason, reason_size)) return EXIT_USAGE;
    if (s->base && !git_commit(NULL, s->base, out->commit[0], sizeof out->commit[0], reason, reason_size))
        return EXIT_USAGE;
    gate_module_commit(out->module[1], out->commit[1], sizeof out->commit[1]);
    if (s->baseline) {
        const int code = from_baseline(s, out, reason, reason_size);
        if (code == EXIT_WELL || !s->build || interrupted) return code;
        complain("%s", reason);
    }
    return from_build(s, out, reason, reason_size);
}

void gate_base_close(gate_base *b) { gate_tree_remove(&b->tree); }
