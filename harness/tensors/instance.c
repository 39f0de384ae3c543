/* instance.c: tensors of a workload: where each lies in memory, how it is mapped, and what the harness does to all
 * of them alike: write protection, poison, and looking for stray writes. What they contain is inputs.c, the integers
 * are instance_metadata.c. */
#include "workload/workload_files.h"
#include "instance.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "inputs.h"
#include "instance_internal.h"
#include "util/guard_pages.h"
#include "problem.h"

static const int64_t weights_most = INT64_C(64) << 20; /* bytes of WEIGHTS that are described without being asked for */
static const uint32_t fresh_output = UINT32_C(0x7fc0dead); /* a NaN in every float type */

attn_args instance_all(const instance *in)
{
    return (attn_args){.size = sizeof(attn_args), .count = ATTN_SLOTS, .slot = in->slot};
}

bool slot_is_output(const attn_problem *problem, int slot)
{
    if (slot == ATTN_O || slot == ATTN_LSE) return problem->pass == ATTN_FORWARD;
    return slot == ATTN_WEIGHTS || slot == ATTN_DQ || slot == ATTN_DK || slot == ATTN_DV;
}

/* ---- layout ---------------------------------------------------------------------------------------------------- */

int64_t tensor_bytes(const attn_tensor *t)
{
    int64_t elements = 1;
    for (int axis = 0; axis < 4; axis++) {
        if (t->extent[axis] == 0) return 0;
        elements += (t->extent[axis] - 1) * t->stride[axis];
    }
    return elements * (int64_t)attn_type_size(t->type);
}

typedef struct shape {
    int64_t batch, heads, rows, channels;
    int64_t rows_allocated; /* rows from one head (or sequence) to the next */
    bool packed;            /* sequences lie behind each other: no batch stride */
    bool rows_outside;      /* bshd: the row axis is outside the head axis */
} shape;

static void lay_out(instance *in, int slot, uint32_t type, const shape *s)
{
    const int64_t step = slot <= ATTN_V ? in->w->channel_stride : 1;
    const int64_t width = s->channels * step + in->w->row_pad + (in->w->skew ? slot : 0), pitch = width > 0 ? width : 1;
    const int64_t rows =
        s->rows_allocated > 0 ? s->rows_allocated : 1; /* no stride of an output is 0, also where it is empty */
    attn_tensor *const t = &in->slot[slot];
    *t = (attn_tensor){.type = type, .extent = {s->batch, s->heads, s->rows, s->channels}, .stride = {0, 0, 0, step}};
    t->stride[1] = s->rows_outside ? pitch : rows * pitch;
    t->stride[2] = s->rows_outside ? s->heads * pitch : pitch;
    t->stride[0] = s->packed ? 0 : s->heads * rows * pitch;
}

static void lay_out_heads(instance *in, int slot)
{
    const int64_t h = in->problem.h, channels = slot == ATTN_SCORE_VECTOR ? in->problem.d : 1;
    in->slot[slot] =
        (attn_tensor){.type = ATTN_F32, .extent = {1, h, 1, channels}, .stride = {h * channels, channels, channels, 1}};
}

/* Strides of 0 where the workload wants an input to repeat itself. */
static void broadcast(instance *in, int slot)
{
    static const uint32_t bit_of_axis[] = {BROADCAST_SEQUENCES, BROADCAST_HEADS, BROADCAST_KEYS};
    for (int axis = 0; slot != ATTN_Q && axis < 3; axis++)
        if (in->w->broadcast & bit_of_axis[axis]) in->slot[slot].stride[axis] = 0;
    if (slot == ATTN_Q && (in->w->broadcast & BROADCAST_QUERIES)) in->slot[slot].stride[2] = 0;
}

/* One scale for each row of K or V. */
static void lay_out_scales(instance *in, int slot, int of)
{
    const int64_t *const e = in->slot[of].extent;
    attn_tensor *const t = &in->slot[slot];
    *t = (attn_tensor){.type = ATTN_F32, .extent = {e[0], e[1], e[2], e[3]}, .stride = {e[1] * e[2], e[2], 1, 0}};
    for (int axis = 0; axis < 3; axis++)
        if (in->slot[of].stride[axis] == 0) t->stride[axis] = 0;
}

