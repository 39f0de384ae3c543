/* crossover.c: groups a record's rows into families (points_of) and compares pairs of curves (compare_curves). */
#include "crossover.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "record_rows.h"
#include "workload/workload_keys.h"
#include "util/json_text.h"

typedef struct point {
    char *family; /* the spec without q and k */
    int64_t keys;
    const record_row *row;
} point;

typedef struct points {
    point *at;
    size_t count;
} points;

enum { LEAST_SIZES = 3 };

/* The spec's family and its number of keys. NULL if it is no spec (plain Google Benchmark) or if other keys hold sizes
 * too. */
static char *family_of(const char *spec, int64_t *keys)
{
    workload w;
    char reason[256];
    if (!workload_parse(spec, NULL, &w, reason, sizeof reason)) return NULL;
    *keys = w.problem.k;
    const bool square = w.problem.q == w.problem.k, apart = w.key_lengths || w.query_lengths;
    workload_free(&w);
    spec_values values = {{NULL}};
    if (apart || !spec_values_read(&values, spec, reason, sizeof reason)) return NULL;
    char *family = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&family, &size);
    if (!out) {
        spec_values_free(&values);
        return NULL;
    }
    for (int key = 0; key < KEY_COUNT; key++)
        if (values.value[key] && key != KEY_K && !(key == KEY_Q && square))
            fprintf(out, "%s%s=%s", ftell(out) > 0 ? "," : "", spec_key_name((spec_key)key), values.value[key]);
    if (square) fputs(",q=k", out);
    fclose(out);
    spec_values_free(&values);
    return family;
}

static points points_of(const record_table *table)
{
    points p = {calloc(table->rows + 1, sizeof(point)), 0};
    for (size_t i = 0; p.at && i < table->rows; i++) {
        const record_row *row = &table->row[i];
        if (row->error || row->failed || !(row->milliseconds > 0) || row->id.variant.size) continue;
        char spec[2048];
        snprintf(spec, sizeof spec, "%.*s", VIEW(row->spec));
        point *next = &p.at[p.count];
        *next = (point){.row = row};
        next->family = family_of(spec, &next->keys);
        p.count += next->family != NULL;
    }
    return p;
}

/* A kernel's times at a number of threads, over the sizes of a family. */
typedef struct curve {
    const char *kernel;
    int64_t threads;
} curve;

static const point *find_point(const points *p, const char *family, int64_t keys, curve c)
{
    for (size_t i = 0; i < p->count; i++) {
        const entry_id *id = &p->at[i].row->id;
        if (p->at[i].keys == keys && id->threads == c.threads && (size_t)id->kernel.size == strlen(c.kernel) &&
            memcmp(id->kernel.at, c.kernel, (size_t)id->kernel.size) == 0 && strcmp(p->at[i].family, family) == 0)
            return &p->at[i];
    }
    return NULL;
}

static int ascending(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static char *curve_name(curve c, bool with_threads, char *out, size_t size)
{
    snprintf(out, size, with_threads ? "%s, %d thread%s" : "%s", c.kernel, (int)c.threads, c.threads > 1 ? "s" : "");
    return out;
}

/* Appends the crossover of two curves of a family, if they share enough sizes. */
static void compare_curves(const points *p, const char *family, curve newer, curve older, json_t *to)
{
    int64_t *keys = calloc(p->count + 1, sizeof *keys);
    size_t sizes = 0, from;
    char name[2][96];
    for (size_t i = 0; keys && i < p->count; i++) {
        const point *one = &p->at[i];
        if (strcmp(one->family, family) == 0 && find_point(p, family, one->keys, newer) == one &&
            find_point(p, family, one->keys, older))
            keys[sizes++] = one->keys;
    }
    if (sizes < LEAST_SIZES) {
        free(keys);
        return;
    }
    qsort(keys, sizes, sizeof *keys, ascending);
    for (from = sizes; from > 0; from--) {
        const double old = find_point(p, family, keys[from - 1], older)->row->milliseconds;
        if (!(find_point(p, family, keys[from - 1], newer)->row->milliseconds <= old * (1 - CROSSOVER_MARGIN))) break;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < sizes; i++) json_array_append_new(list, json_integer(keys[i]));
    const bool threads = newer.threads != older.threads;
    json_array_append_new(to, json_pack("{s:s, s:s, s:s, s:o, s:b, s:o}", "family", family, "faster",
                                        curve_name(newer, threads, name[0], sizeof name[0]), "slower",
                                        curve_name(older, threads, name[1], sizeof name[1]), "from",
                                        from < sizes ? json_integer(keys[from]) : json_null(), "always", from == 0,
                                        "sizes", list));
    free(keys);
}

static int64_t most_threads(const points *p, const char *family, const char *kernel)
{
    int64_t most = 1;
    for (size_t i = 0; i < p->count; i++) {
        const int64_t threads = p->at[i].row->id.threads;
        if (threads > most && strcmp(p->at[i].family, family) == 0 &&
            find_point(p, family, p->at[i].keys, (curve){kernel, threads}))
            most = threads;
    }
    return most;
}

static void compare_family(const points *p, const char *family, const json_t *kernels, json_t *to)
{
    size_t i;
    const json_t *kernel;
    json_array_foreach(kernels, i, kernel)
    {
        const char *name = text_of(kernel, "name"), *base = text_of(kernel, "improves_on");
        if (*base) compare_curves(p, family, (curve){name, 1}, (curve){base, 1}, to);
        const int64_t threads = most_threads(p, family, name);
        if (threads > 1) compare_curves(p, family, (curve){name, threads}, (curve){name, 1}, to);
    }
}

json_t *crossovers_of(const json_t *record)
{
    const json_t *ours = json_object_get(json_object_get(record, "context"), "attnbench");
    json_t *found = json_array();
    record_table table;
    if (!record_table_make(record, &table)) return found;
    points p = points_of(&table);
    for (size_t i = 0; i < p.count; i++) {
        size_t first = 0;
        while (strcmp(p.at[first].family, p.at[i].family) != 0) first++;
        if (first == i) compare_family(&p, p.at[i].family, json_object_get(ours, "kernels"), found);
    }
    for (size_t i = 0; i < p.count; i++) free(p.at[i].family);
    free(p.at);
    record_table_free(&table);
    return found;
}

void crossovers_print(const json_t *crossovers)
{
    size_t i;
    const json_t *one;
    const char *family = "";
    json_array_foreach(crossovers, i, one)
    {
        if (i == 0)
            printf("\nfrom which number of keys on (by %g %% or more, at every size):\n", 100 * CROSSOVER_MARGIN);
        if (strcmp(family, text_of(one, "family")) != 0) printf("%s\n", family = text_of(one, "family"));
        const json_t *from = json_object_get(one, "from"), *sizes = json_object_get(one, "sizes");
        printf("  %s beats %s: ", text_of(one, "faster"), text_of(one, "slower"));
        if (json_is_integer(from))
            printf("from %" JSON_INTEGER_FORMAT "%s\n", json_integer_value(from),
                   json_is_true(json_object_get(one, "always")) ? ", the smallest measured" : "");
        else
            printf("not up to %" JSON_INTEGER_FORMAT "\n",
                   json_integer_value(json_array_get(sizes, json_array_size(sizes) - 1)));
    }
}
