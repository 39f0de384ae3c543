/* instance_metadata.c: the integers that shape an instance: lengths, positions, packed starts, pages, block masks.
 * They are real from instance_describe on, because the features and the work of a problem depend on them; K and V
 * need not exist for that. */
#include <gsl/gsl_randist.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "instance_internal.h"
#include "problem.h"

static const int64_t csr_pairs_most = INT64_C(1) << 26; /* block pairs that are looked at, and entries that are kept */

bool slot_is_metadata(int slot)
{
    return (slot >= ATTN_KEY_LENGTHS && slot <= ATTN_PAGES) || slot == ATTN_MASK_STARTS || slot == ATTN_MASK_INDICES;
}

/* Describes and maps an i64 slot; NULL with a reason where that fails. */
static int64_t *new_slot(instance *in, int slot, int64_t batch, int64_t rows, char *reason, size_t reason_size)
{
    in->slot[slot] =
        (attn_tensor){.type = ATTN_I64, .extent = {batch, 1, rows, 1}, .stride = {rows, batch * rows, 1, 1}};
    return instance_map_slot(in, slot, 0, reason, reason_size) ? in->slot[slot].data : NULL;
}

static int vector_slot(instance *in, int slot, const int64_t *value, char *reason, size_t reason_size)
{
    int64_t *const out = new_slot(in, slot, in->problem.b, 1, reason, reason_size);
    if (out) memcpy(out, value, (size_t)in->problem.b * sizeof *out);
    return out != NULL;
}

static int starts_slot(instance *in, int slot, const int64_t *length, char *reason, size_t reason_size)
{
    int64_t *const out = new_slot(in, slot, in->problem.b + 1, 1, reason, reason_size);
    for (int64_t b = 0; out && b < in->problem.b; b++) out[b + 1] = out[b] + length[b];
    return out != NULL;
}

/* ---- positions and the class masked ---------------------------------------------------------------------------- */

static int64_t a_third(int64_t rows) { return (rows + 2) / 3; }

/* The position of row 0 that leaves the first third of the rows without a key; the last third where only the left is
 * limited. */
static int64_t masked_position(const attn_problem *p, int64_t rows, int64_t keys)
{
    if (p->mask & ATTN_MASK_RIGHT) return -p->right - a_third(rows);
    return keys + p->left - (rows - a_third(rows));
}

static bool masked_by_position(const instance *in)
{
    return in->input == INPUT_MASKED && in->problem.k > 0 && (in->problem.mask & (ATTN_MASK_LEFT | ATTN_MASK_RIGHT));
}

/* Row 0 begins to see in the middle of the keys. */
static bool sees_late(const instance *in) { return in->input == INPUT_LATE_KEYS && in->problem.k > 0; }

static int64_t late_position(const attn_problem *p, int64_t keys) { return p->left + keys / 2; }

static bool masked_by_length(const instance *in)
{
    return in->input == INPUT_MASKED && in->problem.k > 0 && !masked_by_position(in);
}

/* Lengths as the workload and the class say. */
static void choose_lengths(const instance *in, int64_t *keys, int64_t *queries)
{
    const workload *const w = in->w;
    const attn_problem *const p = &in->problem;
    for (int64_t b = 0; b < p->b; b++) {
        keys[b] = w->key_lengths ? w->key_lengths[b] : p->k;
        queries[b] = w->query_lengths ? w->query_lengths[b] : p->q;
        if (!masked_by_length(in)) continue;
        const int64_t most = p->b > 1 && b == 0 ? 0 : p->k - (p->k + 3) / 4;
        if (keys[b] > most) keys[b] = most;
    }
}

