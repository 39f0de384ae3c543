/* pattern_mistakes.c: mistakes as data. What a mistake leaves alone is not repeated here: the reference computes it. */
#include "pattern_mistakes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "problem.h"

enum kind {
    /* of the problem and its tensors */
    FIELD,       /* problem field += by; where the mask has `bits` */
    UNMASKED,    /* mask without `bits` */
    SLOT_GONE,   /* slot `bits` absent */
    SLOT_SHARED, /* axis `by` of slot `bits` read at index 0 */
    SCALE,       /* scale *= by */
    SCALE_POWER, /* scale = scale ^ by */
    SCALE_DEFAULT,
    NO_SOFTCAP,
    HEAD_NEXT,      /* slots `bits` of the next KV head */
    HEAD_MODULO,    /* K and V of KV head h % hkv */
    SEQUENCE_FIRST, /* K and V of sequence 0 */
    OTHER_HEAD,     /* the whole row of the next query head */
    OTHER_ROW,      /* the whole row `by` further */
    SCALE_FITTED,   /* the scale that gives the LSE */
    /* of the gathered row */
    KEY_MISSING,   /* by -1: the last; 1: the first */
    BLOCK_MISSING, /* the last key block */
    SUM_WITHOUT_BLOCK,
    NOT_DIVIDED,
    OUTPUT_NOT_RESCALED,
    SUM_NOT_RESCALED,
    NOTHING_RESCALED,
    TERMS_NEGATED, /* bias and ALiBi */
    SOFTCAP_LAST,
    /* LSE alone */
    LSE_BASE_2,
    LSE_LOG_2,
    LSE_NO_MAX,
    LSE_NO_LOG,
    LSE_NO_SUM,
    LSE_NEGATED,
    LSE_NO_SINK
};

enum { FIT_STEPS = 8 };
#define LN_2 0.69314718055994530942
#define LOG2_E 1.4426950408889634074

