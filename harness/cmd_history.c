/* cmd_history.c: attnbench history: results over time. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "changepoint.h"
#include "commands.h"
#include "history.h"
#include "results.h"
#include "status.h"

const char help_history[] =
    "attnbench history add|show|check|export --db FILE: results over time in one SQLite file\n\n"
    "  add RECORD...   puts records of bench or run in; one that is there already is left alone. Safe with several\n"
    "                  writers at once, and at any moment of being killed\n"
    "  show            each series (machine and build, kernel, workload, threads): its newest times and its whole "
    "range\n"
    "  check           where a series changed its level: Pettitt's rank statistic, p by permutation below 1 %, "
    "searched\n"
    "                  again in both parts. Noise has change points too, so each is a hypothesis, with what\n"
    "                  confirms it: a paired comparison of the two builds\n"
    "  export          all points as CSV, to standard output or --csv FILE\n\n"
    "  --db FILE       made by 'add' where it is missing\n"
    "  --kernel GLOB, --workload GLOB   some series only\n"
    "  --json FILE     'show' and 'check': what they say, for 'attnbench report' (timeline charts)\n\n"
    "Times on different machines or builds are different series: absolute times do not travel. What is compared is the "
    "share\n"
    "of the ceiling measured in the same run where the record has it, else the time.\n\n"
    "example: attnbench history add --db times.db build/report/results.json && attnbench history check --db times.db\n";

static const double alpha = 0.01;
enum { MOST_CHANGES = 16, SHOWN = 8 };

/* A series' points, copied. */
typedef struct point {
    char *when, *commit;
    double ms, share;
    int64_t run;
} point;

typedef struct series {
    char *fingerprint, *kernel, *workload, *spec, *inputs, *cpu, *isa;
    int threads;
    point *point;
    size_t points;
} series;

typedef struct all_series {
    series *at;
    size_t count;
    bool failed;
} all_series;

static bool belongs(const series *s, const history_point *p)
{
    return s->threads == p->threads && strcmp(s->fingerprint, p->fingerprint) == 0 &&
           strcmp(s->kernel, p->kernel) == 0 && strcmp(s->workload, p->workload) == 0 &&
           strcmp(s->inputs, p->inputs) == 0;
}

static bool collect(void *ctx, const history_point *p)
{
    all_series *all = ctx;
    if (all->count == 0 || !belongs(&all->at[all->count - 1], p)) {
        series *grown = realloc(all->at, (all->count + 1) * sizeof *grown);
        if (!grown) return all->failed = true, false;
        all->at = grown;
        all->at[all->count++] = (series){.fingerprint = strdup(p->fingerprint),
                                         .kernel = strdup(p->kernel),
                                         .workload = strdup(p->workload),
                                         .spec = strdup(p->spec),
                                         .inputs = strdup(p->inputs),
                                         .cpu = strdup(p->cpu),
                                         .isa = strdup(p->isa),
                                         .threads = p->threads};
    }
    series *s = &all->at[all->count - 1];
    point *grown = realloc(s->point, (s->points + 1) * sizeof *grown);
    if (!grown) return all->failed = true, false;
    s->point = grown;
    s->point[s->points++] = (point){strdup(p->when), strdup(p->commit), p->ms, p->share, p->run};
    return true;
}

static void free_series(all_series *all)
{
    for (size_t i = 0; i < all->count; i++) {
        series *s = &all->at[i];
        for (size_t k = 0; k < s->points; k++) free(s->point[k].when), free(s->point[k].commit);
        free(s->fingerprint), free(s->kernel), free(s->workload), free(s->spec), free(s->inputs);
        free(s->cpu), free(s->isa), free(s->point);
    }
    free(all->at);
}

/* What is compared along a series: time over what the machine could do at that moment, where every run knows it. */
static bool values_of(const series *s, double *x)
{
    bool shares = true;
    for (size_t i = 0; i < s->points; i++) shares = shares && s->point[i].share > 0;
    for (size_t i = 0; i < s->points; i++) x[i] = shares ? 1 / s->point[i].share : s->point[i].ms;
    return shares;
}