static int64_t packed_rows(const instance *in, int slot, int64_t unpacked)
{
    const int64_t *const starts = in->slot[slot].data;
    return starts ? starts[in->problem.b] : unpacked;
}

static bool weights_fit(const attn_problem *p)
{
    int64_t left = weights_most / (int64_t)sizeof(float);
    const int64_t sizes[] = {p->b, p->h, p->q, p->k > 0 ? p->k : 1};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) left /= sizes[i];
    return left > 0;
}

static void describe_tensors(instance *in)
{
    const workload *const w = in->w;
    const attn_problem *const p = &in->problem;
    const bool packed = w->ragged, paged = p->page_size > 0, backward = p->pass == ATTN_BACKWARD;
    const int64_t query_rows = packed_rows(in, ATTN_QUERY_STARTS, p->q);
    const int64_t key_rows = paged ? p->page_size : packed_rows(in, ATTN_KEY_STARTS, p->k);
    const shape query = {.batch = p->b,
                         .heads = p->h,
                         .rows = query_rows,
                         .rows_allocated = query_rows,
                         .packed = packed,
                         .channels = p->d,
                         .rows_outside = w->bshd};
    const shape key = {.batch = paged ? p->b * in->slot[ATTN_PAGES].extent[2] : p->b,
                       .heads = p->hkv,
                       .rows = key_rows,
                       .rows_allocated = w->kv_cap > key_rows ? w->kv_cap : key_rows,
                       .packed = packed && !paged,
                       .channels = p->d,
                       .rows_outside = w->bshd};
    shape output = query, value = key, row = query, table = query;
    output.channels = value.channels = p->dv;
    row.channels = 1;
    table.channels = p->k;
    row.rows_outside = table.rows_outside = false;

    lay_out(in, ATTN_Q, w->dtype, &query);
    lay_out(in, ATTN_K, w->kv_dtype, &key);
    if (w->k_in_q) in->slot[ATTN_K] = in->slot[ATTN_Q];
    if (w->v_in_k) {
        in->slot[ATTN_V] = in->slot[ATTN_K];
        in->slot[ATTN_V].extent[3] = p->dv;
    } else {
        lay_out(in, ATTN_V, w->kv_dtype, &value);
    }
    for (int slot = ATTN_Q; slot <= ATTN_V; slot++) broadcast(in, slot);
    lay_out(in, ATTN_O, w->out_dtype, &output);
    lay_out(in, ATTN_LSE, ATTN_F32, &row);
    if (!backward && (w->want_weights || weights_fit(p))) lay_out(in, ATTN_WEIGHTS, ATTN_F32, &table);
    if (w->bias) {
        lay_out(in, ATTN_BIAS, ATTN_F32, &table);
        if (w->bias == 2) in->slot[ATTN_BIAS].stride[0] = 0;
    }
    if (w->alibi) lay_out_heads(in, ATTN_SLOPES);
    if (w->sinks) lay_out_heads(in, ATTN_SINK_LOGITS);
    if (w->head_scale) lay_out_heads(in, ATTN_HEAD_SCALE);
    if (p->score == ATTN_SCORE_ADDITIVE) lay_out_heads(in, ATTN_SCORE_VECTOR);
    if (w->kv_dtype == ATTN_I8) {
        lay_out_scales(in, ATTN_K_SCALES, ATTN_K);
        lay_out_scales(in, ATTN_V_SCALES, ATTN_V);
    }
    if (backward) {
        lay_out(in, ATTN_DO, w->out_dtype, &output);
        lay_out(in, ATTN_DQ, w->dtype, &query);
        lay_out(in, ATTN_DK, w->kv_dtype == ATTN_I8 ? ATTN_F32 : w->kv_dtype, &key);
        lay_out(in, ATTN_DV, w->kv_dtype == ATTN_I8 ? ATTN_F32 : w->kv_dtype, &value);
    }
}

int instance_describe(instance *in, const workload *w, input_class input, uint64_t seed, char *reason,
                      size_t reason_size)
{
    *in = (instance){.w = w, .seed = seed, .input = input, .problem = w->problem};
    if (!input_class_fits(w, input, reason, reason_size) || !workload_check_files(w, reason, reason_size)) return 0;
    if (metadata_describe(in, reason, reason_size)) {
        describe_tensors(in);
        const attn_args args = instance_all(in);
        if (attn_check(&in->problem, &args, reason, reason_size)) return 1;
    }
    instance_free(in);
    return 0;
}

