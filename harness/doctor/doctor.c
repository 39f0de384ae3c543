/* doctor.c: from facts to a diagnosis: a line for each fact, and where one disturbs, what would mend it.
 *
 * Limits: a noise that Google Benchmark's repetitions average out is no warning; the figures below are where a median
 * of some repetitions moves by a percent or more. */
#include "doctor.h"

#include "build_info.h"
#include "counters/counter_run.h"
#include "cpu.h"
#include "problem.h"

#include <linux/perf_event.h>
#include <math.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const double tail_warns = 1.10, drift_warns = 1.05; /* p99 / median; median / min */
static const double tail_forbids = 5, drift_forbids = 3;
static const double clock_warns = 1e-6, clock_forbids = 1e-5;         /* seconds a step: a slice is 50 to 400 us */
static const double steal_warns = 0.01, load_warns = 0.5;             /* of the time; busy threads a processor */
static const double two_percent_within = 0.5, one_percent_within = 3; /* seconds a case: what selftest clock requires */
static const double preempted_warns = 20;                             /* times a second: a quiet machine has some */
static const double longer_helps = 0.7;                               /* of the time needed */

/* ---- lines ----------------------------------------------------------------------------------------------------- */

static doctor_line *say(doctor_report *r, const char *what, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static doctor_line *say(doctor_report *r, const char *what, const char *format, ...)
{
    doctor_line *const line = &r->line[r->lines++];
    va_list arguments;
    *line = (doctor_line){.what = what};
    va_start(arguments, format);
    vsnprintf(line->found, sizeof line->found, format, arguments);
    va_end(arguments);
    return line;
}

static void warn(doctor_report *r, doctor_line *line, const char *warning, const char *mend)
{
    snprintf(line->warning, sizeof line->warning, "%s", warning);
    snprintf(line->mend, sizeof line->mend, "%s", mend);
    r->warnings++;
}

/* ---- diagnosis ------------------------------------------------------------------------------------------------- */

static void diagnose_machine(const doctor_facts *f, doctor_report *r)
{
    const machine_facts *const m = f->machine;
    char used[160], detected[160];
    attn_isa_names(f->isa, used, sizeof used);
    attn_isa_names(attn_cpu_detected(), detected, sizeof detected);
    say(r, "cpu", "%s (%s), %d processors, %d usable", m->cpu, m->cpu_id, m->processors, m->threads);
    say(r, "caches", "L1d %lld KB, L2 %lld KB, L3 %lld KB, lines of %lld B", (long long)m->l1d >> 10,
        (long long)m->l2 >> 10, (long long)m->l3 >> 10, (long long)m->line);
    doctor_line *line = say(r, "instructions", "%.150s", used);
    if (strcmp(used, detected) != 0)
        warn(r, line, "ATTNBENCH_ISA lowers what the CPU has: kernels for more are not run", "unset ATTNBENCH_ISA");
    say(r, "system", "%s, hypervisor: %s", m->kernel, m->hypervisor);
    line = say(r, "build", "%s", *f->build_type ? f->build_type : "no build type");
    if (strcmp(f->build_type, "Release") != 0)
        warn(r, line, "this is no Release build: harness and portable kernels are slower than they could be",
             "cmake -B build -DCMAKE_BUILD_TYPE=Release && cmake --build build --target attnbench");
}

static const char *switch_name(doctor_switch s)
{
    return s == SWITCH_ON ? "on" : s == SWITCH_OFF ? "off" : "unknown: not in sysfs";
}

static void diagnose_clocking(const doctor_facts *f, doctor_report *r)
{
    const char *const governor = f->machine->governor;
    doctor_line *line = say(r, "governor", "%s", governor);
    if (strcmp(governor, "performance") != 0 && strncmp(governor, "unknown", 7) != 0)
        warn(r, line, "the clock follows the load, so the first calls run slower",
             "sudo cpupower frequency-set -g performance");
    line = say(r, "turbo", "%s", switch_name(f->before.turbo));
    if (f->before.turbo == SWITCH_ON)
        warn(r, line, "the clock depends on heat and on how many cores are busy",
             "echo 1 | sudo tee /sys/devices/system/cpu/intel_pstate/no_turbo, or echo 0 | sudo tee "
             "/sys/devices/system/cpu/cpufreq/boost");
    line = say(r, "smt", "%s", switch_name(f->before.smt));
    if (f->before.smt == SWITCH_ON)
        warn(r, line, "two of our threads, or one and a stranger's, may share a core",
             "echo off | sudo tee /sys/devices/system/cpu/smt/control");
}

static void diagnose_neighbours(const doctor_facts *f, doctor_report *r)
{
    const double ticks = f->after.ticks - f->before.ticks;
    const bool known = f->before.ticks >= 0 && f->after.ticks >= 0 && ticks > 0;
    const double steal = known ? (f->after.steal - f->before.steal) / ticks : 0;
    doctor_line *line = known ? say(r, "steal", "%.2f %% of the time", 100 * steal) : say(r, "steal", "unknown");
    if (steal > steal_warns)
        warn(r, line, "other guests of the host take processor time",
             "use a dedicated host, or repeat at another time");
    line = f->before.load >= 0 ? say(r, "load", "%.2f in the last minute", f->before.load) : say(r, "load", "unknown");
    if (f->before.load > load_warns * f->machine->processors)
        warn(r, line, "other programs are busy", "end them (top shows which), or wait a minute");
}

static void diagnose_limits(const doctor_facts *f, doctor_report *r)
{
    const cgroup_limits *const limits = &f->after.cgroup;
    const long long throttled = (long long)limits->throttled;
    char cpus[48] = "none", times[64] = "";
    if (limits->cpus > 0) snprintf(cpus, sizeof cpus, "%.2f processors", limits->cpus);
    if (throttled >= 0) snprintf(times, sizeof times, ", throttled %lld times so far", throttled);
    doctor_line *line = say(r, "cgroup limit", "%s%s", cpus, times);
    if (throttled > (long long)f->before.cgroup.throttled)
        warn(r, line, "the control group was throttled while the doctor looked: times hold the pauses",
             "raise the limit (cpu.max; docker run --cpus), or use fewer threads: --threads 1");
    line = say(r, "pinning", "%d of %d threads, each to one processor", f->probes.pinned, f->probes.threads);
    if (f->probes.pinned < f->probes.threads)
        warn(r, line, "threads may move between processors and lose their caches",
             "allow sched_setaffinity in the container's seccomp profile; taskset -c 0-N gives processors to us");
}

static void diagnose_time(const doctor_facts *f, doctor_report *r)
{
    const doctor_probes *const p = &f->probes;
    doctor_line *line = say(r, "clock", "steps of %.0f ns, %.0f ns a look (%s)", 1e9 * p->clock_step,
                            1e9 * p->clock_cost, *f->before.clock ? f->before.clock : "source unknown");
    if (!(p->clock_step <= clock_warns) || p->clock_cost > clock_warns)
        warn(r, line, "the clock is coarse or slow: short calls cannot be timed one by one",
             "echo tsc | sudo tee /sys/devices/system/clocksource/clocksource0/current_clocksource");
    const double tail = p->slices ? p->slice_p99 / p->slice_median : 0;
    const double drift = p->slices ? p->slice_median / p->slice_min : 0;
    line = say(r, "noise floor", "p99 / median %.3f, median / min %.3f (%d slices of %.0f us)", tail, drift, p->slices,
               1e6 * p->slice_median);
    if (tail > tail_warns || drift > drift_warns)
        warn(r, line, "the same work takes differently long: small differences between kernels mean nothing",
             "end other programs, pin with taskset, and repeat more: bench -- --benchmark_repetitions=20");
    say(r, "dispatch", "%.2f us to %d threads and back", 1e6 * p->dispatch, p->threads);
    r->measurable = p->clock_step <= clock_forbids && p->slices && tail < tail_forbids && drift < drift_forbids;
}

/* "0.12 s", "more than 5 s". */
static void put_needed(double seconds, char *out, size_t size)
{
    if (isfinite(seconds))
        snprintf(out, size, "%.2g s", seconds);
    else
        snprintf(out, size, "more than %g s", doctor_most_seconds);
}

/* What would let the clock see more, most likely first. */
static void advise(const doctor_facts *f, const doctor_resolution *s, char *out, size_t size)
{
    const double preempted = s->seconds > 0 ? s->preemptions / s->seconds : 0;
    size_t used = 0;
    if (preempted > preempted_warns)
        used += (size_t)snprintf(out, size, "end other programs, which took our processor %.0f times a second; ",
                                 preempted);
    if (f->before.turbo == SWITCH_ON || strcmp(f->machine->governor, "powersave") == 0)
        used += (size_t)snprintf(out + used, size - used, "fix the clock (governor and turbo, above); ");
    if (f->processor >= 0)
        used += (size_t)snprintf(out + used, size - used, "pin: taskset -c %d attnbench compare ...; ", f->processor);
    for (int e = 0; e < DOCTOR_EFFECTS; e++) {
        if (!(s->needed_longer[e] < longer_helps * s->needed[e])) continue;
        used +=
            (size_t)snprintf(out + used, size - used,
                             "take a larger workload, such as b=%d (slices so many times as long would see %g %% in "
                             "%.2g s); ",
                             DOCTOR_LONGER, 100 * doctor_effects[e], s->needed_longer[e]);
        break;
    }
    snprintf(out + used, size - used, "give more time: compare --time-limit 20");
}

static void diagnose_resolution(const doctor_facts *f, const doctor_resolution *s, doctor_report *r)
{
    char needed[DOCTOR_EFFECTS][32], mend[400];
    if (!s->known) {
        if (s->reason[0]) say(r, "resolution", "%s: unknown: %s", s->name, s->reason);
        return;
    }
    for (int e = 0; e < DOCTOR_EFFECTS; e++) put_needed(s->needed[e], needed[e], sizeof needed[e]);
    doctor_line *const line =
        say(r, "resolution",
            "%s: sees 1 %% in %s a case, 2 %% in %s, 5 %% in %s; +%g %% made was called slower in %d of %d launches",
            s->name, needed[0], needed[1], needed[2], 100 * s->slowdown, s->seen, DOCTOR_LAUNCHES);
    advise(f, s, mend, sizeof mend);
    if (s->false_claims)
        warn(r, line, "equal builds were told apart: no comparison made here can be trusted", mend);
    else if (s->seen < DOCTOR_LAUNCHES || s->needed[1] > two_percent_within || s->needed[0] > one_percent_within)
        warn(r, line, "small differences between builds are seen late or not at all", mend);
}

/* A backend's reason is 'what is in the way: what would mend it'. */
static void diagnose_counters(const doctor_facts *f, doctor_report *r)
{
    doctor_line *const line =
        say(r, "counters", "%d of %d generic hardware events count", f->counters, f->counters_tried);
    if (f->counters || !f->counters_tried) return;
    const int cut = (int)strcspn(f->counters_reason, ":");
    char warning[256];
    snprintf(warning, sizeof warning, "no hardware event counts: %.*s", cut, f->counters_reason);
    const char *const mend = f->counters_reason + cut;
    warn(r, line, warning, *mend ? mend + strspn(mend, ": ") : "attnbench list counters shows what counts");
}

void doctor_diagnose(const doctor_facts *facts, doctor_report *out)
{
    memset(out, 0, sizeof *out);
    diagnose_machine(facts, out);
    diagnose_clocking(facts, out);
    diagnose_neighbours(facts, out);
    diagnose_limits(facts, out);
    diagnose_time(facts, out);
    for (int i = 0; i < DOCTOR_RESOLUTIONS; i++) diagnose_resolution(facts, &facts->resolution[i], out);
    diagnose_counters(facts, out);
}

/* ---- examination ----------------------------------------------------------------------------------------------- */

static void try_counters(doctor_facts *f)
{
    counter_event event[COUNTER_EVENTS];
    counter_value value[COUNTER_EVENTS];
    for (int i = 0; i < counters_generic_count(); i++) {
        event[f->counters_tried] = counters_generic(i);
        f->counters_tried += event[f->counters_tried].type == PERF_TYPE_HARDWARE;
    }
    if (!counter_run_probe(counters_perf(), event, f->counters_tried, value)) f->counters_tried = 0;
    for (int i = 0; i < f->counters_tried; i++) {
        f->counters += value[i].counted;
        if (!value[i].counted && !f->counters_reason[0])
            snprintf(f->counters_reason, sizeof f->counters_reason, "%s", value[i].reason);
    }
}

/* To be asked before threads are pinned. */
static int last_usable_processor(void)
{
    cpu_set_t set;
    int last = -1;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        for (int i = 0; i < CPU_SETSIZE; i++)
            if (CPU_ISSET((size_t)i, &set)) last = i;
    return last;
}

int doctor_examine(uint64_t isa, bool quick, doctor_facts *out, char *reason, size_t reason_size)
{
    memset(out, 0, sizeof *out);
    out->machine = machine_facts_get();
    out->isa = isa;
    out->build_type = BUILD_TYPE;
    out->processor = last_usable_processor();
    doctor_system_read("", &out->before);
    if (!doctor_probe(out->machine->threads, &out->probes, reason, reason_size)) return 0;
    if (!quick) doctor_resolve(isa, out->resolution);
    doctor_system_read("", &out->after);
    try_counters(out);
    return 1;
}

/* ---- JSON ------------------------------------------------------------------------------------------------------ */

static json_t *resolution_json(const doctor_resolution *s)
{
    if (!s->known) return json_pack("{s:s, s:s}", "case", s->name, "reason", s->reason);
    json_t *const sees = json_array(), *const estimates = json_array();
    for (int e = 0; e < DOCTOR_EFFECTS; e++) {
        json_t *const one = json_pack("{s:f}", "slowdown", doctor_effects[e]);
        if (isfinite(s->needed[e])) json_object_set_new(one, "seconds", json_real(s->needed[e]));
        if (isfinite(s->needed_longer[e]))
            json_object_set_new(one, "seconds_longer_slices", json_real(s->needed_longer[e]));
        json_array_append_new(sees, one);
    }
    for (int i = 0; i < DOCTOR_LAUNCHES; i++) json_array_append_new(estimates, json_real(s->estimate[i]));
    return json_pack("{s:s, s:s, s:i, s:f, s:f, s:f, s:i, s:f, s:i, s:o, s:o}", "case", s->name, "spec", s->spec,
                     "pairs", s->pairs, "seconds", s->seconds, "preemptions", s->preemptions, "spread", s->spread,
                     "false_claims", s->false_claims, "slowdown", s->slowdown, "seen", s->seen, "estimates", estimates,
                     "sees", sees);
}

json_t *doctor_json(const doctor_facts *facts, const doctor_report *report)
{
    const doctor_probes *const p = &facts->probes;
    json_t *const lines = json_array();
    for (int i = 0; i < report->lines; i++) {
        const doctor_line *const line = &report->line[i];
        json_t *const one = json_pack("{s:s, s:s}", "what", line->what, "found", line->found);
        if (line->warning[0]) {
            json_object_set_new(one, "warning", json_string(line->warning));
            json_object_set_new(one, "mend", json_string(line->mend));
        }
        json_array_append_new(lines, one);
    }
    json_t *const doctor =
        json_pack("{s:b, s:i, s:o, s:f, s:f, s:f}", "measurable", report->measurable, "warnings", report->warnings,
                  "lines", lines, "clock_step_ns", p->clock_step < 1 ? 1e9 * p->clock_step : 1e9, "clock_cost_ns",
                  1e9 * p->clock_cost, "dispatch_us", 1e6 * p->dispatch);
    if (doctor && p->slices)
        json_object_set_new(doctor, "noise",
                            json_pack("{s:i, s:f, s:f, s:f}", "slices", p->slices, "median_us", 1e6 * p->slice_median,
                                      "p99_over_median", p->slice_p99 / p->slice_median, "median_over_min",
                                      p->slice_median / p->slice_min));
    json_t *const resolution = json_array();
    for (int i = 0; i < DOCTOR_RESOLUTIONS; i++)
        if (facts->resolution[i].name) json_array_append_new(resolution, resolution_json(&facts->resolution[i]));
    if (doctor && json_array_size(resolution)) json_object_set(doctor, "resolution", resolution);
    json_decref(resolution);
    return doctor;
}