static void print_title(const series *s)
{
    printf("%s  %s%s%s  t%d  [%s %s]\n", s->kernel, s->workload, *s->inputs ? "/" : "", s->inputs, s->threads, s->cpu,
           s->fingerprint);
}

static json_t *series_json(const series *s)
{
    json_t *points = json_array();
    for (size_t i = 0; i < s->points; i++) {
        const point *p = &s->point[i];
        json_t *one = json_pack("{s:s, s:s, s:I, s:f}", "date", p->when, "commit", p->commit, "run", (json_int_t)p->run,
                                "ms", p->ms);
        if (!isnan(p->share)) json_object_set_new(one, "share", json_real(p->share));
        json_array_append_new(points, one);
    }
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:o}", "fingerprint", s->fingerprint, "cpu", s->cpu, "kernel",
                     s->kernel, "workload", s->workload, "spec", s->spec, "inputs", s->inputs, "threads", s->threads,
                     "points", points);
}

static void show_one(const series *s)
{
    double low = INFINITY, high = 0;
    print_title(s);
    for (size_t i = 0; i < s->points; i++) {
        low = fmin(low, s->point[i].ms);
        high = fmax(high, s->point[i].ms);
    }
    for (size_t i = s->points > SHOWN ? s->points - SHOWN : 0; i < s->points; i++) {
        const point *p = &s->point[i];
        printf("    %-25.25s %-18s %10.4g ms", p->when, p->commit, p->ms);
        if (!isnan(p->share)) printf("  %3.0f %% of the ceiling", 100 * p->share);
        putchar('\n');
    }
    printf("    %zu run%s, from %.4g to %.4g ms\n", s->points, s->points == 1 ? "" : "s", low, high);
}

/* Appends the changes of level to `to`, and prints them where asked to. */
static void check_one(const series *s, uint64_t seed, bool print, json_t *to)
{
    changepoint found[MOST_CHANGES];
    double *x = calloc(s->points + 1, sizeof *x);
    if (!x) return;
    const bool shares = values_of(s, x);
    const size_t count = changepoints(x, s->points, alpha, seed, found, MOST_CHANGES);
    if (count && print) print_title(s);
    for (size_t i = 0; i < count; i++) {
        const point *last = &s->point[found[i].at - 1], *first = &s->point[found[i].at];
        const double change = found[i].after / found[i].before - 1;
        if (print)
            printf("    %.1f %% %s from %s (%s) on, p = %.2g. A hypothesis: build %s and %s and let\n"
                   "    'attnbench compare' of both on --workload '%s' confirm it\n",
                   100 * fabs(change), change > 0 ? "slower" : "faster", first->commit, first->when, found[i].p,
                   last->commit, first->commit, s->spec);
        json_array_append_new(to, json_pack("{s:s, s:s, s:s, s:i, s:s, s:s, s:s, s:f, s:f, s:b}", "fingerprint",
                                            s->fingerprint, "kernel", s->kernel, "workload", s->workload, "threads",
                                            s->threads, "before", last->commit, "from", first->commit, "date",
                                            first->when, "change", change, "p", found[i].p, "of_shares", shares));
    }
    free(x);
}

static int export_csv(const all_series *all, const char *path)
{
    char *text = NULL, reason[512];
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    if (!out) return EXIT_BUG;
    fputs("date,commit,run,fingerprint,cpu,kernel,workload,inputs,threads,ms,share,spec\n", out);
    for (size_t i = 0; i < all->count; i++)
        for (size_t k = 0; k < all->at[i].points; k++) {
            const series *s = &all->at[i];
            const point *p = &s->point[k];
            fprintf(out, "%s,%s,%lld,%s,\"%s\",%s,\"%s\",%s,%d,%.9g,", p->when, p->commit, (long long)p->run,
                    s->fingerprint, s->cpu, s->kernel, s->workload, s->inputs, s->threads, p->ms);
            if (!isnan(p->share)) fprintf(out, "%.6g", p->share);
            fprintf(out, ",\"%s\"\n", s->spec);
        }
    fclose(out);
    int code = EXIT_WELL;
    if (!path || strcmp(path, "-") == 0) {
        fputs(text, stdout);
    } else if (!file_write_atomically(path, text, bytes, reason, sizeof reason)) {
        complain("%s", reason);
        code = EXIT_NOT_WRITTEN;
    }
    free(text);
    return code;
}

