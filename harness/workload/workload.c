/* workload.c: from a line to a workload: a SPEC, or a NAME whose keys may be overridden. The text becomes values of
 * keys (workload_keys.c), these become one plain struct, defaults resolved (workload_resolve.c), and the struct
 * alone is written back as the canonical SPEC (workload_spec.c): lines that mean the same have the same spec, and a
 * spec parsed again is the same workload. */
#include "workload.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "workload_files.h"
#include "workload_keys.h"

/* ---- parsing --------------------------------------------------------------------------------------------------- */

/* NAME, or NAME,key=value... with base names of files and without class (it is in the spec). */
static char *write_name(const char *name, const char *overrides)
{
    char *text = NULL, *const copy = strdup(overrides ? overrides : "");
    size_t size;
    FILE *out = copy ? open_memstream(&text, &size) : NULL;
    if (!out) {
        free(copy);
        return NULL;
    }
    fputs(name, out);
    char *rest = overrides ? copy : NULL;
    for (char *pair; (pair = strsep(&rest, ","));) {
        if (strncmp(pair, "class=", 6) == 0) continue;
        const char *const equals = strchr(pair, '='), *const slash = strrchr(pair, '/');
        if (equals && slash)
            fprintf(out, ",%.*s%s", (int)(equals + 1 - pair), pair, slash + 1);
        else
            fprintf(out, ",%s", pair);
    }
    const int failed = fclose(out);
    free(copy);
    if (!failed) return text;
    free(text);
    return NULL;
}

