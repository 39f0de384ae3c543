/* history_internal.h: what the files of history.h share. Only where the program has SQLite. */
#ifndef ATTNBENCH_HISTORY_INTERNAL_H
#define ATTNBENCH_HISTORY_INTERNAL_H

#include <sqlite3.h>

#include "history.h"

struct history {
    sqlite3 *db;
    const char *path; /* as named by who opened it */
    bool unwritten;   /* the last failure, for want of a disk that takes it */
    bool read;        /* all of it, and it was sound */
};

/* 0, and the file with what SQLite says of its last failure. */
int history_refuse(history *h, char *reason, size_t size);

int history_sql(history *h, const char *sql, char *reason, size_t size);

/* Gives a run its release's name (history_release.c). Inside the transaction. */
int history_name_release(history *h, int64_t run, const char *record, const history_release *release,
                         history_added *out, char *reason, size_t size);

#endif
