/* workload_files.c: .npy files that a workload names: where they are, and whether they are what it says. */
#include "workload_files.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/npy.h"
#include "util/program_files.h"
#include "problem.h"

/* Where the built-in tensors were, and what workloads of older records begin with. */
static const char old_folder[] = "tests/data/";

/* Among the tensors that the program brings along. */
static int find_own(const char *path, char *found, size_t found_size)
{
    char name[PATH_MAX], reason[512];
    if ((size_t)snprintf(name, sizeof name, "data/%s", path) >= sizeof name) return 0;
    char *const own = program_file(PROGRAM_DATA, name, reason, sizeof reason);
    const int fits = own && (size_t)snprintf(found, found_size, "%s", own) < found_size;
    free(own);
    return fits;
}

int workload_file_find(const char *path, char *found, size_t found_size, char *reason, size_t reason_size)
{
    const int length = snprintf(found, found_size, "%s", path);
    if (length >= 0 && (size_t)length < found_size && access(found, F_OK) == 0) return 1;
    if (path[0] == '/') {
        snprintf(reason, reason_size, "%s: no such file", path);
        return 0;
    }
    if (find_own(path, found, found_size)) return 1;
    const size_t old = strlen(old_folder);
    char here[PATH_MAX];
    if (strncmp(path, old_folder, old) == 0 && find_own(path + old, found, found_size))
        snprintf(reason, reason_size, "%s: no such file: the built-in tensors have moved, write %s", path, path + old);
    else
        snprintf(reason, reason_size,
                 "%s: no such file, neither in the current folder %s nor among the built-in workloads' tensors", path,
                 getcwd(here, sizeof here) ? here : ".");
    return 0;
}

workload_file workload_file_of(const workload *w, int slot)
{
    const attn_problem *const p = &w->problem;
    switch (slot) {
    case ATTN_Q: return (workload_file){w->q_file, "q_file", "b, h, q, d", w->dtype, {p->b, p->h, p->q, p->d}};
    case ATTN_K: return (workload_file){w->k_file, "k_file", "b, hkv, k, d", w->kv_dtype, {p->b, p->hkv, p->k, p->d}};
    default: return (workload_file){w->v_file, "v_file", "b, hkv, k, dv", w->kv_dtype, {p->b, p->hkv, p->k, p->dv}};
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

int workload_file_check(const workload_file *e, const char *path, const npy_array *a, char *reason, size_t reason_size)
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

int workload_check_files(const workload *w, char *reason, size_t reason_size)
{
    for (int slot = ATTN_Q; slot <= ATTN_V; slot++) {
        const workload_file e = workload_file_of(w, slot);
        char path[PATH_MAX];
        npy_array a;
        if (!e.path) continue;
        if (!workload_file_find(e.path, path, sizeof path, reason, reason_size) ||
            !npy_read_header(path, &a, reason, reason_size) || !workload_file_check(&e, path, &a, reason, reason_size))
            return 0;
    }
    return 1;
}
