/* workload_resolve.c: from the values of keys to a workload: defaults, and the rules that keys have among each
 * other. One function for each group of keys, in the order in which groups build on each other. */
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "workload_files.h"
#include "util/npy.h"
#include "problem.h"
#include "workload_keys.h"

/* Beyond this many rows the cost of a positional mask is not counted row by row but bounded by all pairs. */
enum { rows_counted_most = 1 << 22 };

static const int64_t elements_most = INT64_C(1) << 48;

/* ---- sizes ----------------------------------------------------------------------------------------------------- */

/* What a draft is made of: the values as written, and the workload that they become. */
typedef struct draft {
    const spec_values *given;
    workload *w;
    char *reason;
    size_t reason_size;
} draft;

static const char *text_of(const draft *x, spec_key key) { return x->given->value[key]; }

static int refuse(const draft *x, const char *words)
{
    snprintf(x->reason, x->reason_size, "%s", words);
    return 0;
}

/* Sets *out where the key is given. */
static int integer_if_given(const draft *x, spec_key key, int64_t low, int64_t high, int64_t *out)
{
    return !text_of(x, key) || spec_integer(key, text_of(x, key), low, high, out, x->reason, x->reason_size);
}

/* Sizes that are not written come from the shapes of the files, (b, h, q, d), (b, hkv, k, d) and (b, hkv, k, dv). */
static int sizes_from_file(const draft *x, spec_key file, int64_t *const size[4])
{
    char path[4096];
    npy_array a;
    if (!text_of(x, file) || (*size[0] && *size[1] && *size[2] && *size[3])) return 1;
    if (!workload_file_find(text_of(x, file), path, sizeof path, x->reason, x->reason_size) ||
        !npy_read_header(path, &a, x->reason, x->reason_size))
        return 0;
    if (a.axes != 4) {
        snprintf(x->reason, x->reason_size, "%s: has %d axes, expected 4: (batch, head, row, channel)", path, a.axes);
        return 0;
    }
    for (int axis = 0; axis < 4; axis++) {
        if (*size[axis]) continue;
        if (a.shape[axis] < 1) {
            snprintf(x->reason, x->reason_size, "%s: is empty on axis %d", path, axis);
            return 0;
        }
        *size[axis] = a.shape[axis];
    }
    return 1;
}

static int resolve_sizes(const draft *x)
{
    attn_problem *const p = &x->w->problem;
    const bool k_given = text_of(x, KEY_K) != NULL;
    int64_t k = 1; /* 0 is a size here, so that it cannot mean 'not given' */
    const struct {
        spec_key key;
        int64_t *size, low, high;
    } sizes[] = {
        {KEY_B, &p->b, 1, SPEC_BATCH_MOST}, {KEY_H, &p->h, 1, SPEC_SIZE_MOST}, {KEY_HKV, &p->hkv, 1, SPEC_SIZE_MOST},
        {KEY_Q, &p->q, 1, SPEC_SIZE_MOST},  {KEY_K, &k, 0, SPEC_SIZE_MOST},    {KEY_D, &p->d, 1, ATTN_MAX_D},
        {KEY_DV, &p->dv, 1, ATTN_MAX_D},
    };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        if (!integer_if_given(x, sizes[i].key, sizes[i].low, sizes[i].high, sizes[i].size)) return 0;
    if (k_given) p->k = k;
    int64_t *const k_size = k_given ? &k : &p->k;
    if (!sizes_from_file(x, KEY_Q_FILE, (int64_t *[]){&p->b, &p->h, &p->q, &p->d}) ||
        !sizes_from_file(x, KEY_K_FILE, (int64_t *[]){&p->b, &p->hkv, k_size, &p->d}) ||
        !sizes_from_file(x, KEY_V_FILE, (int64_t *[]){&p->b, &p->hkv, k_size, &p->dv}))
        return 0;

    char missing[16] = "";
    if (!p->h) strcat(missing, "h ");
    if (!p->q && !k_given) strcat(missing, "q ");
    if (!p->d) strcat(missing, "d ");
    if (*missing || (!p->q && k == 0)) {
        snprintf(x->reason, x->reason_size, "sizes are missing: %s(h, q and d are required)",
                 *missing ? missing : "q ");
        return 0;
    }
    if (!p->b) p->b = 1;
    if (!p->hkv) p->hkv = p->h;
    if (!p->q) p->q = p->k;
    if (!k_given && !p->k) p->k = p->q;
    if (!p->dv) p->dv = p->d;
    if (p->b > SPEC_BATCH_MOST || p->d > ATTN_MAX_D || p->dv > ATTN_MAX_D)
        return refuse(x, "a file's shape has more than 1048576 sequences or more than 576 channels");
    if (p->h % p->hkv) {
        const char *const of_h = text_of(x, KEY_H) ? "" : " (heads of q_file)";
        const char *const of_hkv = text_of(x, KEY_HKV)      ? ""
                                   : text_of(x, KEY_K_FILE) ? " (heads of k_file)"
                                                            : " (heads of v_file)";
        snprintf(x->reason, x->reason_size, "hkv = %" PRId64 "%s does not divide h = %" PRId64 "%s", p->hkv, of_hkv,
                 p->h, of_h);
        return 0;
    }
    return 1;
}

