/* context.c: turns facts of machine, build, kernels and plugins into JSON. */
#include "context.h"

#include "build_info.h"
#include "plugin/builtin_module.h"
#include "cpu.h"
#include "util/json_util.h"
#include "problem.h"
#include "registry.h"
#include "util/console.h"

#include <gnu/libc-version.h>
#include <gsl/gsl_version.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SCHEMA 1

/* The command line, quoted so that it can be pasted into a shell. */
static json_t *command_line(int argc, char **argv)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+,./:@%^";
    char *text = NULL;
    size_t size = 0;
    FILE *const out = open_memstream(&text, &size);
    if (!out) return NULL;
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i];
        if (i) fputc(' ', out);
        if (*word && word[strspn(word, plain)] == '\0') {
            fputs(word, out);
            continue;
        }
        fputc('\'', out);
        for (; *word; word++) {
            if (*word == '\'')
                fputs("'\\''", out);
            else
                fputc(*word, out);
        }
        fputc('\'', out);
    }
    json_t *command = NULL;
    if (fclose(out) == 0) {
        command = json_text(text);
    }
    free(text);
    return command;
}

static json_t *isa_names(uint64_t isa)
{
    char names[256];
    attn_isa_names(isa, names, sizeof names);
    return json_string(names);
}

static json_t *pinning(const context_facts *facts)
{
    char text[64];
    if (facts->pinned < 0) return json_string("none");
    snprintf(text, sizeof text, "%d of %d threads, each to one processor", facts->pinned, facts->threads);
    return json_string(text);
}

static json_t *libraries(void)
{
    char text[160];
    snprintf(text, sizeof text, "benchmark %s, GSL %s, jansson %s", ATTNBENCH_BENCHMARK_VERSION, gsl_version,
             jansson_version_str());
    return json_string(text);
}

static json_t *rates_json(const ceilings *c)
{
    json_t *const object = json_object();
    for (uint32_t i = 0; object && i < ATTN_CEILINGS; i++)
        if (c->rate[i] > 0) json_object_set_new(object, attn_ceiling_name(i), json_real(c->rate[i] / 1e9));
    return object;
}

static json_t *bandwidths_json(const ceilings *c)
{
    json_t *const array = json_array();
    for (int i = 0; array && i < CEILING_FOOTPRINTS; i++)
        if (c->bandwidth[i].bytes_per_second > 0)
            json_array_append_new(array, json_pack("{s:I, s:f}", "footprint", (json_int_t)c->bandwidth[i].footprint,
                                                   "gbytes", c->bandwidth[i].bytes_per_second / 1e9));
    return array;
}

static const char *role_name(uint32_t role)
{
    switch (role) {
    case ATTN_ROLE_BASELINE: return "baseline";
    case ATTN_ROLE_TEACHING: return "teaching";
    case ATTN_ROLE_PRODUCT: return "product";
    default: return "unknown";
    }
}

static json_t *kernel_list(const context_facts *facts)
{
    json_t *const array = json_array();
    int count = facts->kernel_count;
    const attn_kernel *const *const kernels = facts->kernels ? facts->kernels : attn_kernels(&count);
    for (int i = 0; array && i < count; i++) {
        const attn_kernel *const k = kernels[i];
        json_array_append_new(array, json_pack("{s:s, s:s, s:s?, s:s, s:o, s:b}", "name", k->name, "idea", k->idea,
                                               "improves_on", k->improves_on, "role", role_name(k->role), "isa",
                                               isa_names(k->isa), "threaded", (k->traits & ATTN_TRAIT_THREADED) != 0));
    }
    return array;
}

/* A list of the lines of `text`. */
static json_t *lines_of(const char *text)
{
    json_t *const array = json_array();
    for (size_t length; array && *text; text += length + (text[length] == '\n')) {
        length = strcspn(text, "\n");
        char *line = strndup(text, length);
        if (length && line) json_array_append_new(array, json_text(line));
        free(line);
    }
    return array;
}

