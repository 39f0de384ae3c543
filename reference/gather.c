/* gather: from a problem and its tensors to the doubles of one query row.
 *
 * The mask is decided key by key from the definitions in attention.h, without the spans of kernels/problem.c, so that a
 * mistake in either shows. Where a row lies (behind a sequence's start, in a page) is computed here too. Only keys that
 * take part are read: masked keys and keys beyond a key length cannot reach the reference.
 *
 * K and V of one (sequence, KV head) are widened once and kept while calls stay on it. If the kept keys are one range
 * (no mask, causal, a window), the row points into them; otherwise they are copied together. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "problem.h"
#include "reference.h"

/* Where a key lies: entries of the batch and row axes of K and V. */
typedef struct key_place {
    int64_t batch, row;
} key_place;

/* Which K and V are widened. Compared as bytes: members have 8 bytes or are pairs of 4, so there is no padding. */
typedef struct kv_identity {
    attn_tensor k, v, k_scales, v_scales;
    int64_t b, g, n, d, dv;
    uint64_t sample; /* hash of places and contents: a later problem may get an earlier one's addresses */
} kv_identity;

struct ref_workspace {
    int64_t keys, d, dv; /* capacity */
    ref_kv kv;
    kv_identity identity;
    bool widened;                    /* kv holds what identity names */
    double *k, *v, *k_abs, *v_scale; /* kept keys copied together; k and v are allocated when first needed */
    double *q, *add, *add_abs;
    int64_t *kept;
    key_place *place; /* of each key of the sequence */
    ref_row row;
};

static void *allocate(int64_t rows, int64_t columns, size_t element)
{
    int64_t count, bytes;
    if (rows < 0 || columns < 0 || __builtin_mul_overflow(rows, columns, &count) ||
        __builtin_mul_overflow(count, (int64_t)element, &bytes)) {
        return NULL;
    }
    return calloc(1, bytes > 0 ? (size_t)bytes : 1);
}

static double *doubles(int64_t rows, int64_t columns) { return allocate(rows, columns, sizeof(double)); }

ref_workspace *ref_workspace_new(int64_t keys, int64_t d, int64_t dv)
{
    ref_workspace *ws = calloc(1, sizeof *ws);
    if (!ws) return NULL;
    ws->keys = keys;
    ws->d = d;
    ws->dv = dv;
    ws->kv.k = doubles(keys, d);
    ws->kv.v = doubles(keys, dv);
    ws->kv.k_abs = doubles(keys, 1);
    ws->kv.v_scale = doubles(keys, 1);
    ws->k_abs = doubles(keys, 1);
    ws->v_scale = doubles(keys, 1);
    ws->q = doubles(d, 1);
    ws->add = doubles(keys, 1);
    ws->add_abs = doubles(keys, 1);
    ws->kept = allocate(keys, 1, sizeof *ws->kept);
    ws->place = allocate(keys, 1, sizeof *ws->place);
    ref_row *row = &ws->row;
    row->raw = doubles(keys, 1);
    row->a = doubles(keys, 1);
    row->squares = doubles(keys, 1);
    row->s = doubles(keys, 1);
    row->w = doubles(keys, 1);
    row->o = doubles(dv, 1);
    if (ws->kv.k && ws->kv.v && ws->kv.k_abs && ws->kv.v_scale && ws->k_abs && ws->v_scale && ws->q && ws->add &&
        ws->add_abs && ws->kept && ws->place && row->raw && row->a && row->squares && row->s && row->w && row->o) {
        return ws;
    }
    ref_workspace_free(ws);
    return NULL;
}

void ref_workspace_free(ref_workspace *ws)
{
    if (!ws) return;
    free(ws->kv.k);
    free(ws->kv.v);
    free(ws->kv.k_abs);
    free(ws->kv.v_scale);
    free(ws->k);
    free(ws->v);
    free(ws->k_abs);
    free(ws->v_scale);
    free(ws->q);
    free(ws->add);
    free(ws->add_abs);
    free(ws->kept);
    free(ws->place);
    free(ws->row.raw);
    free(ws->row.a);
    free(ws->row.squares);
    free(ws->row.s);
    free(ws->row.w);
    free(ws->row.o);
    free(ws);
}

const int64_t *ref_kept_keys(const ref_workspace *ws) { return ws->kept; }

/* ---- sequences in a batch --------------------------------------------------------------------------------------- */

/* Entry (b, row) of an integer slot. */
static int64_t integer_at(const attn_tensor *t, int64_t b, int64_t row)
{
    return ((const int64_t *)t->data)[b * t->stride[0] + row * t->stride[2]];
}

static int64_t start_of(const attn_tensor *starts, int64_t b) { return starts ? integer_at(starts, b, 0) : 0; }

