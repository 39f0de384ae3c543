/* shrink.c: greedy reduction of a failing SPEC.
 *
 * A case is its SPEC's keys and a number of threads. Edits make it smaller: keys are dropped (mask, softcap, lengths,
 * layout ...), numbers lowered (to the least, then by a half, a quarter, ... down to one), a sequence is taken out of
 * the batch, heads are taken away by whole KV heads and from each group. An edit stays if the case still fails by the
 * same check; edits are tried in a fixed order, round after round, until none of them stays. The order is by how much
 * an edit usually takes away. */
#include "shrink.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "case_report.h"
#include "util/console.h"
#include "workload/workload_keys.h"
#include "trial_run.h"

typedef struct candidate {
    spec_values keys;
    int threads;
} candidate;

typedef struct shrinker {
    const trial *failing;
    const trial_settings *settings;
    uint64_t seed;
    double until;
    candidate best;
    workload now; /* of best */
    shrunk *out;
} shrinker;

/* ---- candidates -------------------------------------------------------------------------------------------------- */

static void set_text(candidate *c, spec_key key, const char *text)
{
    free(c->keys.value[key]);
    c->keys.value[key] = text ? strdup(text) : NULL;
}

static void set_number(candidate *c, spec_key key, int64_t value)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRId64, value);
    set_text(c, key, text);
}

static candidate copy_of(const candidate *c)
{
    candidate copy = {.threads = c->threads};
    for (int key = 0; key < KEY_COUNT; key++)
        if (c->keys.value[key]) set_text(&copy, (spec_key)key, c->keys.value[key]);
    return copy;
}

static char *line_of(const candidate *c)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out) return NULL;
    for (int key = 0; key < KEY_COUNT; key++)
        if (c->keys.value[key])
            fprintf(out, "%s%s=%s", ftello(out) ? "," : "", spec_key_name((spec_key)key), c->keys.value[key]);
    fclose(out);
    return text;
}

/* Does the case of this workload fail by the check that is sought? Then what is told of it is kept. */
static bool fails(shrinker *s, const workload *w, int threads)
{
    const trial_job job = {s->failing->kernel, threads};
    trial_group g;
    char reason[512];
    bool same = false;
    if (!trial_group_run(w, w->input, s->seed, &job, 1, s->settings, &g, reason, sizeof reason)) return false;
    const findings *found = &g.trial[0].found;
    for (int i = 0; i < found->count && g.count; i++)
        same |= strcmp(found->item[i].check, s->failing->found.item[0].check) == 0;
    if (same) {
        const char *pattern = g.trial[0].pattern;
        case_reproducer(&g, &g.trial[0], s->out->reproducer, sizeof s->out->reproducer);
        snprintf(s->out->found, sizeof s->out->found, "[%s] %s%s%.160s", found->item[0].check, found->item[0].reason,
                 *pattern ? "; pattern: " : "", pattern);
    }
    trial_group_free(&g);
    return same;
}

/* Takes the candidate's place if it still fails. The candidate is used up. */
static bool keep_candidate(shrinker *s, candidate *c)
{
    char reason[512];
    workload w;
    char *line = line_of(c);
    const bool time_left = clock_seconds() < s->until && !interrupted;
    bool kept = false;
    s->out->finished &= time_left;
    if (time_left && line && workload_parse(line, NULL, &w, reason, sizeof reason)) {
        s->out->tried++;
        kept = fails(s, &w, c->threads);
        if (kept) {
            spec_values_free(&s->best.keys);
            workload_free(&s->now);
            s->best = *c, s->now = w;
            s->out->kept++;
        } else {
            workload_free(&w);
        }
    }
    if (!kept) spec_values_free(&c->keys);
    free(line);
    return kept;
}

/* ---- edits: each returns true if something of it stayed ---------------------------------------------------------- */

#define KEY(name) (UINT64_C(1) << KEY_##name)
#define MASK_KEYS (KEY(MASK) | KEY(WINDOW) | KEY(LEFT) | KEY(RIGHT) | KEY(PREFIX) | KEY(PREFIX_FREE))

