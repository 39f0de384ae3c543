/* rows.c: choosing rows. */
#include "rows.h"

#include <gsl/gsl_rng.h>
#include <stdlib.h>
#include <string.h>

#include "problem.h"

enum { LEAST_ROWS = 48, RANDOM_ROWS = 32, MULTIPLES = 3 };

static int by_place(const void *pa, const void *pb)
{
    const row_id *a = pa, *b = pb;
    if (a->b != b->b) return a->b < b->b ? -1 : 1;
    if (a->h != b->h) return a->h < b->h ? -1 : 1;
    return (a->i > b->i) - (a->i < b->i);
}

static void add(int64_t *list, int64_t *count, int64_t most, int64_t row, int64_t rows)
{
    if (row < 0 || row >= rows || *count == most) return;
    for (int64_t i = 0; i < *count; i++)
        if (list[i] == row) return;
    list[(*count)++] = row;
}

/* The border at `distance`: its first multiples, the ones around the middle and the last ones, each +-1. */
static void add_around(int64_t *list, int64_t *count, int64_t most, int64_t distance, int64_t rows)
{
    if (distance < 2) return;
    const int64_t multiples = (rows - 1) / distance;
    for (int64_t m = 1; m <= multiples; m++) {
        if (m > MULTIPLES && m < multiples - MULTIPLES + 1 && m != multiples / 2) {
            m = m < multiples / 2 ? multiples / 2 - 1 : multiples - MULTIPLES;
            continue;
        }
        for (int64_t off = -1; off <= 1; off++) add(list, count, most, m * distance + off, rows);
    }
}

/* A place among q rows as one among fewer: as far from the end as it was where it lies behind them. */
static int64_t within(int64_t place, int64_t q, int64_t rows)
{
    return place < rows ? place : rows - 1 - (q - 1 - place) % rows;
}

static row_id row_of(const attn_args *args, int64_t b, int64_t h, int64_t i)
{
    return (row_id){b, h, i, attn_metadata(args, ATTN_QUERY_STARTS, b, 0) + i};
}

static int all_rows(const attn_problem *p, const attn_args *args, row_list *out)
{
    out->row = calloc((size_t)out->total + 1, sizeof *out->row);
    if (!out->row) return 0;
    for (int64_t b = 0; b < p->b; b++)
        for (int64_t h = 0; h < p->h; h++)
            for (int64_t i = 0; i < attn_query_count(p, args, b); i++) out->row[out->count++] = row_of(args, b, h, i);
    return 1;
}

int rows_choose(const attn_problem *p, const attn_args *args, const int64_t *borders, int border_count, double budget,
                uint64_t seed, row_list *out)
{
    memset(out, 0, sizeof *out);
    for (int64_t b = 0; b < p->b; b++) out->total += p->h * attn_query_count(p, args, b);
    const double width = (double)(p->d + p->dv);
    if (attn_work(p, args).pairs * width + (double)out->total * width <= budget) return all_rows(p, args, out);

    int64_t most = (int64_t)(budget / ((double)(p->k + 1) * width));
    if (most < LEAST_ROWS) most = LEAST_ROWS;
    if (most > out->total) most = out->total;
    int64_t *place = calloc((size_t)most, sizeof *place);
    out->row = calloc((size_t)most, sizeof *out->row);
    gsl_rng *random = gsl_rng_alloc(gsl_rng_mt19937);
    if (!place || !out->row || !random) {
        free(place);
        if (random) gsl_rng_free(random);
        rows_free(out);
        return 0;
    }
    gsl_rng_set(random, (unsigned long)(seed ^ 0x726f7773));

    /* Row indexes of one head first, then spread over the heads: place t goes to head t * step, so that with more heads
     * than rows the heads are sampled evenly, and with more rows than heads each head gets its share. */
    const int64_t in_head = p->q < most ? p->q : most;
    int64_t count = 0;
    const int64_t ends[] = {0, p->q - 1, 1, p->q - 2};
    for (int e = 0; e < 4; e++) add(place, &count, in_head, ends[e], p->q);
    for (int i = 0; i < border_count; i++) add_around(place, &count, in_head, borders[i], p->q);
    for (int64_t distance = 128; distance >= 16; distance /= 2) add_around(place, &count, in_head, distance, p->q);
    for (int i = 0; i < RANDOM_ROWS; i++)
        add(place, &count, in_head, (int64_t)(gsl_rng_uniform(random) * (double)p->q), p->q);

    const int64_t heads = p->b * p->h;
    for (int64_t t = 0; t < most && out->count < most; t++) {
        const int64_t place_index = count ? t % count : 0, lap = count ? t / count : 0;
        const int64_t head = heads <= most ? (t + lap) % heads : (int64_t)((double)t * (double)heads / (double)most);
        const int64_t rows = attn_query_count(p, args, head / p->h);
        if (rows > 0)
            out->row[out->count++] = row_of(args, head / p->h, head % p->h, within(place[place_index], p->q, rows));
    }
    qsort(out->row, (size_t)out->count, sizeof *out->row, by_place);
    int64_t kept = 0;
    for (int64_t r = 0; r < out->count; r++)
        if (kept == 0 || by_place(&out->row[kept - 1], &out->row[r])) out->row[kept++] = out->row[r];
    out->count = kept;
    free(place);
    gsl_rng_free(random);
    return 1;
}

/* Of every `1 / share` rows one, the first one drawn. */
int rows_cover(const attn_problem *p, const attn_args *args, double budget, uint64_t seed, row_list *out)
{
    memset(out, 0, sizeof *out);
    for (int64_t b = 0; b < p->b; b++) out->total += p->h * attn_query_count(p, args, b);
    const double width = (double)(p->d + p->dv), cost = (attn_work(p, args).pairs + (double)out->total) * width;
    if (!all_rows(p, args, out)) return 0;
    if (cost <= budget) return 1;
    gsl_rng *random = gsl_rng_alloc(gsl_rng_mt19937);
    if (!random) {
        rows_free(out);
        return 0;
    }
    gsl_rng_set(random, (unsigned long)(seed ^ 0x636f766572));
    const double share = budget / cost;
    double due = gsl_rng_uniform(random);
    gsl_rng_free(random);
    out->count = 0;
    for (int64_t r = 0; r < out->total; r++) {
        due += share;
        if (due < 1) continue;
        due -= 1;
        out->row[out->count++] = out->row[r];
    }
    return 1;
}

void rows_free(row_list *list)
{
    free(list->row);
    memset(list, 0, sizeof *list);
}
