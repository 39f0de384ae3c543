/* compare_record.c: one comparison, and the context of a comparison, as JSON.
 *
 * Each entry of "comparisons" has these keys. Ratios are new time over base time.
 *
 *   "base", "new"         names of the kernels
 *   "workload", "spec"
 *   "threads"
 *   "verdict"             compare_verdict_name
 *   "words"               the verdict in a sentence
 *   "why"                 reason or note; "" none
 *  where it was timed:
 *   "ratio"               median over pairs
 *   "interval"            [low, high] of that median
 *   "trimmed_mean"
 *   "tail"                95th percentile of the new times over that of the base
 *   "pairs", "controls"   their numbers
 *   "calls"               in a slice
 *   "seconds"
 *   "log_e"               evidence for slower
 *   "visible"             the smallest slowdown that would have shown
 *   "control"             ratio of either side against itself
 *   "control_interval"
 *   "samples"             [[base ns, new ns, base first], ...]
 *  where launches confirmed it:
 *   "launches"            [ratio of each]
 *   "launch_ratio"        of their mean
 *   "launch_interval"
 *   "launch_deviation"    of the logarithm
 *   "moved_launches"      [ratio of each with both builds at other code offsets], of the gate */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare_record.h"
#include "util/json_util.h"
#include "record/record.h"

static json_t *ratios(interval at)
{
    return json_pack("[o,o]", json_any_real(exp(at.low)), json_any_real(exp(at.high)));
}

static void add_times(json_t *j, const comparison *c)
{
    json_object_set_new(j, "ratio", json_real(exp(c->figures.median)));
    json_object_set_new(j, "interval", ratios(c->figures.median_interval));
    json_object_set_new(j, "trimmed_mean", json_real(exp(c->figures.trimmed_mean)));
    json_object_set_new(j, "tail", json_real(c->figures.tail));
    json_object_set_new(j, "pairs", json_integer((json_int_t)c->pairs));
    json_object_set_new(j, "controls", json_integer((json_int_t)c->controls));
    json_object_set_new(j, "calls", json_integer((json_int_t)c->calls));
    json_object_set_new(j, "seconds", json_real(c->seconds));
    json_object_set_new(j, "log_e", json_any_real(c->log_e));
    json_object_set_new(j, "visible", json_any_real(c->visible));
    if (c->controls) {
        json_object_set_new(j, "control", json_real(exp(c->control.median)));
        json_object_set_new(j, "control_interval", ratios(c->control.median_interval));
    }
    json_object_set(j, "samples", c->samples);
}

static json_t *launch_ratios(const double *launch, int count)
{
    json_t *list = json_array();
    for (int i = 0; i < count; i++) json_array_append_new(list, json_real(exp(launch[i])));
    return list;
}

static void add_launches(json_t *j, const comparison *c)
{
    json_object_set_new(j, "launches", launch_ratios(c->launch, c->launches));
    json_object_set_new(j, "launch_ratio", json_real(exp(c->over_launches.mean)));
    json_object_set_new(j, "launch_interval", ratios(c->over_launches.bounds));
    json_object_set_new(j, "launch_deviation", json_real(c->over_launches.deviation));
    if (c->moved_launches) json_object_set_new(j, "moved_launches", launch_ratios(c->moved, c->moved_launches));
}

json_t *compare_json(const comparison *c, const compare_settings *s)
{
    char words[1024];
    compare_words(c, s, words, sizeof words);
    json_t *j = json_pack("{s:s, s:s, s:o, s:o, s:i, s:s, s:o, s:o}", "base", compare_kernel_name(c->kernel[0]), "new",
                          compare_kernel_name(c->kernel[1]), "workload", json_text(c->w->name), "spec",
                          json_text(c->w->spec), "threads", c->threads, "verdict", compare_verdict_name(c->verdict),
                          "words", json_text(words), "why", json_text(c->why));
    if (j && c->timed) add_times(j, c);
    if (j && c->launches) add_launches(j, c);
    return j;
}

static json_t *side_json(const compare_side *s)
{
    const plugin *p = s->module;
    json_t *libraries = json_array();
    for (const char *at = p->libraries ? p->libraries : ""; *at;) {
        const size_t length = strcspn(at, "\n");
        char *path = strndup(at, length);
        if (path && length) json_array_append_new(libraries, json_text(path));
        free(path);
        at += length + (at[length] == '\n');
    }
    return json_pack("{s:o, s:o, s:s, s:s, s:s, s:o}", "named", json_text(s->word), "file", json_text(p->path),
                     "digest", p->digest, "build_id", p->build_id, "linker_id", p->linker_id, "libraries", libraries);
}

static json_t *alone_json(const compare_sides *s, int which)
{
    json_t *list = json_array();
    for (int i = 0; i < s->alone_count[which]; i++)
        json_array_append_new(list, json_string(compare_kernel_name(s->alone[which][i])));
    return list;
}

json_t *compare_context(const compare_sides *sides, const compare_settings *s)
{
    const char *variant = residency_variant(s->residency);
    return json_pack("{s:o, s:o, s:o, s:o, s:f, s:f, s:f, s:i, s:f, s:i, s:I, s:b, s:s}", "base",
                     side_json(&sides->side[0]), "new", side_json(&sides->side[1]), "only_base", alone_json(sides, 0),
                     "only_new", alone_json(sides, 1), "delta", s->delta, "alpha", s->family_alpha, "beta", s->beta,
                     "cases", s->cases, "seconds", s->seconds, "launches", s->launches, "seed", (json_int_t)s->seed,
                     "isolated", sides->isolated, "inputs", *variant ? variant + 1 : "hot");
}

const char *records_key_differs(const json_t *base, const json_t *fresh, const char *const *keys, size_t count)
{
    const json_t *a = json_object_get(json_object_get(base, "context"), "attnbench"),
                 *b = json_object_get(json_object_get(fresh, "context"), "attnbench");
    if (!a || !b) return "context (one of them was not written by attnbench)";
    for (size_t i = 0; i < count; i++) {
        const json_t *x = json_object_get(a, keys[i]), *y = json_object_get(b, keys[i]);
        if ((x || y) && !json_equal(x, y)) return keys[i];
    }
    return NULL;
}

const char *records_machine_differs(const json_t *base, const json_t *fresh)
{
    static const char *const keys[] = {"cpu_id", "cpu", "isa", "caches", "processors", "hypervisor", "kernel"};
    return records_key_differs(base, fresh, keys, sizeof keys / sizeof *keys);
}
