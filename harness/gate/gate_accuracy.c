/* gate_accuracy.c: errors gated beside times.
 *
 * An error that doubles still lies within its bound, which holds for any order of summation, and is yet a bit of
 * accuracy that somebody lost. Both sides are judged on the same inputs and rows, so that their errors can be held
 * against each other. Pooled over a kernel's cases: the largest error of a single small case depends on few roundings,
 * and moves by itself when sums are ordered anew. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gate.h"

typedef struct pooled {
    double ratio;
    z_scores z;
} pooled;

static bool judged_on_both(const gate_case *g)
{
    return g->c.judged[0].entry && g->c.judged[1].entry && g->c.judged[0].status == TRIAL_PASS &&
           g->c.judged[1].status == TRIAL_PASS;
}

static bool grew(double base, double fresh, double factor, double least)
{
    return fresh > least && fresh > factor * base;
}

int gate_accuracy_of(const gate_case *item, size_t count, double factor, gate_accuracy **out, int *kernels)
{
    /* So far below what is allowed (1), and what is expected (1), errors are the luck of values that round exactly. */
    static const double least_ratio = 1e-3, least_rms = 0.1;
    pooled *pool = calloc(2 * count + 2, sizeof *pool);
    *out = calloc(count + 1, sizeof **out);
    *kernels = 0;
    for (size_t i = 0; pool && *out && i < count; i++) {
        if (!judged_on_both(&item[i])) continue;
        const char *name = compare_kernel_name(item[i].c.kernel[1]);
        int k = 0;
        while (k < *kernels && strcmp((*out)[k].kernel, name) != 0) k++;
        if (k == *kernels) (*out)[(*kernels)++].kernel = name;
        for (int side = 0; side < 2; side++) {
            pooled *p = &pool[2 * k + side];
            p->ratio = fmax(p->ratio, item[i].c.judged[side].ratio);
            z_scores_pool(&p->z, &item[i].c.judged[side].z);
        }
    }
    for (int k = 0; pool && *out && k < *kernels; k++) {
        gate_accuracy *a = &(*out)[k];
        for (int side = 0; side < 2; side++) {
            const pooled *p = &pool[2 * k + side];
            a->ratio[side] = p->ratio;
            a->rms[side] = p->z.rows ? z_scores_rms(&p->z) : 0;
            a->rows = p->z.rows;
        }
        a->worse = grew(a->ratio[0], a->ratio[1], factor, least_ratio) || grew(a->rms[0], a->rms[1], factor, least_rms);
    }
    const int ok = pool && *out;
    free(pool);
    return ok;
}