#define AT(name) offsetof(attn_problem, name)
/* Where several give the same values, the first ones are named: the commoner before the rarer. */
static const mistake mistakes[] = {
    {"the last key were missing", KEY_MISSING, 0, 0, -1},
    {"the first key were missing", KEY_MISSING, 0, 0, 1},
    {"each row saw one key less on the right", FIELD, AT(right), ATTN_MASK_RIGHT, -1},
    {"each row saw one key more on the right", FIELD, AT(right), ATTN_MASK_RIGHT, 1},
    {"each row saw one key less on the left", FIELD, AT(left), ATTN_MASK_LEFT, -1},
    {"each row saw one key more on the left", FIELD, AT(left), ATTN_MASK_LEFT, 1},
    {"the prefix were one key shorter", FIELD, AT(prefix), ATTN_MASK_PREFIX | ATTN_MASK_PREFIX_FREE, -1},
    {"the prefix were one key longer", FIELD, AT(prefix), ATTN_MASK_PREFIX | ATTN_MASK_PREFIX_FREE, 1},
    {"nothing were masked on the right", UNMASKED, 0, ATTN_MASK_RIGHT, 0},
    {"nothing were masked on the left", UNMASKED, 0, ATTN_MASK_LEFT, 0},
    {"there were no prefix", UNMASKED, 0, ATTN_MASK_PREFIX | ATTN_MASK_PREFIX_FREE, 0},
    {"the prefix did not free the right limit", UNMASKED, 0, ATTN_MASK_PREFIX_FREE, 0},
    {"positions were one too high", FIELD, AT(q_pos), 0, 1},
    {"positions were one too low", FIELD, AT(q_pos), 0, -1},
    {"the position of row 0 were ignored", FIELD, AT(q_pos), 0, 0},
    {"positions of sequences were ignored", SLOT_GONE, 0, ATTN_QUERY_POSITIONS, 0},
    {"all sequences had the position of the first", SLOT_SHARED, 0, ATTN_QUERY_POSITIONS, 0},
    {"key lengths were ignored", SLOT_GONE, 0, ATTN_KEY_LENGTHS, 0},
    {"all sequences had the key length of the first", SLOT_SHARED, 0, ATTN_KEY_LENGTHS, 0},
    {"the last key block were missing", BLOCK_MISSING, 0, 0, 0},
    {"the sum did not contain the last key block", SUM_WITHOUT_BLOCK, 0, 0, 0},
    {"the output were not divided by the sum", NOT_DIVIDED, 0, 0, 0},
    {"the output were not rescaled when the maximum rises", OUTPUT_NOT_RESCALED, 0, 0, 0},
    {"the sum were not rescaled when the maximum rises", SUM_NOT_RESCALED, 0, 0, 0},
    {"neither output nor sum were rescaled when the maximum rises", NOTHING_RESCALED, 0, 0, 0},
    {"logits were not scaled", SCALE_POWER, 0, 0, 0},
    {"logits were scaled twice", SCALE_POWER, 0, 0, 2},
    {"the scale were 1/sqrt(d) whatever the problem says", SCALE_DEFAULT, 0, 0, 0},
    {"exp2 stood in the place of exp", SCALE, 0, 0, LN_2},
    {"logits were multiplied by log2(e) once too often", SCALE, 0, 0, LOG2_E},
    {"the scale had the wrong sign", SCALE, 0, 0, -1},
    {"there were no softcap", NO_SOFTCAP, 0, 0, 0},
    {"the softcap came after bias and ALiBi", SOFTCAP_LAST, 0, 0, 0},
    {"bias and ALiBi had the wrong sign", TERMS_NEGATED, 0, 0, 0},
    {"there were no bias", SLOT_GONE, 0, ATTN_BIAS, 0},
    {"all sequences had the bias of the first", SLOT_SHARED, 0, ATTN_BIAS, 0},
    {"all heads had the bias of the first", SLOT_SHARED, 0, ATTN_BIAS, 1},
    {"all rows had the bias of the first", SLOT_SHARED, 0, ATTN_BIAS, 2},
    {"there were no ALiBi slopes", SLOT_GONE, 0, ATTN_SLOPES, 0},
    {"all heads had the slope of the first", SLOT_SHARED, 0, ATTN_SLOPES, 1},
    {"there were no sinks", SLOT_GONE, 0, ATTN_SINK_LOGITS, 0},
    {"all heads had the sink of the first", SLOT_SHARED, 0, ATTN_SINK_LOGITS, 1},
    {"there were no head scales", SLOT_GONE, 0, ATTN_HEAD_SCALE, 0},
    {"K and V were those of KV head h modulo hkv", HEAD_MODULO, 0, 0, 0},
    {"V were the next KV head's", HEAD_NEXT, 0, ATTN_SLOT_BIT(ATTN_V), 0},
    {"K were the next KV head's", HEAD_NEXT, 0, ATTN_SLOT_BIT(ATTN_K), 0},
    {"K and V were the next KV head's", HEAD_NEXT, 0, ATTN_SLOT_BIT(ATTN_K) | ATTN_SLOT_BIT(ATTN_V), 0},
    {"K and V were those of the first sequence", SEQUENCE_FIRST, 0, 0, 0},
    {"it were the next head's row", OTHER_HEAD, 0, 0, 0},
    {"it were the next row's", OTHER_ROW, 0, 0, 1},
    {"it were the row's before", OTHER_ROW, 0, 0, -1},
    {"the scale were slightly off", SCALE_FITTED, 0, 0, 0},
    {"it were in base 2", LSE_BASE_2, 0, 0, 0},
    {"the logarithm of the sum were in base 2", LSE_LOG_2, 0, 0, 0},
    {"the maximum were not added", LSE_NO_MAX, 0, 0, 0},
    {"the logarithm of the sum were not taken", LSE_NO_LOG, 0, 0, 0},
    {"it were the maximum", LSE_NO_SUM, 0, 0, 0},
    {"it were negated", LSE_NEGATED, 0, 0, 0},
    {"the sink were not in it", LSE_NO_SINK, 0, 0, 0},
};

const mistake *mistake_list(int *count)
{
    *count = sizeof mistakes / sizeof *mistakes;
    return mistakes;
}

