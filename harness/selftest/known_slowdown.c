/* known_slowdown.c: pairs of two slowed builds in a child. */
#include "known_slowdown.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "machine/ceilings.h"
#include "util/child_process.h"
#include "compare/paired_kernels.h"

static const double hung = 60; /* seconds a run may take */

const slowed_shape slowed_shapes[SLOWED_SHAPES] = {{"compute-bound", "h=1,q=200,k=22,d=128", 0.001},
                                                   {"memory-bound", "h=200,q=1,k=14,d=256", 0.002}};

int slowed_case_make(slowed_case *c, const slowed_shape *shape, const workload_set *set, uint64_t isa, uint64_t seed,
                     char *reason, size_t reason_size)
{
    memset(c, 0, sizeof *c);
    if (!workload_parse(shape->spec, set, &c->w, reason, reason_size)) return 0;
    c->shape = shape;
    c->machine = ceilings_machine(NULL, isa, 1);
    if (instance_describe(&c->in, &c->w, INPUT_NORMAL, seed, reason, reason_size) &&
        instance_fill(&c->in, reason, reason_size))
        return 1;
    slowed_case_free(c);
    return 0;
}

void slowed_case_free(slowed_case *c)
{
    if (!c->shape) return;
    instance_free(&c->in);
    workload_free(&c->w);
    memset(c, 0, sizeof *c);
}

int slowed_open(const char *build, uint64_t isa, compare_sides *out, char *reason, size_t reason_size)
{
    char fresh[64];
    snprintf(fresh, sizeof fresh, "slowed/%.40s.so", build);
    return compare_sides_open_own("slowed/slowed_0.so", fresh, isa, out, reason, reason_size);
}

/* ---- in the child ------------------------------------------------------------------------------------------------ */

typedef struct child_run_of {
    slowed_run *out;
    const compare_sides *sides;
    const slowed_case *c;
    paired_settings settings;
} child_run_of;

static double preempted(void)
{
    struct rusage use;
    return getrusage(RUSAGE_THREAD, &use) ? 0 : (double)use.ru_nivcsw;
}

static void run_in_child(void *arg)
{
    const child_run_of *a = arg;
    const paired_kernels d = {.kernel = {a->sides->pair[0].kernel[0], a->sides->pair[0].kernel[1]},
                              .in = &a->c->in,
                              .machine = &a->c->machine,
                              .threads = 1,
                              .layout = a->settings.seed};
    int64_t calls;
    int wrong;
    const double before = preempted();
    a->out->ran =
        paired_kernels_run(&d, &a->settings, &a->out->run, &calls, &wrong, a->out->reason, sizeof a->out->reason);
    a->out->preemptions = preempted() - before;
}

int slowed_once(slowed_run *out, const compare_sides *sides, const slowed_case *c, const paired_settings *settings)
{
    const child_limit within = {.seconds = hung};
    child_run_of a = {out, sides, c, *settings};
    char end[200];
    memset(out, 0, sizeof *out);
    if (child_run(run_in_child, &a, &within, end, sizeof end) != CHILD_DONE)
        snprintf(out->reason, sizeof out->reason, "%s", end);
    return out->ran;
}
