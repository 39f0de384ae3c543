/* z_score_pool.h: errors in standard deviations, pooled over all cases of a kernel, an input class and an accuracy
 * class. Shown, not judged: cases share inputs, so their rows are no independent sample. */
#ifndef ATTNBENCH_Z_SCORE_POOL_H
#define ATTNBENCH_Z_SCORE_POOL_H

#include <jansson.h>
#include <stdio.h>

#include "judge/accuracy_class.h"
#include "judge/trial.h"

typedef struct z_pool_entry {
    const char *kernel;
    input_class input;
    char accuracy[ACCURACY_CLASS_SIZE];
    z_scores outputs, projections;
} z_pool_entry;

typedef struct z_pool {
    z_pool_entry *entry;
    int count;
} z_pool;

/* Adds a judged case; one without z, or where memory is short, leaves the pool as it is. */
void z_pool_add(z_pool *pool, const trial *t, input_class input);

/* [{"kernel","class","accuracy","rms","max","rows","projected_rms","projected_max"}] */
json_t *z_pool_json(const z_pool *pool);

/* One line: the largest of them. */
void z_pool_print(FILE *to, const z_pool *pool);
void z_pool_free(z_pool *pool);

#endif