static const uint64_t droppable[] = {
    KEY(CLASS),
    MASK_KEYS | KEY(Q_POS),
    MASK_KEYS,
    KEY(PREFIX) | KEY(PREFIX_FREE),
    KEY(PREFIX_FREE),
    KEY(LEFT),
    KEY(RIGHT),
    KEY(Q_POS),
    KEY(BLOCK),
    KEY(GRAPH),
    KEY(SCALE),
    KEY(SOFTCAP),
    KEY(ALIBI) | KEY(Q_POS),
    KEY(ALIBI),
    KEY(SINKS),
    KEY(HEAD_SCALE),
    KEY(BIAS),
    KEY(RAGGED) | KEY(LENS) | KEY(Q_LENS),
    KEY(LENS) | KEY(Q_POS),
    KEY(LENS),
    KEY(Q_LENS),
    KEY(RAGGED),
    KEY(PAGE),
    KEY(LAYOUT),
    KEY(ROW_PAD),
    KEY(CHANNEL_STRIDE),
    KEY(ALIGN),
    KEY(KV_CAP),
    KEY(V_IN_K),
    KEY(OUTPUTS),
    KEY(DTYPE) | KEY(KV_DTYPE) | KEY(OUT_DTYPE),
    KEY(KV_DTYPE),
    KEY(OUT_DTYPE),
};

static bool drop_keys(shrinker *s)
{
    bool any = false;
    for (size_t i = 0; i < sizeof droppable / sizeof *droppable; i++) {
        bool has = false;
        candidate c = copy_of(&s->best);
        for (int key = 0; key < KEY_COUNT; key++) {
            if (!(droppable[i] >> key & 1)) continue;
            has |= c.keys.value[key] != NULL;
            set_text(&c, (spec_key)key, NULL);
        }
        if (has)
            any |= keep_candidate(s, &c);
        else
            spec_values_free(&c.keys);
    }
    return any;
}

/* Sets several keys to one number. */
static bool try_number(shrinker *s, uint64_t keys, int64_t value)
{
    candidate c = copy_of(&s->best);
    for (int key = 0; key < KEY_COUNT; key++)
        if (keys >> key & 1) set_number(&c, (spec_key)key, value);
    return keep_candidate(s, &c);
}

/* Is the key's value a whole number? Its own, or the size that a workload without the key has. */
static bool number_of(const shrinker *s, spec_key key, int64_t *value)
{
    char *end, *text = s->best.keys.value[key];
    if (!text) return false;
    *value = strtoll(text, &end, 10);
    return end != text && !*end;
}

/* Lowers the keys, which have the same value, towards `least`: first all the way, then by a half, a quarter, ... and
 * one. */
static bool lower(shrinker *s, uint64_t keys, spec_key first, int64_t least)
{
    int64_t value;
    if (!number_of(s, first, &value) || value <= least) return false;
    if (try_number(s, keys, least)) return true;
    for (int64_t step = (value - least) / 2; step > 0; step /= 2)
        if (try_number(s, keys, value - step)) return true;
    return false;
}

static bool lower_together(shrinker *s, spec_key a, spec_key b)
{
    int64_t va, vb;
    return number_of(s, a, &va) && number_of(s, b, &vb) && va == vb &&
           lower(s, UINT64_C(1) << a | UINT64_C(1) << b, a, 1);
}

static bool lower_numbers(shrinker *s)
{
    static const struct {
        spec_key key;
        int64_t least;
    } number[] = {{KEY_K, 0},      {KEY_Q, 1},      {KEY_D, 1},       {KEY_DV, 1},    {KEY_LENS, 0},
                  {KEY_Q_LENS, 0}, {KEY_WINDOW, 1}, {KEY_LEFT, 0},    {KEY_RIGHT, 0}, {KEY_PREFIX, 0},
                  {KEY_Q_POS, 0},  {KEY_PAGE, 1},   {KEY_ROW_PAD, 0}, {KEY_ALIGN, 0}, {KEY_CHANNEL_STRIDE, 1},
                  {KEY_GRAPH, 0},  {KEY_KV_CAP, 0}};
    bool any = false;
    any |= lower_together(s, KEY_Q, KEY_K);
    any |= lower_together(s, KEY_D, KEY_DV);
    for (size_t i = 0; i < sizeof number / sizeof *number; i++)
        any |= lower(s, UINT64_C(1) << number[i].key, number[i].key, number[i].least);
    return any;
}

static bool try_heads(shrinker *s, int64_t hkv, int64_t group)
{
    if (hkv < 1 || group < 1) return false;
    candidate c = copy_of(&s->best);
    set_number(&c, KEY_HKV, hkv);
    set_number(&c, KEY_H, hkv * group);
    return keep_candidate(s, &c);
}

static bool fewer_heads(shrinker *s)
{
    const int64_t hkv = s->now.problem.hkv, group = s->now.problem.h / hkv;
    return (hkv > 1 && (try_heads(s, 1, group) || try_heads(s, hkv / 2, group) || try_heads(s, hkv - 1, group))) ||
           (group > 1 && (try_heads(s, hkv, 1) || try_heads(s, hkv, group / 2) || try_heads(s, hkv, group - 1)));
}

