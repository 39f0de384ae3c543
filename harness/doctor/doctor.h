/* doctor.h: can this machine be measured? What it is, what disturbs it, and what would mend that. */
#ifndef ATTNBENCH_DOCTOR_H
#define ATTNBENCH_DOCTOR_H

#include <jansson.h>
#include <stdbool.h>

#include "machine/ceilings.h"
#include "machine/cgroup.h"

/* ---- the system's own figures (doctor_system.c) ---- */

typedef enum doctor_switch { SWITCH_UNKNOWN, SWITCH_OFF, SWITCH_ON } doctor_switch;

typedef struct doctor_system {
    doctor_switch turbo, smt;
    double load;         /* of the last minute, -1 unknown */
    double ticks, steal; /* of all processors since the start: in all, and taken by other guests; -1 unknown */
    cgroup_limits cgroup;
    char clock[32]; /* the kernel's clock source, "" unknown */
} doctor_system;

/* `root` stands in front of every path; "": this machine. */
void doctor_system_read(const char *root, doctor_system *out);

/* ---- short measurements (doctor_probes.c); seconds ---- */

typedef struct doctor_probes {
    double clock_step, clock_cost; /* smallest step seen; what looking costs */
    int slices;                    /* of a fixed loop; 0: no memory */
    double slice_min, slice_median, slice_p99;
    double dispatch; /* of an empty task to all threads and back, median */
    int threads, pinned;
} doctor_probes;

/* Takes about 0.6 s. Makes a pool of so many threads; 0 and a reason where that fails. */
int doctor_probe(int threads, doctor_probes *out, char *reason, size_t reason_size);

/* The same by another clock, and by work that takes what it says it takes: for tests, which do not take times. */
typedef struct doctor_clock {
    double (*now)(void *ctx);                /* seconds */
    void (*work)(void *ctx, int64_t rounds); /* the same each time */
    void *ctx;
} doctor_clock;
int doctor_probe_by(const doctor_clock *c, int threads, doctor_probes *out, char *reason, size_t reason_size);

/* ---- the smallest difference that can be seen (doctor_resolution.c) ---- */

enum { DOCTOR_RESOLUTIONS = 2, DOCTOR_EFFECTS = 3, DOCTOR_LAUNCHES = 3, DOCTOR_LONGER = 4 };
extern const double doctor_effects[DOCTOR_EFFECTS]; /* 1, 2 and 5 % */
extern const double doctor_most_seconds;            /* that a case may take, as in compare */

/* From a few launches of the clock on one case, at the error level of one case of a gate over 200. */
typedef struct doctor_resolution {
    bool known;
    char reason[160];        /* why not; "" it was not looked for */
    const char *name, *spec; /* compute-bound or memory-bound */
    int pairs;               /* of equal builds, over all launches */
    double seconds, preemptions;
    double spread;                        /* of ln(new / base) of a pair: half of them are nearer to the median */
    int false_claims;                     /* launches in which equal builds were told apart */
    double slowdown;                      /* that was then made */
    int seen;                             /* launches in which it was called slower */
    double estimate[DOCTOR_LAUNCHES];     /* what it read */
    double needed[DOCTOR_EFFECTS];        /* seconds a case in which 95 % see the effect; infinite: too many */
    double needed_longer[DOCTOR_EFFECTS]; /* with slices DOCTOR_LONGER times as long */
} doctor_resolution;

/* Takes about 5 s. */
void doctor_resolve(uint64_t isa, doctor_resolution out[DOCTOR_RESOLUTIONS]);

/* ---- the diagnosis (doctor.c) ---- */

typedef struct doctor_facts {
    const machine_facts *machine;
    uint64_t isa;
    const char *build_type;
    int processor;               /* the last one that we may use; -1 unknown */
    doctor_system before, after; /* the probes */
    doctor_probes probes;
    doctor_resolution resolution[DOCTOR_RESOLUTIONS];
    int counters; /* hardware events that count here, of those tried */
    int counters_tried;
    char counters_reason[256]; /* why the first of the others does not */
} doctor_facts;

typedef struct doctor_line {
    const char *what;
    char found[200];
    char warning[256], mend[400]; /* "" well */
} doctor_line;

enum { DOCTOR_LINES = 24 };
typedef struct doctor_report {
    doctor_line line[DOCTOR_LINES];
    int lines, warnings;
    bool measurable; /* false: no time taken here means anything */
} doctor_report;

/* Looks at this machine: fills the facts, those on resolution unless it has to be quick. 0 and a reason where no pool
 * can be made. */
int doctor_examine(uint64_t isa, bool quick, doctor_facts *out, char *reason, size_t reason_size);

/* What the facts mean: looks at nothing else. */
void doctor_diagnose(const doctor_facts *facts, doctor_report *out);

/* {"measurable", "warnings", "lines": [{"what","found","warning","mend"}], figures by name}. */
json_t *doctor_json(const doctor_facts *facts, const doctor_report *report);

#endif
