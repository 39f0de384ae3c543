/* cmd_history.c: attnbench history: results over time. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "record/context.h"
#include "cpu.h"
#include "history/history_check.h"
#include "record/record.h"
#include "util/console.h"

const command command_history = {
    .name = "history",
    .about = "results over time in one file; where they changed",
    .run = cmd_history,
    .bit = BY_HISTORY,
    .takes_words = true,
    .operands = "FILE",
    .usage = {{"add|show|check|export --db FILE", "results over time in one SQLite file"}},
    .word = {{"add", "RECORD...",
              "puts records in: times of bench and run, and of compare the ratios to BASE, which is then the series' "
              "anchor: keep one build for that. A record that is there is left alone. Safe with several writers at "
              "once, and at any moment of being killed"},
             {"show", "",
              "each series (machine and build, kernel, workload, threads, anchor): its newest points and its range"},
             {"check", "[--confirm BASE NEW]",
              "where a series changed its level (Pettitt's rank statistic, p by permutation below 1 %, searched again "
              "in both parts), and what is away from the last release by more than its own uncertainty. Noise has "
              "such places too: each is a hypothesis until two builds are compared. Reads the whole file first, and "
              "says if it is damaged. --confirm BASE NEW compares the builds before and after in pairs, as 'compare' "
              "does, on the cases of all hypotheses (choose by --kernel and --workload). Exit 1: slower, confirmed; "
              "3: one is open"},
             {"export", "", "all points as CSV, to standard output or --csv FILE"}},
    .after = "Times on different machines or builds are different series: absolute times do not travel. What is "
             "compared is the ratio to the anchor; of times the share of the ceiling measured in the same run where "
             "the record has it.",
    .example = "history add --db times.db build/report/results.json &&\nattnbench history check --db times.db",
};

enum { SHOWN = 8 };

/* ---- show and export --------------------------------------------------------------------------------------------- */

static void show_point(const series *s, const series_point *p)
{
    double low, high;
    printf("    %-25.25s %-18s", p->when, series_build(s, p));
    if (isnan(p->ratio)) {
        printf(" %10.4g ms", p->ms);
        if (!isnan(p->share)) printf("  %3.0f %% of the ceiling", 100 * p->share);
    } else {
        printf(" %+9.3g %%", 100 * (p->ratio - 1));
        if (series_bounds(p, &low, &high))
            printf(" [%+.2g, %+.2g]", 100 * (low * p->ratio - 1), 100 * (high * p->ratio - 1));
        if (p->launches) printf(", %d launches", p->launches);
    }
    printf("%s%s\n", *p->release ? "  release " : "", p->release);
}

static void print_title(const series *s)
{
    char title[2600];
    series_title(s, title, sizeof title);
    puts(title);
}

static void show_one(const series *s)
{
    double low = INFINITY, high = 0;
    const bool ratios = *s->anchor != 0;
    print_title(s);
    for (size_t i = 0; i < s->points; i++) {
        const double x = ratios ? s->point[i].ratio : s->point[i].ms;
        low = fmin(low, x);
        high = fmax(high, x);
    }
    for (size_t i = s->points > SHOWN ? s->points - SHOWN : 0; i < s->points; i++) show_point(s, &s->point[i]);
    printf("    %zu run%s, from %.4g to %.4g %s\n", s->points, s->points == 1 ? "" : "s", low, high,
           ratios ? "times the anchor's" : "ms");
}

static void put_csv_text(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"') fputc('"', out);
        fputc(*text, out);
    }
    fputs("\",", out);
}

static void put_known(FILE *out, double x)
{
    if (isfinite(x)) fprintf(out, "%.9g", x);
    fputc(',', out);
}

static void put_point(FILE *out, const series *s, const series_point *p)
{
    const char *const text[] = {p->when,     p->commit, p->release, s->fingerprint, s->cpu, s->kernel,
                                s->workload, s->inputs, s->anchor,  p->artifact,    s->spec};
    const double figure[] = {p->ms, p->ratio, p->low, p->high, p->share};
    for (size_t i = 0; i < sizeof text / sizeof *text; i++) put_csv_text(out, text[i]);
    fprintf(out, "%lld,%d,", (long long)p->run, s->threads);
    for (size_t i = 0; i < sizeof figure / sizeof *figure; i++) put_known(out, figure[i]);
    fprintf(out, "%d\n", p->launches);
}