/* ---- memory ---------------------------------------------------------------------------------------------------- */

/* The slot in whose memory this one lies; -1 its own. V_SCALES of a V inside K are K's own, as the bytes are. */
static int view_of(const instance *in, int slot)
{
    if (slot == ATTN_K && in->w->k_in_q) return ATTN_Q;
    if (!in->w->v_in_k) return -1;
    return slot == ATTN_V ? ATTN_K : slot == ATTN_V_SCALES ? ATTN_K_SCALES : -1;
}

bool instance_sparse(const instance *in, int slot)
{
    static const int64_t untouched = INT64_C(1) << 30; /* bytes behind a head's keys that are worth not to be written */
    const attn_tensor *const t = &in->slot[slot];
    if ((slot != ATTN_K && slot != ATTN_V) || in->w->kv_cap <= in->problem.k || in->w->bshd) return false;
    return (in->w->kv_cap - in->problem.k) * t->stride[2] * (int64_t)attn_type_size(t->type) >= untouched;
}

/* The rows of each head, to whole pages at both ends. */
static int64_t touched_bytes(const attn_tensor *t)
{
    const int64_t head = t->extent[2] * t->stride[2] * (int64_t)attn_type_size(t->type);
    return t->extent[0] * t->extent[1] * mapping_cost(head);
}

double instance_bytes(const instance *in)
{
    double bytes = 0;
    for (int slot = 0; slot < ATTN_SLOTS; slot++)
        if (in->slot[slot].type != ATTN_ABSENT && view_of(in, slot) < 0)
            bytes += (double)(instance_sparse(in, slot) ? touched_bytes(&in->slot[slot])
                                                        : mapping_cost(tensor_bytes(&in->slot[slot])));
    return bytes;
}

int instance_map_slot(instance *in, int slot, int64_t align, char *reason, size_t reason_size)
{
    attn_tensor *const t = &in->slot[slot];
    const int64_t bytes = tensor_bytes(t), size = (int64_t)attn_type_size(t->type);
    if (!mapping_open(&in->map[slot], bytes, reason, reason_size)) return 0;
    t->data = mapping_place(&in->map[slot], bytes, align / size * size);
    return 1;
}

int instance_fill(instance *in, char *reason, size_t reason_size)
{
    const double bytes = instance_bytes(in), available = (double)memory_available();
    if (bytes > available) {
        snprintf(reason, reason_size, "%s needs %.0f MB of memory, %.0f MB are available: use fewer heads or sequences",
                 in->w->name, bytes / 1e6, available / 1e6);
        return 0;
    }
    for (int slot = 0; slot < ATTN_SLOTS; slot++) {
        if (in->slot[slot].type == ATTN_ABSENT || in->slot[slot].data || view_of(in, slot) >= 0) continue;
        if (!instance_map_slot(in, slot, in->w->align, reason, reason_size)) return 0;
    }
    for (int slot = 0; slot < ATTN_SLOTS; slot++)
        if (in->slot[slot].type != ATTN_ABSENT && view_of(in, slot) >= 0)
            in->slot[slot].data = in->slot[view_of(in, slot)].data;
    instance_poison(in, fresh_output);
    in->filled = inputs_fill(in, reason, reason_size);
    return in->filled;
}

void instance_free(instance *in)
{
    for (int slot = 0; slot < ATTN_SLOTS; slot++) mapping_close(&in->map[slot]);
    *in = (instance){0};
}

/* ---- calls ----------------------------------------------------------------------------------------------------- */

attn_args instance_args(const instance *in, bool lse, bool weights, attn_tensor slot[ATTN_SLOTS])
{
    memcpy(slot, in->slot, sizeof in->slot);
    if (!lse && in->problem.pass == ATTN_FORWARD) slot[ATTN_LSE] = (attn_tensor){0};
    if (!weights) slot[ATTN_WEIGHTS] = (attn_tensor){0};
    return (attn_args){.size = sizeof(attn_args), .count = ATTN_SLOTS, .slot = slot};
}