/* Rows or keys of sequence b: its own length if given, else up to the next sequence's start, else all. */
static int64_t length_of(const attn_tensor *lengths, const attn_tensor *starts, int64_t b, int64_t all)
{
    if (lengths) return integer_at(lengths, b, 0);
    return starts ? integer_at(starts, b + 1, 0) - integer_at(starts, b, 0) : all;
}

static int64_t key_count(const attn_problem *problem, const attn_args *args, int64_t b)
{
    const int64_t n =
        length_of(attn_slot_of(args, ATTN_KEY_LENGTHS), attn_slot_of(args, ATTN_KEY_STARTS), b, problem->k);
    return n < 0 ? 0 : n < problem->k ? n : problem->k;
}

static int64_t query_row(const attn_args *args, int64_t b, int64_t i)
{
    return start_of(attn_slot_of(args, ATTN_QUERY_STARTS), b) + i;
}

/* Fills ws->place for n keys; false if a page does not exist. */
static bool place_keys(ref_workspace *ws, const attn_problem *problem, const attn_args *args, int64_t b, int64_t n)
{
    const attn_tensor *pages = attn_slot_of(args, ATTN_PAGES);
    const int64_t first = start_of(attn_slot_of(args, ATTN_KEY_STARTS), b);
    for (int64_t j = 0; j < n; ++j) {
        ws->place[j] = (key_place){b, first + j};
        if (!pages) continue;
        const int64_t number = j / problem->page_size;
        if (number >= pages->extent[2]) return false;
        ws->place[j] = (key_place){integer_at(pages, b, number), j - number * problem->page_size};
        if (ws->place[j].batch < 0 || ws->place[j].batch >= args->slot[ATTN_K].extent[0]) return false;
    }
    return true;
}

/* ---- the mask ------------------------------------------------------------------------------------------------ */

static int64_t position_of(const attn_problem *problem, const attn_args *args, int64_t b, int64_t i)
{
    return problem->q_pos + attn_metadata(args, ATTN_QUERY_POSITIONS, b, 0) + i;
}

bool ref_sees(const attn_problem *problem, const attn_args *args, int64_t b, int64_t i, int64_t j)
{
    if (j < 0 || j >= key_count(problem, args, b)) return false;
    const bool in_prefix = j < problem->prefix;
    if ((problem->mask & ATTN_MASK_PREFIX_FREE) && in_prefix) return true;

    const int64_t behind = position_of(problem, args, b, i) - j; /* how far the key lies behind the row */
    const bool freed_from_left = (problem->mask & ATTN_MASK_PREFIX) && in_prefix;
    if ((problem->mask & ATTN_MASK_LEFT) && behind > problem->left && !freed_from_left) return false;
    if ((problem->mask & ATTN_MASK_RIGHT) && -behind > problem->right) return false;
    return true;
}

/* ---- widening -------------------------------------------------------------------------------------------------- */

/* Element of a tensor that may be broadcast along any axis by an extent of 1. */
static double broadcast_element(const attn_tensor *t, int64_t b, int64_t h, int64_t r, int64_t c)
{
    return ref_element(t, t->extent[0] == 1 ? 0 : b, t->extent[1] == 1 ? 0 : h, t->extent[2] == 1 ? 0 : r,
                       t->extent[3] == 1 ? 0 : c);
}

/* (n, channels) of K or V, dequantised where there are scales. */
static void widen(const attn_tensor *t, const attn_tensor *scales, const key_place *place, const kv_identity *id,
                  int64_t channels, double *out)
{
    for (int64_t j = 0; j < id->n; ++j) {
        for (int64_t c = 0; c < channels; ++c) {
            const double x = ref_element(t, place[j].batch, id->g, place[j].row, c);
            out[j * channels + c] = scales ? x * broadcast_element(scales, place[j].batch, id->g, place[j].row, c) : x;
        }
    }
}

/* The scale of a row; 1 if there are no scales, or if each channel has its own. */
static double scale_of_row(const attn_tensor *scales, key_place place, int64_t g)
{
    const bool of_rows = scales && (scales->extent[3] == 1 || scales->stride[3] == 0);
    return of_rows ? broadcast_element(scales, place.batch, g, place.row, 0) : 1;
}

static uint64_t mix(uint64_t hash, uint64_t bits)
{
    hash = (hash ^ bits) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 29;
}

/* Mixes some 64 elements, evenly spread over (n, channels), into a hash. */
static uint64_t sample_of(const attn_tensor *t, const key_place *place, const kv_identity *id, int64_t channels,
                          uint64_t hash)
{
    const int64_t count = id->n * channels;
    const int64_t step = count / 61 + 1;
    for (int64_t at = 0; at < count; at += step) {
        const key_place key = place[at / channels];
        const double x = ref_element(t, key.batch, id->g, key.row, at % channels);
        uint64_t bits;
        memcpy(&bits, &x, sizeof bits);
        hash = mix(hash, bits);
    }
    return hash;
}

