/* compare_side.c: opens the modules that BASE and NEW name, pairs their kernels, and checks that each side runs only
 * its own code. */
#include "compare_side.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plugin/code_digest.h"
#include "util/npy.h"
#include "plugin/plugin_isolation.h"
#include "registry.h"
#include "plugin/builtin_module.h"
#include "util/program_files.h"

/* Splits a word into the path of a module and, if it names one, a kernel. */
static int parse_side(compare_side *s, const char *word, char *reason, size_t size)
{
    s->word = word;
    const char *end = strstr(word, ".so");
    while (end && end[3] && end[3] != ':') end = strstr(end + 1, ".so");
    if (end) {
        s->path = strndup(word, (size_t)(end + 3 - word));
        s->kernel = end[3] == ':' ? strdup(end + 4) : NULL;
        return s->path && (!end[3] || s->kernel);
    }
    if (strcmp(word, "builtin") && !attn_kernel_find(word)) {
        size_t used = (size_t)snprintf(
            reason, size, "'%.100s' is no kernel; name FILE.so, FILE.so:KERNEL, two records, builtin, or one of", word);
        int count;
        const attn_kernel *const *kernel = attn_kernels(&count);
        for (int i = 0; i < count && used < size; i++)
            used += (size_t)snprintf(reason + used, size - used, " %s", kernel[i]->name);
        return 0;
    }
    s->path = builtin_module_path(reason, size);
    s->kernel = strcmp(word, "builtin") ? strdup(word) : NULL;
    return s->path && (s->kernel || strcmp(word, "builtin") == 0);
}

const char *compare_kernel_name(const attn_kernel *stand_in) { return strchr(stand_in->name, ':') + 1; }

static const attn_kernel *kernel_named(const plugin *p, const char *name)
{
    for (int i = 0; i < p->kernels; i++)
        if (strcmp(compare_kernel_name(p->kernel[i]), name) == 0) return p->kernel[i];
    return NULL;
}

static int same_place(const char *a, const char *b)
{
    char *ra = realpath(a, NULL), *rb = realpath(b, NULL);
    const int same = ra && rb && strcmp(ra, rb) == 0;
    free(ra);
    free(rb);
    return same;
}

static int open_side(compare_side *s, const compare_side *other, uint64_t isa, char *reason, size_t size)
{
    char why[1024];
    if (other && same_place(s->path, other->path)) {
        s->module = other->module;
    } else {
        const char *const path = s->path;
        if (!plugins_open(&path, 1, isa, &s->set, why, sizeof why)) {
            snprintf(reason, size, "%.900s", strncmp(why, "--plugin ", 9) ? why : why + 9);
            return 0;
        }
        s->module = s->set.plugin[0];
    }
    if (!s->kernel || kernel_named(s->module, s->kernel)) return 1;
    size_t used = (size_t)snprintf(reason, size, "%.200s has no kernel '%.60s'; it has", s->path, s->kernel);
    for (int i = 0; i < s->module->kernels && used < size; i++)
        used += (size_t)snprintf(reason + used, size - used, " %s", compare_kernel_name(s->module->kernel[i]));
    return 0;
}

static bool is_selected(const compare_side *s, const attn_kernel *k, const char *const *globs, int count)
{
    if (s->kernel) return strcmp(s->kernel, compare_kernel_name(k)) == 0;
    bool matched = count == 0;
    for (int i = 0; i < count; i++) matched |= fnmatch(globs[i], compare_kernel_name(k), 0) == 0;
    return matched;
}

/* Lists the selected kernels of one side that have no counterpart among those of the other. */
static int note_alone(compare_sides *s, int which, const char *const *globs, int count)
{
    const compare_side *own = &s->side[which], *other = &s->side[!which];
    s->alone[which] = calloc((size_t)own->module->kernels, sizeof *s->alone[which]);
    for (int i = 0; s->alone[which] && i < own->module->kernels; i++) {
        const attn_kernel *k = own->module->kernel[i], *twin = kernel_named(other->module, compare_kernel_name(k));
        if (is_selected(own, k, globs, count) && !(twin && is_selected(other, twin, globs, count)))
            s->alone[which][s->alone_count[which]++] = k;
    }
    return s->alone[which] != NULL;
}

