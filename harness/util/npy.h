/* npy.h: reads and writes NumPy's .npy format, versions 1 to 3, C order, little-endian: f4 f8 f2 u2 i1 i4 i8. Tensors
 * of `class=file` and dumps of cases use it. */
#ifndef ATTNBENCH_NPY_H
#define ATTNBENCH_NPY_H

#include <stddef.h>
#include <stdint.h>

typedef struct npy_array {
    char type[3]; /* "f4", "f8", "f2", "u2", "i1", "i4", "i8" */
    int axes;     /* 0 .. 8 */
    int64_t shape[8];
    int64_t count; /* elements */
    void *data;    /* owned */
} npy_array;

/* Reads a file. Returns 0 and one line in `reason` (path, what is wrong, what is expected) if it is missing, truncated,
 * damaged, larger than memory allows or of another type. */
int npy_read(const char *path, npy_array *out, char *reason, size_t reason_size);
void npy_free(npy_array *a);

/* Reads and checks only type, axes, shape and count; `data` stays NULL. */
int npy_read_header(const char *path, npy_array *out, char *reason, size_t reason_size);

/* Writes C-order data to a temporary file beside `path` and renames it. */
int npy_write(const char *path, const char *type, int axes, const int64_t *shape, const void *data, char *reason,
              size_t reason_size);

/* FNV-1a 64 of any file's bytes, as 16 hexadecimal digits. Returns 0 if it cannot be read. */
int file_digest(const char *path, char out[17]);

#endif
