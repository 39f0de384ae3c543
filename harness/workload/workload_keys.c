/* workload_keys.c: key=value,... as text: splitting, overriding, and the scalar values. Every message begins with
 * what was written, says what would be legal, and stays on one line. */
#include "workload_keys.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const key_names[KEY_COUNT] = {
    "b",
    "h",
    "hkv",
    "q",
    "k",
    "d",
    "dv",
    "score",
    "mask",
    "window",
    "left",
    "right",
    "prefix",
    "prefix_free",
    "q_pos",
    "scale",
    "softcap",
    "alibi",
    "sinks",
    "head_scale",
    "bias",
    "dtype",
    "kv_dtype",
    "out_dtype",
    "lens",
    "q_lens",
    "ragged",
    "page",
    "layout",
    "row_pad",
    "channel_stride",
    "align",
    "kv_cap",
    "v_in_k",
    "k_in_q",
    "broadcast",
    "skew",
    "outputs",
    "pass",
    "block",
    "graph",
    "form",
    "rank",
    "topk",
    "class",
    "q_file",
    "k_file",
    "v_file",
};

const char *const spec_scores[] = {"dot", "cosine", "additive", NULL};
const char *const spec_passes[] = {"forward", "backward", NULL};
const char *const spec_forms[] = {"exact", "linear", "low-rank", "top-k", NULL};
const char *const spec_layouts[] = {"bhsd", "bshd", NULL};
const char *const spec_broadcasts[] = {"b", "h", "k", "q", NULL};

const char *spec_key_name(spec_key key) { return key_names[key]; }

/* ---- suggestions ----------------------------------------------------------------------------------------------- */

enum { word_most = 48 };

