/* selftest_clock.c: true slowdown x verdict x time to decide.
 *
 * The builds in harness/slowed/ do 0, 1, 2 and 5 percent more work than the base, by the same code. Each is compared
 * with it again and again, each time in a new process with new places and a new order, at the level of one case of a
 * gate over 200; what the clock said is counted against what is true. The estimate is the median of all pairs of a
 * run, which goes on for 0.1 s at least (a kernel of short loops was no good: its branches, predicted now in one
 * build, now in the other, made 10 % for tens of milliseconds). */
#include "selftest_clock.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/child_process.h"
#include "background_load.h"
#include "record/record.h"
#include "known_slowdown.h"
#include "util/console.h"
#include "compare/error_levels.h"

enum { GATE_CASES = 200, DEFAULT_RUNS = 20, BUILDS = 4 };
static const double delta = 0.005, alpha = FAMILY_ALPHA / GATE_CASES, beta = CASE_BETA, limit = 3, least = 0.1;
static const double chance = 0.001; /* what a right clock is failed with, a requirement */

/* What must be claimed, of how many runs at least, and by when 95 % of them are decided; with neighbours
 * `least_beside`. A/A: the requirement is on the claims that must not be made. */
static const struct build {
    const char *file;
    double truth, least_share, least_beside, seconds;
} builds[BUILDS] = {{"slowed_again", 0, 0, 0, 3},
                    {"slowed_1", 0.01, 0.95, 0, 3},
                    {"slowed_2", 0.02, 0.99, 0.95, 0.5},
                    {"slowed_5", 0.05, 0.99, 0.95, 0.5}};

/* One row of the table. */
typedef struct tally {
    const struct build *build;
    const slowed_shape *shape;
    int runs, slower, faster, neither, undecided;
    double *decided, *error; /* [runs]: seconds; estimate minus truth */
    double decided_median, decided_95, bias, spread;
    char failed[160]; /* requirement that is not met; "" none */
} tally;

static void count(tally *t, const paired_run *run)
{
    const decision *d = &run->decision;
    double *ratio = calloc(run->pairs + 1, sizeof *ratio);
    for (size_t i = 0; ratio && i < run->pairs; i++) ratio[i] = log(run->pair[i].fresh / run->pair[i].base);
    if (ratio && run->pairs) {
        gsl_sort(ratio, 1, run->pairs);
        t->error[t->runs] = expm1(gsl_stats_median_from_sorted_data(ratio, 1, run->pairs)) - t->build->truth;
    }
    free(ratio);
    const bool undecided = paired_void(run) || run->decided <= 0;
    t->decided[t->runs++] = undecided ? INFINITY : run->decided;
    if (undecided)
        t->undecided++;
    else if (d->slower)
        t->slower++;
    else if (d->faster)
        t->faster++;
    else
        t->neither++;
}

/* 0 where a run could not be made. */
static int repeat(tally *t, const compare_sides *sides, const slowed_case *c, int runs, uint64_t seed)
{
    slowed_run *o = shared_new(sizeof *o);
    int ok = o != NULL;
    for (int i = 0; ok && i < runs && !interrupted; i++) {
        const paired_settings settings = {{delta, alpha, beta}, seed + (uint64_t)i, limit, least, 0, NULL};
        progress("%s, %+g %%: run %d of %d", t->shape->name, 100 * t->build->truth, i + 1, runs);
        ok = slowed_once(o, sides, c, &settings);
        if (ok)
            count(t, &o->run);
        else if (interrupted)
            ok = 1; /* what was counted before is kept */
        else
            complain("%s: %s", t->build->file, o->reason);
    }
    progress_clear();
    shared_free(o, sizeof *o);
    return ok;
}

/* ---- requirements ------------------------------------------------------------------------------------------------ */

static void fail_if(tally *t, double p, const char *format, double share, double wanted)
{
    if (p < chance && !t->failed[0]) snprintf(t->failed, sizeof t->failed, format, 100 * share, 100 * wanted);
}

static double at_least(int k, double p, int n) { return k ? gsl_cdf_binomial_Q((unsigned)k - 1, p, (unsigned)n) : 1; }

/* Sign test: is the median error beyond what is allowed, on either side? */
static void judge_estimates(tally *t)
{
    int above = 0, below = 0;
    for (int i = 0; i < t->runs; i++) {
        above += t->error[i] > t->shape->accuracy;
        below += t->error[i] < -t->shape->accuracy;
    }
    fail_if(t, at_least(above > below ? above : below, 0.5, t->runs),
            "estimates off to one side by more than allowed in %.3g %% of runs, %.3g %% allowed",
            (double)(above > below ? above : below) / t->runs, 0.5);
}

static void summarise(tally *t, bool beside)
{
    const size_t n = (size_t)t->runs;
    gsl_sort(t->decided, 1, n);
    gsl_sort(t->error, 1, n);
    t->decided_median = t->decided[(n - 1) / 2];
    t->decided_95 = t->decided[(size_t)ceil(0.95 * (double)n) - 1];
    t->bias = gsl_stats_median_from_sorted_data(t->error, 1, n);
    t->spread = gsl_stats_quantile_from_sorted_data(t->error, 1, n, 0.95) -
                gsl_stats_quantile_from_sorted_data(t->error, 1, n, 0.05);
    if (!beside) judge_estimates(t);
    if (t->build->truth <= 0) {
        const int alarms = t->slower + t->faster;
        fail_if(t, at_least(alarms, 2 * alpha, t->runs), "false alarms in %.3g %% of runs, %.3g %% allowed",
                (double)alarms / t->runs, 2 * alpha);
        return;
    }
    const double wanted = beside ? t->build->least_beside : t->build->least_share;
    fail_if(t, gsl_cdf_binomial_P((unsigned)t->slower, wanted, (unsigned)t->runs),
            "called slower in %.3g %% of runs, %.3g %% wanted", (double)t->slower / t->runs, wanted);
    if (beside) return;
    int late = 0;
    for (size_t i = 0; i < n; i++) late += t->decided[i] > t->build->seconds;
    fail_if(t, at_least(late, 0.05, t->runs), "%.3g %% of runs decided too late, %.3g %% allowed",
            (double)late / t->runs, 0.05);
}

