/* inputs_files.c: the contents of .npy files, row by row into whatever layout the workload asks for. */
#include <limits.h>
#include <string.h>

#include "inputs.h"
#include "util/npy.h"
#include "problem.h"
#include "workload/workload_files.h"

int inputs_read_file(instance *in, int slot, bool *found, char *reason, size_t reason_size)
{
    const workload_file e = workload_file_of(in->w, slot);
    const attn_args args = {.size = sizeof args, .count = ATTN_SLOTS, .slot = in->slot};
    char path[PATH_MAX];
    npy_array a = {0};
    *found = e.path != NULL;
    if (!e.path) return 1;
    if (!workload_file_find(e.path, path, sizeof path, reason, reason_size) || !npy_read(path, &a, reason, reason_size))
        return 0;
    const int ok = workload_file_check(&e, path, &a, reason, reason_size);
    const size_t row_bytes = (size_t)e.shape[3] * attn_type_size(e.type);
    const unsigned char *from = a.data;
    for (int64_t b = 0; ok && b < e.shape[0]; b++) {
        const bool packed = in->slot[slot].stride[0] == 0;
        const int64_t own =
            slot == ATTN_Q ? attn_query_count(&in->problem, &args, b) : attn_key_count(&in->problem, &args, b);
        for (int64_t h = 0; h < e.shape[1]; h++)
            for (int64_t i = 0; i < e.shape[2]; i++, from += row_bytes)
                if (!packed || i < own) memcpy(inputs_row(in, slot, b, h, i), from, row_bytes);
    }
    npy_free(&a);
    return ok;
}