static size_t least(size_t a, size_t b, size_t c)
{
    const size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* Edits (insert, delete, replace) from a to b; words longer than word_most count as far away. */
static size_t edit_distance(const char *a, const char *b)
{
    const size_t m = strlen(a), n = strlen(b);
    size_t row[word_most + 1];
    if (m > word_most || n > word_most) return word_most;
    for (size_t j = 0; j <= n; j++) row[j] = j;
    for (size_t i = 1; i <= m; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            const size_t above = row[j];
            row[j] = least(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[n];
}

const char *nearest_word(const char *text, const char *const *words, size_t count)
{
    const char *nearest = NULL;
    size_t best = strlen(text) / 3 + 2; /* a word that shares less than this is no help */
    for (size_t i = 0; i < count; i++) {
        const size_t distance = edit_distance(text, words[i]);
        if (distance >= best || distance >= strlen(words[i])) continue;
        best = distance;
        nearest = words[i];
    }
    return nearest;
}

/* ---- splitting ------------------------------------------------------------------------------------------------- */

static int find_key(const char *name)
{
    for (int key = 0; key < KEY_COUNT; key++)
        if (strcmp(name, key_names[key]) == 0) return key;
    return -1;
}

static int read_pair(spec_values *values, char *pair, char *reason, size_t reason_size)
{
    char *const equals = strchr(pair, '=');
    if (!equals || equals == pair || !equals[1]) {
        snprintf(reason, reason_size, "'%.80s' is not of the form key=value", pair);
        return 0;
    }
    *equals = 0;
    const int key = find_key(pair);
    if (key < 0) {
        const char *const near = nearest_word(pair, key_names, KEY_COUNT);
        snprintf(reason, reason_size, "unknown key '%.40s'%s%s%s", pair, near ? "; did you mean '" : "",
                 near ? near : "", near ? "'?" : "");
        return 0;
    }
    if (values->value[key]) {
        snprintf(reason, reason_size, "%s is given twice (%.40s and %.40s)", pair, values->value[key], equals + 1);
        return 0;
    }
    if (!(values->value[key] = strdup(equals + 1))) {
        snprintf(reason, reason_size, "memory is short");
        return 0;
    }
    return 1;
}

int spec_values_read(spec_values *values, const char *text, char *reason, size_t reason_size)
{
    char *const copy = strdup(text);
    int ok = copy != NULL;
    if (!ok) snprintf(reason, reason_size, "memory is short");
    for (char *rest = copy; ok && rest;) {
        char *const pair = strsep(&rest, ",");
        ok = read_pair(values, pair, reason, reason_size);
    }
    free(copy);
    return ok;
}

void spec_values_free(spec_values *values)
{
    for (int key = 0; key < KEY_COUNT; key++) free(values->value[key]);
    *values = (spec_values){0};
}

void spec_values_override(spec_values *base, spec_values *over)
{
    static const struct {
        spec_key given, gives_way;
    } rules[] = {
        {KEY_MASK, KEY_WINDOW},      {KEY_MASK, KEY_LEFT},   {KEY_MASK, KEY_RIGHT},  {KEY_MASK, KEY_PREFIX},
        {KEY_MASK, KEY_PREFIX_FREE}, {KEY_LEFT, KEY_MASK},   {KEY_LEFT, KEY_WINDOW}, {KEY_RIGHT, KEY_MASK},
        {KEY_RIGHT, KEY_WINDOW},     {KEY_BLOCK, KEY_GRAPH}, {KEY_GRAPH, KEY_BLOCK}, {KEY_FORM, KEY_RANK},
        {KEY_FORM, KEY_TOPK},
    };
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        if (!over->value[rules[i].given]) continue;
        free(base->value[rules[i].gives_way]);
        base->value[rules[i].gives_way] = NULL;
    }
    for (int key = 0; key < KEY_COUNT; key++) {
        if (!over->value[key]) continue;
        free(base->value[key]);
        base->value[key] = over->value[key];
        over->value[key] = NULL;
    }
}

/* ---- scalar values --------------------------------------------------------------------------------------------- */

/* Reads digits up to `end`; the reason is the caller's. */
static bool read_integer(const char *text, const char *end, int64_t *out)
{
    const char *const digits = text + (*text == '-' || *text == '+');
    if (digits == end || strspn(digits, "0123456789") != (size_t)(end - digits)) return false;
    errno = 0;
    *out = strtoll(text, NULL, 10);
    return errno == 0;
}

int spec_integer(spec_key key, const char *text, int64_t low, int64_t high, int64_t *out, char *reason,
                 size_t reason_size)
{
    if (read_integer(text, text + strlen(text), out) && *out >= low && *out <= high) return 1;
    snprintf(reason, reason_size, "%s=%.40s: must be a whole number from %" PRId64 " to %" PRId64, key_names[key], text,
             low, high);
    return 0;
}

int spec_float(spec_key key, const char *text, float low, float *out, char *reason, size_t reason_size)
{
    char *end;
    const double x = strchr("+-.0123456789", text[0]) ? strtod(text, &end) : (end = NULL, 0.0);
    *out = (float)x + 0.0f; /* one zero: -0 would be left out of the SPEC as the default is */
    if (end && end != text && !*end && isfinite(*out) && *out >= low) return 1;
    snprintf(reason, reason_size, "%s=%.40s: must be a finite number%s within the range of fp32", key_names[key], text,
             low == 0 ? " of at least 0" : "");
    return 0;
}

int spec_word(spec_key key, const char *text, const char *const *words, int *out, char *reason, size_t reason_size)
{
    for (*out = 0; words[*out]; ++*out)
        if (strcmp(text, words[*out]) == 0) return 1;
    int used = snprintf(reason, reason_size, "%s=%.40s: must be one of", key_names[key], text);
    for (int i = 0; words[i] && used >= 0 && (size_t)used < reason_size; i++)
        used += snprintf(reason + used, reason_size - (size_t)used, "%s %s", i ? "," : "", words[i]);
    return 0;
}

int spec_flag(spec_key key, const char *text, bool *out, char *reason, size_t reason_size)
{
    static const char *const words[] = {"0", "1", NULL};
    int index;
    if (!spec_word(key, text, words, &index, reason, reason_size)) return 0;
    *out = index == 1;
    return 1;
}

/* ---- lengths --------------------------------------------------------------------------------------------------- */

int64_t spec_spread(int64_t first, int64_t last, int64_t b, int64_t i)
{
    if (b == 1) return last;
    const int64_t whole = (last - first) / (b - 1), rest = (last - first) % (b - 1);
    return first + whole * i + rest * i / (b - 1);
}

static bool read_list(const char *text, int64_t b, int64_t *out, int64_t *given)
{
    *given = 0;
    for (const char *at = text;; at++) {
        const char *const end = at + strcspn(at, "+");
        int64_t length;
        if (!read_integer(at, end, &length)) return false;
        if (*given < b) out[*given] = length;
        ++*given;
        at = end;
        if (!*at) return true;
    }
}

int spec_lengths(spec_key key, const char *text, int64_t b, int64_t most, int64_t **out, char *reason,
                 size_t reason_size)
{
    int64_t given = 1, first, last;
    int64_t *const lengths = calloc((size_t)b, sizeof *lengths);
    const char *const colon = strchr(text, ':');
    *out = NULL;
    if (!lengths) {
        snprintf(reason, reason_size, "%s=%.40s: memory is short", key_names[key], text);
        return 0;
    }
    if (colon) {
        if (!read_integer(text, colon, &first) || !read_integer(colon + 1, text + strlen(text), &last) || first > last)
            goto bad;
        if (first < 0 || last > most) goto range;
        for (int64_t i = 0; i < b; i++) lengths[i] = spec_spread(first, last, b, i);
    } else {
        if (!read_list(text, b, lengths, &given)) goto bad;
        if (given == 1)
            for (int64_t i = 1; i < b; i++) lengths[i] = lengths[0];
        if (given != 1 && given != b) {
            snprintf(reason, reason_size, "%s=%.40s: gives %" PRId64 " lengths for b = %" PRId64 " sequences",
                     key_names[key], text, given, b);
            goto fail;
        }
    }
    for (int64_t i = 0; i < b; i++)
        if (lengths[i] < 0 || lengths[i] > most) goto range;
    *out = lengths;
    return 1;
bad:
    snprintf(reason, reason_size, "%s=%.40s: must be N for all sequences, FIRST:LAST ascending, or N1+N2+... for each",
             key_names[key], text);
    goto fail;
range:
    snprintf(reason, reason_size, "%s=%.40s: lengths must be 0 to %s = %" PRId64, key_names[key], text,
             key == KEY_LENS ? "k" : "q", most);
fail:
    free(lengths);
    return 0;
}