/* ---- output ------------------------------------------------------------------------------------------------------ */

static void print_header(void)
{
    printf("%-14s %6s %5s %7s %7s %8s %10s %18s %22s\n", "case", "true", "runs", "slower", "faster", "neither",
           "undecided", "decided, p95 (s)", "estimate - true, 90 %");
}

static void print_tally(const tally *t)
{
    printf("%-14s %+5g%% %5d %7d %7d %8d %10d %10.3f, %6.3f %+13.3f, %6.3f\n", t->shape->name, 100 * t->build->truth,
           t->runs, t->slower, t->faster, t->neither, t->undecided, t->decided_median, t->decided_95, 100 * t->bias,
           100 * t->spread);
    if (t->failed[0]) printf("    %s\n", t->failed);
    fflush(stdout);
}

static json_t *tally_json(const tally *t)
{
    return json_pack("{s:s, s:s, s:f, s:i, s:i, s:i, s:i, s:i, s:o, s:o, s:f, s:f, s:s}", "case", t->shape->name,
                     "spec", t->shape->spec, "true", t->build->truth, "runs", t->runs, "slower", t->slower, "faster",
                     t->faster, "neither", t->neither, "undecided", t->undecided, "decided_median",
                     json_any_real(t->decided_median), "decided_95", json_any_real(t->decided_95), "bias", t->bias,
                     "spread_90", t->spread, "failed", t->failed);
}

/* ---- which rows -------------------------------------------------------------------------------------------------- */

/* Is the build's slowdown in the comma-separated list of percentages? */
static bool is_listed(const char *list, const struct build *b)
{
    char name[16];
    snprintf(name, sizeof name, "%g", 100 * b->truth);
    for (const char *at = list; *at; at += strcspn(at, ","), at += *at == ',')
        if (strcspn(at, ",") == strlen(name) && strncmp(at, name, strlen(name)) == 0) return true;
    return false;
}

int selftest_clock_knows(const char *list, char *reason, size_t size)
{
    int entries = 1, found = 0;
    for (const char *c = list; *c; c++) entries += *c == ',';
    for (int b = 0; b < BUILDS; b++) found += is_listed(list, &builds[b]);
    if (found == entries) return 1;
    snprintf(reason, size, "--only %.40s: name some of 0, 1, 2 and 5 (percent), each once, with commas between", list);
    return 0;
}

/* ---- the job ----------------------------------------------------------------------------------------------------- */

static int run_row(const struct build *build, const slowed_case *c, const clock_settings *s, json_t *rows)
{
    char reason[1400];
    const int runs = s->runs ? s->runs : DEFAULT_RUNS;
    compare_sides sides;
    tally t = {.build = build, .shape = c->shape};
    if (!slowed_open(build->file, c->machine.isa, &sides, reason, sizeof reason)) {
        complain("%s", reason);
        return EXIT_USAGE;
    }
    t.decided = calloc((size_t)runs + 1, sizeof *t.decided);
    t.error = calloc((size_t)runs + 1, sizeof *t.error);
    int code = EXIT_BUG;
    if (t.decided && t.error && repeat(&t, &sides, c, runs, s->seed * 1000003)) {
        if (t.runs) {
            summarise(&t, s->neighbours > 0);
            print_tally(&t);
            json_array_append_new(rows, tally_json(&t));
        }
        code = interrupted ? EXIT_INTERRUPTED : t.failed[0] ? EXIT_FINDING : EXIT_WELL;
    }
    free(t.decided);
    free(t.error);
    compare_sides_close(&sides);
    return code;
}

static int run_shape(const slowed_shape *shape, const clock_settings *s, json_t *rows)
{
    char reason[512];
    slowed_case c;
    int code = EXIT_WELL;
    if (!slowed_case_make(&c, shape, s->set, s->isa, s->seed, reason, sizeof reason)) {
        complain("%s", reason);
        return EXIT_UNDECIDED;
    }
    for (int b = 0; b < BUILDS && !interrupted; b++)
        if (!s->only || is_listed(s->only, &builds[b])) code = worse_exit(code, run_row(&builds[b], &c, s, rows));
    slowed_case_free(&c);
    return code;
}

json_t *selftest_clock(const clock_settings *s, int *code)
{
    json_t *rows = json_array();
    neighbours beside;
    const int begun = neighbours_begin(&beside, s->neighbours);
    if (begun < s->neighbours) complain("only %d of %d neighbours could be begun", begun, s->neighbours);
    print_header();
    *code = EXIT_WELL;
    for (int i = 0; i < SLOWED_SHAPES && !interrupted; i++)
        *code = worse_exit(*code, run_shape(&slowed_shapes[i], s, rows));
    neighbours_end(&beside);
    return json_pack("{s:i, s:f, s:f, s:f, s:o}", "neighbours", s->neighbours, "delta", delta, "alpha", alpha, "beta",
                     beta, "rows", rows);
}
