/* cmd_doctor.c: attnbench doctor: can this machine be measured? */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "record/context.h"
#include "cpu.h"
#include "doctor/doctor.h"
#include "problem.h"
#include "registry.h"
#include "record/record.h"
#include "util/console.h"

const command command_doctor = {
    .name = "doctor",
    .about = "can this machine be measured? what disturbs it, what would mend that",
    .run = cmd_doctor,
    .bit = BY_DOCTOR,
    .usage = {{"[--quick] [--json FILE]", "can this machine be measured?"}},
    .text = "Looks at CPU, governor, turbo, SMT, neighbours, limits, pinning, clock, noise floor, dispatch and "
            "counters, and tries in how many seconds a case slowdowns of 1, 2 and 5 % are seen, on equal builds and "
            "one that does 2 % more work: some eight seconds with the ceilings. Of each thing that disturbs it says "
            "what would mend it.",
    .after = "exit: 0 well, with warnings too; 3 no time taken on this machine would mean anything; 130 interrupted: "
             "what was looked at is said and kept all the same",
    .example = "doctor --json doctor.json",
};

void print_doctor(const doctor_report *report, bool all)
{
    for (int i = 0; i < report->lines; i++) {
        const doctor_line *const line = &report->line[i];
        if (!all && !line->warning[0]) continue;
        printf("%-13s %s\n", line->what, line->found);
        if (line->warning[0]) printf("  warning:    %s\n  mend:       %s\n", line->warning, line->mend);
    }
}

static void print_ceilings(const ceilings *c)
{
    puts("ceilings, one thread");
    for (uint32_t i = 0; i < ATTN_CEILINGS; i++)
        if (c->rate[i] > 0)
            printf("  %-26s %8.1f %s\n", attn_ceiling_name(i), c->rate[i] / 1e9,
                   i == ATTN_CEILING_INT8_DOT || i == ATTN_CEILING_INT8_TILES ? "GOP/s" : "GFLOP/s");
    for (int i = 0; i < CEILING_FOOTPRINTS; i++)
        if (c->bandwidth[i].bytes_per_second > 0)
            printf("  read %9.0f KB          %8.1f GB/s\n", c->bandwidth[i].footprint / 1024,
                   c->bandwidth[i].bytes_per_second / 1e9);
}

static json_t *record_of(const doctor_facts *facts, const doctor_report *report, const ceilings *limits, int argc,
                         char **argv)
{
    int kernels;
    const attn_kernel *const *kernel = attn_kernels(&kernels);
    const context_facts context = {argc,   argv,    facts->isa, facts->probes.threads, facts->probes.pinned, limits,
                                   kernel, kernels, NULL};
    json_t *const record = record_new();
    json_t *const ours = context_new(&context);
    json_object_set_new(ours, "doctor", doctor_json(facts, report));
    context_put(record, ours);
    return record;
}

int cmd_doctor(int argc, char **argv)
{
    options o;
    char reason[1024];
    doctor_facts facts;
    doctor_report report;
    ceilings limits;
    int code = command_begin(argc, argv, &command_doctor, &o);
    if (code >= 0) return code;
    if (!attn_cpu_check(reason, sizeof reason)) {
        complain("%s", reason);
        options_free(&o);
        return EXIT_USAGE;
    }
    watch_interrupts();
    progress("looking at this machine");
    if (!doctor_examine(attn_cpu_isa(), o.quick, &facts, reason, sizeof reason)) {
        complain("%s", reason);
        options_free(&o);
        return EXIT_UNDECIDED;
    }
    const bool whole = !interrupted; /* the ceilings take a second, and nobody waits for them */
    if (whole) ceilings_measure(facts.isa, &limits);
    progress_clear();
    doctor_diagnose(&facts, &report);
    print_doctor(&report, true);
    if (whole) print_ceilings(&limits);
    printf("\n%s%d warning%s\n",
           report.measurable ? "this machine can be measured: " : "NO TIME TAKEN HERE WOULD MEAN ANYTHING: ",
           report.warnings, report.warnings == 1 ? "" : "s");
    json_t *const record = record_of(&facts, &report, whole ? &limits : NULL, argc + 2, argv - 2);
    code = worse_exit(report.measurable ? EXIT_WELL : EXIT_UNDECIDED, command_outputs(&o, record));
    if (interrupted) code = worse_exit(code, EXIT_INTERRUPTED);
    command_interrupted(&o);
    json_decref(record);
    options_free(&o);
    return code;
}
