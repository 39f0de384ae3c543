/* pattern.c: where the wrong elements lie.
 *
 * The wrong elements are projected on each axis (sequence, head, row, column): an index is wrong where any element of
 * it is. Along an axis the shortest statement is sought that is true of the wrong indexes and of no other judged one: a
 * single one, a threshold, a residue, a range. A bound hides small errors, so where no statement is exact a threshold
 * or residue that holds for all wrong indexes and half of those it names is taken, with the count. */
#include "pattern.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "problem.h"

enum { LARGEST_PERIOD = 256, LISTED = 4 };

/* ---- one axis --------------------------------------------------------------------------------------------------- */

/* Indexes of an axis that satisfy a statement: how many were judged, and how many of them are wrong. */
typedef struct coverage {
    int64_t judged, wrong;
} coverage;

typedef struct extent_of_wrong {
    coverage all;
    int64_t first, last;               /* wrong */
    int64_t first_judged, last_judged; /* judged */
} extent_of_wrong;

static extent_of_wrong survey(const pattern_axis *a)
{
    extent_of_wrong s = {{0, 0}, -1, -1, -1, -1};
    for (int64_t i = 0; i < a->extent; i++) {
        if (!a->judged[i]) continue;
        s.all.judged++;
        if (s.first_judged < 0) s.first_judged = i;
        s.last_judged = i;
        if (!a->wrong[i]) continue;
        s.all.wrong++;
        if (s.first < 0) s.first = i;
        s.last = i;
    }
    return s;
}

static coverage between(const pattern_axis *a, int64_t first, int64_t last)
{
    coverage c = {0, 0};
    for (int64_t i = first; i <= last; i++) {
        c.judged += a->judged[i];
        c.wrong += a->judged[i] && a->wrong[i];
    }
    return c;
}

/* Residues low..high of a period that hold all wrong indexes; false where they are spread over more than half of it. */
static bool residues(const pattern_axis *a, int64_t period, int64_t *low, int64_t *high, coverage *c)
{
    *low = period, *high = -1, *c = (coverage){0, 0};
    for (int64_t i = 0; i < a->extent; i++) {
        if (!a->judged[i] || !a->wrong[i]) continue;
        if (i % period < *low) *low = i % period;
        if (i % period > *high) *high = i % period;
    }
    if (*high < *low || 2 * (*high - *low + 1) > period) return false;
    for (int64_t i = 0; i < a->extent; i++) {
        if (!a->judged[i] || i % period < *low || i % period > *high) continue;
        c->judged++;
        c->wrong += a->wrong[i];
    }
    return true;
}

static const char *at_border(const pattern_axis *a, int64_t index)
{
    return a->border > 1 && index > 0 && index % a->border == 0 ? ", behind a block border" : "";
}

static bool say_residue(const pattern_axis *a, const extent_of_wrong *s, bool exact, char *words, size_t size)
{
    for (int64_t period = 2; period <= LARGEST_PERIOD && 2 * period <= a->extent; period++) {
        int64_t low, high;
        coverage c;
        if (!residues(a, period, &low, &high, &c)) continue;
        /* Of fewer than three periods nothing can be said. */
        if (s->last - s->first < 2 * period || (exact ? c.wrong < c.judged : 2 * c.wrong < c.judged || c.wrong < 4))
            continue;
        int used = low == high
                       ? snprintf(words, size, "%s %" PRId64 "i + %" PRId64, a->many, period, low)
                       : snprintf(words, size, "%s %" PRId64 "i + %" PRId64 "..%" PRId64, a->many, period, low, high);
        if (!exact && used > 0 && (size_t)used < size)
            snprintf(words + used, size - (size_t)used, " (%" PRId64 " of %" PRId64 ")", c.wrong, c.judged);
        return true;
    }
    return false;
}

