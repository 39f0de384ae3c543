/* doctor_resolution.c: a few launches of the clock on equal builds and on one that does 2 % more work. */
#include "doctor.h"

#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/child_process.h"
#include "selftest/resolution.h"
#include "selftest/known_slowdown.h"
#include "util/console.h"

/* As a gate over 200 cases decides. */
static const decision_rule rule = {0.005, 0.01 / 200, 0.001};
static const double least = 0.1; /* seconds a case, as compare has it */
const double doctor_most_seconds = 5;
static const double recorded = 0.5, confirmed = 0.25; /* seconds of pairs of equal builds, of the slowed one */
const double doctor_effects[DOCTOR_EFFECTS] = {0.01, 0.02, 0.05};
static const double true_slowdown = 0.02;
enum { LAUNCHES = DOCTOR_LAUNCHES };

/* What is kept of a launch. */
typedef void look_at(doctor_resolution *r, int launch, const slowed_run *run, recording *kept);

static void take_equal(doctor_resolution *r, int launch, const slowed_run *run, recording *kept)
{
    sampled_pair *pair = malloc(run->run.pairs * sizeof *pair);
    if (!pair) return;
    memcpy(pair, run->run.pair, run->run.pairs * sizeof *pair);
    kept[launch] = (recording){pair, run->run.pairs, run->run.seconds};
    r->pairs += (int)run->run.pairs;
    r->seconds += run->run.seconds;
    r->preemptions += run->preemptions;
    r->false_claims += run->run.decision.slower || run->run.decision.faster || paired_void(&run->run);
}

static void take_slowed(doctor_resolution *r, int launch, const slowed_run *run, recording *kept)
{
    double *ratio = calloc(run->run.pairs + 1, sizeof *ratio);
    (void)kept;
    for (size_t i = 0; ratio && i < run->run.pairs; i++) ratio[i] = log(run->run.pair[i].fresh / run->run.pair[i].base);
    if (ratio && run->run.pairs) {
        gsl_sort(ratio, 1, run->run.pairs);
        r->estimate[launch] = expm1(gsl_stats_median_from_sorted_data(ratio, 1, run->run.pairs));
    }
    free(ratio);
    r->seen += run->run.decision.slower;
}

static int launch_all(doctor_resolution *r, const char *build, const slowed_case *c, double seconds, look_at *take,
                      slowed_run *run, recording *kept)
{
    compare_sides sides;
    char why[1400];
    int ok = slowed_open(build, c->machine.isa, &sides, why, sizeof why);
    for (int i = 0; ok && i < LAUNCHES && !interrupted; i++) {
        const paired_settings settings = {rule, (uint64_t)i + 1, doctor_most_seconds, seconds, 0, NULL};
        ok = slowed_once(run, &sides, c, &settings);
        if (ok)
            take(r, i, run, kept);
        else
            snprintf(why, sizeof why, "%s", run->reason);
    }
    if (!ok || interrupted) snprintf(r->reason, sizeof r->reason, "%.150s", interrupted ? "interrupted" : why);
    compare_sides_close(&sides);
    return ok && !interrupted;
}

static void conclude(doctor_resolution *r, const recording *kept)
{
    const replay_rule as_is = {rule, least, doctor_most_seconds, 1},
                      longer = {rule, least, doctor_most_seconds, DOCTOR_LONGER};
    r->spread = resolution_spread(kept, LAUNCHES);
    for (int e = 0; e < DOCTOR_EFFECTS; e++) {
        r->needed[e] = resolution_seconds(kept, LAUNCHES, doctor_effects[e], &as_is);
        r->needed_longer[e] = resolution_seconds(kept, LAUNCHES, doctor_effects[e], &longer);
    }
}

static void look_at_shape(doctor_resolution *r, const slowed_shape *shape, const workload_set *set, uint64_t isa,
                          slowed_run *run)
{
    slowed_case c;
    recording kept[LAUNCHES] = {{NULL, 0, 0}};
    r->name = shape->name;
    r->spec = shape->spec;
    r->slowdown = true_slowdown;
    if (!slowed_case_make(&c, shape, set, isa, 1, r->reason, sizeof r->reason)) return;
    if (launch_all(r, "slowed_again", &c, recorded, take_equal, run, kept) &&
        launch_all(r, "slowed_2", &c, confirmed, take_slowed, run, kept)) {
        conclude(r, kept);
        r->known = true;
    }
    for (int i = 0; i < LAUNCHES; i++) free(kept[i].pair);
    slowed_case_free(&c);
}

void doctor_resolve(uint64_t isa, doctor_resolution out[DOCTOR_RESOLUTIONS])
{
    char reason[256] = "out of memory";
    slowed_run *run = shared_new(sizeof *run);
    workload_set *set = workload_set_new(reason, sizeof reason);
    for (int i = 0; i < DOCTOR_RESOLUTIONS; i++) {
        out[i] = (doctor_resolution){.name = slowed_shapes[i].name};
        if (run && set)
            look_at_shape(&out[i], &slowed_shapes[i], set, isa, run);
        else
            snprintf(out[i].reason, sizeof out[i].reason, "%.150s", reason);
    }
    if (set) workload_set_free(set);
    shared_free(run, sizeof *run);
}
