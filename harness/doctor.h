/* doctor.h: can this machine be measured? What it is, what disturbs it, and what would mend that. */
#ifndef ATTNBENCH_DOCTOR_H
#define ATTNBENCH_DOCTOR_H

#include <jansson.h>
#include <stdbool.h>

#include "ceilings.h"
#include "cgroup.h"

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

/* ---- the diagnosis (doctor.c) ---- */

typedef struct doctor_facts {
    const machine_facts *machine;
    uint64_t isa;
    const char *build_type;
    doctor_system before, after; /* the probes */
    doctor_probes probes;
    int counters; /* hardware events that count here, of those tried */
    int counters_tried;
    char counters_reason[256]; /* why the first of the others does not */
} doctor_facts;

typedef struct doctor_line {
    const char *what;
    char found[160];
    char warning[256], mend[256]; /* "" well */
} doctor_line;

enum { DOCTOR_LINES = 24 };
typedef struct doctor_report {
    doctor_line line[DOCTOR_LINES];
    int lines, warnings;
    bool measurable; /* false: no time taken here means anything */
} doctor_report;

/* Looks at this machine: fills the facts. 0 and a reason where no pool can be made. */
int doctor_examine(uint64_t isa, doctor_facts *out, char *reason, size_t reason_size);

/* What the facts mean: looks at nothing else. */
void doctor_diagnose(const doctor_facts *facts, doctor_report *out);

/* {"measurable", "warnings", "lines": [{"what","found","warning","mend"}], figures by name}. */
json_t *doctor_json(const doctor_facts *facts, const doctor_report *report);

#endif