static void say_list(const pattern_axis *a, char *words, size_t size)
{
    size_t used = (size_t)snprintf(words, size, "%s", a->many);
    const char *separator = " ";
    for (int64_t i = 0; i < a->extent && used < size; i++) {
        if (!a->judged[i] || !a->wrong[i]) continue;
        used += (size_t)snprintf(words + used, size - used, "%s%" PRId64, separator, i);
        separator = ", ";
    }
}

/* All from the first wrong one on, if that excludes any. */
static bool say_threshold(const pattern_axis *a, const extent_of_wrong *s, bool exact, char *words, size_t size)
{
    const coverage above = between(a, s->first, s->last_judged), below = between(a, s->first_judged, s->last);
    if (s->first > s->first_judged && above.wrong == above.judged) {
        snprintf(words, size, "%s >= %" PRId64 "%s", a->many, s->first, at_border(a, s->first));
        return true;
    }
    if (s->last < s->last_judged && below.wrong == below.judged) {
        snprintf(words, size, "%s <= %" PRId64 "%s", a->many, s->last, at_border(a, s->last + 1));
        return true;
    }
    if (exact || s->first == s->first_judged || 2 * above.wrong < above.judged) return false;
    snprintf(words, size, "%s >= %" PRId64 " (%" PRId64 " of %" PRId64 ")%s", a->many, s->first, above.wrong,
             above.judged, at_border(a, s->first));
    return true;
}

bool pattern_axis_words(const pattern_axis *a, char *words, size_t size)
{
    const extent_of_wrong s = survey(a);
    words[0] = 0;
    if (s.all.wrong == 0 || s.all.wrong == s.all.judged) return false;
    const coverage range = between(a, s.first, s.last);
    if (s.all.wrong == 1)
        snprintf(words, size, "%s%s %" PRId64 " only", s.first == a->extent - 1 ? "the last " : "", a->one, s.first);
    else if (say_threshold(a, &s, true, words, size) || say_residue(a, &s, true, words, size))
        return true;
    else if (range.wrong == range.judged)
        snprintf(words, size, "%s %" PRId64 " to %" PRId64, a->many, s.first, s.last);
    else if (s.all.wrong <= LISTED)
        say_list(a, words, size);
    else if (!say_threshold(a, &s, false, words, size) && !say_residue(a, &s, false, words, size))
        snprintf(words, size, "%" PRId64 " of %" PRId64 " %s", s.all.wrong, s.all.judged, a->many);
    return true;
}

/* ---- all axes --------------------------------------------------------------------------------------------------- */

static unsigned char *flags(int64_t count) { return calloc((size_t)(count > 0 ? count : 1), 1); }

static int map_new(const pattern_case *c, wrong_map *m)
{
    *m = (wrong_map){.rows = c->rows->count, .columns = c->expected->dv};
    m->element = flags(m->rows * m->columns), m->lse = flags(m->rows);
    if (!m->element || !m->lse) return 0;
    for (int64_t r = 0; r < m->rows; r++) {
        const row_id *id = &c->rows->row[r];
        const expectation *e = c->expected;
        for (int64_t x = 0; x < m->columns; x++) {
            const double got = ref_element(c->got.output, id->b, id->h, id->row, x);
            const bool right = judge_accepts(got, e->output[r * e->dv + x], e->output_limit[r * e->dv + x]);
            m->element[r * m->columns + x] = !right;
            m->elements += !right;
        }
        if (!c->got.lse) continue;
        m->lse[r] = !judge_accepts(ref_element(c->got.lse, id->b, id->h, id->row, 0), e->lse[r], e->lse_limit[r]);
        m->lses += m->lse[r];
    }
    return 1;
}

static void map_free(wrong_map *m) { free(m->element), free(m->lse); }

/* Joins statements by "; ". */
static void join(char *words, size_t size, const char *more)
{
    const size_t used = strlen(words);
    if (*more && used < size) snprintf(words + used, size - used, "%s%s", used ? "; " : "", more);
}

typedef enum row_axis { AXIS_SEQUENCE, AXIS_HEAD, AXIS_KV_HEAD, AXIS_ROW } row_axis;

