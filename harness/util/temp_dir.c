/* temp_dir.c: mkdtemp, flock, and removal from the leaves up. */
#include "temp_dir.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "console.h"

static const char *temp_root(void)
{
    const char *const asked = getenv("TMPDIR");
    return asked && *asked ? asked : "/tmp";
}

int temp_dir_make(const char *name, temp_dir *out, char *reason, size_t reason_size)
{
    const int length =
        snprintf(out->path, sizeof out->path, "%s/attnbench-%s-%ld-XXXXXX", temp_root(), name, (long)getpid());
    if (length < TEMP_DIR_PATH && mkdtemp(out->path)) {
        out->lock = open(out->path, O_RDONLY | O_DIRECTORY); /* inherited by programs that we start */
        if (out->lock >= 0) flock(out->lock, LOCK_EX | LOCK_NB);
        return 1;
    }
    snprintf(reason, reason_size, "no temporary folder can be made in %.200s: %s; set TMPDIR to another", temp_root(),
             length < TEMP_DIR_PATH ? strerror(errno) : "its name is too long");
    *out = (temp_dir){.lock = -1};
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    (void)st, (void)kind, (void)where;
    remove(path);
    return 0;
}

static void remove_all(const char *folder)
{
    enum { OPEN_FOLDERS = 16 };
    if (nftw(folder, remove_one, OPEN_FOLDERS, FTW_DEPTH | FTW_PHYS) == 0 && remove(folder) != 0 && errno == ENOENT)
        return;
    complain("%s could not be removed", folder);
}

void temp_dir_remove(temp_dir *s)
{
    if (!s->path[0]) return;
    remove_all(s->path);
    if (s->lock >= 0) close(s->lock);
    *s = (temp_dir){.lock = -1};
}

/* The process in the name of a folder that ends in PROCESS-XXXXXX; 0 if it does not. */
static long process_of(const char *path, size_t before)
{
    char *end;
    const char *const number = path + before;
    const long process = isdigit((unsigned char)*number) ? strtol(number, &end, 10) : 0;
    return process > 0 && *end == '-' && strlen(end + 1) == 6 && !strchr(end, '/') ? process : 0;
}

static bool is_ours(int folder)
{
    struct stat st;
    return fstat(folder, &st) == 0 && st.st_uid == geteuid();
}

static bool is_dead(long process) { return kill((pid_t)process, 0) != 0 && errno == ESRCH; }

void temp_dir_sweep(const char *name, void (*each)(const char *path))
{
    char pattern[TEMP_DIR_PATH];
    glob_t found;
    const int before = snprintf(pattern, sizeof pattern, "%s/attnbench-%s-", temp_root(), name);
    if (before >= TEMP_DIR_PATH - 1 || strpbrk(pattern, "*?[\\")) return;
    strcat(pattern, "*");
    if (glob(pattern, GLOB_NOSORT, NULL, &found) != 0) return;
    for (size_t i = 0; i < found.gl_pathc; i++) {
        const char *const path = found.gl_pathv[i];
        const long process = process_of(path, (size_t)before);
        const int folder =
            process && is_dead(process) ? open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
        if (folder < 0) continue;
        if (is_ours(folder) && flock(folder, LOCK_EX | LOCK_NB) == 0) {
            if (each) each(path);
            remove_all(path);
        }
        close(folder);
    }
    globfree(&found);
}