/* ---- types and the logit --------------------------------------------------------------------------------------- */

static int resolve_type(const draft *x, spec_key key, const char *const *words, uint32_t fallback, uint32_t *out)
{
    static const uint32_t types[] = {ATTN_F32, ATTN_F16, ATTN_BF16, ATTN_I8};
    int index;
    *out = fallback;
    if (!text_of(x, key)) return 1;
    if (!spec_word(key, text_of(x, key), words, &index, x->reason, x->reason_size)) return 0;
    *out = types[index];
    return 1;
}

static int resolve_types(const draft *x)
{
    static const char *const floats[] = {"f32", "f16", "bf16", NULL}, *const with_i8[] = {"f32", "f16", "bf16", "i8",
                                                                                          NULL};
    workload *const w = x->w;
    const char *const dtype = text_of(x, KEY_DTYPE);
    if (dtype && strcmp(dtype, "i8") == 0)
        return refuse(
            x, "dtype=i8: Q and O have no scales, so they are f32, f16 or bf16; int8 keys and values are kv_dtype=i8");
    return resolve_type(x, KEY_DTYPE, floats, ATTN_F32, &w->dtype) &&
           resolve_type(x, KEY_KV_DTYPE, with_i8, w->dtype, &w->kv_dtype) &&
           resolve_type(x, KEY_OUT_DTYPE, floats, w->dtype, &w->out_dtype);
}

static int resolve_word(const draft *x, spec_key key, const char *const *words, uint32_t *out)
{
    int index = 0;
    if (text_of(x, key) && !spec_word(key, text_of(x, key), words, &index, x->reason, x->reason_size)) return 0;
    *out = (uint32_t)index;
    return 1;
}

static int resolve_flag(const draft *x, spec_key key, bool *out)
{
    return !text_of(x, key) || spec_flag(key, text_of(x, key), out, x->reason, x->reason_size);
}

static int resolve_logit(const draft *x)
{
    static const char *const biases[] = {"0", "1", "2", NULL};
    workload *const w = x->w;
    attn_problem *const p = &w->problem;
    uint32_t bias = 0;
    if (!resolve_word(x, KEY_SCORE, spec_scores, &p->score) || !resolve_word(x, KEY_BIAS, biases, &bias) ||
        !resolve_flag(x, KEY_ALIBI, &w->alibi) || !resolve_flag(x, KEY_SINKS, &w->sinks) ||
        !resolve_flag(x, KEY_HEAD_SCALE, &w->head_scale))
        return 0;
    w->bias = (int)bias;
    p->scale = p->score == ATTN_SCORE_DOT ? (float)(1 / sqrt((double)p->d)) : 1.0f;
    return (!text_of(x, KEY_SCALE) ||
            spec_float(KEY_SCALE, text_of(x, KEY_SCALE), -FLT_MAX, &p->scale, x->reason, x->reason_size)) &&
           (!text_of(x, KEY_SOFTCAP) ||
            spec_float(KEY_SOFTCAP, text_of(x, KEY_SOFTCAP), 0, &p->softcap, x->reason, x->reason_size));
}

/* ---- mask and positions ---------------------------------------------------------------------------------------- */

enum mask_word { MASK_NONE, MASK_CAUSAL, MASK_WINDOW };

