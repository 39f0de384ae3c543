/* dump.c: a case's tensors as .npy files, for whoever wants to look with other tools. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "case_report.h"
#include "util/npy.h"
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

/* Expected logits and weights of the judged rows by key, NaN where the mask hides the key; and the kernel's own logits
 * where its weights and LSE give them: ln(weight) + LSE. */
typedef struct by_key {
    int64_t shape[4];
    double *scores, *weights, *own;
} by_key;

static const int64_t most_by_key = INT64_C(1) << 24; /* entries of one array: 128 MiB */

static int by_key_fill(const dump *d, const trial_group *g, const trial *t, by_key *x)
{
    attn_tensor slot[ATTN_SLOTS];
    const attn_problem *p = &g->in.problem;
    const attn_args args = instance_args(&g->in, true, false, slot);
    ref_workspace *ws = ref_workspace_new(p->k, p->d, p->dv);
    int ok = ws != NULL;
    if (!ok) snprintf(d->reason, d->reason_size, "no memory to compute scores again");
    for (int64_t r = 0; ok && r < g->rows.count; r++) {
        const row_id id = g->rows.row[r];
        const int64_t batch = x->shape[0] == 1 ? 0 : id.b;
        const int64_t at = ((batch * x->shape[1] + id.h) * x->shape[2] + id.row) * x->shape[3];
        const ref_row *row = ref_gather_row(ws, p, &args, id.b, id.h, id.i, d->reason, d->reason_size);
        ok = row != NULL;
        for (int64_t j = 0; ok && j < row->n; j++) {
            const int64_t key = ref_kept_keys(ws)[j];
            x->scores[at + key] = row->s[j];
            x->weights[at + key] = row->w[j];
            if (x->own)
                x->own[at + key] = log(ref_element(&t->weights, id.b, id.h, id.row, key)) +
                                   ref_element(&t->lse, id.b, id.h, id.row, 0);
        }
    }
    ref_workspace_free(ws);
    return ok;
}

static double *all_nan(int64_t count)
{
    double *values = malloc((size_t)(count > 0 ? count : 1) * sizeof *values);
    for (int64_t i = 0; values && i < count; i++) values[i] = NAN;
    return values;
}

static int write_by_key(const dump *d, const trial_group *g, const trial *t)
{
    const attn_tensor *o = &g->in.slot[ATTN_O];
    by_key x = {{batches_of(o), o->extent[1], o->extent[2], g->in.problem.k}, NULL, NULL, NULL};
    const bool own = t->weights.type && t->lse.type;
    int64_t count;
    if (__builtin_mul_overflow(x.shape[0] * x.shape[1] * x.shape[2], x.shape[3], &count) || count > most_by_key)
        return 1;
    x.scores = all_nan(count), x.weights = all_nan(count), x.own = own ? all_nan(count) : NULL;
    int ok = x.scores && x.weights && (x.own || !own);
    if (!ok) snprintf(d->reason, d->reason_size, "no memory to write scores");
    ok = ok && by_key_fill(d, g, t, &x) && write_values(d, "expected_scores", "f8", 4, x.shape, x.scores) &&
         write_values(d, "expected_weights", "f8", 4, x.shape, x.weights) &&
         (!own || write_values(d, "scores", "f8", 4, x.shape, x.own));
    free(x.scores), free(x.weights), free(x.own);
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
    if (!write_by_key(&d, g, t) || (t->weights.type && !write_tensor(&d, "weights", &t->weights, 4))) return 0;
    if (!t->lse.type) return 1;
    return write_tensor(&d, "lse", &t->lse, 3) && write_rows(&d, "expected_lse", g, e->lse, 1, 3) &&
           write_rows(&d, "lse_bound", g, e->lse_limit, 1, 3);
}
