/* dump.c: a case's tensors as .npy files, for whoever wants to look with other tools. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cases.h"
#include "npy.h"
#include "problem.h"

typedef struct dump {
    const char *folder;
    char *reason;
    size_t reason_size;
} dump;

static int write_values(const dump *d, const char *name, const char *type, int axes, const int64_t *shape,
                        const void *data)
{
    char path[4096];
    if (snprintf(path, sizeof path, "%s/%s.npy", d->folder, name) >= (int)sizeof path) {
        snprintf(d->reason, d->reason_size, "%.60s...: the folder's name is too long", d->folder);
        return 0;
    }
    return npy_write(path, type, axes, shape, data, d->reason, d->reason_size);
}

/* A packed batch has one row axis for all sequences: its batch axis, of stride 0, is written once. */
static int64_t batches_of(const attn_tensor *t) { return t->stride[0] ? t->extent[0] : 1; }

/* Any tensor as contiguous f4; paged keys and values page by page. */
static int write_tensor(const dump *d, const char *name, const attn_tensor *t, int axes)
{
    const int64_t shape[4] = {batches_of(t), t->extent[1], t->extent[2], t->extent[3]};
    const int64_t count = shape[0] * shape[1] * shape[2] * shape[3];
    float *values = malloc((size_t)(count > 0 ? count : 1) * sizeof *values), *to = values;
    if (!values) {
        snprintf(d->reason, d->reason_size, "no memory to write %s", name);
        return 0;
    }
    for (int64_t b = 0; b < shape[0]; b++)
        for (int64_t h = 0; h < t->extent[1]; h++)
            for (int64_t r = 0; r < t->extent[2]; r++)
                for (int64_t c = 0; c < t->extent[3]; c++) *to++ = (float)ref_element(t, b, h, r, c);
    const int ok = write_values(d, name, "f4", axes, shape, values);
    free(values);
    return ok;
}

/* Judged rows of a table (rows, width) spread into their places of a whole f8 array, NaN elsewhere. */
static int write_rows(const dump *d, const char *name, const trial_group *g, const double *table, int64_t width,
                      int axes)
{
    const attn_tensor *o = &g->in.slot[ATTN_O];
    const int64_t shape[4] = {batches_of(o), o->extent[1], o->extent[2], width};
    const int64_t count = shape[0] * shape[1] * shape[2] * shape[3];
    double *values = malloc((size_t)(count > 0 ? count : 1) * sizeof *values);
    if (!values) {
        snprintf(d->reason, d->reason_size, "no memory to write %s", name);
        return 0;
    }
    for (int64_t i = 0; i < count; i++) values[i] = NAN;
    for (int64_t r = 0; r < g->rows.count; r++) {
        const row_id id = g->rows.row[r];
        const int64_t batch = shape[0] == 1 ? 0 : id.b;
        memcpy(values + ((batch * shape[1] + id.h) * shape[2] + id.row) * width, table + r * width,
               (size_t)width * sizeof *values);
    }
    const int ok = write_values(d, name, "f8", axes, shape, values);
    free(values);
    return ok;
}

int case_dump(const trial_group *g, const trial *t, const char *folder, char *reason, size_t reason_size)
{
    const dump d = {folder, reason, reason_size};
    if (mkdir(folder, 0777) && errno != EEXIST) {
        snprintf(reason, reason_size, "%.200s: %s", folder, strerror(errno));
        return 0;
    }
    if (!g->in.filled) return 1; /* nothing ran */
    if (!write_tensor(&d, "q", &g->in.slot[ATTN_Q], 4) || !write_tensor(&d, "k", &g->in.slot[ATTN_K], 4) ||
        !write_tensor(&d, "v", &g->in.slot[ATTN_V], 4))
        return 0;
    if (t->contract < 0) return 1; /* it crashed: the inputs are what there is */
    const expectation *e = &g->expectation[t->contract];
    if (!write_tensor(&d, "output", &t->output, 4) || !write_rows(&d, "expected", g, e->output, e->dv, 4) ||
        !write_rows(&d, "bound", g, e->output_limit, e->dv, 4))
        return 0;
    if (t->weights.type && e->keys &&
        (!write_tensor(&d, "weights", &t->weights, 4) ||
         !write_rows(&d, "expected_weights", g, e->weights, e->keys, 4)))
        return 0;
    if (!t->lse.type) return 1;
    return write_tensor(&d, "lse", &t->lse, 3) && write_rows(&d, "expected_lse", g, e->lse, 1, 3) &&
           write_rows(&d, "lse_bound", g, e->lse_limit, 1, 3);
}