static json_t *plugin_list(const plugin_set *set)
{
    json_t *const array = json_array();
    for (int i = 0; array && i < set->count; i++) {
        const plugin *const p = set->plugin[i];
        json_array_append_new(array, json_pack("{s:s, s:o, s:s, s:s, s:s, s:b, s:b, s:s, s:o}", "name", p->name, "file",
                                               json_text(p->path), "digest", p->digest, "build_id", p->build_id,
                                               "linker_id", p->linker_id, "loaded", p->loads, "flush_to_zero",
                                               p->flushes_subnormals, "interposed", p->interposed, "libraries",
                                               lines_of(p->libraries ? p->libraries : "")));
    }
    return array;
}

/* Digest of the built-in kernels as a module, which comparisons load. NULL where it cannot be read. */
static json_t *artifact(void)
{
    char digest[17];
    return builtin_module_digest(digest) ? json_string(digest) : NULL;
}

static json_t *date_now(void)
{
    char text[40] = "", zone[8] = "";
    const time_t now = time(NULL);
    struct tm local;
    if (!localtime_r(&now, &local) || !strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &local) ||
        !strftime(zone, sizeof zone, "%z", &local))
        return json_string("");
    return json_sprintf("%s%.3s:%s", text, zone, zone + 3);
}

json_t *context_new(const context_facts *facts)
{
    const machine_facts *const m = machine_facts_get();
    json_t *const context = json_pack(
        "{s:i, s:s, s:s, s:o, s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:{s:I, s:I, s:I, s:I}, s:I, s:i, s:i, s:o}", "schema",
        SCHEMA, "version", BUILD_VERSION, "commit", BUILD_COMMIT, "command", command_line(facts->argc, facts->argv),
        "cpu", m->cpu, "cpu_id", m->cpu_id, "kernel", m->kernel, "hypervisor", m->hypervisor, "governor", m->governor,
        "isa", isa_names(facts->isa), "isa_detected", isa_names(attn_cpu_detected()), "caches", "l1d",
        (json_int_t)m->l1d, "l2", (json_int_t)m->l2, "l3", (json_int_t)m->l3, "line", (json_int_t)m->line, "memory",
        (json_int_t)m->memory, "threads", facts->threads, "processors", m->processors, "pinning", pinning(facts));
    if (!context) return NULL;
    int failed = json_object_set_new(context, "compiler", json_string(BUILD_COMPILER));
    failed |= json_object_set_new(context, "flags", json_string(BUILD_FLAGS));
    failed |= json_object_set_new(context, "build_type", json_string(BUILD_TYPE));
    failed |= json_object_set_new(context, "library", libraries());
    failed |= json_object_set_new(context, "libc", json_sprintf("glibc %s", gnu_get_libc_version()));
    if (facts->ceilings) {
        failed |= json_object_set_new(context, "ceilings", rates_json(facts->ceilings));
        failed |= json_object_set_new(context, "bandwidth", bandwidths_json(facts->ceilings));
    }
    failed |= json_object_set_new(context, "kernels", kernel_list(facts));
    json_t *const digest = artifact();
    if (digest) failed |= json_object_set_new(context, "artifact", digest);
    if (facts->plugins && facts->plugins->count)
        failed |= json_object_set_new(context, "plugins", plugin_list(facts->plugins));
    failed |= json_object_set_new(context, "skipped", json_array());
    failed |= context_note_interruption(context);
    if (failed) {
        json_decref(context);
        return NULL;
    }
    return context;
}

int context_note_interruption(json_t *context)
{
    return interrupted_by_user() ? json_object_set_new(context, "interrupted", json_true()) : 0;
}

void context_put(json_t *record, json_t *ours)
{
    json_t *const context = json_object_get(record, "context");
    json_object_set_new(context, "attnbench", ours);
    if (!json_object_get(context, "date")) json_object_set_new(context, "date", date_now());
}

int context_skip(json_t *context, const char *name, const char *reason)
{
    return json_array_append_new(json_object_get(context, "skipped"),
                                 json_pack("{s:s, s:s}", "name", name, "reason", reason));
}