/* ---- room -------------------------------------------------------------------------------------------------------- */

int mistake_row_new(const instance *in, int64_t key_block, mistake_row *out)
{
    *out = (mistake_row){.problem = in->problem, .key_block = key_block};
    out->args = instance_args(in, true, false, out->slot);
    const int64_t keys = in->problem.k, dv = in->problem.dv;
    double *at = out->room = calloc((size_t)(6 * keys + dv), sizeof *at);
    if (!at) return 0;
    out->made.raw = at, out->made.a = at + keys, out->made.s = at + 2 * keys, out->made.w = at + 3 * keys;
    out->made.add = at + 4 * keys, out->made.add_abs = at + 5 * keys, out->made.o = at + 6 * keys;
    return 1;
}

void mistake_row_free(mistake_row *row) { free(row->room); }

/* ---- changes of the problem and its tensors ---------------------------------------------------------------------- */

static void shift(attn_tensor *t, int axis, int64_t by)
{
    t->data = (unsigned char *)t->data + by * t->stride[axis] * (int64_t)attn_type_size(t->type);
}

static bool shift_kv(const mistake_row *row, attn_tensor *slot, uint64_t slots, int axis, int64_t by)
{
    const bool scaled = slot[ATTN_K_SCALES].type || slot[ATTN_V_SCALES].type;
    if (by == 0 || scaled || (axis == 0 && (row->problem.page_size || slot[ATTN_KEY_STARTS].type))) return false;
    if (slots & ATTN_SLOT_BIT(ATTN_K)) shift(&slot[ATTN_K], axis, by);
    if (slots & ATTN_SLOT_BIT(ATTN_V)) shift(&slot[ATTN_V], axis, by);
    return true;
}

static bool change_problem(const mistake *m, const mistake_row *row, attn_problem *p, attn_tensor *slot, row_id *id)
{
    const uint64_t both = ATTN_SLOT_BIT(ATTN_K) | ATTN_SLOT_BIT(ATTN_V);
    const int64_t group = p->h / p->hkv, g = id->h / group;
    const bool positional = (p->mask & (ATTN_MASK_LEFT | ATTN_MASK_RIGHT)) || slot[ATTN_SLOPES].type;
    switch ((enum kind)m->kind) {
    case FIELD: {
        int64_t *field = (int64_t *)(void *)((unsigned char *)p + m->field);
        const int64_t old = *field;
        if (m->bits ? !(p->mask & m->bits) : !positional) return false;
        *field = m->by != 0 ? old + (int64_t)m->by : 0;
        return *field != old && (*field >= 0 || m->field == AT(q_pos));
    }
    case UNMASKED:
        if (!(p->mask & m->bits)) return false;
        p->mask &= ~(uint32_t)m->bits;
        return true;
    case SLOT_GONE:
        if (!slot[m->bits].type) return false;
        slot[m->bits].type = ATTN_ABSENT;
        return true;
    case SLOT_SHARED: {
        int64_t *stride = &slot[m->bits].stride[(int)m->by];
        if (!slot[m->bits].type || slot[m->bits].extent[(int)m->by] < 2 || *stride == 0) return false;
        *stride = 0;
        return true;
    }
    case SCALE: p->scale = (float)((double)p->scale * m->by); return true;
    case SCALE_POWER: p->scale = (float)pow((double)p->scale, m->by); return p->scale != row->problem.scale;
    case SCALE_DEFAULT: p->scale = (float)(1 / sqrt((double)p->d)); return p->scale != row->problem.scale;
    case NO_SOFTCAP: p->softcap = 0; return row->problem.softcap > 0;
    case HEAD_NEXT: return shift_kv(row, slot, m->bits, 1, (g + 1) % p->hkv - g);
    case HEAD_MODULO: return shift_kv(row, slot, both, 1, id->h % p->hkv - g);
    case SEQUENCE_FIRST: return shift_kv(row, slot, both, 0, -id->b);
    case OTHER_HEAD: id->h = (id->h + 1) % p->h; return p->h > 1;
    case OTHER_ROW: id->i += (int64_t)m->by; return id->i >= 0 && id->i < attn_query_count(p, &row->args, id->b);
    default: return false;
    }
}

