/* inputs_files.c: Q, K and V from .npy files: found, checked against the workload, copied row by row into whatever
 * layout it asks for. */
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "inputs.h"
#include "util/npy.h"
#include "problem.h"

int inputs_find(const char *path, char *found, size_t found_size, char *reason, size_t reason_size)
{
    const int length = snprintf(found, found_size, "%s", path);
    if (length >= 0 && (size_t)length < found_size && access(found, F_OK) == 0) return 1;
    if (path[0] == '/') {
        snprintf(reason, reason_size, "%s: no such file", path);
        return 0;
    }
    const int below_root = snprintf(found, found_size, "%s/%s", ATTNBENCH_ROOT, path);
    if (below_root >= 0 && (size_t)below_root < found_size && access(found, F_OK) == 0) return 1;
    char here[PATH_MAX];
    snprintf(reason, reason_size, "%s: no such file, neither in the current folder %s nor in %s", path,
             getcwd(here, sizeof here) ? here : ".", ATTNBENCH_ROOT);
    return 0;
}

/* What the workload expects of the file for one slot. */
typedef struct expectation {
    const char *path, *key, *axes;
    uint32_t type;
    int64_t shape[4];
} expectation;

static expectation expected_of(const workload *w, int slot)
{
    const attn_problem *const p = &w->problem;
    switch (slot) {
    case ATTN_Q: return (expectation){w->q_file, "q_file", "b, h, q, d", w->dtype, {p->b, p->h, p->q, p->d}};
    case ATTN_K: return (expectation){w->k_file, "k_file", "b, hkv, k, d", w->kv_dtype, {p->b, p->hkv, p->k, p->d}};
    default: return (expectation){w->v_file, "v_file", "b, hkv, k, dv", w->kv_dtype, {p->b, p->hkv, p->k, p->dv}};
    }
}

/* The type that holds elements of an attn_type in a file; NULL: none. */
static const char *file_type(uint32_t type)
{
    return type == ATTN_F32 ? "f4" : type == ATTN_F16 ? "f2" : type == ATTN_BF16 ? "u2" : NULL;
}

static void write_shape(char out[128], int axes, const int64_t *shape)
{
    int n = 0;
    out[0] = 0;
    for (int axis = 0; axis < axes && n < 100; axis++)
        n += snprintf(out + n, (size_t)(128 - n), "%s%" PRId64, axis ? ", " : "", shape[axis]);
}

static int check_file(const expectation *e, const char *path, const npy_array *a, char *reason, size_t reason_size)
{
    const char *const type = file_type(e->type);
    if (!type) {
        snprintf(reason, reason_size,
                 "%s=%s: files hold f32, f16 or bf16 keys and values; kv_dtype=%s has scales beside them", e->key,
                 e->path, attn_type_name(e->type));
        return 0;
    }
    if (strcmp(a->type, type) != 0) {
        snprintf(reason, reason_size, "%s: has type %s, expected %s for %s (f4 for f32, f2 for f16, u2 for bf16)", path,
                 a->type, type, attn_type_name(e->type));
        return 0;
    }
    if (a->axes != 4 || memcmp(a->shape, e->shape, sizeof e->shape) != 0) {
        char has[128], wants[128];
        write_shape(has, a->axes, a->shape);
        write_shape(wants, 4, e->shape);
        snprintf(reason, reason_size, "%s: has shape (%s), the workload says (%s) = (%s)", path, has, e->axes, wants);
        return 0;
    }
    return 1;
}

int inputs_check_files(const workload *w, char *reason, size_t reason_size)
{
    for (int slot = ATTN_Q; slot <= ATTN_V; slot++) {
        const expectation e = expected_of(w, slot);
        char path[PATH_MAX];
        npy_array a;
        if (!e.path) continue;
        if (!inputs_find(e.path, path, sizeof path, reason, reason_size) ||
            !npy_read_header(path, &a, reason, reason_size) || !check_file(&e, path, &a, reason, reason_size))
            return 0;
    }
    return 1;
}

int inputs_read_file(instance *in, int slot, bool *found, char *reason, size_t reason_size)
{
    const expectation e = expected_of(in->w, slot);
    const attn_args args = {.size = sizeof args, .count = ATTN_SLOTS, .slot = in->slot};
    char path[PATH_MAX];
    npy_array a = {0};
    *found = e.path != NULL;
    if (!e.path) return 1;
    if (!inputs_find(e.path, path, sizeof path, reason, reason_size) || !npy_read(path, &a, reason, reason_size))
        return 0;
    const int ok = check_file(&e, path, &a, reason, reason_size);
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