static int add_records(history *h, const word_list *words)
{
    int code = EXIT_WELL;
    if (words->count < 2) {
        complain("history add: which record? such as results.json of 'attnbench run'");
        return EXIT_USAGE;
    }
    for (int i = 1; i < words->count; i++) {
        char reason[1024];
        int rows = 0;
        json_t *record = record_read(words->word[i], reason, sizeof reason);
        if (!record || !history_add(h, record, words->word[i], &rows, reason, sizeof reason)) {
            complain("%s", reason);
            code = worse_exit(code, record && history_unwritten(h) ? EXIT_NOT_WRITTEN : EXIT_USAGE);
        } else if (rows < 0)
            printf("%s: is there already\n", words->word[i]);
        else
            printf("%s: %d times added\n", words->word[i], rows);
        json_decref(record);
    }
    return code;
}

static int look(history *h, const options *o, const char *verb)
{
    char reason[1024];
    all_series all = {0};
    const char *kernel = o->kernels.count ? o->kernels.word[0] : NULL;
    const char *on = o->workloads.count ? o->workloads.word[0] : NULL;
    if (!history_points(h, kernel, on, collect, &all, reason, sizeof reason) || all.failed) {
        complain("%s", all.failed ? "out of memory" : reason);
        free_series(&all);
        return EXIT_USAGE;
    }
    if (all.count == 0) {
        complain("%s: no series%s", o->db, kernel || on ? " matches --kernel and --workload" : " in it yet");
        return EXIT_USAGE;
    }
    int code = EXIT_WELL;
    json_t *record = record_new(), *list = json_array(), *changes = json_array();
    if (strcmp(verb, "export") == 0) {
        code = export_csv(&all, o->csv);
    } else {
        const bool check = strcmp(verb, "check") == 0;
        for (size_t i = 0; i < all.count; i++) {
            json_array_append_new(list, series_json(&all.at[i]));
            check_one(&all.at[i], o->seed, check, changes);
            if (!check) show_one(&all.at[i]);
        }
        if (check) printf("%zu series, %zu changes of level\n", all.count, json_array_size(changes));
    }
    json_object_set_new(record, "history", json_pack("{s:o, s:o}", "series", list, "changes", changes));
    if (o->json && !record_write_json(record, o->json, reason, sizeof reason)) {
        complain("%s", reason);
        code = worse_exit(code, EXIT_NOT_WRITTEN);
    }
    json_decref(record);
    free_series(&all);
    return code;
}

int cmd_history(int argc, char **argv)
{
    static const char *const verbs[] = {"add", "show", "check", "export"};
    options o;
    char reason[1024];
    int code = command_begin(argc, argv, OPTIONS_WORDS | OPTIONS_HISTORY | OPTIONS_JSON, help_history, &o);
    if (code >= 0) return code;
    const char *verb = o.words.count ? o.words.word[0] : "";
    size_t v = 0;
    while (v < 4 && strcmp(verbs[v], verb) != 0) v++;
    code = EXIT_USAGE;
    if (v == 4) {
        complain("history: say add, show, check or export%s%.40s", *verb ? ", not " : "", verb);
    } else if (v > 0 && o.words.count > 1) {
        complain("history %s: unexpected argument '%.60s'", verb, o.words.word[1]);
    } else if (!o.db) {
        complain("history %s: --db FILE is missing", verb);
    } else {
        history *h = history_open(o.db, v == 0, reason, sizeof reason);
        if (!h)
            complain("%s", reason);
        else
            code = v == 0 ? add_records(h, &o.words) : look(h, &o, verb);
        history_close(h);
    }
    options_free(&o);
    return code;
}
