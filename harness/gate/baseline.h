/* baseline.h: the base of a gate as an artifact: a folder with a module, what it was built from and by, and digests.
 *
 *   MODULE.so       as it was built
 *   baseline.json   {"schema": 1, "module": file, "commit","compiler","flags","image","isa","abi"}
 *   SHA256SUMS      of both, as sha256sum writes and checks it
 *
 * The key is all but the module: a time is compared only between builds that differ in the source and in nothing else.
 * Digests tell a damaged file from a whole one. They cannot tell who made it: a baseline is code that will run, and
 * must come from a place that only trusted jobs write. */
#ifndef ATTNBENCH_BASELINE_H
#define ATTNBENCH_BASELINE_H

#include <stdint.h>

#include "plugin/plugin.h"

typedef struct baseline_key {
    char commit[80];    /* full name; "-dirty" where tracked files differ; "unknown" outside of git */
    char compiler[256]; /* what the module's .comment section says */
    char flags[1024];   /* of the compiler, and what else the build depends on */
    char image[256];    /* distribution and C library */
    char isa[256]; /* processor's architecture and instruction sets: a build may be for the machine it is made on */
    int64_t abi;   /* of the contract */
} baseline_key;

/* Of a module that is built here. 0 and a reason where the file is no plugin. */
int baseline_key_of(const char *module, const char *commit, const char *flags, baseline_key *out, char *reason,
                    size_t reason_size);

/* The first field in which they differ, or NULL; a commit of "" fits any. `was` and `is` get both values. */
const char *baseline_differs(const baseline_key *saved, const baseline_key *wanted, char *was, char *is, size_t size);

/* Writes the folder, which is made. An exit code, with a reason unless it is 0. */
int baseline_save(const char *folder, const char *module, const baseline_key *key, char *reason, size_t reason_size);

/* Checks the folder and finds its module. 0; 2 where it is damaged; 3 where the base is to be built anew, because there
 * is none or its key is another. */
int baseline_open(const char *folder, const baseline_key *wanted, char *module, size_t module_size, baseline_key *saved,
                  char *reason, size_t reason_size);

#endif
