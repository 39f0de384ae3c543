/* workload_files.h: Q, K and V from .npy files: where they are, and whether they are what the workload says. */
#ifndef ATTNBENCH_WORKLOAD_FILES_H
#define ATTNBENCH_WORKLOAD_FILES_H

#include "util/npy.h"
#include "workload.h"

/* What the workload expects of the file for one slot. */
typedef struct workload_file {
    const char *path; /* NULL: the workload names none */
    const char *key, *axes;
    uint32_t type;
    int64_t shape[4];
} workload_file;

workload_file workload_file_of(const workload *w, int slot);

/* Has the file, read from `path`, that type and shape? 0 and a reason. */
int workload_file_check(const workload_file *e, const char *path, const npy_array *a, char *reason, size_t reason_size);

/* Where a file of inputs is: `path` itself (relative to the current folder), else among the tensors that the program
 * brings along. 0 and a reason that names both places where it is in neither. */
int workload_file_find(const char *path, char *found, size_t found_size, char *reason, size_t reason_size);

/* Do the files that a workload names exist, with its shapes and types? */
int workload_check_files(const workload *w, char *reason, size_t reason_size);

#endif
