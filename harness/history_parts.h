/* history_parts.h: what the files of history.h share. Only where the program has SQLite. */
#ifndef ATTNBENCH_HISTORY_PARTS_H
#define ATTNBENCH_HISTORY_PARTS_H

#include <sqlite3.h>

#include "history.h"

struct history {
    sqlite3 *db;
    bool unwritten; /* the last record, for want of a disk that takes it */
};

/* 0, and what SQLite says of its last failure. */
int history_refuse(const history *h, char *reason, size_t size, const char *what);

int history_sql(history *h, const char *sql, char *reason, size_t size);

#endif