static int describe_positions(instance *in, const int64_t *keys, const int64_t *queries, char *reason,
                              size_t reason_size)
{
    attn_problem *const p = &in->problem;
    bool vary = false;
    if (!in->w->q_pos_end) {
        if (masked_by_position(in)) p->q_pos = masked_position(p, p->q, p->k);
        if (sees_late(in)) p->q_pos = late_position(p, p->k);
        return 1;
    }
    int64_t *const position = calloc((size_t)p->b, sizeof *position);
    if (!position) {
        snprintf(reason, reason_size, "memory is short");
        return 0;
    }
    for (int64_t b = 0; b < p->b; b++) {
        const int64_t own_keys = in->w->key_lengths ? in->w->key_lengths[b] : p->k;
        position[b] = own_keys - queries[b];
        vary = vary || position[b] != position[0];
        if (masked_by_position(in)) position[b] = masked_position(p, queries[b], keys[b]);
        if (sees_late(in)) position[b] = late_position(p, keys[b]);
    }
    p->q_pos = position[0];
    for (int64_t b = 0; b < p->b; b++) position[b] -= p->q_pos;
    const int ok = !vary || vector_slot(in, ATTN_QUERY_POSITIONS, position, reason, reason_size);
    free(position);
    return ok;
}

static int describe_lengths(instance *in, const int64_t *keys, const int64_t *queries, char *reason, size_t reason_size)
{
    const workload *const w = in->w;
    const bool packed_keys = w->ragged && !in->problem.page_size;
    if (w->ragged && !starts_slot(in, ATTN_QUERY_STARTS, queries, reason, reason_size)) return 0;
    if (packed_keys && !starts_slot(in, ATTN_KEY_STARTS, keys, reason, reason_size)) return 0;
    if (!packed_keys && (w->key_lengths || masked_by_length(in)) &&
        !vector_slot(in, ATTN_KEY_LENGTHS, keys, reason, reason_size))
        return 0;
    return w->ragged || !w->query_lengths || vector_slot(in, ATTN_QUERY_LENGTHS, queries, reason, reason_size);
}

/* ---- pages ----------------------------------------------------------------------------------------------------- */

/* The pages of all sequences in one shuffled order, as a cache looks after some hours of serving. */
static int describe_pages(instance *in, char *reason, size_t reason_size)
{
    const attn_problem *const p = &in->problem;
    const int64_t pages = (p->k + p->page_size - 1) / p->page_size;
    int64_t *const table = new_slot(in, ATTN_PAGES, p->b, pages, reason, reason_size);
    gsl_rng *const rng = table ? input_stream(in->seed, ATTN_PAGES) : NULL;
    if (!rng) {
        if (table) snprintf(reason, reason_size, "memory is short");
        return 0;
    }
    for (int64_t i = 0; i < p->b * pages; i++) table[i] = i;
    if (p->b * pages > 0) gsl_ran_shuffle(rng, table, (size_t)(p->b * pages), sizeof *table);
    gsl_rng_free(rng);
    return 1;
}

/* ---- block masks and graphs ------------------------------------------------------------------------------------ */

typedef struct csr {
    int64_t *starts, *indices;
    int64_t rows, columns, count, capacity;
} csr;

static bool csr_add(csr *m, int64_t column)
{
    if (m->count == m->capacity) {
        const int64_t capacity = m->capacity ? 2 * m->capacity : 1024;
        int64_t *const grown =
            capacity <= 2 * csr_pairs_most ? realloc(m->indices, (size_t)capacity * sizeof *grown) : NULL;
        if (!grown) return false;
        m->indices = grown;
        m->capacity = capacity;
    }
    m->indices[m->count++] = column;
    return true;
}

/* The block at the same place of the sequence always, so that few rows are left without a key; of the others a
 * quarter at random, or the neighbours on either side. */
static bool draw_blocks(csr *m, const instance *in, gsl_rng *rng)
{
    const attn_problem *const p = &in->problem;
    for (int64_t row = 0; row < m->rows; row++) {
        const int64_t own = row * p->mask_block_q / p->mask_block_k;
        for (int64_t column = 0; column < m->columns; column++) {
            const bool near = in->w->block_band && column >= own - 1 && column <= own + 1;
            const bool drawn = !in->w->block_band && gsl_rng_uniform(rng) < 0.25;
            if ((column == own || near || drawn) && !csr_add(m, column)) return false;
        }
        m->starts[row + 1] = m->count;
    }
    return true;
}

