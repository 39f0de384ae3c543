/* npy.h: NumPy's .npy format, versions 1 to 3, C order, little-endian: f4 f8 f2 u2 i1 i4 i8. */
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

/* Reads a file; 0 and one line in `reason` (path, what is wrong, what is expected) where it is missing, truncated,
 * damaged, larger than memory allows or of a type not listed above. */
int npy_read(const char *path, npy_array *out, char *reason, size_t reason_size);
void npy_free(npy_array *a);

/* The same checks on the header alone: type, axes, shape and count; data stays NULL. */
int npy_read_header(const char *path, npy_array *out, char *reason, size_t reason_size);

/* Writes C-order data to a temporary file beside `path` and renames it. */
int npy_write(const char *path, const char *type, int axes, const int64_t *shape, const void *data, char *reason,
              size_t reason_size);

/* FNV-1a 64 of a file's bytes, as 16 hex digits, for reproducers; 0 if unreadable. */
int file_digest(const char *path, char out[17]);

#endif
