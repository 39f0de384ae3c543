/* workload_spec.c: a workload as its canonical SPEC, from the struct alone: a fixed order of keys, defaults left
 * out. */
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "problem.h"
#include "workload_keys.h"

static void write_key(FILE *out, spec_key key) { fprintf(out, "%s%s=", ftello(out) ? "," : "", spec_key_name(key)); }

static void write_integer(FILE *out, spec_key key, int64_t value, bool wanted)
{
    if (!wanted) return;
    write_key(out, key);
    fprintf(out, "%" PRId64, value);
}

static void write_word(FILE *out, spec_key key, const char *value, bool wanted)
{
    if (!wanted) return;
    write_key(out, key);
    fputs(value, out);
}

/* The shortest decimal of at least 6 digits of precision (50, not 5e+01) that reads back as the same float. */
static void write_float(FILE *out, spec_key key, float value, bool wanted)
{
    char text[32];
    for (int digits = 6; digits <= FLT_DECIMAL_DIG; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)value);
        if ((float)strtod(text, NULL) == value) break;
    }
    write_word(out, key, text, wanted);
}

static void write_lengths(FILE *out, spec_key key, const int64_t *lengths, int64_t b)
{
    if (!lengths) return;
    bool equal = true, spread = true;
    for (int64_t i = 0; i < b; i++) {
        equal = equal && lengths[i] == lengths[0];
        spread = spread && lengths[i] == spec_spread(lengths[0], lengths[b - 1], b, i);
    }
    write_key(out, key);
    if (equal)
        fprintf(out, "%" PRId64, lengths[0]);
    else if (spread && lengths[0] < lengths[b - 1] && b > 2)
        fprintf(out, "%" PRId64 ":%" PRId64, lengths[0], lengths[b - 1]);
    else
        for (int64_t i = 0; i < b; i++) fprintf(out, "%s%" PRId64, i ? "+" : "", lengths[i]);
}

static void write_mask(FILE *out, const attn_problem *p)
{
    const bool left = p->mask & ATTN_MASK_LEFT, right = p->mask & ATTN_MASK_RIGHT;
    const bool window = left && right && p->right == 0, causal = !left && right && p->right == 0;
    write_word(out, KEY_MASK, window ? "window" : "causal", window || causal);
    write_integer(out, KEY_WINDOW, p->left + 1, window);
    write_integer(out, KEY_LEFT, p->left, left && !window);
    write_integer(out, KEY_RIGHT, p->right, right && !window && !causal);
    write_integer(out, KEY_PREFIX, p->prefix, (p->mask & (ATTN_MASK_PREFIX | ATTN_MASK_PREFIX_FREE)) != 0);
    write_integer(out, KEY_PREFIX_FREE, 1, (p->mask & ATTN_MASK_PREFIX_FREE) != 0);
}

static void write_logit(FILE *out, const workload *w)
{
    const attn_problem *const p = &w->problem;
    const bool positional = (p->mask & (ATTN_MASK_LEFT | ATTN_MASK_RIGHT)) || w->alibi;
    const float scale = p->score == ATTN_SCORE_DOT ? (float)(1 / sqrt((double)p->d)) : 1.0f;
    if (w->q_pos_end)
        write_word(out, KEY_Q_POS, "end", true);
    else
        write_integer(out, KEY_Q_POS, p->q_pos, p->q_pos != 0 || (positional && p->q != p->k));
    write_float(out, KEY_SCALE, p->scale, p->scale != scale);
    write_float(out, KEY_SOFTCAP, p->softcap, p->softcap != 0);
    write_integer(out, KEY_ALIBI, 1, w->alibi);
    write_integer(out, KEY_SINKS, 1, w->sinks);
    write_integer(out, KEY_HEAD_SCALE, 1, w->head_scale);
    write_integer(out, KEY_BIAS, w->bias, w->bias != 0);
    write_word(out, KEY_DTYPE, attn_type_name(w->dtype), w->dtype != ATTN_F32);
    write_word(out, KEY_KV_DTYPE, attn_type_name(w->kv_dtype), w->kv_dtype != w->dtype);
    write_word(out, KEY_OUT_DTYPE, attn_type_name(w->out_dtype), w->out_dtype != w->dtype);
}

