/* real_clock: what only a machine's own clock can tell, and a busy machine tells wrongly. No test of the suite:
 * scripts/nightly asks it, on a machine that does nothing else. Prints what does not hold; exit 1 then. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run/call.h"
#include "machine/ceilings.h"
#include "cpu.h"
#include "doctor/doctor.h"
#include "tensors/instance.h"
#include "machine/pool.h"
#include "run/cache_state.h"
#include "util/console.h"

static int failures;

static void hold(bool holds, const char *what)
{
    printf("%s: %s\n", holds ? "holds" : "DOES NOT HOLD", what);
    failures += !holds;
}

static void look_at_ceilings(void)
{
    static ceilings c;
    int last = 0;
    ceilings_measure(attn_cpu_detected(), &c);
    /* Under -march=native the portable loop is as wide as any. */
    if (__BIGGEST_ALIGNMENT__ <= 16 && c.rate[ATTN_CEILING_FP32_AVX2] > 0)
        hold(c.rate[ATTN_CEILING_FP32_AVX2] >= 1.5 * c.rate[ATTN_CEILING_FP32_PORTABLE],
             "wider instructions multiply more");
    for (int i = 0; i < CEILING_FOOTPRINTS; i++)
        if (c.bandwidth[i].bytes_per_second > 0) last = i;
    hold(c.bandwidth[0].bytes_per_second > c.bandwidth[last].bytes_per_second, "small footprints are read faster");
    hold(c.bandwidth[0].bytes_per_second < 1e12, "bytes are read at all"); /* no thread loads 1 KB in a nanosecond */
}

static void look_at_probes(void)
{
    char reason[256];
    doctor_probes p;
    if (!doctor_probe(2, &p, reason, sizeof reason)) {
        hold(false, reason);
        return;
    }
    hold(p.clock_step > 0 && p.clock_cost > 0 && p.clock_cost < 1e-3,
         "a look at the clock takes less than a millisecond");
    hold(p.slice_min > 20e-6 && p.slice_median < 1e-3, "the doctor's slices are some 100 us long");
    hold(p.dispatch > 10e-9 && p.dispatch < 10e-3, "a task reaches two threads within 10 ms");
}

/* Seconds to read all of K once, a word a line. */
static double read_keys(const instance *in)
{
    const volatile float *const k = in->slot[ATTN_K].data;
    float sum = 0;
    const double begin = clock_seconds();
    for (int64_t i = 0; i < in->slot[ATTN_K].extent[2] * in->slot[ATTN_K].extent[3]; i += 16) sum += k[i];
    const double seconds = clock_seconds() - begin;
    return sum < INFINITY ? seconds : 0;
}

static void look_at_flushing(void)
{
    char reason[512];
    instance in;
    workload w;
    call c = {.exec = exec_serial()};
    double hot = INFINITY, cold = INFINITY;
    if (!residency_possible(RESIDENCY_COLD, reason, sizeof reason)) return;
    if (!workload_parse("h=1,q=16,k=512,d=64", NULL, &w, reason, sizeof reason) || /* 128 KB of keys */
        !instance_describe(&in, &w, INPUT_NORMAL, 1, reason, sizeof reason) ||
        !instance_fill(&in, reason, sizeof reason)) {
        hold(false, reason);
        return;
    }
    memcpy(c.slot, in.slot, sizeof in.slot);
    for (int i = 0; i < 50; i++) {
        residency_evict(&in, &c);
        cold = fmin(cold, read_keys(&in));
        hot = fmin(hot, read_keys(&in));
    }
    hold(cold > 1.5 * hot, "what was flushed is slow to read");
    instance_free(&in);
    workload_free(&w);
}

int main(void)
{
    look_at_ceilings();
    look_at_probes();
    look_at_flushing();
    return failures ? EXIT_FINDING : EXIT_WELL;
}
