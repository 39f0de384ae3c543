/* pattern_values.c: which mistake gives just these values.
 *
 * A mistake is tried by making it: the reference computes the wrong row again from changed inputs, and its error bound
 * says how near a kernel with this mistake must come. Three kinds:
 *
 *   a change of the problem or its tensors (a mask limit one further, no softcap, V of the next head), gathered anew;
 *   a change of the gathered row (without its last key, accumulators not rescaled), which may also scale the output;
 *   a formula for LSE alone (base 2, without the maximum).
 *
 * It explains an element where the value is within the mistake's bound and that bound is narrower than the error it
 * explains. Output and LSE are explained apart: many mistakes show in one of them only. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pattern.h"
#include "pattern_mistakes.h"
#include "problem.h"

enum { ROWS_TRIED = 4, MOST_NAMED = 3 };

/* The judged row tried now, as it should be, and room for what a mistake makes of it. */
typedef struct attempt {
    const pattern_case *c;
    const wrong_map *wrong;
    ref_workspace *right, *changed;
    int64_t r; /* index of the judged row */
    mistake_row row;
    double *bound, *bound_ref; /* (dv) */
} attempt;

static double got_output(const attempt *a, int64_t channel)
{
    const row_id *id = &a->c->rows->row[a->r];
    return ref_element(a->c->got.output, id->b, id->h, id->row, channel);
}

static double got_lse(const attempt *a)
{
    const row_id *id = &a->c->rows->row[a->r];
    return ref_element(a->c->got.lse, id->b, id->h, id->row, 0);
}

/* A value against a mistake's: within its bound? */
static bool agrees(double got, double guess, double limit)
{
    if (isnan(guess) || isinf(guess)) return isnan(guess) ? isnan(got) : got == guess;
    return fabs(got - guess) <= limit;
}

/* A mistake must not explain by the width of its bound: somewhere the error that it explains is well beyond that. */
static bool tells(double got, double wanted, double limit) { return !(fabs(got - wanted) <= 4 * limit); }

static bool output_explained(const attempt *a, const double *o, const double *bound)
{
    const expectation *e = a->c->expected;
    bool any = false, told = false;
    for (int64_t x = 0; x < e->dv; x++) {
        if (!a->wrong->element[a->r * e->dv + x]) continue;
        const double got = got_output(a, x);
        if (!agrees(got, o[x], bound[x])) return false;
        any = true;
        told |= tells(got, e->output[a->r * e->dv + x], bound[x]);
    }
    return told || !any;
}

static bool lse_explained(const attempt *a, double lse, double bound)
{
    if (!a->wrong->lse[a->r]) return true;
    const double got = got_lse(a);
    return agrees(got, lse, bound) && tells(got, a->c->expected->lse[a->r], bound);
}

/* What is still explained by every row tried, and by at least one where it is wrong. */
typedef struct standing {
    bool output, lse;
} standing;

static void hold_row(const attempt *a, const ref_row *row, double factor, standing *s)
{
    const accuracy own = accuracy_of_reference();
    double lse, lse_ref, o[ATTN_MAX_D];
    error_bound(row, a->c->contract, a->bound, &lse, NULL);
    error_bound(row, &own, a->bound_ref, &lse_ref, NULL);
    for (int64_t x = 0; x < row->dv; x++) {
        o[x] = row->o[x] * factor;
        a->bound[x] = (a->bound[x] + a->bound_ref[x]) * fabs(factor);
    }
    if (s->output) s->output = output_explained(a, o, a->bound);
    if (s->lse) s->lse = lse_explained(a, row->lse, lse + lse_ref);
}

static void try_mistake(attempt *a, const mistake *m, standing *s)
{
    mistaken made;
    switch (mistake_make(m, &a->row, a->changed, &made)) {
    case MISTAKE_ROW: hold_row(a, made.row, made.factor, s); break;
    case MISTAKE_FITTED: /* what LSE was used to find, only the output confirms */
        hold_row(a, made.row, made.factor, s);
        s->output = s->output && a->wrong->elements > 0;
        s->lse = s->lse && s->output;
        break;
    case MISTAKE_LSE:
        s->output = false;
        /* A formula over a right LSE errs by the formula's slope, at most log2(e), times the bound, and by its own
         * rounding. */
        s->lse = s->lse && lse_explained(a, made.lse, 1.5 * a->c->expected->lse_limit[a->r] + 0x1p-22 * fabs(made.lse));
        break;
    case MISTAKE_IMPOSSIBLE: *s = (standing){false, false}; break;
    }
}

static bool begin_row(attempt *a, int64_t r)
{
    char reason[256];
    const row_id id = a->c->rows->row[r];
    a->r = r;
    a->row.id = id;
    a->row.right = ref_gather_row(a->right, &a->row.problem, &a->row.args, id.b, id.h, id.i, reason, sizeof reason);
    a->row.key = ref_kept_keys(a->right);
    a->row.got_lse = a->c->got.lse ? got_lse(a) : (double)NAN;
    return a->row.right != NULL;
}

/* ---- what needs no reference: the values themselves -------------------------------------------------------------- */

static const char *const kind_words[] = {"the wrong values are NaN", "the wrong values are 0",
                                         "the wrong values are negated"};

static bool of_kind(double got, double wanted, int kind)
{
    return kind == 0 ? isnan(got) : kind == 1 ? got == 0 : fabs(got + wanted) <= 1e-3 * fabs(wanted);
}