static mistake_result gather_changed(const mistake *m, const mistake_row *row, ref_workspace *changed, mistaken *out)
{
    char reason[256];
    attn_problem p = row->problem;
    attn_tensor slot[ATTN_SLOTS];
    row_id id = row->id;
    memcpy(slot, row->slot, sizeof slot);
    const attn_args args = {sizeof args, row->args.count, slot};
    if (!change_problem(m, row, &p, slot, &id)) return MISTAKE_IMPOSSIBLE;
    out->factor = 1;
    out->row = ref_gather_row(changed, &p, &args, id.b, id.h, id.i, reason, sizeof reason);
    return out->row ? MISTAKE_ROW : MISTAKE_IMPOSSIBLE;
}

/* The scale near the right one at which LSE is what the kernel wrote: secant steps, which end where they stand
 * still. */
static mistake_result fit_scale(const mistake_row *row, ref_workspace *changed, mistaken *out)
{
    const row_id id = row->id;
    const double wanted = row->got_lse;
    char reason[256];
    attn_problem p = row->problem;
    double x0 = 1, y0 = row->right->lse - wanted, x1 = 1 + 0x1p-8;
    if (!isfinite(wanted) || !isfinite(row->right->lse) || y0 == 0) return MISTAKE_IMPOSSIBLE;
    for (int step = 0; step < FIT_STEPS; step++) {
        p.scale = (float)(x1 * (double)row->problem.scale);
        out->row = ref_gather_row(changed, &p, &row->args, id.b, id.h, id.i, reason, sizeof reason);
        if (!out->row) return MISTAKE_IMPOSSIBLE;
        const double y1 = out->row->lse - wanted, slope = (y1 - y0) / (x1 - x0);
        if (fabs(y1) <= 0x1p-24 * fabs(wanted) || !isfinite(slope) || slope == 0) break;
        x0 = x1, y0 = y1, x1 -= y1 / slope;
        if (!(fabs(x1 - 1) < 0.25)) return MISTAKE_IMPOSSIBLE;
    }
    out->factor = 1;
    return MISTAKE_FITTED;
}

/* ---- changes of the gathered row --------------------------------------------------------------------------------- */

static int64_t block_of(const mistake_row *row, int64_t j) { return row->key[j] / row->key_block; }

/* Keys before the block that the last one lies in. */
static int64_t keys_before_last_block(const mistake_row *row)
{
    int64_t n = row->right->n;
    if (row->key_block < 1 || n == 0) return 0;
    const int64_t last = block_of(row, n - 1);
    while (n > 0 && block_of(row, n - 1) == last) n--;
    return n;
}

/* Logits as a kernel sees them that never corrects what it summed under an earlier maximum: e^(s - m then) for e^(s -
 * m). */
static bool keep_old_maxima(mistake_row *row)
{
    const ref_row *right = row->right;
    double *add = row->room + 4 * row->problem.k, *add_abs = row->room + 5 * row->problem.k;
    const int64_t block = row->key_block > 0 ? row->key_block : 1;
    double then = right->sink > -INFINITY ? right->sink : -INFINITY;
    bool rises = false;
    for (int64_t j = 0; j < right->n;) {
        int64_t end = j;
        while (end < right->n && row->key[end] / block == row->key[j] / block) then = fmax(then, right->s[end++]);
        rises |= then < right->m;
        for (; j < end; j++) {
            add[j] = (right->add ? right->add[j] : 0) + right->m - then;
            add_abs[j] = (right->add_abs ? right->add_abs[j] : 0) + right->m - then;
        }
    }
    row->made.add = add, row->made.add_abs = add_abs;
    return rises;
}