static int resolve_limits(const draft *x, enum mask_word word)
{
    attn_problem *const p = &x->w->problem;
    const bool left = text_of(x, KEY_LEFT) != NULL, right = text_of(x, KEY_RIGHT) != NULL;
    int64_t window = 0;
    if (!integer_if_given(x, KEY_WINDOW, 1, SPEC_POSITION_MOST, &window) ||
        !integer_if_given(x, KEY_LEFT, 0, SPEC_POSITION_MOST, &p->left) ||
        !integer_if_given(x, KEY_RIGHT, 0, SPEC_POSITION_MOST, &p->right))
        return 0;
    if (text_of(x, KEY_MASK) && word == MASK_NONE && (left || right))
        return refuse(x, "mask=none contradicts left= and right=: leave mask= out");
    if (word != MASK_NONE && right && p->right != 0)
        return refuse(x, "mask=causal and mask=window set right=0: leave mask= out and give left= and right=");
    if (word == MASK_WINDOW && left) return refuse(x, "mask=window sets left= by window=: give either of them");
    if (word == MASK_WINDOW && !window)
        return refuse(x, "mask=window needs window=W: W keys, the row's own position included");
    if (word != MASK_WINDOW && window) return refuse(x, "window= needs mask=window");
    if (word == MASK_WINDOW) p->left = window - 1;
    if (left || word == MASK_WINDOW) p->mask |= ATTN_MASK_LEFT;
    if (right || word != MASK_NONE) p->mask |= ATTN_MASK_RIGHT;
    return 1;
}

static int resolve_mask(const draft *x)
{
    static const char *const words[] = {"none", "causal", "window", NULL};
    attn_problem *const p = &x->w->problem;
    uint32_t word;
    bool free_prefix = false;
    if (!resolve_word(x, KEY_MASK, words, &word) || !resolve_limits(x, (enum mask_word)word) ||
        !integer_if_given(x, KEY_PREFIX, 0, SPEC_SIZE_MOST, &p->prefix) ||
        !resolve_flag(x, KEY_PREFIX_FREE, &free_prefix))
        return 0;
    if (free_prefix && !text_of(x, KEY_PREFIX)) return refuse(x, "prefix_free=1 needs prefix=N: the first N keys");
    if (p->prefix && !free_prefix && !(p->mask & ATTN_MASK_LEFT))
        return refuse(
            x, "prefix= frees keys of a left limit, and there is none: give left= or mask=window, or prefix_free=1");
    if (p->prefix && free_prefix && !(p->mask & (ATTN_MASK_LEFT | ATTN_MASK_RIGHT)))
        return refuse(x, "prefix_free=1 frees keys of a mask, and there is none: give mask=causal, or left= or right=");
    if (p->prefix) p->mask |= free_prefix ? ATTN_MASK_PREFIX_FREE : ATTN_MASK_PREFIX;
    return 1;
}

/* block=BQxBK[:random|:band] */
static int resolve_blocks(const draft *x)
{
    workload *const w = x->w;
    attn_problem *const p = &w->problem;
    const char *const block = text_of(x, KEY_BLOCK), *const graph = text_of(x, KEY_GRAPH);
    w->graph = -1;
    if (block && graph) return refuse(x, "block= and graph= exclude each other: both say which keys a row may see");
    if (graph) {
        if (!integer_if_given(x, KEY_GRAPH, 0, p->k, &w->graph)) return 0;
        p->mask_block_q = p->mask_block_k = 1;
    }
    if (block) {
        char rows[24], keys[24], pattern[8] = "random";
        int end = 0;
        if ((sscanf(block, "%23[0-9]x%23[0-9]%n:%7s%n", rows, keys, &end, pattern, &end) < 2) || block[end] ||
            (strcmp(pattern, "random") != 0 && strcmp(pattern, "band") != 0)) {
            snprintf(x->reason, x->reason_size, "block=%.40s: must be ROWSxKEYS, ROWSxKEYS:random or ROWSxKEYS:band",
                     block);
            return 0;
        }
        if (!spec_integer(KEY_BLOCK, rows, 1, SPEC_SIZE_MOST, &p->mask_block_q, x->reason, x->reason_size) ||
            !spec_integer(KEY_BLOCK, keys, 1, SPEC_SIZE_MOST, &p->mask_block_k, x->reason, x->reason_size))
            return 0;
        w->block_band = strcmp(pattern, "band") == 0;
    }
    if (block || graph) p->mask |= ATTN_MASK_BLOCKS;
    return 1;
}