static int export_csv(const series_list *all, const char *path)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    if (!out) return EXIT_BUG;
    fputs("date,commit,release,fingerprint,cpu,kernel,workload,inputs,anchor,artifact,spec,run,threads,ms,ratio,low,"
          "high,share,launches\n",
          out);
    for (size_t i = 0; i < all->count; i++)
        for (size_t k = 0; k < all->at[i].points; k++) put_point(out, &all->at[i], &all->at[i].point[k]);
    fclose(out);
    const int code = command_output_text(path ? path : "-", text, bytes);
    free(text);
    return code;
}

/* ---- check ------------------------------------------------------------------------------------------------------- */

static void print_hypotheses(const hypothesis *list, size_t count, const char *db)
{
    const series *last = NULL;
    int in_state[HYPOTHESIS_STATES] = {0};
    for (size_t i = 0; i < count; i++) {
        if (list[i].s != last) print_title(last = list[i].s);
        hypothesis_print(&list[i], db);
        in_state[list[i].state]++;
    }
    if (in_state[HYPOTHESIS_CONFIRMED] + in_state[HYPOTHESIS_REFUTED] + in_state[HYPOTHESIS_OPEN])
        printf("%d confirmed, %d not confirmed, %d open\n", in_state[HYPOTHESIS_CONFIRMED],
               in_state[HYPOTHESIS_REFUTED], in_state[HYPOTHESIS_OPEN]);
}

static int check_all(const series_list *all, const options *o, bool print, json_t *changes, json_t *comparisons)
{
    hypothesis *list = calloc(all->count * MOST_HYPOTHESES + 1, sizeof *list);
    size_t count = 0;
    int code = EXIT_WELL;
    if (!list) return EXIT_BUG;
    for (size_t i = 0; i < all->count; i++) count += hypotheses_of(&all->at[i], o->seed, &list[count]);
    const confirm_settings confirm = {o->threshold, o->launches, o->seed};
    if (o->confirm && count)
        code = hypotheses_confirm(list, count, o->words.word[1], o->words.word[2], &confirm, comparisons);
    if (print && code != EXIT_USAGE) {
        print_hypotheses(list, count, o->db);
        printf("%zu series, %zu hypothes%s%s\n", all->count, count, count == 1 ? "is" : "es",
               o->confirm && !count ? "; nothing to confirm: the builds were not compared" : "");
    }
    for (size_t i = 0; i < count; i++) json_array_append_new(changes, hypothesis_json(&list[i]));
    free(list);
    return code;
}

/* ---- verbs ------------------------------------------------------------------------------------------------------- */

/* "times.json: the times of 40 cases added, as release v2; that was c1 of 2026-01-01 (v1.json)". */
static void print_added(const char *name, const history_release *release, const history_added *a)
{
    printf("%s: ", name);
    if (a->known) printf("is there already");
    if (a->times)
        printf("the times of %d case%s%s", a->times, a->times == 1 ? "" : "s", a->ratios ? " and " : " added");
    if (a->ratios) printf("the ratios of %d case%s to the anchor added", a->ratios, a->ratios == 1 ? "" : "s");
    if (*release->name) printf(", as release %s", release->name);
    printf("%s%s\n", *a->lost ? "; " : "", a->lost);
}

static history *open_db(const options *o, bool create, int *code)
{
    char reason[1024];
    bool unwritten;
    history *h = history_open(o->db, create, &unwritten, reason, sizeof reason);
    if (!h) {
        complain("%s", reason);
        *code = worse_exit(*code, unwritten ? EXIT_NOT_WRITTEN : EXIT_USAGE);
    }
    return h;
}

/* The file is made for the first record that has something for it. */
static int add_records(const options *o)
{
    const history_release release = {o->release ? o->release : "", o->force};
    history *h = NULL;
    int code = EXIT_WELL;
    if (o->words.count < 2) {
        complain("history add: which record? such as results.json of 'attnbench run'");
        return EXIT_USAGE;
    }
    for (int i = 1; i < o->words.count; i++) {
        const char *const name = o->words.word[i];
        char reason[1024];
        history_added added;
        json_t *record = record_read(name, reason, sizeof reason);
        const int fits = record && history_fits(record, name, reason, sizeof reason);
        if (fits && !h && !(h = open_db(o, true, &code))) {
            json_decref(record);
            break;
        }
        if (fits && history_add(h, record, name, &release, &added, reason, sizeof reason)) {
            print_added(name, &release, &added);
        } else {
            complain("%s", reason);
            code = worse_exit(code, fits && history_unwritten(h) ? EXIT_NOT_WRITTEN : EXIT_USAGE);
        }
        json_decref(record);
    }
    history_close(h);
    return code;
}

