/* compare_launch.c: confirms a verdict in fresh launches of this program.
 *
 * compare_run_launches starts them; each runs compare_launch. A launch has its own address-space layout, an environment
 * of another size (which moves the stack), buffers at other places in their pages, and may load the two modules in
 * the other order. It reports one number, the median of launch_pairs pairs. The claim about two builds is a claim
 * about the mean of these numbers. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/child_process.h"
#include "compare.h"
#include "paired_kernels.h"
#include "record/record.h"
#include "util/console.h"
#include "verify/trial_run.h"

static const size_t launch_pairs = 100; /* the median's error is then about a tenth of the spread of launches */
static const double launch_seconds = 1; /* the most for those pairs */
static const double launch_limit = 60;  /* seconds, beside trial_time_limit, before a launch counts as hung */

enum { MOST_PADDING = 4096 }; /* bytes of environment: a page */

typedef struct launch {
    const comparison *c;
    const compare_sides *sides;
    const compare_settings *s;
    int number;
    FILE *out;
} launch;

static void exec_self(void *arg)
{
    const launch *l = arg;
    char base[4200], fresh[4200], threads[16], seed[24], number[16], padding[MOST_PADDING + 1];
    const char *const inputs = l->s->residency == RESIDENCY_HOT    ? NULL
                               : l->s->residency == RESIDENCY_COLD ? "--cold"
                                                                   : "--rotate";
    const size_t bytes = (size_t)l->number * 1009 % MOST_PADDING; /* sizes all differ, in no order */
    memset(padding, 'x', bytes);
    padding[bytes] = 0;
    snprintf(base, sizeof base, "%s:%s", l->sides->side[0].path, compare_kernel_name(l->c->kernel[0]));
    snprintf(fresh, sizeof fresh, "%s:%s", l->sides->side[1].path, compare_kernel_name(l->c->kernel[1]));
    snprintf(threads, sizeof threads, "%d", l->c->threads);
    snprintf(seed, sizeof seed, "%" PRIu64, l->s->seed);
    snprintf(number, sizeof number, "%d", l->number);
    setenv("ATTNBENCH_LAUNCH_PADDING", padding, 1);
    dup2(fileno(l->out), STDOUT_FILENO);
    execl("/proc/self/exe", "attnbench", "compare", base, fresh, "--workload", l->c->w->spec, "--threads", threads,
          "--seed", seed, "--launch", number, inputs, (char *)NULL);
}

/* Returns the launch's median; NaN and a reason where it gave none. *crashed: did the process die of a signal? */
static double one_launch(launch *l, bool *crashed, char *reason, size_t size)
{
    const child_limit limit = {.seconds = launch_limit + trial_time_limit(l->c->w)};
    json_error_t error;
    *crashed = false;
    l->out = tmpfile();
    if (!l->out) {
        snprintf(reason, size, "no temporary file");
        return (double)NAN;
    }
    *crashed = child_run(exec_self, l, &limit, reason, size) == CHILD_CRASHED;
    rewind(l->out);
    json_t *said = json_loadf(l->out, 0, &error);
    const double median = json_real_of(json_object_get(said, "median"), (double)NAN);
    json_decref(said);
    fclose(l->out);
    return median;
}

/* Repeats a crashed launch with one side on both lanes, NEW first. Returns the side that crashes again; -1: none. */
static int crashing_side(const launch *l)
{
    char reason[256];
    for (int side = 1; side >= 0; side--) {
        comparison c = *l->c;
        compare_sides sides = *l->sides;
        bool crashed;
        c.kernel[!side] = c.kernel[side];
        sides.side[!side].path = sides.side[side].path;
        launch alone = {&c, &sides, l->s, l->number, NULL};
        one_launch(&alone, &crashed, reason, sizeof reason);
        if (crashed) return side;
    }
    return -1;
}

static void note_lost_launch(comparison *c, const launch *l, bool crashed, const char *reason)
{
    const int side = crashed ? crashing_side(l) : -1;
    if (interrupted) return;
    snprintf(c->why, sizeof c->why, "launch %d gave no time: %s", l->number, reason);
    if (side < 0) return;
    c->verdict = COMPARE_WRONG;
    c->open = false;
    c->wrong = side;
    snprintf(c->why, sizeof c->why, "%s: %s in launch %d", c->kernel[side]->name, reason, l->number);
}

void compare_run_launches(comparison *c, const compare_sides *sides, const compare_settings *s)
{
    char reason[256];
    bool crashed;
    for (int i = c->launches; i < s->launches && !interrupted; i++) {
        launch l = {c, sides, s, i + 1, NULL};
        progress("confirming: launch %d of %d", i + 1, s->launches);
        const double median = one_launch(&l, &crashed, reason, sizeof reason);
        if (isnan(median)) {
            if (!interrupted) note_lost_launch(c, &l, crashed, reason);
            break;
        }
        c->launch[c->launches++] = median;
    }
    progress_clear();
}

paired_settings compare_launch_sampling(const compare_settings *s, int number)
{
    const decision_rule rule = {s->delta, compare_alpha(s), s->beta};
    /* Each launch has its own random stream, which the seed reproduces. */
    const uint64_t layout = s->seed * 1000003 + (uint64_t)number;
    return (paired_settings){rule, layout, launch_seconds, 0, launch_pairs, NULL};
}

int compare_launch(const compare_sides *sides, const workload *w, int threads, int number, const compare_settings *s)
{
    char reason[320];
    instance in;
    int64_t calls;
    int wrong, ok = 0;
    paired_run *run = calloc(1, sizeof *run);
    const compare_pair *pair = &sides->pair[0];
    const paired_settings settings = compare_launch_sampling(s, number);
    if (run && instance_describe(&in, w, w->has_class ? w->input : INPUT_NORMAL, s->seed, reason, sizeof reason)) {
        if (instance_fill(&in, reason, sizeof reason)) {
            const paired_kernels d = {.kernel = {pair->kernel[0], pair->kernel[1]},
                                      .in = &in,
                                      .machine = s->machine,
                                      .threads = threads,
                                      .residency = s->residency,
                                      .layout = settings.seed};
            ok = paired_kernels_run(&d, &settings, run, &calls, &wrong, reason, sizeof reason);
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
