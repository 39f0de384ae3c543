/* compare_launch.c: confirmation in fresh launches of this program.
 *
 * Each has its own address-space layout, an environment of another size (which moves the stack), buffers at other places in their pages, and
 * loads the two modules in another order. Its verdict is one number, the median of some hundred pairs; what is claimed of the two builds
 * is claimed of the mean of these numbers. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "child.h"
#include "compare.h"
#include "duel.h"
#include "inputs.h"
#include "status.h"

static const size_t launch_pairs = 100; /* median good to about a tenth of what launches differ by */
static const double launch_seconds = 1; /* at most for them */
static const double launch_limit = 60;  /* seconds, with inputs made and modules loaded, before it counts as hung */
static const int most_padding = 4096;   /* bytes of environment: a page */

typedef struct launch {
    char **argument;
    FILE *out;
    int number;
} launch;

static void exec_self(void *arg)
{
    const launch *l = arg;
    char padding[4097];
    const int bytes = (l->number * 1009) % most_padding; /* another remainder in each, in no order */
    memset(padding, 'x', (size_t)bytes);
    padding[bytes] = 0;
    setenv("ATTNBENCH_LAUNCH_PADDING", padding, 1);
    dup2(fileno(l->out), STDOUT_FILENO);
    execv("/proc/self/exe", l->argument);
}

/* The launch's median; NaN and a reason. */
static double one_launch(char **argument, int number, char *reason, size_t size)
{
    const child_limit limit = {.seconds = launch_limit};
    launch l = {argument, tmpfile(), number};
    double median = (double)NAN;
    if (!l.out) {
        snprintf(reason, size, "no temporary file");
        return median;
    }
    child_run(exec_self, &l, &limit, reason, size);
    json_error_t error;
    rewind(l.out);
    json_t *said = json_loadf(l.out, 0, &error);
    const json_t *number_said = json_object_get(said, "median");
    if (json_is_number(number_said)) median = json_number_value(number_said);
    json_decref(said);
    fclose(l.out);
    return median;
}

static char *named(const compare_side *s, const attn_kernel *k)
{
    char *text = NULL;
    return asprintf(&text, "%s:%s", s->path, compare_kernel_name(k)) < 0 ? NULL : text;
}

static void run_launches(comparison *c, const compare_sides *sides, const compare_settings *s)
{
    char threads[16], seed[24], number[16], reason[256], launch_flag[] = "--launch", name[] = "attnbench",
                                                         command[] = "compare";
    char workload_flag[] = "--workload", threads_flag[] = "--threads", seed_flag[] = "--seed";
    char residency_flag[16];
    snprintf(threads, sizeof threads, "%d", c->threads);
    snprintf(residency_flag, sizeof residency_flag, "%s", s->residency == RESIDENCY_COLD ? "--cold" : "--rotate");
    char *base = named(&sides->side[0], c->kernel[0]), *fresh = named(&sides->side[1], c->kernel[1]);
    char *argument[] = {name,
                        command,
                        base,
                        fresh,
                        workload_flag,
                        c->w->spec,
                        threads_flag,
                        threads,
                        seed_flag,
                        seed,
                        launch_flag,
                        number,
                        s->residency == RESIDENCY_HOT ? NULL : residency_flag,
                        NULL};
    for (int i = 0; base && fresh && i < s->launches && !interrupted; i++) {
        progress("confirming: launch %d of %d", i + 1, s->launches);
        snprintf(seed, sizeof seed, "%llu", (unsigned long long)s->seed);
        snprintf(number, sizeof number, "%d", i + 1);
        const double median = one_launch(argument, i + 1, reason, sizeof reason);
        if (isnan(median)) {
            snprintf(c->why, sizeof c->why, "launch %d gave no time: %s", i + 1, reason);
            break;
        }
        c->launch[c->launches++] = median;
    }
    progress_clear();
    free(base);
    free(fresh);
}

void compare_confirm(comparison *c, const compare_sides *sides, const compare_settings *s)
{
    if (s->launches == 0 || (c->verdict != COMPARE_SLOWER && c->verdict != COMPARE_FASTER)) return;
    const double border = log1p(s->delta), one = c->figures.median;
    run_launches(c, sides, s);
    c->over_launches = launch_figures_of(c->launch, (size_t)c->launches, compare_alpha(s));
    const interval at = c->over_launches.bounds;
    if (c->launches < s->launches) {
        c->verdict = COMPARE_COULD_NOT_TELL;
        if (!c->why[0]) snprintf(c->why, sizeof c->why, "interrupted before it was confirmed");
    } else if (c->verdict == COMPARE_SLOWER ? at.low <= border : at.high >= -border) {
        c->verdict = at.high >= border  ? COMPARE_COULD_NOT_TELL
                     : at.low > -border ? COMPARE_NO_DIFFERENCE
                                        : COMPARE_NOT_SLOWER;
        snprintf(c->why, sizeof c->why, "%+.2g %% in one process was not confirmed by %d launches: layout",
                 100 * expm1(one), c->launches);
    }
}

int compare_launch(const compare_sides *sides, const workload *w, int threads, int number, const compare_settings *s)
{
    char reason[320];
    instance in;
    int64_t calls;
    int wrong, ok = 0;
    paired_run *run = calloc(1, sizeof *run);
    const compare_pair *pair = &sides->pair[0];
    /* Another stream for each launch, the same again for the same seed. */
    const uint64_t layout = s->seed * 1000003 + (uint64_t)number;
    if (run && instance_describe(&in, w, w->has_class ? w->input : INPUT_NORMAL, s->seed, reason, sizeof reason)) {
        if (instance_fill(&in, reason, sizeof reason)) {
            const duel d = {.kernel = {pair->kernel[0], pair->kernel[1]},
                            .in = &in,
                            .machine = s->machine,
                            .threads = threads,
                            .residency = s->residency,
                            .layout = layout};
            const paired_settings settings = {
                {s->delta, compare_alpha(s), s->beta}, layout, launch_seconds, 0, launch_pairs, NULL};
            ok = duel_run(&d, &settings, run, &calls, &wrong, reason, sizeof reason);
        }
        instance_free(&in);
    } else if (!run) {
        snprintf(reason, sizeof reason, "out of memory");
    }
    comparison c = {.kernel = {pair->kernel[0], pair->kernel[1]}};
    if (ok) compare_conclude(&c, run, s);
    if (ok && c.timed && c.verdict != COMPARE_WRONG)
        printf("{\"median\": %.17g, \"pairs\": %zu}\n", c.figures.median, c.pairs);
    else
        complain("%s", ok ? c.why : reason);
    json_decref(c.samples);
    free(run);
    return ok ? EXIT_WELL : EXIT_UNDECIDED;
}