static int ascending(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* N distinct keys of each row by Floyd's method (each of the last N candidates, or an earlier one), and the row's
 * own. */
static bool draw_graph(csr *m, const instance *in, gsl_rng *rng)
{
    unsigned char *const taken = calloc((size_t)m->columns + 1, 1);
    bool ok = taken != NULL;
    for (int64_t row = 0; ok && row < m->rows; row++) {
        const int64_t first = m->count;
        if (row < m->columns) {
            taken[row] = 1;
            ok = csr_add(m, row);
        }
        for (int64_t last = m->columns - in->w->graph; ok && last < m->columns; last++) {
            const int64_t drawn = (int64_t)(gsl_rng_uniform(rng) * (double)(last + 1));
            const int64_t key = taken[drawn] ? last : drawn;
            if (taken[key]) continue;
            taken[key] = 1;
            ok = csr_add(m, key);
        }
        for (int64_t e = first; e < m->count; e++) taken[m->indices[e]] = 0;
        if (m->count > first) qsort(m->indices + first, (size_t)(m->count - first), sizeof *m->indices, ascending);
        m->starts[row + 1] = m->count;
    }
    free(taken);
    return ok;
}

static int describe_blocks(instance *in, char *reason, size_t reason_size)
{
    const attn_problem *const p = &in->problem;
    const bool graph = in->w->graph >= 0;
    csr m = {.rows = (p->q + p->mask_block_q - 1) / p->mask_block_q,
             .columns = (p->k + p->mask_block_k - 1) / p->mask_block_k};
    const int64_t looked_at = graph ? in->w->graph + 1 : m.columns;
    if (m.rows > csr_pairs_most / (looked_at > 0 ? looked_at : 1)) {
        snprintf(reason, reason_size, "a mask of %" PRId64 " x %" PRId64 " blocks is too large: use larger blocks",
                 m.rows, m.columns);
        return 0;
    }
    int ok = 0;
    gsl_rng *const rng = input_stream(in->seed, ATTN_MASK_INDICES);
    m.starts = calloc((size_t)m.rows + 1, sizeof *m.starts);
    if (!rng || !m.starts || !(graph ? draw_graph(&m, in, rng) : draw_blocks(&m, in, rng))) {
        snprintf(reason, reason_size, "memory is short for a mask of %" PRId64 " x %" PRId64 " blocks", m.rows,
                 m.columns);
        goto done;
    }
    int64_t *const starts = new_slot(in, ATTN_MASK_STARTS, 1, m.rows + 1, reason, reason_size);
    int64_t *const indices = starts ? new_slot(in, ATTN_MASK_INDICES, 1, m.count, reason, reason_size) : NULL;
    if (!indices) goto done;
    memcpy(starts, m.starts, (size_t)(m.rows + 1) * sizeof *starts);
    if (m.count) memcpy(indices, m.indices, (size_t)m.count * sizeof *indices);
    ok = 1;
done:
    if (rng) gsl_rng_free(rng);
    free(m.starts);
    free(m.indices);
    return ok;
}

int metadata_describe(instance *in, char *reason, size_t reason_size)
{
    const attn_problem *const p = &in->problem;
    int64_t *const keys = calloc((size_t)p->b, sizeof *keys), *const queries = calloc((size_t)p->b, sizeof *queries);
    int ok = keys && queries;
    if (!ok) snprintf(reason, reason_size, "memory is short");
    if (ok) choose_lengths(in, keys, queries);
    ok = ok && describe_lengths(in, keys, queries, reason, reason_size) &&
         describe_positions(in, keys, queries, reason, reason_size) &&
         (!p->page_size || describe_pages(in, reason, reason_size)) &&
         (!(p->mask & ATTN_MASK_BLOCKS) || describe_blocks(in, reason, reason_size));
    free(keys);
    free(queries);
    return ok;
}