static int64_t end_position(const workload *w, int64_t b)
{
    return (w->key_lengths ? w->key_lengths[b] : w->problem.k) -
           (w->query_lengths ? w->query_lengths[b] : w->problem.q);
}

static int resolve_positions(const draft *x)
{
    workload *const w = x->w;
    attn_problem *const p = &w->problem;
    const char *const q_pos = text_of(x, KEY_Q_POS);
    const bool positional = (p->mask & (ATTN_MASK_LEFT | ATTN_MASK_RIGHT)) || w->alibi;
    if (!q_pos) {
        if (!positional || p->q == p->k) return 1;
        snprintf(x->reason, x->reason_size,
                 "q_pos is missing: q = %" PRId64 " and k = %" PRId64
                 " differ and the mask or ALiBi needs positions: give q_pos=0 "
                 "(row 0 stands at key 0) or q_pos=end (the last row at the last key)",
                 p->q, p->k);
        return 0;
    }
    w->q_pos_end = strcmp(q_pos, "end") == 0;
    if (!w->q_pos_end)
        return spec_integer(KEY_Q_POS, q_pos, -SPEC_POSITION_MOST, SPEC_POSITION_MOST, &p->q_pos, x->reason,
                            x->reason_size);
    p->q_pos = end_position(w, 0);
    return 1;
}

/* ---- lengths, memory, outputs, form ---------------------------------------------------------------------------- */

static int resolve_lengths(const draft *x)
{
    workload *const w = x->w;
    const attn_problem *const p = &w->problem;
    const char *const keys = text_of(x, KEY_LENS), *const queries = text_of(x, KEY_Q_LENS);
    return (!keys || spec_lengths(KEY_LENS, keys, p->b, p->k, &w->key_lengths, x->reason, x->reason_size)) &&
           (!queries || spec_lengths(KEY_Q_LENS, queries, p->b, p->q, &w->query_lengths, x->reason, x->reason_size));
}

/* Words joined by +, each at most once. */
static int resolve_broadcast(const draft *x)
{
    const char *at = text_of(x, KEY_BROADCAST);
    while (at) {
        int axis = 0;
        const size_t length = strcspn(at, "+");
        while (spec_broadcasts[axis] &&
               (strlen(spec_broadcasts[axis]) != length || strncmp(at, spec_broadcasts[axis], length) != 0))
            axis++;
        if (!spec_broadcasts[axis] || (x->w->broadcast & (1u << axis))) {
            snprintf(x->reason, x->reason_size, "broadcast=%.40s: must be of b, h, k and q, joined by +",
                     text_of(x, KEY_BROADCAST));
            return 0;
        }
        x->w->broadcast |= 1u << axis;
        at = at[length] ? at + length + 1 : NULL;
    }
    return 1;
}

/* Tensors that are other tensors, or themselves again. */
static int resolve_views(const draft *x)
{
    const workload *const w = x->w;
    const attn_problem *const p = &w->problem;
    const bool files = text_of(x, KEY_Q_FILE) || text_of(x, KEY_K_FILE) || text_of(x, KEY_V_FILE);
    if (w->v_in_k && p->dv > p->d)
        return refuse(x, "v_in_k=1: V is a view of K's first dv channels, so dv must not exceed d");
    if (w->v_in_k && text_of(x, KEY_V_FILE))
        return refuse(x, "v_in_k=1: V is a view of K, so it has no v_file of its own");
    if (w->k_in_q && (p->h != p->hkv || p->q != p->k || w->dtype != w->kv_dtype))
        return refuse(x, "k_in_q=1: K is Q itself, so hkv = h, k = q and kv_dtype = dtype");
    if (w->k_in_q && (w->ragged || p->page_size || w->kv_cap || text_of(x, KEY_K_FILE)))
        return refuse(x, "k_in_q=1: K is Q itself, so there is no ragged=, page=, kv_cap= or k_file=");
    if (w->broadcast && (w->ragged || p->page_size || w->k_in_q || files))
        return refuse(x,
                      "broadcast= is for drawn tensors of one block a head, not for ragged=, page=, k_in_q= or files");
    if (p->pass == ATTN_BACKWARD && (w->broadcast || w->k_in_q))
        return refuse(x, "pass=backward has a gradient for each tensor: leave broadcast= and k_in_q= out");
    return 1;
}