static int unknown_name(const char *name, const workload_set *base, char *reason, size_t reason_size)
{
    const int count = base ? workload_set_count(base) : 0;
    const char **const names = calloc((size_t)count + 1, sizeof *names);
    for (int i = 0; names && i < count; i++) names[i] = workload_set_name(base, i);
    const char *const near = names ? nearest_word(name, names, (size_t)count) : NULL;
    snprintf(reason, reason_size, "'%.60s' is neither a named workload nor a SPEC (key=value,...)%s%s%s", name,
             near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    free(names);
    return 0;
}

static int check_characters(const char *line, char *reason, size_t reason_size)
{
    if (!*line) {
        snprintf(reason, reason_size, "an empty workload: give NAME[,key=value...] or a SPEC such as h=8,q=512,d=64");
        return 0;
    }
    for (const char *at = line; *at; at++) {
        if ((unsigned char)*at >= 0x20 && *at != 0x7f) continue;
        snprintf(reason, reason_size, "a control character at position %td of the workload", at - line + 1);
        return 0;
    }
    return 1;
}

int workload_parse(const char *line, const struct workload_set *base, workload *out, char *reason, size_t reason_size)
{
    *out = (workload){0};
    if (!check_characters(line, reason, reason_size)) return 0;
    spec_values values = {0}, overrides = {0};
    workload w = {0};
    int ok = 0;
    const char *const comma = strchrnul(line, ',');
    char *const first = strndup(line, (size_t)(comma - line));
    const bool named = first && !strchr(first, '=');
    if (!first) {
        snprintf(reason, reason_size, "memory is short");
        goto done;
    }
    if (named) {
        const char *const spec = base ? workload_set_find(base, first) : NULL;
        if (!spec) {
            unknown_name(first, base, reason, reason_size);
            goto done;
        }
        if (!spec_values_read(&values, spec, reason, reason_size)) goto done;
        if (*comma && !spec_values_read(&overrides, comma + 1, reason, reason_size)) goto done;
        spec_values_override(&values, &overrides);
    } else if (!spec_values_read(&values, line, reason, reason_size)) {
        goto done;
    }
    if (!workload_resolve(&values, &w, reason, reason_size)) goto done;
    w.name = named ? write_name(first, *comma ? comma + 1 : NULL) : spec_write(&w, true);
    if (!w.name) {
        snprintf(reason, reason_size, "memory is short");
        goto done;
    }
    *out = w;
    w = (workload){0};
    ok = 1;
done:
    workload_free(&w);
    spec_values_free(&overrides);
    spec_values_free(&values);
    free(first);
    return ok;
}

/* ---- values ---------------------------------------------------------------------------------------------------- */

void workload_free(workload *w)
{
    free(w->name);
    free(w->spec);
    free(w->key_lengths);
    free(w->query_lengths);
    free(w->q_file);
    free(w->k_file);
    free(w->v_file);
    *w = (workload){0};
}

static bool copy_text(const char *from, char **to)
{
    *to = from ? strdup(from) : NULL;
    return !from || *to;
}

static bool copy_lengths(const int64_t *from, int64_t b, int64_t **to)
{
    *to = from ? malloc((size_t)b * sizeof **to) : NULL;
    if (*to) memcpy(*to, from, (size_t)b * sizeof **to);
    return !from || *to;
}

int workload_copy(const workload *from, workload *to)
{
    workload w = *from;
    w.name = w.spec = w.q_file = w.k_file = w.v_file = NULL;
    w.key_lengths = w.query_lengths = NULL;
    *to = (workload){0};
    const int64_t b = from->problem.b;
    if (copy_text(from->name, &w.name) && copy_text(from->spec, &w.spec) && copy_text(from->q_file, &w.q_file) &&
        copy_text(from->k_file, &w.k_file) && copy_text(from->v_file, &w.v_file) &&
        copy_lengths(from->key_lengths, b, &w.key_lengths) && copy_lengths(from->query_lengths, b, &w.query_lengths)) {
        *to = w;
        return 1;
    }
    workload_free(&w);
    return 0;
}

/* Replaces an owned text; false where there is none. */
static bool replace(char **text, char *with)
{
    if (!with) return false;
    free(*text);
    *text = with;
    return true;
}

int workload_with_class(const workload *from, input_class input, workload *to, char *reason, size_t reason_size)
{
    *to = (workload){0};
    if (!input_class_fits(from, input, reason, reason_size)) return 0;
    if (workload_copy(from, to)) {
        to->has_class = true;
        to->input = input;
        if (replace(&to->spec, spec_write(to, false))) return 1;
    }
    workload_free(to);
    snprintf(reason, reason_size, "memory is short");
    return 0;
}

/* NAME,...,h=..,hkv=..: other overrides stay. */
static char *name_with_heads(const workload *w)
{
    char *text = NULL, *const copy = strdup(w->name);
    size_t size;
    FILE *out = copy ? open_memstream(&text, &size) : NULL;
    char *rest = out ? copy : NULL;
    for (char *pair; (pair = strsep(&rest, ","));) {
        if (strncmp(pair, "h=", 2) == 0 || strncmp(pair, "hkv=", 4) == 0) continue;
        fprintf(out, "%s%s", pair == copy ? "" : ",", pair);
    }
    if (out) {
        fprintf(out, ",h=%" PRId64 ",hkv=%" PRId64, w->problem.h, w->problem.hkv);
        fclose(out);
    }
    free(copy);
    return text;
}

int workload_with_kv_heads(const workload *from, int64_t hkv, workload *to, char *reason, size_t reason_size)
{
    *to = (workload){0};
    const attn_problem *const p = &from->problem;
    if (hkv < 1 || hkv > p->hkv) {
        snprintf(reason, reason_size, "%" PRId64 " KV heads: must be 1 to the %" PRId64 " of %s", hkv, p->hkv,
                 from->name);
        return 0;
    }
    if (from->q_file || from->k_file || from->v_file) {
        snprintf(reason, reason_size, "%s: its files hold all heads, which cannot be reduced", from->name);
        return 0;
    }
    if (workload_copy(from, to)) {
        const bool spec_is_name = strchr(from->name, '=') && strcspn(from->name, "=") < strcspn(from->name, ",");
        to->problem.h = hkv * (p->h / p->hkv);
        to->problem.hkv = hkv;
        to->cost = from->cost * (double)hkv / (double)p->hkv;
        if (replace(&to->spec, spec_write(to, false)) &&
            replace(&to->name, spec_is_name ? spec_write(to, true) : name_with_heads(to)))
            return 1;
    }
    workload_free(to);
    snprintf(reason, reason_size, "memory is short");
    return 0;
}
