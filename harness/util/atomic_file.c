/* atomic_file.c: text goes to `<path>.tmp.<pid>` in the same folder, is flushed to disk, and replaces `path` by a
 * rename, so that a reader sees the old file or the new one and never half of either.
 *
 * If the last step fails, the temporary file stays and the message names it, because measurements are expensive. Links
 * are followed: the rename happens beside the file that they lead to. Pipes and devices cannot be replaced by a rename
 * and are written directly. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "atomic_file.h"

typedef enum target_kind { TARGET_REFUSED, TARGET_STDOUT, TARGET_STREAM, TARGET_FILE } target_kind;

typedef struct target {
    target_kind kind;
    char *path; /* owned; of a file with links resolved */
    char *temp; /* owned; TARGET_FILE only */
} target;

static void target_free(target *t)
{
    free(t->path);
    free(t->temp);
}

static target target_refused(target t, const char *path, const char *why, const char *mend, char *reason,
                             size_t reason_size)
{
    snprintf(reason, reason_size, "%s: cannot be written: %s; %s", path, why, mend);
    target_free(&t);
    return (target){.kind = TARGET_REFUSED};
}

static target target_of(const char *path, char *reason, size_t reason_size)
{
    target t = {.kind = TARGET_REFUSED};
    if (strcmp(path, "-") == 0) {
        t.kind = TARGET_STDOUT;
        return t;
    }
    struct stat st;
    const bool exists = stat(path, &st) == 0;
    if (exists && S_ISDIR(st.st_mode))
        return target_refused(t, path, "it is a folder", "name a file in it", reason, reason_size);
    if (exists && access(path, W_OK) != 0)
        return target_refused(t, path, strerror(errno), "name another file", reason, reason_size);
    if (exists && S_ISREG(st.st_mode)) t.path = realpath(path, NULL);
    if (!t.path) t.path = strdup(path);
    if (t.path && (!exists || S_ISREG(st.st_mode))) {
        t.kind = TARGET_FILE;
        if (asprintf(&t.temp, "%s.tmp.%ld", t.path, (long)getpid()) < 0) t.temp = NULL;
    } else {
        t.kind = TARGET_STREAM;
    }
    if (!t.path || (t.kind == TARGET_FILE && !t.temp))
        return target_refused(t, path, "out of memory", "free some", reason, reason_size);
    return t;
}

static int open_temp(const target *t)
{
    return open(t->temp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
}

/* Returns the bytes written; if they are fewer than asked, errno says why. */
static size_t write_all(int fd, const char *text, size_t bytes)
{
    size_t done = 0;
    while (done < bytes) {
        const ssize_t n = write(fd, text + done, bytes - done);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) break;
        done += (size_t)n;
    }
    return done;
}

/* File systems that cannot flush say so by these errors; they are no loss. */
static bool flushed(int fd) { return fsync(fd) == 0 || errno == EINVAL || errno == ENOTSUP || errno == EROFS; }

static int write_stdout(const char *text, size_t bytes, char *reason, size_t reason_size)
{
    if (fwrite(text, 1, bytes, stdout) == bytes && fflush(stdout) == 0) return 1;
    snprintf(reason, reason_size, "standard output: cannot be written: %s; name a file instead of \"-\"",
             strerror(errno));
    return 0;
}

static int write_stream(const char *path, const char *text, size_t bytes, char *reason, size_t reason_size)
{
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool ok = fd >= 0 && write_all(fd, text, bytes) == bytes;
    const int why = errno;
    if (fd >= 0) ok = close(fd) == 0 && ok;
    if (!ok) snprintf(reason, reason_size, "%s: cannot be written: %s; name a file", path, strerror(why));
    return ok;
}

static int write_file(const target *t, const char *text, size_t bytes, char *reason, size_t reason_size)
{
    int fd = open_temp(t);
    if (fd < 0) {
        snprintf(reason, reason_size,
                 "%s: cannot be written: %s; name a file in a folder that is there and can be written", t->path,
                 strerror(errno));
        return 0;
    }
    const size_t done = write_all(fd, text, bytes);
    bool ok = done == bytes && flushed(fd);
    int why = errno;
    if (close(fd) != 0 && ok) {
        ok = false;
        why = errno;
    }
    if (ok && rename(t->temp, t->path) != 0) {
        ok = false;
        why = errno;
    }
    if (ok) return 1;
    if (done == 0) unlink(t->temp);
    if (done == 0)
        snprintf(reason, reason_size, "%s: cannot be written: %s; free space, or name another file", t->path,
                 strerror(why));
    else
        snprintf(reason, reason_size, "%s: cannot be written: %s; %s is in %s", t->path, strerror(why),
                 done == bytes ? "the whole text" : "the first part of the text", t->temp);
    return 0;
}

int file_write_atomically(const char *path, const char *text, size_t bytes, char *reason, size_t reason_size)
{
    target t = target_of(path, reason, reason_size);
    int ok = 0;
    switch (t.kind) {
    case TARGET_REFUSED: break;
    case TARGET_STDOUT: ok = write_stdout(text, bytes, reason, reason_size); break;
    case TARGET_STREAM: ok = write_stream(t.path, text, bytes, reason, reason_size); break;
    case TARGET_FILE: ok = write_file(&t, text, bytes, reason, reason_size); break;
    }
    target_free(&t);
    return ok;
}

int file_writable(const char *path, char *reason, size_t reason_size)
{
    target t = target_of(path, reason, reason_size);
    int ok = t.kind != TARGET_REFUSED;
    if (t.kind == TARGET_FILE) {
        const int fd = open_temp(&t);
        if (fd >= 0) {
            close(fd);
            unlink(t.temp);
        } else {
            snprintf(reason, reason_size,
                     "%s: cannot be written: %s; name a file in a folder that is there and can be written", path,
                     strerror(errno));
            ok = 0;
        }
    }
    target_free(&t);
    return ok;
}
