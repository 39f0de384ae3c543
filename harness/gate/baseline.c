/* baseline.c: the folder, written and checked. */
#include "baseline.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugin/plugin_isolation.h"
#include "record/record.h"
#include "util/console.h"
#include "util/subprocess.h"
#include "util/atomic_file.h"

#define KEY_FILE "baseline.json"
#define SUMS_FILE "SHA256SUMS"
enum { SCHEMA = 1, SUMS_BYTES = 1024, MOST_MODULE_BYTES = 1 << 30 };

static const char *file_name(const char *path) { return strrchr(path, '/') ? strrchr(path, '/') + 1 : path; }

/* What SHA256SUMS must say. */
static int sums(const char *folder, const char *module, char *out, size_t size, char *reason, size_t reason_size)
{
    const char *const argv[] = {"sha256sum", "--", KEY_FILE, module, NULL};
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, module);
    if (access(path, R_OK)) {
        snprintf(reason, reason_size, "%.300s: %s", path, strerror(errno));
        return 0;
    }
    const int code = subprocess_run(folder, argv, out, size, reason, reason_size);
    if (code > 0) snprintf(reason, reason_size, "sha256sum ended with %d", code);
    return code == 0;
}

/* The file's bytes; the caller frees them. NULL and errno. */
static char *read_file(const char *path, size_t most, size_t *bytes)
{
    struct stat st;
    FILE *file = fopen(path, "rb");
    char *text = NULL;
    *bytes = 0;
    if (file && fstat(fileno(file), &st) == 0 && S_ISREG(st.st_mode) && (size_t)st.st_size <= most) {
        text = malloc((size_t)st.st_size + 1);
        if (text) *bytes = fread(text, 1, (size_t)st.st_size, file);
        if (text) text[*bytes] = 0;
    }
    if (text && ferror(file)) {
        free(text);
        text = NULL;
    }
    if (file) fclose(file);
    return text;
}

/* ---- saved ------------------------------------------------------------------------------------------------------- */

/* A module alone: libraries of its own would have to be saved and found with it. */
static int needs_no_library(const char *module, char *reason, size_t reason_size)
{
    plugin_set set;
    if (!plugins_open(&module, 1, UINT64_MAX, &set, reason, reason_size)) return 0;
    const plugin *p = set.plugin[0];
    int alone = 1;
    for (const char *at = p->libraries ? p->libraries : ""; alone && *at;) {
        char path[4096];
        const size_t length = strcspn(at, "\n");
        snprintf(path, sizeof path, "%.*s", (int)length, at);
        at += length + (at[length] == '\n');
        alone = strcmp(path, p->path) == 0 || plugin_of_system(path);
        if (!alone)
            snprintf(reason, reason_size,
                     "%.300s needs %.300s, which a baseline does not hold; link it in, or use --base with --build",
                     module, path);
    }
    plugins_close(&set);
    return alone;
}

static int write_in(const char *folder, const char *name, const char *text, size_t bytes, char *reason, size_t size)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return file_write_atomically(path, text, bytes, reason, size);
}

static int write_key(const char *folder, const char *module, const baseline_key *key, char *reason, size_t size)
{
    json_t *j = json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:I}", "schema", SCHEMA, "module", module, "commit",
                          key->commit, "compiler", key->compiler, "flags", key->flags, "image", key->image, "isa",
                          key->isa, "abi", (json_int_t)key->abi);
    char *text = j ? json_dumps(j, JSON_INDENT(1)) : NULL;
    const int ok = text && write_in(folder, KEY_FILE, text, strlen(text), reason, size);
    free(text);
    json_decref(j);
    return ok;
}

int baseline_save(const char *folder, const char *module, const baseline_key *key, char *reason, size_t reason_size)
{
    char text[SUMS_BYTES + 1];
    size_t bytes;
    if (!needs_no_library(module, reason, reason_size)) return EXIT_USAGE;
    char *code = read_file(module, MOST_MODULE_BYTES, &bytes);
    if (!code) {
        snprintf(reason, reason_size, "%.300s cannot be read: %s", module, strerror(errno));
        return EXIT_USAGE;
    }
    snprintf(reason, reason_size, "out of memory");
    /* The sums last: until then the folder does not pass for a baseline. */
    int ok = write_in(folder, file_name(module), code, bytes, reason, reason_size) &&
             write_key(folder, file_name(module), key, reason, reason_size) &&
             sums(folder, file_name(module), text, SUMS_BYTES, reason, reason_size);
    if (ok) {
        strcat(text, "\n");
        ok = write_in(folder, SUMS_FILE, text, strlen(text), reason, reason_size);
    }
    free(code);
    return ok ? EXIT_WELL : EXIT_NOT_WRITTEN;
}

