/* check.h: everything that the judge looks at, by name. A check is a row of data where it is carried out; what it finds
 * is a finding. A case fails by its findings, and `selftest judge` counts by their names. */
#ifndef ATTNBENCH_CHECK_H
#define ATTNBENCH_CHECK_H

#include <stdbool.h>

typedef struct check {
    const char *name;      /* lower case, words joined by '-' */
    const char *applies;   /* to which cases, in a few words */
    const char *statement; /* what must hold, in one sentence */
} check;

typedef struct check_group {
    const char *title;
    const check *check;
    int count;
} check_group;

/* The checks that are asked for; NULL or none: all. */
typedef struct check_list {
    const char *const *name;
    int count;
} check_list;

bool check_wanted(const check_list *only, const char *name);

/* A plain value, so that a child process can write it into shared memory. */
typedef struct finding {
    char check[32];
    char reason[288]; /* what, where, in words */
} finding;

enum { MOST_FINDINGS = 24 };
typedef struct findings {
    int count; /* entries of item in use; each check once: what it finds first is said */
    finding item[MOST_FINDINGS];
} findings;

/* Adds a finding of the check of that name, unless it has one already or the list is full. */
void findings_add(findings *f, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Forgets what checks found that are not asked for. That a call did not end as it should stays: nothing else could be
 * looked at. */
void findings_keep(findings *f, const check_list *only);

#endif