static void widen_kv(ref_workspace *ws, const attn_problem *problem, const attn_args *args, int64_t b, int64_t g,
                     int64_t n)
{
    const attn_tensor *k_scales = attn_slot_of(args, ATTN_K_SCALES);
    const attn_tensor *v_scales = attn_slot_of(args, ATTN_V_SCALES);
    kv_identity id = {.b = b, .g = g, .n = n, .d = problem->d, .dv = problem->dv};
    id.k = args->slot[ATTN_K];
    id.v = args->slot[ATTN_V];
    if (k_scales) id.k_scales = *k_scales;
    if (v_scales) id.v_scales = *v_scales;
    for (int64_t j = 0; j < n; ++j)
        id.sample = mix(mix(id.sample, (uint64_t)ws->place[j].batch), (uint64_t)ws->place[j].row);
    id.sample = sample_of(&id.k, ws->place, &id, id.d, id.sample);
    id.sample = sample_of(&id.v, ws->place, &id, id.dv, id.sample);
    if (ws->widened && memcmp(&id, &ws->identity, sizeof id) == 0) return;

    ref_kv *kv = &ws->kv;
    kv->n = n;
    kv->d = problem->d;
    kv->dv = problem->dv;
    widen(&id.k, k_scales, ws->place, &id, kv->d, kv->k);
    widen(&id.v, v_scales, ws->place, &id, kv->dv, kv->v);
    for (int64_t j = 0; j < n; ++j) {
        kv->k_abs[j] = 0;
        for (int64_t c = 0; c < kv->d; ++c) kv->k_abs[j] += fabs(kv->k[j * kv->d + c]);
        kv->v_scale[j] = scale_of_row(v_scales, ws->place[j], g);
    }
    ws->identity = id;
    ws->widened = true;
}

/* ---- one row --------------------------------------------------------------------------------------------------- */

/* Lists the kept keys and points row->k, v and k_abs at them. False where memory is short. */
static bool keep_keys(ref_workspace *ws, const attn_problem *problem, const attn_args *args, int64_t b, int64_t i)
{
    const ref_kv *kv = &ws->kv;
    ref_row *row = &ws->row;
    row->n = 0;
    for (int64_t j = 0; j < kv->n; ++j) {
        if (ref_sees(problem, args, b, i, j)) ws->kept[row->n++] = j;
    }
    const int64_t first = row->n > 0 ? ws->kept[0] : 0;
    const bool one_range = row->n == 0 || ws->kept[row->n - 1] - first + 1 == row->n;
    if (one_range) {
        row->k = kv->k + first * kv->d;
        row->v = kv->v + first * kv->dv;
        row->k_abs = kv->k_abs + first;
        row->v_scale = kv->v_scale + first;
        return true;
    }

    if (!ws->k) ws->k = doubles(ws->keys, ws->d);
    if (!ws->v) ws->v = doubles(ws->keys, ws->dv);
    if (!ws->k || !ws->v) return false;
    for (int64_t x = 0; x < row->n; ++x) {
        const int64_t j = ws->kept[x];
        memcpy(ws->k + x * kv->d, kv->k + j * kv->d, (size_t)kv->d * sizeof(double));
        memcpy(ws->v + x * kv->dv, kv->v + j * kv->dv, (size_t)kv->dv * sizeof(double));
        ws->k_abs[x] = kv->k_abs[j];
        ws->v_scale[x] = kv->v_scale[j];
    }
    row->k = ws->k;
    row->v = ws->v;
    row->k_abs = ws->k_abs;
    row->v_scale = ws->v_scale;
    return true;
}

/* The terms added after the softcap: ALiBi by distance (in integers, so exact at any position), and the bias. */
static void add_terms(ref_workspace *ws, const attn_problem *problem, const attn_args *args, int64_t b, int64_t h,
                      int64_t i)
{
    const attn_tensor *slopes = attn_slot_of(args, ATTN_SLOPES);
    const attn_tensor *bias = attn_slot_of(args, ATTN_BIAS);
    ref_row *row = &ws->row;
    row->add = row->add_abs = NULL;
    if (!slopes && !bias) return;

    const double slope = slopes ? ref_element(slopes, 0, h, 0, 0) : 0;
    const int64_t position = position_of(problem, args, b, i);
    for (int64_t x = 0; x < row->n; ++x) {
        const int64_t j = ws->kept[x];
        const int64_t distance = position < j ? j - position : position - j;
        const double alibi = slopes ? -slope * (double)distance : 0;
        const int64_t column = j - problem->bias_k0;
        const bool biased = bias && column >= 0 && column < bias->extent[3];
        const double added = biased ? ref_element(bias, bias->extent[0] == 1 ? 0 : b, bias->extent[1] == 1 ? 0 : h,
                                                  bias->extent[2] == 1 ? 0 : query_row(args, b, i), column)
                                    : 0;
        ws->add[x] = alibi + added;
        ws->add_abs[x] = fabs(alibi) + fabs(added);
    }
    row->add = ws->add;
    row->add_abs = ws->add_abs;
}

