/* compare_files.c: repetitions of the entries that both records have, by name. */
#include "compare_files.h"

#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "results.h"
#include "results_table.h"
#include "stats_sign.h"
#include "status.h"

static const double default_delta = 0.05, family_alpha = 0.01;

bool compare_is_file(const char *word)
{
    const size_t length = strlen(word);
    return length > 5 && strcmp(word + length - 5, ".json") == 0;
}

/* ---- what was measured ------------------------------------------------------------------------------------------- */

static double nanoseconds(const json_t *entry)
{
    const char *unit = json_string_value(json_object_get(entry, "time_unit"));
    const double factor = !unit || unit[0] == 'n' ? 1 : unit[0] == 'u' ? 1e3 : unit[0] == 'm' ? 1e6 : 1e9;
    return factor * json_number_value(json_object_get(entry, "real_time"));
}

static const char *run_of(const json_t *entry)
{
    const char *run = json_string_value(json_object_get(entry, "run_name"));
    const char *type = json_string_value(json_object_get(entry, "run_type"));
    if (type && strcmp(type, "iteration")) return NULL;
    if (entry_error(entry) || nanoseconds(entry) <= 0) return NULL;
    return run ? run : json_string_value(json_object_get(entry, "name"));
}

/* Sorted times of all repetitions of a run; NULL where there are none. */
static double *times_of(const json_t *record, const char *run, size_t *count)
{
    const json_t *entries = json_object_get(record, "benchmarks");
    double *time = calloc(json_array_size(entries) + 1, sizeof *time);
    size_t i;
    const json_t *entry;
    *count = 0;
    json_array_foreach(entries, i, entry)
    {
        const char *name = run_of(entry);
        if (time && name && strcmp(name, run) == 0) time[(*count)++] = nanoseconds(entry);
    }
    if (time && *count) {
        gsl_sort(time, 1, *count);
        return time;
    }
    free(time);
    return NULL;
}

static bool seen_before(const json_t *entries, size_t index, const char *run)
{
    for (size_t i = 0; i < index; i++) {
        const char *name = run_of(json_array_get(entries, i));
        if (name && strcmp(name, run) == 0) return true;
    }
    return false;
}

/* ---- may they be compared? --------------------------------------------------------------------------------------- */

/* What a time depends on besides the kernels; never measured frequencies. The first that differs, or NULL. */
static const char *different(const json_t *base, const json_t *fresh)
{
    static const char *const keys[] = {"cpu_id", "cpu", "isa", "caches", "processors", "hypervisor", "kernel"};
    const json_t *a = json_object_get(json_object_get(base, "context"), "attnbench");
    const json_t *b = json_object_get(json_object_get(fresh, "context"), "attnbench");
    if (!a || !b) return "context (one of them was not written by attnbench)";
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (json_object_get(a, keys[i]) || json_object_get(b, keys[i]))
            if (!json_equal(json_object_get(a, keys[i]), json_object_get(b, keys[i]))) return keys[i];
    return NULL;
}

/* ---- one entry --------------------------------------------------------------------------------------------------- */

typedef struct rule {
    double delta, alpha; /* alpha of one entry */
} rule;

typedef struct tally {
    int slower, faster, neither, not_slower, undecided;
} tally;

static void compare_times(const char *run, const double *base, size_t bases, const double *fresh, size_t freshes,
                          const rule *r, tally *t)
{
    const double ratio =
        gsl_stats_median_from_sorted_data(fresh, 1, freshes) / gsl_stats_median_from_sorted_data(base, 1, bases);
    const interval b = sign_interval_exact(base, bases, r->alpha / 2),
                   f = sign_interval_exact(fresh, freshes, r->alpha / 2);
    printf("%s: ", run);
    if (isinf(b.low) || isinf(f.low)) {
        /* Both extremes are left out with probability 2^(1-n). */
        printf("could not tell: NEW reads %+.2g %%, but %zu and %zu repetitions are too few; %.0f of each are needed\n",
               100 * (ratio - 1), bases, freshes, ceil(1 - log2(r->alpha / 2)));
        t->undecided++;
        return;
    }
    const double low = f.low / b.high, high = f.high / b.low, border = 1 + r->delta;
    if (low > border || high < 1 / border) {
        const bool slower = low > border;
        const double x = slower ? ratio : 1 / ratio, from = slower ? low : 1 / high, to = slower ? high : 1 / low;
        printf("NEW reads %.2g %% %s than BASE [%.2g, %.2g]\n", 100 * (x - 1), slower ? "slower" : "faster",
               100 * (from - 1), 100 * (to - 1));
        t->slower += slower;
        t->faster += !slower;
    } else if (high <= border) {
        const bool none = low >= 1 / border;
        printf("%s %.2g %% [%+.2g, %+.2g]\n",
               none ? "no difference beyond" : "NEW is not slower than BASE by more than", 100 * r->delta,
               100 * (low - 1), 100 * (high - 1));
        t->neither += none;
        t->not_slower += !none;
    } else {
        printf("could not tell: NEW reads %+.2g %% [%+.2g, %+.2g]\n", 100 * (ratio - 1), 100 * (low - 1),
               100 * (high - 1));
        t->undecided++;
    }
}

static int each_entry(const json_t *base, const json_t *fresh, const rule *r, tally *t)
{
    const json_t *entries = json_object_get(base, "benchmarks");
    int compared = 0;
    size_t i;
    const json_t *entry;
    json_array_foreach(entries, i, entry)
    {
        const char *run = run_of(entry);
        size_t bases, freshes;
        if (!run || seen_before(entries, i, run)) continue;
        double *a = times_of(base, run, &bases), *b = times_of(fresh, run, &freshes);
        if (a && b) {
            compared++;
            if (t) compare_times(run, a, bases, b, freshes, r, t);
        } else if (t) {
            printf("%s: only in BASE\n", run);
        }
        free(a);
        free(b);
    }
    return compared;
}

static int conclude(const tally *t)
{
    printf(
        "\n%d slower, %d faster, %d no difference, %d not slower, %d could not tell; records are a weaker witness than "
        "the kernels themselves:\n"
        "'attnbench compare FILE.so FILE.so' measures both in turn\n",
        t->slower, t->faster, t->neither, t->not_slower, t->undecided);
    if (t->slower) return EXIT_FINDING;
    return t->undecided ? EXIT_UNDECIDED : EXIT_WELL;
}

int compare_files(const options *o)
{
    char reason[1024];
    json_t *base = record_read(o->words.word[0], reason, sizeof reason);
    json_t *fresh = base ? record_read(o->words.word[1], reason, sizeof reason) : NULL;
    int code = EXIT_USAGE;
    if (!fresh) {
        complain("%s", reason);
    } else {
        const int cases = each_entry(base, fresh, NULL, NULL);
        const char *other = different(base, fresh);
        const rule r = {o->threshold > 0 ? o->threshold : default_delta, family_alpha / (cases > 1 ? cases : 1)};
        tally t = {0};
        code = EXIT_UNDECIDED;
        if (other)
            complain("could not tell: the records differ in %s; compare the kernels themselves, on one machine", other);
        else if (cases == 0)
            complain("could not tell: the records have no entry of the same name in common");
        else {
            each_entry(base, fresh, &r, &t);
            code = conclude(&t);
        }
    }
    json_decref(base);
    json_decref(fresh);
    return code;
}