static bool terms_differently(const mistake *m, mistake_row *row)
{
    const ref_row *right = row->right;
    double *add = row->room + 4 * row->problem.k;
    if (!right->add || (m->kind == SOFTCAP_LAST && !(right->softcap > 0))) return false;
    for (int64_t j = 0; j < right->n; j++)
        add[j] = m->kind == TERMS_NEGATED
                     ? -right->add[j]
                     : right->softcap * tanh((right->raw[j] + right->add[j]) / right->softcap) - right->raw[j];
    if (m->kind == SOFTCAP_LAST) row->made.softcap = 0;
    row->made.add = add;
    return true;
}

static void drop_first_key(ref_row *row)
{
    row->n--, row->k += row->d, row->v += row->dv, row->k_abs++;
    if (row->v_scale) row->v_scale++;
    if (row->add) row->add++;
    if (row->add_abs) row->add_abs++;
}

/* The row computed from right's inputs; raw, a, s, w and o are the mistake's own arrays. */
static void begin_made(mistake_row *row)
{
    double *at = row->room;
    const int64_t keys = row->problem.k;
    row->made = *row->right;
    row->made.raw = at, row->made.a = at + keys, row->made.s = at + 2 * keys, row->made.w = at + 3 * keys;
    row->made.o = at + 6 * keys;
}

static mistake_result alter_row(const mistake *m, mistake_row *row, mistaken *out)
{
    const ref_row *right = row->right;
    const int64_t before = keys_before_last_block(row);
    ref_row *made = &row->made;
    begin_made(row);
    *out = (mistaken){made, 1, 0};
    switch ((enum kind)m->kind) {
    case KEY_MISSING:
        if (right->n < 1) return MISTAKE_IMPOSSIBLE;
        if (m->by > 0)
            drop_first_key(made);
        else
            made->n--;
        break;
    case BLOCK_MISSING:
    case SUM_WITHOUT_BLOCK:
        if (before == 0) return MISTAKE_IMPOSSIBLE;
        made->n = before;
        break;
    case NOT_DIVIDED: break;
    case OUTPUT_NOT_RESCALED:
    case SUM_NOT_RESCALED:
    case NOTHING_RESCALED:
        if (!keep_old_maxima(row)) return MISTAKE_IMPOSSIBLE;
        break;
    default:
        if (!terms_differently(m, row)) return MISTAKE_IMPOSSIBLE;
    }
    ref_row_compute(made);
    const double wrong_lse = made->lse;
    switch ((enum kind)m->kind) {
    case NOT_DIVIDED: out->factor = made->l; break;
    case OUTPUT_NOT_RESCALED: /* the numerator is wrong, the sum is right */
        out->factor = exp(wrong_lse - right->lse);
        made->lse = right->lse;
        break;
    case SUM_WITHOUT_BLOCK:
    case SUM_NOT_RESCALED: /* the other way round */
        begin_made(row);
        ref_row_compute(made);
        out->factor = exp(right->lse - wrong_lse);
        made->lse = wrong_lse;
        break;
    default: break;
    }
    return MISTAKE_ROW;
}

/* ---- LSE alone --------------------------------------------------------------------------------------------------- */

static mistake_result lse_alone(const mistake *m, const ref_row *right, mistaken *out)
{
    switch ((enum kind)m->kind) {
    case LSE_BASE_2: out->lse = right->lse * LOG2_E; break;
    case LSE_LOG_2: out->lse = right->m + log2(right->l); break;
    case LSE_NO_MAX: out->lse = log(right->l); break;
    case LSE_NO_LOG: out->lse = right->l + right->m; break;
    case LSE_NO_SUM: out->lse = right->m; break;
    case LSE_NEGATED: out->lse = -right->lse; break;
    default:
        if (right->sink == -INFINITY || right->w_sink == 1) return MISTAKE_IMPOSSIBLE;
        out->lse = right->lse + log1p(-right->w_sink);
    }
    return MISTAKE_LSE;
}

mistake_result mistake_make(const mistake *m, mistake_row *row, ref_workspace *changed, mistaken *out)
{
    if (m->kind == SCALE_FITTED) return fit_scale(row, changed, out);
    if (m->kind < KEY_MISSING) return gather_changed(m, row, changed, out);
    return m->kind < LSE_BASE_2 ? alter_row(m, row, out) : lse_alone(m, row->right, out);
}
