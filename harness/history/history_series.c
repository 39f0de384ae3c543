/* history_series.c: copied from the file's rows, which come sorted. */
#include "history_series.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool belongs(const series *s, const history_point *p)
{
    return s->threads == p->threads && strcmp(s->fingerprint, p->fingerprint) == 0 &&
           strcmp(s->kernel, p->kernel) == 0 && strcmp(s->workload, p->workload) == 0 &&
           strcmp(s->inputs, p->inputs) == 0 && strcmp(s->anchor, p->anchor) == 0;
}

static bool begin_series(series_list *list, const history_point *p)
{
    series *grown = realloc(list->at, (list->count + 1) * sizeof *grown);
    if (!grown) return false;
    list->at = grown;
    list->at[list->count++] = (series){.fingerprint = strdup(p->fingerprint),
                                       .kernel = strdup(p->kernel),
                                       .workload = strdup(p->workload),
                                       .spec = strdup(p->spec),
                                       .inputs = strdup(p->inputs),
                                       .cpu = strdup(p->cpu),
                                       .anchor = strdup(p->anchor),
                                       .threads = p->threads};
    const series *s = &list->at[list->count - 1];
    return s->fingerprint && s->kernel && s->workload && s->spec && s->inputs && s->cpu && s->anchor;
}

static bool add_point(series *s, const history_point *p)
{
    series_point *grown = realloc(s->point, (s->points + 1) * sizeof *grown);
    if (!grown) return false;
    s->point = grown;
    s->point[s->points++] =
        (series_point){strdup(p->when), strdup(p->commit), strdup(p->release), strdup(p->artifact), p->ms, p->ratio,
                       p->low,          p->high,           p->share,           p->launches,         p->run};
    const series_point *last = &s->point[s->points - 1];
    return last->when && last->commit && last->release && last->artifact;
}

bool series_collect(void *ctx, const history_point *p)
{
    series_list *list = ctx;
    const bool known = list->count && belongs(&list->at[list->count - 1], p);
    list->failed = !(known || begin_series(list, p)) || !add_point(&list->at[list->count - 1], p);
    return !list->failed;
}

void series_list_free(series_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        series *s = &list->at[i];
        for (size_t k = 0; k < s->points; k++) {
            free(s->point[k].when);
            free(s->point[k].commit);
            free(s->point[k].release);
            free(s->point[k].artifact);
        }
        free(s->fingerprint);
        free(s->kernel);
        free(s->workload);
        free(s->spec);
        free(s->inputs);
        free(s->cpu);
        free(s->anchor);
        free(s->point);
    }
    free(list->at);
}

const char *series_unit_name(series_unit u)
{
    static const char *const names[] = {"time over the anchor's", "time over the ceiling's", "ms"};
    return names[u];
}

series_unit series_values(const series *s, double *x)
{
    bool shares = true;
    for (size_t i = 0; i < s->points; i++) shares = shares && s->point[i].share > 0;
    const series_unit unit = *s->anchor ? SERIES_RATIO : shares ? SERIES_OF_CEILING : SERIES_MS;
    for (size_t i = 0; i < s->points; i++) {
        const series_point *p = &s->point[i];
        x[i] = unit == SERIES_RATIO ? p->ratio : unit == SERIES_OF_CEILING ? 1 / p->share : p->ms;
    }
    return unit;
}

bool series_bounds(const series_point *p, double *low, double *high)
{
    const double middle = isnan(p->ratio) ? p->ms : p->ratio;
    *low = p->low / middle;
    *high = p->high / middle;
    return isfinite(*low) && isfinite(*high) && *low > 0;
}

bool series_build_is_digest(const series *s, const series_point *p)
{
    if (!*p->artifact) return false;
    if (!*p->commit || strchr(s->kernel, ':')) return true;
    for (size_t i = 0; i < s->points; i++) {
        const series_point *other = &s->point[i];
        if (*other->artifact && strcmp(other->commit, p->commit) == 0 && strcmp(other->artifact, p->artifact) != 0)
            return true;
    }
    return false;
}

const char *series_build(const series *s, const series_point *p)
{
    return series_build_is_digest(s, p) ? p->artifact : *p->commit ? p->commit : p->when;
}

void series_title(const series *s, char *out, size_t size)
{
    snprintf(out, size, "%s  %s%s%s  t%d  [%s %s%s%s]", s->kernel, s->workload, *s->inputs ? "/" : "", s->inputs,
             s->threads, s->cpu, s->fingerprint, *s->anchor ? ", time over that of " : "", s->anchor);
}

static void set_known(json_t *object, const char *key, double x)
{
    if (isfinite(x)) json_object_set_new(object, key, json_real(x));
}

json_t *series_json(const series *s)
{
    double *x = calloc(s->points + 1, sizeof *x);
    json_t *points = json_array();
    if (!x) return points;
    const series_unit unit = series_values(s, x);
    for (size_t i = 0; i < s->points; i++) {
        const series_point *p = &s->point[i];
        double low, high;
        json_t *one = json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:f}", "date", p->when, "commit", p->commit, "build",
                                series_build(s, p), "release", p->release, "artifact", p->artifact, "run",
                                (json_int_t)p->run, "value", x[i]);
        if (series_bounds(p, &low, &high))
            json_object_set_new(one, "interval", json_pack("[f,f]", low * x[i], high * x[i]));
        set_known(one, "ms", p->ms);
        set_known(one, "ratio", p->ratio);
        set_known(one, "share", p->share);
        if (p->launches) json_object_set_new(one, "launches", json_integer(p->launches));
        json_array_append_new(points, one);
    }
    free(x);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:o}", "fingerprint", s->fingerprint, "cpu", s->cpu,
                     "kernel", s->kernel, "workload", s->workload, "spec", s->spec, "inputs", s->inputs, "anchor",
                     s->anchor, "unit", series_unit_name(unit), "threads", s->threads, "points", points);
}