/* Lengths of all sequences but one, and with `by` taken off one; NULL where the key is not in use. */
static char *lengths_but(const int64_t *lengths, int64_t b, int64_t without, int64_t shorter, int64_t by)
{
    char *text = NULL;
    size_t size;
    FILE *out = lengths ? open_memstream(&text, &size) : NULL;
    if (!out) return NULL;
    for (int64_t i = 0; i < b; i++)
        if (i != without) fprintf(out, "%s%" PRId64, ftello(out) ? "+" : "", lengths[i] - (i == shorter ? by : 0));
    fclose(out);
    return text;
}

static bool try_lengths(shrinker *s, int64_t b, char *keys, char *queries)
{
    candidate c = copy_of(&s->best);
    set_number(&c, KEY_B, b);
    set_text(&c, KEY_LENS, keys);
    set_text(&c, KEY_Q_LENS, queries);
    free(keys), free(queries);
    return keep_candidate(s, &c);
}

enum { MOST_SEQUENCES_TRIED = 8 };

static bool fewer_sequences(shrinker *s)
{
    const workload *w = &s->now;
    const int64_t b = w->problem.b;
    if (b < 2) return false;
    if (!w->key_lengths && !w->query_lengths) return lower(s, KEY(B), KEY_B, 1);
    for (int64_t i = b - 1; i >= 0 && i > b - 1 - MOST_SEQUENCES_TRIED; i--)
        if (try_lengths(s, b - 1, lengths_but(w->key_lengths, b, i, -1, 0), lengths_but(w->query_lengths, b, i, -1, 0)))
            return true;
    return false;
}

static bool shorter_sequences(shrinker *s)
{
    for (int64_t i = 0; s->now.problem.b > 1 && i < s->now.problem.b && i < MOST_SEQUENCES_TRIED; i++)
        for (int which = 0; which < 2; which++) {
            const workload *w = &s->now;
            const int64_t *lengths = which ? w->query_lengths : w->key_lengths, b = w->problem.b;
            for (int64_t step = lengths ? lengths[i] : 0; step > 0; step /= 2)
                if (try_lengths(s, b, lengths_but(w->key_lengths, b, -1, which ? -1 : i, step),
                                lengths_but(w->query_lengths, b, -1, which ? i : -1, step)))
                    return true;
        }
    return false;
}

static bool fewer_threads(shrinker *s)
{
    const int threads = s->best.threads;
    const int fewer[] = {1, threads / 2, threads - 1};
    for (int i = 0; i < 3 && threads > 1; i++) {
        candidate c = copy_of(&s->best);
        c.threads = fewer[i];
        if (keep_candidate(s, &c)) return true;
    }
    return false;
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

/* Sizes in full, so that each can be lowered by itself. */
static bool begin(shrinker *s, const trial_group *g, char *reason, size_t size)
{
    const workload *w = g->in.w;
    const attn_problem *p = &w->problem;
    const int64_t sizes[] = {p->b, p->h, p->hkv, p->q, p->k, p->d, p->dv};
    candidate *c = &s->best;
    if (!workload_copy(w, &s->now)) {
        snprintf(reason, size, "out of memory");
        return false;
    }
    c->threads = s->failing->threads;
    if (!spec_values_read(&c->keys, w->spec, reason, size)) return false;
    for (int key = KEY_B; key <= KEY_DV; key++) set_number(c, (spec_key)key, sizes[key]);
    set_text(c, KEY_CLASS, g->in.input == INPUT_NORMAL ? NULL : input_class_name((int)g->in.input));
    return true;
}

int shrink_case(const trial_group *g, const trial *t, const trial_settings *settings, double seconds, shrunk *out,
                char *reason, size_t reason_size)
{
    shrinker s = {t, settings, g->in.seed, clock_seconds() + seconds, {{{NULL}}, 1}, {0}, out};
    memset(out, 0, sizeof *out);
    case_reproducer(g, t, out->reproducer, sizeof out->reproducer);
    const bool begun = t->found.count > 0 && begin(&s, g, reason, reason_size);
    out->finished = begun;
    for (bool any = begun; any && out->finished;) {
        any = fewer_threads(&s);
        any |= fewer_sequences(&s);
        any |= fewer_heads(&s);
        any |= drop_keys(&s);
        any |= lower_numbers(&s);
        any |= shorter_sequences(&s);
    }
    spec_values_free(&s.best.keys);
    workload_free(&s.now);
    return begun;
}