static int resolve_memory(const draft *x)
{
    workload *const w = x->w;
    attn_problem *const p = &w->problem;
    uint32_t layout;
    w->channel_stride = 1;
    if (!resolve_flag(x, KEY_RAGGED, &w->ragged) || !resolve_flag(x, KEY_V_IN_K, &w->v_in_k) ||
        !resolve_flag(x, KEY_K_IN_Q, &w->k_in_q) || !resolve_flag(x, KEY_SKEW, &w->skew) || !resolve_broadcast(x) ||
        !resolve_word(x, KEY_LAYOUT, spec_layouts, &layout) ||
        !integer_if_given(x, KEY_PAGE, 1, 1 << 20, &p->page_size) ||
        !integer_if_given(x, KEY_ROW_PAD, 0, 1 << 20, &w->row_pad) ||
        !integer_if_given(x, KEY_CHANNEL_STRIDE, 1, 1 << 10, &w->channel_stride) ||
        !integer_if_given(x, KEY_ALIGN, 0, 63, &w->align) ||
        !integer_if_given(x, KEY_KV_CAP, p->k, SPEC_SIZE_MOST, &w->kv_cap))
        return 0;
    w->bshd = layout == 1;
    const int64_t size = (int64_t)attn_type_size(w->dtype);
    if (w->align % size) {
        snprintf(x->reason, x->reason_size,
                 "align=%" PRId64 ": must be a multiple of the %" PRId64 " bytes of an element", w->align, size);
        return 0;
    }
    if (w->channel_stride != 1 && (text_of(x, KEY_Q_FILE) || text_of(x, KEY_K_FILE) || text_of(x, KEY_V_FILE)))
        return refuse(x, "channel_stride= is for drawn inputs, not for q_file=, k_file= or v_file=");
    if (w->kv_cap && (w->ragged || p->page_size))
        return refuse(x, "kv_cap= is for caches of one block a head, not for ragged= or page=");
    if (w->bias && w->ragged)
        return refuse(x, "bias= has rows for each sequence, which ragged=1 packs: give one of them");
    return 1;
}

static int resolve_outputs(const draft *x)
{
    static const char *const words[] = {"o", "o+lse", "o+weights", "o+lse+weights", NULL};
    workload *const w = x->w;
    attn_problem *const p = &w->problem;
    uint32_t outputs;
    if (!resolve_word(x, KEY_OUTPUTS, words, &outputs) || !resolve_word(x, KEY_PASS, spec_passes, &p->pass) ||
        !resolve_word(x, KEY_FORM, spec_forms, &p->form) ||
        !integer_if_given(x, KEY_RANK, 1, SPEC_SIZE_MOST, &p->rank) ||
        !integer_if_given(x, KEY_TOPK, 1, SPEC_SIZE_MOST, &p->topk))
        return 0;
    w->want_lse = outputs & 1;
    w->want_weights = outputs & 2;
    if (p->pass == ATTN_BACKWARD && p->page_size)
        return refuse(x, "pass=backward and page= exclude each other: training has no paged cache");
    if ((p->form == ATTN_LOW_RANK) != (p->rank > 0)) return refuse(x, "form=low-rank and rank=N need each other");
    if ((p->form == ATTN_TOP_K) != (p->topk > 0)) return refuse(x, "form=top-k and topk=N need each other");
    return 1;
}

static int resolve_class(const draft *x)
{
    const char *const text = text_of(x, KEY_CLASS);
    const char *names[INPUT_CLASSES + 1] = {NULL};
    int input = INPUT_NORMAL;
    for (int i = 0; i < INPUT_CLASSES; i++) names[i] = input_class_name(i);
    if (text && !spec_word(KEY_CLASS, text, names, &input, x->reason, x->reason_size)) return 0;
    x->w->has_class = text != NULL;
    x->w->input = (input_class)input;
    return 1;
}