static const char *kind_of(const pattern_case *c, const wrong_map *m)
{
    bool all[3] = {true, true, true};
    for (int64_t r = 0; r < m->rows; r++)
        for (int64_t x = 0; x < m->columns; x++) {
            if (!m->element[r * m->columns + x]) continue;
            const row_id *id = &c->rows->row[r];
            const double got = ref_element(c->got.output, id->b, id->h, id->row, x);
            for (int k = 0; k < 3; k++) all[k] &= of_kind(got, c->expected->output[r * m->columns + x], k);
        }
    for (int k = 0; k < 3 && m->elements; k++)
        if (all[k]) return kind_words[k];
    return NULL;
}

/* ---- all mistakes over the first wrong rows ---------------------------------------------------------------------- */

static bool output_wrong(const wrong_map *m, int64_t r)
{
    for (int64_t x = 0; x < m->columns; x++)
        if (m->element[r * m->columns + x]) return true;
    return false;
}

/* A mistake must not explain what no row tried has: where LSE (or the output) is wrong in rows not picked only, one of
 * them more. */
static int pick_missing(const wrong_map *m, int64_t *picked, int picks, bool lse)
{
    for (int i = 0; i < picks; i++)
        if (lse ? m->lse[picked[i]] : output_wrong(m, picked[i])) return picks;
    for (int64_t r = 0; r < m->rows; r++)
        if (lse ? m->lse[r] : output_wrong(m, r)) {
            picked[picks] = r;
            return picks + 1;
        }
    return picks;
}

/* The first rows with something wrong, spread: the first two, the one in the middle and the last; and one with a wrong
 * output and one with a wrong LSE, where there are such. */
static int pick_rows(const wrong_map *m, int64_t picked[ROWS_TRIED + 2])
{
    int64_t count = 0, seen = 0;
    int picks = 0;
    for (int pass = 0; pass < 2; pass++) {
        seen = 0;
        for (int64_t r = 0; r < m->rows; r++) {
            if (!m->lse[r] && !output_wrong(m, r)) continue;
            if (pass == 1 && (seen < 2 || seen == count / 2 || seen == count - 1) && picks < ROWS_TRIED)
                picked[picks++] = r;
            seen++;
        }
        count = seen;
    }
    picks = pick_missing(m, picked, picks, false);
    return pick_missing(m, picked, picks, true);
}

static int attempt_new(const pattern_case *c, const wrong_map *wrong, attempt *a)
{
    const attn_problem *p = &c->in->problem;
    *a = (attempt){.c = c, .wrong = wrong};
    a->right = ref_workspace_new(p->k, p->d, p->dv);
    a->changed = ref_workspace_new(p->k, p->d, p->dv);
    a->bound = calloc((size_t)p->dv, sizeof(double));
    a->bound_ref = calloc((size_t)p->dv, sizeof(double));
    return mistake_row_new(c->in, c->plan ? c->plan->key_block : 0, &a->row) && a->right && a->changed && a->bound &&
           a->bound_ref;
}

static void attempt_free(attempt *a)
{
    ref_workspace_free(a->right), ref_workspace_free(a->changed);
    free(a->bound), free(a->bound_ref);
    mistake_row_free(&a->row);
}

/* How much of what is wrong a mistake explains: all of it, the output or the LSE of two, or nothing. */
static int rank_of(const standing *s, const wrong_map *wrong)
{
    const bool output = s->output && wrong->elements, lse = s->lse && wrong->lses;
    if (output && (lse || !wrong->lses)) return 3;
    return output ? 2 : lse ? (wrong->elements ? 1 : 3) : 0;
}

static standing stands(attempt *a, const mistake *m, const int64_t *picked, int rows)
{
    standing s = {true, true};
    for (int r = 0; r < rows && (s.output || s.lse); r++) {
        if (!begin_row(a, picked[r])) return (standing){false, false};
        try_mistake(a, m, &s);
    }
    return s;
}

bool pattern_values(const pattern_case *c, const wrong_map *wrong, char *words, size_t size)
{
    static const char *const what[][2] = {{"", ""}, {"LSE", "LSE"}, {"output", "output"}, {"output and LSE", "output"}};
    attempt a;
    int64_t picked[ROWS_TRIED + 2];
    const int rows = pick_rows(wrong, picked);
    const char *kind = kind_of(c, wrong);
    words[0] = 0;
    if (kind) {
        snprintf(words, size, "%s", kind);
        return true;
    }
    int mistakes, named = 0, highest = 0;
    const mistake *list = mistake_list(&mistakes);
    int *rank = calloc((size_t)mistakes, sizeof *rank);
    const bool ready = attempt_new(c, wrong, &a) && rank;
    for (int i = 0; ready && i < mistakes; i++) {
        const standing s = stands(&a, &list[i], picked, rows);
        rank[i] = rank_of(&s, wrong);
        if (rank[i] > highest) highest = rank[i];
    }
    for (int i = 0; highest > 0 && i < mistakes && named < MOST_NAMED; i++) {
        const size_t used = strlen(words);
        if (rank[i] != highest) continue;
        const char *subject = highest == 3 && !wrong->elements ? "LSE" : what[highest][wrong->lses == 0];
        snprintf(words + used, size - used, "%s%s%s", named++ ? " or " : subject, used ? "" : " as if ", list[i].words);
    }
    free(rank);
    attempt_free(&a);
    return words[0] != 0;
}
