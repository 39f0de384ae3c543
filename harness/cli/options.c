/* options.c: reads a command line by the table of flags. */
#include "options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flags.h"
#include "util/atomic_file.h"

int word_list_add(word_list *list, const char *word)
{
    const char **grown = realloc(list->word, (size_t)(list->count + 1) * sizeof *grown);
    if (!grown) return 0;
    list->word = grown;
    list->word[list->count++] = word;
    return 1;
}

static bool is_name(const char *name, const char *word, size_t length)
{
    return name && strlen(name) == length && strncmp(name, word, length) == 0;
}

static const flag *find_flag(const char *word, size_t length, const command *c)
{
    for (const flag *f = flags; f->name; f++)
        if (f->commands & c->bit && (is_name(f->name, word, length) || is_name(f->brief, word, length))) return f;
    return NULL;
}

static void unknown_flag(const char *word, const command *c, char *reason, size_t size)
{
    size_t used = (size_t)snprintf(reason, size, "unknown flag %.60s; this command takes --help", word);
    for (const flag *f = flags; f->name && used < size; f++)
        if (f->commands & c->bit && flag_looks(f, c).part != PART_HIDDEN)
            used += (size_t)snprintf(reason + used, size - used, " %s", f->name);
    if (c->takes_rest && used < size) snprintf(reason + used, size - used, ", and Google Benchmark's after --");
}

/* Before hours of work: can every output be written, and none over another? */
static int check_outputs(const options *o, char *reason, size_t size)
{
    const char *const written[] = {o->json, o->csv, o->junit, o->markdown, o->summary};
    for (size_t i = 0; i < sizeof written / sizeof written[0]; i++) {
        for (size_t before = 0; written[i] && before < i; before++)
            if (written[before] && strcmp(written[i], written[before]) == 0 && strcmp(written[i], "/dev/null") != 0) {
                snprintf(reason, size, "%.200s: two outputs have this name; give each its own", written[i]);
                return 0;
            }
        if (written[i] && !file_writable(written[i], reason, size)) return 0;
    }
    return 1;
}

int options_parse(int argc, char **argv, const command *c, options *out, char *reason, size_t size)
{
    memset(out, 0, sizeof *out);
    out->seed = 1;
    out->launches = out->launch = -1;
    out->certify = CERTIFY_CHEAP;
    snprintf(reason, size, "out of memory");
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i];
        if (strcmp(word, "--") == 0 && c->takes_rest) {
            out->rest = argv + i + 1;
            out->rest_count = argc - i - 1;
            return 1;
        }
        if (word[0] != '-' || word[1] == 0) {
            if (c->takes_words && word_list_add(&out->words, word)) continue;
            snprintf(reason, size, "unexpected argument '%.60s'; flags begin with --", word);
            return 0;
        }
        const char *equals = strchr(word, '=');
        const size_t length = equals ? (size_t)(equals - word) : strlen(word);
        const flag *const f = find_flag(word, length, c);
        if (!f) {
            unknown_flag(word, c, reason, size);
            return 0;
        }
        const char *value = NULL;
        if (f->argument) {
            value = equals ? equals + 1 : i + 1 < argc && strncmp(argv[i + 1], "--", 2) != 0 ? argv[++i] : NULL;
            if (!value || !*value) {
                snprintf(reason, size, "%.*s needs a value", (int)length, word);
                return 0;
            }
        } else if (equals) {
            snprintf(reason, size, "%.*s takes no value", (int)length, word);
            return 0;
        }
        if (!f->read(f, value, out, reason, size)) return 0;
    }
    return check_outputs(out, reason, size);
}

void options_free(options *o)
{
    free(o->kernels.word);
    free(o->plugins.word);
    free(o->workloads.word);
    free(o->suites.word);
    free(o->files.word);
    free(o->threads.word);
    free(o->classes.word);
    free(o->checks.word);
    free(o->words.word);
    memset(o, 0, sizeof *o);
}