/* ---- opened ------------------------------------------------------------------------------------------------------ */

static bool take_text(const json_t *j, const char *key, char *out, size_t size)
{
    const char *text = json_string_value(json_object_get(j, key));
    if (!text || strlen(text) >= size) return false;
    snprintf(out, size, "%s", text);
    return true;
}

static bool read_key(const json_t *j, char *module, size_t module_size, baseline_key *out)
{
    const json_t *abi = json_object_get(j, "abi");
    memset(out, 0, sizeof *out);
    if (json_is_integer(abi)) out->abi = json_integer_value(abi);
    return json_is_integer(abi) && take_text(j, "module", module, module_size) && !strchr(module, '/') &&
           take_text(j, "commit", out->commit, sizeof out->commit) &&
           take_text(j, "compiler", out->compiler, sizeof out->compiler) &&
           take_text(j, "flags", out->flags, sizeof out->flags) &&
           take_text(j, "image", out->image, sizeof out->image) && take_text(j, "isa", out->isa, sizeof out->isa);
}

/* As written, newline included? */
static bool sums_hold(const char *folder, const char *module, char *reason, size_t reason_size)
{
    char path[4096], now[SUMS_BYTES];
    size_t bytes;
    snprintf(path, sizeof path, "%s/" SUMS_FILE, folder);
    char *saved = read_file(path, SUMS_BYTES, &bytes);
    bool hold = saved && sums(folder, module, now, sizeof now, reason, reason_size);
    const size_t length = hold ? strlen(now) : 0;
    hold = hold && bytes == length + 1 && memcmp(saved, now, length) == 0 && saved[length] == '\n';
    free(saved);
    return hold;
}

int baseline_open(const char *folder, const baseline_key *wanted, char *module, size_t module_size, baseline_key *saved,
                  char *reason, size_t reason_size)
{
    char path[4096], name[256], was[1024], is[1024];
    json_error_t error;
    size_t bytes;
    snprintf(path, sizeof path, "%s/" KEY_FILE, folder);
    if (access(path, F_OK)) {
        snprintf(reason, reason_size,
                 "no baseline is in %.300s: rebuild the base, and keep it by 'attnbench gate save'", folder);
        return EXIT_UNDECIDED;
    }
    char *text = read_file(path, 1 << 16, &bytes);
    json_t *j = text ? json_loadb(text, bytes, 0, &error) : NULL;
    free(text);
    const json_t *schema = json_object_get(j, "schema");
    const bool other_schema = json_is_integer(schema) && json_integer_value(schema) != SCHEMA;
    const bool readable = other_schema || read_key(j, name, sizeof name, saved);
    json_decref(j);
    if (other_schema) {
        snprintf(reason, reason_size, "the baseline in %.300s was written by another version: rebuild the base",
                 folder);
        return EXIT_UNDECIDED;
    }
    char why[400] = "";
    if (!readable || !sums_hold(folder, name, why, sizeof why)) {
        snprintf(
            reason, reason_size,
            "the baseline in %.300s is damaged, or was changed after it was saved (%s); it was not loaded: rebuild "
            "the base",
            folder,
            why[0]     ? why
            : readable ? SUMS_FILE " does not hold"
                       : KEY_FILE " cannot be read");
        return EXIT_USAGE;
    }
    const char *field = baseline_differs(saved, wanted, was, is, sizeof was);
    if (field) {
        snprintf(reason, reason_size,
                 "the baseline in %.300s does not fit (%s '%.200s', here '%.200s'): rebuild the base", folder, field,
                 was, is);
        return EXIT_UNDECIDED;
    }
    snprintf(module, module_size, "%s/%s", folder, name);
    return EXIT_WELL;
}