static int64_t index_of(const pattern_case *c, const row_id *id, row_axis axis)
{
    const attn_problem *p = &c->in->problem;
    switch (axis) {
    case AXIS_SEQUENCE: return id->b;
    case AXIS_HEAD: return id->h;
    case AXIS_KV_HEAD: return id->h / (p->h / p->hkv);
    default: return id->i;
    }
}

/* Says which indexes of an axis have wrong rows. `whole`: only where each of them has nothing but wrong heads. */
static bool along_rows(const pattern_case *c, const unsigned char *row_wrong, row_axis axis, char *words, size_t size)
{
    static const char *const name[][2] = {
        {"sequence", "sequences"}, {"head", "heads"}, {"KV head", "KV heads"}, {"row", "rows"}};
    const attn_problem *p = &c->in->problem;
    const int64_t extents[] = {p->b, p->h, p->hkv, p->q};
    const int64_t extent = extents[axis];
    unsigned char *judged = flags(extent), *wrong = flags(extent);
    words[0] = 0;
    for (int64_t r = 0; judged && wrong && r < c->rows->count; r++) {
        const int64_t at = index_of(c, &c->rows->row[r], axis);
        judged[at] = 1;
        wrong[at] |= row_wrong[r];
    }
    const pattern_axis a = {name[axis][0], name[axis][1], extent,
                            judged,        wrong,         axis == AXIS_ROW && c->plan ? c->plan->row_block : 0};
    const bool said = judged && wrong && pattern_axis_words(&a, words, size);
    free(judged), free(wrong);
    return said;
}

/* Are the wrong heads whole groups of a KV head? Then the KV head is what they share. */
static bool by_groups(const pattern_case *c, const unsigned char *row_wrong)
{
    const attn_problem *p = &c->in->problem;
    const int64_t group = p->h / p->hkv;
    unsigned char *wrong = flags(p->h);
    bool whole = wrong && group > 1;
    for (int64_t r = 0; whole && r < c->rows->count; r++) wrong[c->rows->row[r].h] |= row_wrong[r];
    for (int64_t h = 0; whole && h < p->h; h++) whole = wrong[h] == wrong[h - h % group];
    free(wrong);
    return whole;
}

static void places(const pattern_case *c, const wrong_map *m, char *words, size_t size)
{
    char part[96];
    unsigned char *row_wrong = flags(m->rows), *column = flags(m->columns), *judged = flags(m->columns);
    for (int64_t r = 0; row_wrong && column && judged && r < m->rows; r++) {
        row_wrong[r] = m->lse[r];
        for (int64_t x = 0; x < m->columns; x++) {
            judged[x] = 1;
            row_wrong[r] |= m->element[r * m->columns + x];
            column[x] |= m->element[r * m->columns + x];
        }
    }
    if (row_wrong && column && judged) {
        const row_axis heads = by_groups(c, row_wrong) ? AXIS_KV_HEAD : AXIS_HEAD;
        if (along_rows(c, row_wrong, AXIS_SEQUENCE, part, sizeof part)) join(words, size, part);
        if (along_rows(c, row_wrong, heads, part, sizeof part)) join(words, size, part);
        if (along_rows(c, row_wrong, AXIS_ROW, part, sizeof part)) join(words, size, part);
        const pattern_axis a = {"column", "columns", m->columns, judged, column, 0};
        if (m->elements && pattern_axis_words(&a, part, sizeof part)) join(words, size, part);
    }
    free(row_wrong), free(column), free(judged);
    if (!words[0]) join(words, size, "everywhere");
    if (!m->elements) join(words, size, "LSE only");
    if (c->got.lse && !m->lses) join(words, size, "LSE is right");
}

void pattern_describe(const pattern_case *c, char *words, size_t size)
{
    wrong_map m;
    char values[192];
    words[0] = 0;
    if (map_new(c, &m) && m.elements + m.lses > 0) {
        places(c, &m, words, size);
        if (pattern_values(c, &m, values, sizeof values)) join(words, size, values);
    }
    map_free(&m);
}