static int resolve_files(const draft *x)
{
    const struct {
        spec_key key;
        char **path;
    } files[] = {{KEY_Q_FILE, &x->w->q_file}, {KEY_K_FILE, &x->w->k_file}, {KEY_V_FILE, &x->w->v_file}};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        if (text_of(x, files[i].key) && !(*files[i].path = strdup(text_of(x, files[i].key))))
            return refuse(x, "memory is short");
    return input_class_fits(x->w, x->w->input, x->reason, x->reason_size);
}

/* ---- the whole ------------------------------------------------------------------------------------------------- */

static int check_elements(const draft *x)
{
    const workload *const w = x->w;
    const attn_problem *const p = &w->problem;
    const int64_t keys = w->kv_cap > p->k ? w->kv_cap : p->k;
    const struct {
        const char *name;
        int64_t heads, rows, channels;
    } tensors[] = {
        {"Q", p->h, p->q, p->d * w->channel_stride + w->row_pad},
        {"O", p->h, p->q, p->dv + w->row_pad},
        {"K", p->hkv, keys, p->d * w->channel_stride + w->row_pad},
        {"V", p->hkv, keys, p->dv * w->channel_stride + w->row_pad},
        {"the bias", w->bias ? p->h : 0, p->q, p->k},
        {"the table of weights", w->want_weights ? p->h : 0, p->q, p->k},
    };
    for (size_t i = 0; i < sizeof tensors / sizeof tensors[0]; i++) {
        const int64_t factors[] = {tensors[i].heads, tensors[i].rows, tensors[i].channels};
        int64_t left = elements_most / p->b;
        for (size_t f = 0; f < sizeof factors / sizeof factors[0] && factors[f]; f++) left /= factors[f];
        if (left > 0) continue;
        snprintf(x->reason, x->reason_size, "%s would have more than 2^48 elements", tensors[i].name);
        return 0;
    }
    return 1;
}

/* The operations of a workload: by attn_work where counting rows is cheap. CSR masks are drawn later and count by
 * their share. */
static double count_operations(const workload *w)
{
    attn_problem p = w->problem;
    attn_tensor slot[ATTN_SLOTS] = {{0}};
    const attn_args args = {.size = sizeof args, .count = ATTN_SLOTS, .slot = slot};
    double share = 1;
    if (p.mask & ATTN_MASK_BLOCKS)
        share = w->graph < 0 ? 0.25 : p.k ? fmin(1, (double)(w->graph + 1) / (double)p.k) : 0;
    p.mask &= ~(uint32_t)ATTN_MASK_BLOCKS;
    if (p.q > rows_counted_most / p.b) {
        const double pairs = (double)p.b * (double)p.h * (double)p.q * (double)p.k;
        return 2 * pairs * (double)(p.d + p.dv) * share;
    }
    int64_t *const positions = w->q_pos_end ? calloc((size_t)p.b, sizeof *positions) : NULL;
    for (int64_t b = 0; positions && b < p.b; b++) positions[b] = end_position(w, b) - p.q_pos;
    const struct {
        int slot;
        int64_t *data;
    } metadata[] = {
        {ATTN_KEY_LENGTHS, w->key_lengths}, {ATTN_QUERY_LENGTHS, w->query_lengths}, {ATTN_QUERY_POSITIONS, positions}};
    for (size_t i = 0; i < sizeof metadata / sizeof metadata[0]; i++)
        if (metadata[i].data)
            slot[metadata[i].slot] = (attn_tensor){
                .data = metadata[i].data, .type = ATTN_I64, .extent = {p.b, 1, 1, 1}, .stride = {1, 1, 1, 1}};
    const double operations = attn_work(&p, &args).operations;
    free(positions);
    return operations * share;
}

int workload_resolve(const spec_values *given, workload *out, char *reason, size_t reason_size)
{
    const draft x = {given, out, reason, reason_size};
    out->problem.size = sizeof out->problem;
    if (!resolve_sizes(&x) || !resolve_types(&x) || !resolve_logit(&x) || !resolve_mask(&x) || !resolve_blocks(&x) ||
        !resolve_lengths(&x) || !resolve_positions(&x) || !resolve_memory(&x) || !resolve_outputs(&x) ||
        !resolve_views(&x) || !resolve_class(&x) || !resolve_files(&x) || !check_elements(&x))
        return 0;
    out->cost = count_operations(out);
    out->spec = spec_write(out, false);
    return out->spec ? 1 : refuse(&x, "memory is short");
}