static int make_pairs(compare_sides *s, const char *const *globs, int count, char *reason, size_t size)
{
    const compare_side *base = &s->side[0], *fresh = &s->side[1];
    uint64_t digest[2];
    const bool same =
        base->module == fresh->module ||
        (code_digest(base->module, &digest[0]) && code_digest(fresh->module, &digest[1]) && digest[0] == digest[1]);
    s->pair = calloc((size_t)base->module->kernels, sizeof *s->pair);
    if (!s->pair) return 0;
    if (base->kernel && fresh->kernel) {
        s->pair[s->pairs++] =
            (compare_pair){{kernel_named(base->module, base->kernel), kernel_named(fresh->module, fresh->kernel)},
                           same && strcmp(base->kernel, fresh->kernel) == 0};
        return 1;
    }
    for (int i = 0; i < base->module->kernels; i++) {
        const attn_kernel *k = base->module->kernel[i], *twin = kernel_named(fresh->module, compare_kernel_name(k));
        if (!is_selected(base, k, globs, count) || !twin || !is_selected(fresh, twin, globs, count)) continue;
        s->pair[s->pairs++] = (compare_pair){{k, twin}, same};
    }
    const bool whole = !base->kernel && !fresh->kernel; /* if a word names a kernel, others were not asked for */
    if (whole && (!note_alone(s, 0, globs, count) || !note_alone(s, 1, globs, count))) return 0;
    if (s->pairs) return 1;
    snprintf(reason, size,
             "%.200s and %.200s have no kernel of the same name%s in common; name one of each: FILE.so:KERNEL",
             base->word, fresh->word, count ? " that --kernel matches" : "");
    return 0;
}

/* May both modules be loaded into one process? Both files may have the same name, so they are checked as one set. */
static void check_isolation(compare_sides *s)
{
    plugin *both[2];
    plugin_set set = {both, 0};
    for (int i = 0; i < 2; i++)
        if (s->side[i].set.count) both[set.count++] = s->side[i].set.plugin[0];
    s->isolated = plugins_isolated(&set, s->shared, sizeof s->shared);
}

int compare_sides_open(const char *base, const char *fresh, const char *const *globs, int glob_count, uint64_t isa,
                       compare_sides *out, char *reason, size_t reason_size)
{
    memset(out, 0, sizeof *out);
    snprintf(reason, reason_size, "out of memory");
    if (parse_side(&out->side[0], base, reason, reason_size) && parse_side(&out->side[1], fresh, reason, reason_size) &&
        open_side(&out->side[0], NULL, isa, reason, reason_size) &&
        open_side(&out->side[1], &out->side[0], isa, reason, reason_size) &&
        make_pairs(out, globs, glob_count, reason, reason_size)) {
        check_isolation(out);
        return 1;
    }
    compare_sides_close(out);
    return 0;
}

int compare_sides_open_own(const char *base, const char *fresh, uint64_t isa, compare_sides *out, char *reason,
                           size_t reason_size)
{
    memset(out, 0, sizeof *out);
    char *const base_path = program_file(PROGRAM_MODULES, base, reason, reason_size);
    char *const fresh_path = base_path ? program_file(PROGRAM_MODULES, fresh, reason, reason_size) : NULL;
    const int ok = fresh_path && compare_sides_open(base_path, fresh_path, NULL, 0, isa, out, reason, reason_size);
    for (int i = 0; ok && i < 2; i++) out->side[i].word = out->side[i].path; /* ours are freed */
    free(base_path);
    free(fresh_path);
    return ok;
}

void compare_sides_close(compare_sides *s)
{
    for (int i = 0; i < 2; i++) {
        plugins_close(&s->side[i].set);
        free(s->side[i].path);
        free(s->side[i].kernel);
        free(s->alone[i]);
    }
    free(s->pair);
    memset(s, 0, sizeof *s);
}

const char *compare_sides_changed(const compare_sides *s)
{
    static const char *const name[2] = {"BASE", "NEW"};
    for (int i = 0; i < 2; i++) {
        char now[sizeof s->side[i].module->digest];
        if (!file_digest(s->side[i].module->path, now) || strcmp(now, s->side[i].module->digest) != 0) return name[i];
    }
    return NULL;
}