static bool widens(uint32_t type)
{
    return type == ATTN_F32 || type == ATTN_F16 || type == ATTN_BF16 || type == ATTN_I8;
}

/* Why the reference cannot compute this row, or NULL. */
static const char *refusal(const ref_workspace *ws, const attn_problem *problem, const attn_args *args, int64_t b,
                           int64_t h, int64_t i)
{
    static const int read[] = {ATTN_Q,           ATTN_K,          ATTN_V,        ATTN_BIAS,    ATTN_SLOPES,
                               ATTN_SINK_LOGITS, ATTN_HEAD_SCALE, ATTN_K_SCALES, ATTN_V_SCALES};
    if (problem->pass != ATTN_FORWARD) return "only the forward pass has a reference; pass must be 0 (forward)";
    if (problem->form != ATTN_EXACT) return "only the exact form has a reference; form must be 0 (exact)";
    if (problem->score != ATTN_SCORE_DOT) return "only dot scores have a reference; score must be 0 (dot)";
    if (problem->mask & ATTN_MASK_BLOCKS) return "the reference has no block mask; clear ATTN_MASK_BLOCKS";
    if (attn_slot_of(args, ATTN_PAGES) && problem->page_size < 1) return "pages need a page_size of at least 1";
    for (size_t x = 0; x < sizeof read / sizeof read[0]; ++x) {
        const attn_tensor *t = attn_slot_of(args, read[x]);
        const bool missing = !t && read[x] <= ATTN_V;
        const bool empty = t && !t->data && !(problem->k == 0 && (read[x] == ATTN_K || read[x] == ATTN_V));
        if (missing || empty) return "Q, K, V and every slot in use need data";
        if (t && !widens(t->type)) return "the reference reads f32, f16, bf16 and i8 tensors only";
    }
    if (problem->hkv < 1 || problem->h % problem->hkv != 0) return "hkv must divide h";
    if (b < 0 || b >= problem->b || h < 0 || h >= problem->h || i < 0 || i >= problem->q)
        return "no such row: b, h and i must lie within the problem";
    if (i >= length_of(attn_slot_of(args, ATTN_QUERY_LENGTHS), attn_slot_of(args, ATTN_QUERY_STARTS), b, problem->q))
        return "the row lies past its sequence's QUERY_LENGTHS or QUERY_STARTS";
    if (problem->k > ws->keys || problem->d > ws->d || problem->dv > ws->dv)
        return "the workspace is too small; make it for the problem's k, d and dv";
    return NULL;
}

const ref_row *ref_gather_row(ref_workspace *ws, const attn_problem *problem, const attn_args *args, int64_t b,
                              int64_t h, int64_t i, char *reason, size_t reason_size)
{
    const char *why = refusal(ws, problem, args, b, h, i);
    if (why) {
        snprintf(reason, reason_size, "reference: %s", why);
        return NULL;
    }
    const int64_t n = key_count(problem, args, b);
    if (!place_keys(ws, problem, args, b, n)) {
        snprintf(reason, reason_size, "reference: PAGES of sequence %lld names a page that K does not have",
                 (long long)b);
        return NULL;
    }
    widen_kv(ws, problem, args, b, h / (problem->h / problem->hkv), n);

    const attn_tensor *head_scale = attn_slot_of(args, ATTN_HEAD_SCALE);
    const attn_tensor *sink = attn_slot_of(args, ATTN_SINK_LOGITS);
    ref_row *row = &ws->row;
    row->d = problem->d;
    row->dv = problem->dv;
    row->scale = (double)problem->scale * (head_scale ? ref_element(head_scale, 0, h, 0, 0) : 1.0);
    row->softcap = (double)problem->softcap;
    row->sink = sink ? ref_element(sink, 0, h, 0, 0) : -INFINITY;
    for (int64_t c = 0; c < row->d; ++c) ws->q[c] = ref_element(&args->slot[ATTN_Q], b, h, query_row(args, b, i), c);
    row->q = ws->q;
    if (!keep_keys(ws, problem, args, b, i)) {
        snprintf(reason, reason_size, "reference: no memory for %lld gathered keys", (long long)row->n);
        return NULL;
    }
    add_terms(ws, problem, args, b, h, i);
    ref_row_compute(row);
    return row;
}