static int look(int argc, char **argv, const options *o, const char *verb)
{
    char reason[1024];
    series_list all = {0};
    int code = EXIT_WELL;
    history *h = open_db(o, false, &code);
    if (!h) return code;
    const history_filter filter = {o->kernels.word, o->workloads.word, o->kernels.count, o->workloads.count};
    const int read = (strcmp(verb, "check") != 0 || history_read_all(h, reason, sizeof reason)) &&
                     history_points(h, &filter, series_collect, &all, reason, sizeof reason);
    history_close(h);
    if (!read || all.failed) {
        complain("%s", all.failed ? "out of memory" : reason);
        series_list_free(&all);
        return all.failed ? EXIT_BUG : EXIT_USAGE;
    }
    if (all.count == 0) {
        complain("%s: no series%s", o->db,
                 filter.kernels || filter.workloads ? " matches --kernel and --workload" : " in it yet");
        return EXIT_USAGE;
    }
    json_t *record = record_new(), *list = json_array(), *changes = json_array(), *comparisons = json_array();
    if (strcmp(verb, "export") == 0) {
        code = export_csv(&all, o->csv);
    } else {
        const bool check = strcmp(verb, "check") == 0;
        for (size_t i = 0; i < all.count; i++) {
            json_array_append_new(list, series_json(&all.at[i]));
            if (!check) show_one(&all.at[i]);
        }
        code = check_all(&all, o, check, changes, comparisons);
    }
    const context_facts facts = {argc + 2, argv - 2, attn_cpu_isa(), 1, -1, NULL, NULL, 0, NULL};
    context_put(record, context_new(&facts));
    json_object_set_new(record, "comparisons", comparisons);
    json_object_set_new(record, "history", json_pack("{s:o, s:o}", "series", list, "changes", changes));
    static const output_writers writers = {record_write_json, NULL, NULL, NULL};
    if (code != EXIT_USAGE && o->json) code = worse_exit(code, command_outputs_as(o, record, &writers));
    command_interrupted(o);
    json_decref(record);
    series_list_free(&all);
    return code;
}

/* UTF-8 without control characters (C0, DEL, C1) and separators of lines (U+2028, U+2029). */
static bool is_printable_line(const char *text)
{
    json_t *utf8 = json_string(text);
    bool good = utf8 != NULL;
    json_decref(utf8);
    for (const unsigned char *c = (const unsigned char *)text; good && *c; c++)
        good = *c >= 0x20 && *c != 0x7f && !(c[0] == 0xc2 && c[1] < 0xa0) &&
               !(c[0] == 0xe2 && c[1] == 0x80 && (c[2] == 0xa8 || c[2] == 0xa9));
    return good;
}

/* What is wrong with the words after the command's name, or NULL. */
static const char *misused(const options *o, const char *verb)
{
    const bool check = strcmp(verb, "check") == 0, add = strcmp(verb, "add") == 0, export = strcmp(verb, "export") == 0;
    if (o->confirm && (!check || o->words.count != 3)) return "--confirm goes with check and two builds, BASE and NEW";
    if (!o->confirm && (o->threshold > 0 || o->launches >= 0)) return "--threshold and --launches go with --confirm";
    if (o->release && !add) return "--release goes with add";
    if (o->release && !is_printable_line(o->release)) return "--release: its name is one printable line of UTF-8";
    if (o->force && !o->release) return "--force goes with --release, whose name it moves";
    if (o->csv && !export) return "--csv goes with export";
    if (o->json && (add || export)) return "--json goes with show and check";
    if (add && o->kernels.count + o->workloads.count)
        return "--kernel and --workload choose what is shown; all is added";
    if (!add && !o->confirm && o->words.count > 1) return "unexpected argument behind the verb";
    return NULL;
}

int cmd_history(int argc, char **argv)
{
    static const char *const verbs[] = {"add", "show", "check", "export"};
    options o;
    int code = command_begin(argc, argv, &command_history, &o);
    if (code >= 0) return code;
    const char *verb = o.words.count ? o.words.word[0] : "";
    size_t v = 0;
    while (v < 4 && strcmp(verbs[v], verb) != 0) v++;
    code = EXIT_USAGE;
    if (v == 4) {
        complain("history: say add, show, check or export%s%.40s", *verb ? ", not " : "", verb);
    } else if (misused(&o, verb)) {
        complain("history %s: %s", verb, misused(&o, verb));
    } else if (!o.db) {
        complain("history %s: --db FILE is missing", verb);
    } else {
        code = v == 0 ? add_records(&o) : look(argc, argv, &o, verb);
    }
    options_free(&o);
    return code;
}
