/* doctor_probes.c: clock, noise floor and dispatch, measured on pinned threads as kernels are.
 *
 * The noise floor is that of a loop which does the same each time and touches no memory: whatever its slices differ by,
 * the machine does. */
#include "doctor.h"

#include "machine/pool.h"
#include "util/console.h"

#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LOOKS = 20000, SLICES = 4000, DISPATCHES = 2000 };
static const double slice_seconds = 100e-6;

static void probe_clock(const doctor_clock *c, doctor_probes *out)
{
    const double begin = c->now(c->ctx);
    double last = begin;
    out->clock_step = INFINITY;
    for (int i = 0; i < LOOKS; i++) {
        const double now = c->now(c->ctx);
        if (now > last) out->clock_step = fmin(out->clock_step, now - last);
        last = now;
    }
    out->clock_cost = (last - begin) / LOOKS;
}

/* A chain of multiply-adds, each waiting for the one before: the same number of cycles each time. */
static double chain(int64_t rounds)
{
    volatile double start = 0.5;
    double x = start;
    for (int64_t i = 0; i < rounds; i++) x = x * 0.5 + 0.25;
    return x;
}

static void machine_work(void *ctx, int64_t rounds)
{
    volatile double kept = chain(rounds);
    (void)ctx, (void)kept;
}

static double machine_now(void *ctx)
{
    (void)ctx;
    return clock_seconds();
}

static const doctor_clock this_machine = {machine_now, machine_work, NULL};

static double timed_work(const doctor_clock *c, int64_t rounds)
{
    const double begin = c->now(c->ctx);
    c->work(c->ctx, rounds);
    return c->now(c->ctx) - begin;
}

/* Rounds that take a slice, by the best of several tries. */
static int64_t rounds_of_slice(const doctor_clock *c)
{
    int64_t rounds = 1000;
    for (;;) {
        double best = INFINITY;
        for (int i = 0; i < 20; i++) best = fmin(best, timed_work(c, rounds));
        if (best >= slice_seconds / 2) return (int64_t)((double)rounds * slice_seconds / best);
        rounds *= 2;
    }
}

static void probe_noise(const doctor_clock *c, doctor_probes *out)
{
    double *const slice = malloc(SLICES * sizeof *slice);
    if (!slice) return;
    const int64_t rounds = rounds_of_slice(c);
    for (int i = 0; i < SLICES; i++) slice[i] = timed_work(c, rounds);
    gsl_sort(slice, 1, SLICES);
    out->slices = SLICES;
    out->slice_min = slice[0];
    out->slice_median = gsl_stats_median_from_sorted_data(slice, 1, SLICES);
    out->slice_p99 = gsl_stats_quantile_from_sorted_data(slice, 1, SLICES, 0.99);
    free(slice);
}

static void nothing(void *arg, int thread) { (void)arg, (void)thread; }

static void probe_dispatch(const doctor_clock *c, const attn_exec *exec, doctor_probes *out)
{
    double *const sample = malloc(DISPATCHES * sizeof *sample);
    if (!sample) return;
    for (int i = 0; i < DISPATCHES; i++) {
        const double begin = c->now(c->ctx);
        exec->team(exec, nothing, NULL);
        sample[i] = c->now(c->ctx) - begin;
    }
    gsl_sort(sample, 1, DISPATCHES);
    out->dispatch = gsl_stats_median_from_sorted_data(sample, 1, DISPATCHES);
    free(sample);
}

int doctor_probe_by(const doctor_clock *c, int threads, doctor_probes *out, char *reason, size_t reason_size)
{
    memset(out, 0, sizeof *out);
    pool *const p = pool_new(threads, reason, reason_size);
    if (!p) return 0;
    out->threads = threads;
    out->pinned = pool_pinned(p);
    probe_clock(c, out);
    probe_noise(c, out);
    probe_dispatch(c, pool_exec(p), out);
    pool_free(p);
    return 1;
}

int doctor_probe(int threads, doctor_probes *out, char *reason, size_t reason_size)
{
    return doctor_probe_by(&this_machine, threads, out, reason, reason_size);
}