int instance_owner(const instance *in, int slot)
{
    const unsigned char *const at = in->slot[slot].data;
    for (int s = 0; at && s < ATTN_SLOTS; s++)
        if (in->map[s].base && at >= in->map[s].begin && at <= in->map[s].begin + in->map[s].bytes) return s;
    return -1;
}

void instance_protect(instance *in, bool read_only)
{
    for (int slot = 0; slot < ATTN_SLOTS; slot++)
        if (!slot_is_output(&in->problem, slot)) mapping_protect(&in->map[slot], read_only);
}

void instance_poison(instance *in, uint32_t pattern)
{
    for (int slot = 0; slot < ATTN_SLOTS; slot++)
        if (slot_is_output(&in->problem, slot) && in->map[slot].base)
            mapping_pattern(&in->map[slot], 0, in->map[slot].bytes, pattern);
}

/* ---- canaries -------------------------------------------------------------------------------------------------- */

/* A walk over an output's rows in the order of their addresses: what lies between them must hold the pattern. */
typedef struct walk {
    const instance *in;
    const attn_tensor *t;
    const mapping *map;
    uint32_t pattern;
    bool by_query; /* rows beyond a sequence's query length lie outside too */
    int axis[3];   /* batch, head, row: the largest stride first */
    size_t at;     /* offset behind the last row seen */
    bool intact;
} walk;

static void walk_rows(walk *w, int depth, int64_t index[3])
{
    if (depth < 3) {
        const int axis = w->axis[depth];
        const bool shared = w->t->stride[axis] == 0; /* a packed batch: its rows are those of sequence 0 */
        const int64_t n = shared && w->t->extent[axis] > 0 ? 1 : w->t->extent[axis];
        for (index[axis] = 0; index[axis] < n && w->intact; index[axis]++) walk_rows(w, depth + 1, index);
        return;
    }
    if (w->by_query &&
        index[2] >= attn_metadata(&(attn_args){.size = sizeof(attn_args), .count = ATTN_SLOTS, .slot = w->in->slot},
                                  ATTN_QUERY_LENGTHS, index[0], w->t->extent[2]))
        return;
    const size_t size = attn_type_size(w->t->type);
    const int64_t element = index[0] * w->t->stride[0] + index[1] * w->t->stride[1] + index[2] * w->t->stride[2];
    const size_t begin = (size_t)((unsigned char *)w->t->data - w->map->begin) + (size_t)element * size;
    w->intact = mapping_has_pattern(w->map, w->at, begin, w->pattern);
    w->at = begin + (size_t)w->t->extent[3] * size;
}

static bool slot_intact(const instance *in, int slot, uint32_t pattern)
{
    const attn_tensor *const t = &in->slot[slot];
    walk w = {.in = in, .t = t, .map = &in->map[slot], .pattern = pattern, .axis = {0, 1, 2}, .intact = true};
    w.by_query = slot == ATTN_O || slot == ATTN_LSE || slot == ATTN_WEIGHTS || slot == ATTN_DQ;
    for (int i = 1; i < 3; i++)
        for (int j = i; j > 0 && t->stride[w.axis[j]] > t->stride[w.axis[j - 1]]; j--) {
            const int other = w.axis[j];
            w.axis[j] = w.axis[j - 1];
            w.axis[j - 1] = other;
        }
    if (t->extent[0] && t->extent[1] && t->extent[2] && t->extent[3]) walk_rows(&w, 0, (int64_t[3]){0, 0, 0});
    return w.intact && mapping_has_pattern(w.map, w.at, w.map->bytes, pattern);
}

bool instance_canaries_hold(const instance *in, uint32_t pattern, int *slot)
{
    for (*slot = 0; *slot < ATTN_SLOTS; ++*slot)
        if (slot_is_output(&in->problem, *slot) && in->map[*slot].base && !slot_intact(in, *slot, pattern))
            return false;
    return true;
}

void instance_touch(const instance *in, size_t step)
{
    volatile unsigned char sum = 0;
    for (int slot = 0; slot < ATTN_SLOTS; slot++)
        for (size_t at = 0; in->map[slot].base && at < in->map[slot].bytes; at += step)
            sum = (unsigned char)(sum + in->map[slot].begin[at]);
}
