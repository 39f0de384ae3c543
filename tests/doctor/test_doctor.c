/* test_doctor.c: the system's files read from trees made here, and the diagnosis of machines that exist only here: a
 * quiet one has no warning, and each disturbance makes exactly one, with something that would mend it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cpu.h"
#include "doctor/doctor.h"

#include <errno.h>
#include <ftw.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- files ----------------------------------------------------------------------------------------------------- */

static char root[64];

static void fresh_root(void)
{
    snprintf(root, sizeof root, "/tmp/attnbench-doctor-XXXXXX");
    assert_non_null(mkdtemp(root));
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info, (void)kind, (void)where;
    return remove(path);
}

static doctor_system read_and_remove(void)
{
    doctor_system s;
    doctor_system_read(root, &s);
    nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return s;
}

static void put(const char *path, const char *text)
{
    char name[256];
    snprintf(name, sizeof name, "%s%s", root, path);
    for (char *at = name + strlen(root) + 1; (at = strchr(at, '/')); at++) {
        *at = '\0';
        if (mkdir(name, 0777) != 0) assert_int_equal(errno, EEXIST);
        *at = '/';
    }
    FILE *const file = fopen(name, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void an_empty_system_is_unknown(void **state)
{
    (void)state;
    fresh_root();
    const doctor_system s = read_and_remove();
    assert_int_equal(s.turbo, SWITCH_UNKNOWN);
    assert_int_equal(s.smt, SWITCH_UNKNOWN);
    assert_true(s.load == -1 && s.ticks == -1 && s.steal == -1);
    assert_true(s.cgroup.throttled == -1);
    assert_string_equal(s.clock, "");
}

static void files_are_read(void **state)
{
    (void)state;
    fresh_root();
    put("/sys/devices/system/cpu/intel_pstate/no_turbo", "0\n");
    put("/sys/devices/system/cpu/smt/active", "1\n");
    put("/proc/loadavg", "1.25 0.50 0.10 2/100 999\n");
    put("/proc/stat", "cpu  100 10 20 1000 5 1 2 62 30 0\ncpu0 1 1 1 1 1 1 1 1 1 1\n");
    put("/proc/self/cgroup", "0::/job\n");
    put("/sys/fs/cgroup/job/cpu.max", "150000 100000\n");
    put("/sys/fs/cgroup/job/cpu.stat", "usage_usec 5\nnr_periods 90\nnr_throttled 17\nthrottled_usec 3\n");
    put("/sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet\n");
    doctor_system s = read_and_remove();
    assert_int_equal(s.turbo, SWITCH_ON);
    assert_int_equal(s.smt, SWITCH_ON);
    assert_true(s.load == 1.25);
    assert_true(s.ticks == 1200 && s.steal == 62); /* the guests' 30 are in user's 100 */
    assert_true(s.cgroup.cpus == 1.5 && s.cgroup.throttled == 17);
    assert_string_equal(s.clock, "hpet");

    fresh_root();
    put("/sys/devices/system/cpu/cpufreq/boost", "0\n"); /* the other driver, the other way round */
    s = read_and_remove();
    assert_int_equal(s.turbo, SWITCH_OFF);
}

/* ---- diagnosis ------------------------------------------------------------------------------------------------- */

static machine_facts quiet_machine;

static doctor_facts quiet(void)
{
    quiet_machine = (machine_facts){.threads = 4, .processors = 4, .governor = "performance"};
    doctor_facts f = {.machine = &quiet_machine,
                      .isa = attn_cpu_detected(),
                      .build_type = "Release",
                      .processor = 5,
                      .counters = 9,
                      .counters_tried = 9};
    f.before = (doctor_system){.turbo = SWITCH_OFF, .smt = SWITCH_OFF, .load = 0.1, .ticks = 1000, .steal = 5};
    f.before.cgroup.throttled = 3;
    f.after = f.before;
    f.after.ticks = 2000;
    f.probes = (doctor_probes){.clock_step = 20e-9,
                               .clock_cost = 25e-9,
                               .slices = 4000,
                               .slice_min = 100e-6,
                               .slice_median = 101e-6,
                               .slice_p99 = 104e-6,
                               .dispatch = 2e-6,
                               .threads = 4,
                               .pinned = 4};
    return f;
}

static void a_quiet_machine_has_no_warning(void **state)
{
    (void)state;
    doctor_report r;
    doctor_facts f = quiet();
    doctor_diagnose(&f, &r);
    assert_int_equal(r.warnings, 0);
    assert_true(r.measurable);
    assert_in_range(r.lines, 10, DOCTOR_LINES);
    snprintf(quiet_machine.governor, sizeof quiet_machine.governor, "unknown: no cpufreq here");
    f.before.ticks = f.after.ticks = f.before.load = -1;
    f.before.turbo = f.before.smt = SWITCH_UNKNOWN;
    doctor_diagnose(&f, &r); /* what cannot be known is no reproach */
    assert_int_equal(r.warnings, 0);
}

/* Exactly one warning, on this line, with a remedy that names `mend`. */
static void expect(const doctor_facts *f, const char *what, const char *mend, bool measurable)
{
    doctor_report r;
    doctor_diagnose(f, &r);
    assert_int_equal(r.measurable, measurable);
    assert_int_equal(r.warnings, 1);
    for (int i = 0; i < r.lines; i++) {
        if (!r.line[i].warning[0]) continue;
        assert_string_equal(r.line[i].what, what);
        assert_non_null(strstr(r.line[i].mend, mend));
    }
}

static void each_disturbance_is_named_with_its_remedy(void **state)
{
    (void)state;
    doctor_facts f = quiet();
    snprintf(quiet_machine.governor, sizeof quiet_machine.governor, "powersave");
    expect(&f, "governor", "cpupower", true);
    f = quiet(), f.before.turbo = SWITCH_ON;
    expect(&f, "turbo", "no_turbo", true);
    f = quiet(), f.before.smt = SWITCH_ON;
    expect(&f, "smt", "smt/control", true);
    f = quiet(), f.after.steal = 20; /* 15 of 1000 ticks */
    expect(&f, "steal", "host", true);
    f = quiet(), f.before.load = 2.5;
    expect(&f, "load", "top", true);
    f = quiet(), f.after.cgroup.throttled = 4;
    expect(&f, "cgroup limit", "cpu.max", true);
    f = quiet(), f.probes.pinned = 3;
    expect(&f, "pinning", "sched_setaffinity", true);
    f = quiet(), f.build_type = "Debug";
    expect(&f, "build", "Release", true);
    f = quiet(), f.probes.slice_p99 = 112e-6;
    expect(&f, "noise floor", "repetitions", true);
    f = quiet(), f.probes.slice_min = 95e-6;
    expect(&f, "noise floor", "repetitions", true);
    f = quiet(), f.counters = 0;
    snprintf(f.counters_reason, sizeof f.counters_reason, "forbidden (level is 4): sudo sysctl x=2");
    expect(&f, "counters", "sudo sysctl x=2", true);
}

static doctor_resolution sharp(void)
{
    return (doctor_resolution){.known = true,
                               .name = "compute-bound",
                               .spec = "h=1",
                               .pairs = 3000,
                               .seconds = 1.5,
                               .preemptions = 6,
                               .slowdown = 0.02,
                               .seen = DOCTOR_LAUNCHES,
                               .needed = {0.3, 0.1, 0.1},
                               .needed_longer = {0.5, 0.2, 0.1}};
}

static const char *found_of(const doctor_facts *f, const char *what)
{
    static doctor_report r;
    doctor_diagnose(f, &r);
    for (int i = 0; i < r.lines; i++)
        if (strcmp(r.line[i].what, what) == 0) return r.line[i].found;
    return NULL;
}

static void what_is_seen_late_is_named_with_its_remedy(void **state)
{
    (void)state;
    doctor_facts f = quiet();
    assert_null(found_of(&f, "resolution")); /* it was not looked for */
    f.resolution[0] = (doctor_resolution){.name = "compute-bound", .reason = "no file"};
    assert_non_null(strstr(found_of(&f, "resolution"), "unknown: no file"));
    f.resolution[0] = sharp();
    assert_non_null(strstr(found_of(&f, "resolution"), "1 % in 0.3 s a case, 2 % in 0.1 s"));
    doctor_report r;
    doctor_diagnose(&f, &r);
    assert_int_equal(r.warnings, 0);
    f.resolution[0].needed[1] = 0.6;
    expect(&f, "resolution", "taskset -c 5", true); /* one of ours, whatever their number */
    f.resolution[0] = sharp(), f.resolution[0].needed[0] = INFINITY;
    expect(&f, "resolution", "--time-limit", true);
    expect(&f, "resolution", "b=4", true); /* longer slices see it in 0.5 s */
    f.resolution[0] = sharp(), f.resolution[0].seen = 2;
    expect(&f, "resolution", "--time-limit", true);
    f.resolution[0] = sharp(), f.resolution[0].false_claims = 1, f.resolution[0].preemptions = 300;
    expect(&f, "resolution", "200 times a second", true);
}

static void some_machines_cannot_be_measured(void **state)
{
    (void)state;
    doctor_facts f = quiet();
    f.probes.clock_step = 4e-3;
    expect(&f, "clock", "clocksource", false);
    f = quiet(), f.probes.clock_step = INFINITY; /* it never moved */
    expect(&f, "clock", "clocksource", false);
    f = quiet(), f.probes.slice_p99 = 600e-6;
    expect(&f, "noise floor", "repetitions", false);
    f = quiet(), f.probes.slice_min = 30e-6;
    expect(&f, "noise floor", "repetitions", false);
}

static void json_holds_lines_and_figures(void **state)
{
    (void)state;
    doctor_report r;
    doctor_facts f = quiet();
    f.before.smt = SWITCH_ON;
    f.resolution[0] = sharp();
    f.resolution[0].needed[0] = INFINITY;
    f.resolution[0].seen = 0;
    doctor_diagnose(&f, &r);
    json_t *j = doctor_json(&f, &r);
    assert_true(json_is_true(json_object_get(j, "measurable")));
    assert_int_equal(json_integer_value(json_object_get(j, "warnings")), 2);
    const json_t *lines = json_object_get(j, "lines");
    assert_int_equal(json_array_size(lines), r.lines);
    int mends = 0;
    for (size_t i = 0; i < json_array_size(lines); i++)
        mends += json_object_get(json_array_get(lines, i), "mend") != NULL;
    assert_int_equal(mends, 2);
    const json_t *resolution = json_array_get(json_object_get(j, "resolution"), 0);
    const json_t *sees = json_object_get(resolution, "sees");
    assert_int_equal(json_array_size(json_object_get(j, "resolution")), 1);
    assert_null(json_object_get(json_array_get(sees, 0), "seconds")); /* never */
    assert_true(json_real_value(json_object_get(json_array_get(sees, 1), "seconds")) == 0.1);
    const double tail = json_real_value(json_object_get(json_object_get(j, "noise"), "p99_over_median"));
    assert_true(fabs(tail - 104.0 / 101) < 1e-12);
    json_decref(j);
}

/* ---- probes ---------------------------------------------------------------------------------------------------- */

/* A clock that moves by `step` with every `looks`-th look, and by 2 ns with every round of work; of twenty stretches of
 * work it takes one for half as long again, and of three empty tasks (no work between two looks) one for 1 ms. */
typedef struct made_clock {
    double seconds, step;
    int look, looks, works, tasks;
    bool worked, even; /* since the last look; looks since the first stretch of work */
} made_clock;

static double look_at(void *ctx)
{
    made_clock *c = ctx;
    if (++c->look % c->looks == 0) c->seconds += c->step;
    if (c->works > 0 && (c->even = !c->even) && !c->worked && c->tasks++ % 3 == 0) c->seconds += 1e-3;
    c->worked = false;
    return c->seconds;
}

static void work(void *ctx, int64_t rounds)
{
    made_clock *c = ctx;
    c->seconds += 2e-9 * (double)rounds * (c->works++ % 20 == 19 ? 1.5 : 1);
    c->worked = true;
}

static doctor_probes probed(double step, int looks, int threads)
{
    char reason[256];
    doctor_probes p;
    made_clock made = {.step = step, .looks = looks};
    const doctor_clock clock = {look_at, work, &made};
    assert_true(doctor_probe_by(&clock, threads, &p, reason, sizeof reason));
    return p;
}

static void assert_near(double got, double wanted, double relative)
{
    if (!(fabs(got / wanted - 1) <= relative)) fail_msg("got %.9g, wanted %.9g", got, wanted);
}

static void probes_say_what_their_clock_does(void **state)
{
    (void)state;
    char reason[256];
    doctor_probes p = probed(25e-9, 1, 2);
    assert_near(p.clock_step, 25e-9, 1e-6);
    assert_near(p.clock_cost, 25e-9, 1e-3);
    assert_int_equal(p.threads, 2);
    assert_true(p.slices > 1000);
    assert_near(p.slice_min, 100e-6, 0.01); /* whatever half as long again, once in twenty times, does to it */
    assert_near(p.slice_median, 100e-6, 0.01);
    assert_near(p.slice_p99, 150e-6, 0.01);
    assert_near(p.dispatch, 25e-9, 0.01); /* one of three is late: the median does not know */
    p = probed(1e-6, 50, 1);              /* a coarse one: it stands still between */
    assert_near(p.clock_step, 1e-6, 1e-6);
    assert_near(p.clock_cost, 20e-9, 1e-3);
    assert_false(doctor_probe(0, &p, reason, sizeof reason));
}

/* Whatever this machine's clock says. */
static void this_machine_is_probed(void **state)
{
    (void)state;
    char reason[256];
    doctor_probes p;
    assert_true(doctor_probe(2, &p, reason, sizeof reason));
    assert_true(p.clock_step > 0 && p.clock_cost > 0 && p.dispatch > 0);
    assert_int_equal(p.threads, 2);
    assert_true(p.slice_min > 0 && p.slice_min <= p.slice_median && p.slice_median <= p.slice_p99);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_system_is_unknown),
        cmocka_unit_test(files_are_read),
        cmocka_unit_test(a_quiet_machine_has_no_warning),
        cmocka_unit_test(each_disturbance_is_named_with_its_remedy),
        cmocka_unit_test(what_is_seen_late_is_named_with_its_remedy),
        cmocka_unit_test(some_machines_cannot_be_measured),
        cmocka_unit_test(json_holds_lines_and_figures),
        cmocka_unit_test(probes_say_what_their_clock_does),
        cmocka_unit_test(this_machine_is_probed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
