/* record.c: makes, checks, reads and writes records; the schema is in record.h.
 *
 * Code behind record_read may rely on the types that check_entry and check_case name, and on nothing else. Numbers are
 * written with 17 digits, so that none is lost. */
#include "record.h"
#include "util/atomic_file.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SCHEMA 1

json_t *json_any_real(double x)
{
    if (isnan(x)) return json_string("NaN");
    if (isinf(x)) return json_string(x > 0 ? "Infinity" : "-Infinity");
    return json_real(x);
}

double json_real_of(const json_t *j, double fallback)
{
    if (json_is_number(j)) return json_number_value(j);
    const char *text = json_string_value(j);
    if (!text) return fallback;
    if (strcmp(text, "NaN") == 0) return (double)NAN;
    if (strcmp(text, "Infinity") == 0) return (double)INFINITY;
    if (strcmp(text, "-Infinity") == 0) return -(double)INFINITY;
    return fallback;
}

json_t *record_new(void) { return json_pack("{s:{}, s:[], s:[]}", "context", "benchmarks", "cases"); }

/* Returns the first of `keys` (NULL-terminated) that is present with another type, or NULL. */
static const char *not_a_string(const json_t *object, const char *const *keys, bool required)
{
    for (; *keys; keys++) {
        const json_t *j = json_object_get(object, *keys);
        const bool absent = !j || json_is_null(j);
        if (absent ? required : !json_is_string(j)) return *keys;
    }
    return NULL;
}

static bool check_entry(const json_t *entry, char *what, size_t what_size)
{
    static const char *const required[] = {"name", NULL};
    static const char *const optional[] = {"run_name",      "run_type",     "aggregate_name", "label",
                                           "error_message", "skip_message", "time_unit",      NULL};
    static const char *const numbers[] = {"real_time", "cpu_time", "threads",  "gflops",
                                          "share",     "gbytes",   "share_bw", "pack_ms"};
    const char *key = not_a_string(entry, required, true);
    if (!key) key = not_a_string(entry, optional, false);
    if (key) {
        snprintf(what, what_size, "\"%s\" is not a text", key);
        return false;
    }
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        const json_t *j = json_object_get(entry, numbers[i]);
        if (j && !json_is_number(j)) {
            snprintf(what, what_size, "\"%s\" is not a number", numbers[i]);
            return false;
        }
    }
    const char *unit = json_string_value(json_object_get(entry, "time_unit"));
    if (unit && strcmp(unit, "ns") != 0 && strcmp(unit, "us") != 0 && strcmp(unit, "ms") != 0 &&
        strcmp(unit, "s") != 0) {
        snprintf(what, what_size, "\"time_unit\" is \"%.16s\", not ns, us, ms or s", unit);
        return false;
    }
    return true;
}

static bool check_case(const json_t *one, char *what, size_t what_size)
{
    static const char *const required[] = {"kernel", "workload", "status", NULL};
    static const char *const optional[] = {"spec", "class", "reason", "verdict", "reproducer", "inner", NULL};
    static const char *const statuses[] = {"pass", "fail", "unsupported", "crash", "hang"};
    static const char *const parts[] = {"output", "lse", "weights"};
    const char *key = not_a_string(one, required, true);
    if (!key) key = not_a_string(one, optional, false);
    if (key) {
        snprintf(what, what_size, "\"%s\" is not a text", key);
        return false;
    }
    const char *status = json_string_value(json_object_get(one, "status"));
    bool known = false;
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) known = known || strcmp(status, statuses[i]) == 0;
    if (!known) {
        snprintf(what, what_size, "\"status\" is \"%.32s\", not pass, fail, unsupported, crash or hang", status);
        return false;
    }
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        const json_t *part = json_object_get(one, parts[i]);
        if (part && !json_is_null(part) && !json_is_object(part)) {
            snprintf(what, what_size, "\"%s\" is not an object", parts[i]);
            return false;
        }
    }
    return true;
}

typedef bool check_item(const json_t *item, char *what, size_t what_size);

/* A list may be absent: Google Benchmark's own files have no cases. */
static bool check_list(const json_t *record, const char *key, check_item *check, char *what, size_t what_size)
{
    const json_t *list = json_object_get(record, key);
    if (list && !json_is_array(list)) {
        snprintf(what, what_size, "\"%s\" is not a list", key);
        return false;
    }
    size_t i;
    const json_t *item;
    json_array_foreach(list, i, item)
    {
        char detail[160] = "it is not an object";
        if (!json_is_object(item) || !check(item, detail, sizeof detail)) {
            snprintf(what, what_size, "in \"%s\", entry %zu (from 0): %s", key, i, detail);
            return false;
        }
    }
    return true;
}

static bool check_record(const json_t *record, char *what, size_t what_size)
{
    if (!json_object_get(record, "benchmarks") && !json_object_get(record, "cases")) {
        snprintf(what, what_size, "it has neither \"benchmarks\" nor \"cases\"");
        return false;
    }
    const json_t *context = json_object_get(record, "context");
    const json_t *ours = json_object_get(context, "attnbench");
    if ((context && !json_is_object(context)) || (ours && !json_is_object(ours))) {
        snprintf(what, what_size, "its context is not an object");
        return false;
    }
    return check_list(record, "benchmarks", check_entry, what, what_size) &&
           check_list(record, "cases", check_case, what, what_size);
}

/* A record of attnbench with another schema. */
static bool of_another_version(const json_t *record)
{
    const json_t *ours = json_object_get(json_object_get(record, "context"), "attnbench");
    return json_is_object(ours) && json_integer_value(json_object_get(ours, "schema")) != SCHEMA;
}

json_t *record_read(const char *path, char *reason, size_t reason_size)
{
    struct stat st;
    FILE *file = fopen(path, "rbe");
    if (!file || fstat(fileno(file), &st) != 0 || S_ISDIR(st.st_mode)) {
        const char *why = file && S_ISDIR(st.st_mode) ? "it is a folder" : strerror(errno);
        snprintf(reason, reason_size, "%s: cannot be read: %s; name a record that attnbench wrote with --json", path,
                 why);
        if (file) fclose(file);
        return NULL;
    }
    if (S_ISREG(st.st_mode) && st.st_size == 0) {
        snprintf(reason, reason_size, "%s: is empty; make the record again", path);
        fclose(file);
        return NULL;
    }
    json_error_t error;
    json_t *record = json_loadf(file, 0, &error);
    fclose(file);
    if (!record) {
        snprintf(reason, reason_size, "%s: damaged at line %d, column %d: %s; make the record again", path, error.line,
                 error.column, error.text);
        return NULL;
    }
    if (of_another_version(record)) {
        snprintf(reason, reason_size, "%s: another version of attnbench wrote it (this one reads schema %d); use that",
                 path, SCHEMA);
        json_decref(record);
        return NULL;
    }
    char what[240];
    if (!check_record(record, what, sizeof what)) {
        snprintf(reason, reason_size, "%s: no record of attnbench or Google Benchmark: %s", path, what);
        json_decref(record);
        return NULL;
    }
    return record;
}

int record_write_json(const json_t *record, const char *path, char *reason, size_t reason_size)
{
    char *text = json_dumps(record, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
    if (!text) {
        snprintf(reason, reason_size, "%s: cannot be written: out of memory", path);
        return 0;
    }
    /* The line feed overwrites the terminator: `text` is not read as a string again. */
    const size_t bytes = strlen(text);
    text[bytes] = '\n';
    const int ok = file_write_atomically(path, text, bytes + 1, reason, reason_size);
    free(text);
    return ok;
}