static void write_broadcast(FILE *out, uint32_t axes)
{
    const char *between = "";
    if (!axes) return;
    write_key(out, KEY_BROADCAST);
    for (int axis = 0; spec_broadcasts[axis]; axis++) {
        if (!(axes & (1u << axis))) continue;
        fprintf(out, "%s%s", between, spec_broadcasts[axis]);
        between = "+";
    }
}

static void write_memory(FILE *out, const workload *w)
{
    const attn_problem *const p = &w->problem;
    write_lengths(out, KEY_LENS, w->key_lengths, p->b);
    write_lengths(out, KEY_Q_LENS, w->query_lengths, p->b);
    write_integer(out, KEY_RAGGED, 1, w->ragged);
    write_integer(out, KEY_PAGE, p->page_size, p->page_size != 0);
    write_word(out, KEY_LAYOUT, spec_layouts[w->bshd], w->bshd);
    write_integer(out, KEY_ROW_PAD, w->row_pad, w->row_pad != 0);
    write_integer(out, KEY_CHANNEL_STRIDE, w->channel_stride, w->channel_stride != 1);
    write_integer(out, KEY_ALIGN, w->align, w->align != 0);
    write_integer(out, KEY_KV_CAP, w->kv_cap, w->kv_cap != 0);
    write_integer(out, KEY_V_IN_K, 1, w->v_in_k);
    write_integer(out, KEY_K_IN_Q, 1, w->k_in_q);
    write_broadcast(out, w->broadcast);
    write_integer(out, KEY_SKEW, 1, w->skew);
}

static void write_form(FILE *out, const workload *w)
{
    const attn_problem *const p = &w->problem;
    if (w->want_lse || w->want_weights) {
        write_key(out, KEY_OUTPUTS);
        fprintf(out, "o%s%s", w->want_lse ? "+lse" : "", w->want_weights ? "+weights" : "");
    }
    write_word(out, KEY_PASS, spec_passes[p->pass], p->pass != ATTN_FORWARD);
    if ((p->mask & ATTN_MASK_BLOCKS) && w->graph < 0) {
        write_key(out, KEY_BLOCK);
        fprintf(out, "%" PRId64 "x%" PRId64 "%s", p->mask_block_q, p->mask_block_k, w->block_band ? ":band" : "");
    }
    write_integer(out, KEY_GRAPH, w->graph, w->graph >= 0);
    write_word(out, KEY_FORM, spec_forms[p->form], p->form != ATTN_EXACT);
    write_integer(out, KEY_RANK, p->rank, p->rank != 0);
    write_integer(out, KEY_TOPK, p->topk, p->topk != 0);
}

char *spec_write(const workload *w, bool label)
{
    const attn_problem *const p = &w->problem;
    const bool files =
        w->q_file || w->k_file || w->v_file; /* then all sizes: a spec is read without looking into its files */
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out) return NULL;
    write_integer(out, KEY_B, p->b, files || p->b != 1);
    write_integer(out, KEY_H, p->h, true);
    write_integer(out, KEY_HKV, p->hkv, files || p->hkv != p->h);
    write_integer(out, KEY_Q, p->q, true);
    write_integer(out, KEY_K, p->k, files || p->k != p->q);
    write_integer(out, KEY_D, p->d, true);
    write_integer(out, KEY_DV, p->dv, files || p->dv != p->d);
    write_word(out, KEY_SCORE, spec_scores[p->score], p->score != ATTN_SCORE_DOT);
    write_mask(out, p);
    write_logit(out, w);
    write_memory(out, w);
    write_form(out, w);
    write_word(out, KEY_CLASS, input_class_name((int)w->input), w->has_class && !label);
    const struct {
        spec_key key;
        const char *path;
    } paths[] = {{KEY_Q_FILE, w->q_file}, {KEY_K_FILE, w->k_file}, {KEY_V_FILE, w->v_file}};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        const char *const slash = paths[i].path ? strrchr(paths[i].path, '/') : NULL;
        write_word(out, paths[i].key, label && slash ? slash + 1 : paths[i].path, paths[i].path != NULL);
    }
    if (fclose(out) == 0) return text;
    free(text);
    return NULL;
}
