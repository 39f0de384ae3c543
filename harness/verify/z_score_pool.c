/* z_score_pool.c: one entry for each kernel, input class and accuracy class. */
#include "z_score_pool.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "record/record.h"

void z_pool_add(z_pool *pool, const trial *t, input_class input)
{
    const char *kernel = t->kernel->name;
    char types[ACCURACY_CLASS_SIZE];
    int i = 0;
    if (t->verdict.z.rows == 0) return;
    accuracy_class(&t->plan, types, sizeof types);
    while (i < pool->count && (pool->entry[i].input != input || strcmp(pool->entry[i].kernel, kernel) != 0 ||
                               strcmp(pool->entry[i].accuracy, types) != 0))
        i++;
    if (i == pool->count) {
        z_pool_entry *grown = realloc(pool->entry, (size_t)(i + 1) * sizeof *grown);
        if (!grown) return;
        pool->entry = grown;
        z_pool_entry *e = &grown[pool->count++];
        *e = (z_pool_entry){.kernel = kernel, .input = input};
        memcpy(e->accuracy, types, sizeof types);
    }
    z_scores_pool(&pool->entry[i].outputs, &t->verdict.z);
    z_scores_pool(&pool->entry[i].projections, &t->verdict.projected_z);
}

json_t *z_pool_json(const z_pool *pool)
{
    json_t *list = json_array();
    for (int i = 0; i < pool->count; i++) {
        const z_pool_entry *e = &pool->entry[i];
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:o, s:o, s:I, s:o, s:o}", "kernel", e->kernel, "class",
                                              input_class_name((int)e->input), "accuracy", e->accuracy, "rms",
                                              json_any_real(z_scores_rms(&e->outputs)), "max",
                                              json_any_real(e->outputs.max), "rows", (json_int_t)e->outputs.rows,
                                              "projected_rms", json_any_real(z_scores_rms(&e->projections)),
                                              "projected_max", json_any_real(e->projections.max)));
    }
    return list;
}

void z_pool_print(FILE *to, const z_pool *pool)
{
    const z_pool_entry *worst = NULL;
    for (int i = 0; i < pool->count; i++)
        if (!worst || z_scores_rms(&pool->entry[i].outputs) > z_scores_rms(&worst->outputs)) worst = &pool->entry[i];
    if (!worst) return;
    fprintf(to, "largest pooled z: rms %.2g, max %.2g over %" PRId64 " rows (%s, %s)\n", z_scores_rms(&worst->outputs),
            worst->outputs.max, worst->outputs.rows, worst->kernel, input_class_name((int)worst->input));
}

void z_pool_free(z_pool *pool)
{
    free(pool->entry);
    *pool = (z_pool){0};
}
