/* counters_derived.c: ratios of events, such as instructions a cycle, by what an event counts and not by its name on
 * this processor. */
#include "counters_groups.h"

#include <math.h>
#include <string.h>
#include <strings.h>

static const struct derived {
    const char *name, *about;
} derived[] = {
    {"instructions_per_cycle", "instructions a cycle"},
    {"clock_ghz", "cycles a nanosecond on a processor"},
    {"instructions_per_operation", "instructions an operation of the workload"},
    {"branch_miss_ratio", "share of the branches that were guessed wrong"},
    {"l1_miss_ratio", "share of the loads that missed the first level"},
    {"llc_miss_ratio", "share of the last level's loads that missed it"},
    {"tlb_miss_ratio", "share of the loads that missed the data TLB"},
    {"l1_bytes_per_operation", "bytes of lines that loads missed in the first level, an operation of the workload"},
    {"memory_bytes_per_operation",
     "bytes of lines that loads missed in the last level, prefetches apart, an operation"},
    {"fp_operations_per_operation", "floating-point operations done, an operation of the workload"},
    {"fp_vector_share", "share of them done in vectors"},
};
enum { DERIVED = sizeof derived / sizeof *derived };

const char *counters_derived_name(int i) { return i < DERIVED ? derived[i].name : NULL; }

const char *counters_derived_about(int i) { return i < DERIVED ? derived[i].about : NULL; }

typedef struct counts {
    const counter_value *value;
    int count;
} counts;

/* NaN if the event was not counted. */
static double value_named(const counts *c, const char *name)
{
    for (int i = 0; i < c->count; i++) {
        const char *own = c->value[i].event->name;
        if (strncasecmp(own, "perf::", 6) == 0) own += 6;
        if (strcasecmp(own, name) == 0) return c->value[i].counted ? c->value[i].value : (double)NAN;
    }
    return (double)NAN;
}

/* In all of these events a multiply-add counts twice. */
static double fp_operations(const counts *c, double *scalar)
{
    *scalar = value_named(c, "fp32-scalar");
    const double at_256 = *scalar + 4 * value_named(c, "fp32-128") + 8 * value_named(c, "fp32-256"),
                 wide = value_named(c, "fp32-512");
    if (isnan(at_256)) return value_named(c, "fp-operations");
    return at_256 + (isnan(wide) ? 0 : 16 * wide); /* a processor without 512-bit vectors has no event for them */
}

json_t *counters_derived(const counter_value *value, int count, double calls, double operations, double line)
{
    const counts c = {value, count};
    const double cycles = value_named(&c, "cycles"), instructions = value_named(&c, "instructions"),
                 all = operations * calls;
    double scalar;
    const double fp = fp_operations(&c, &scalar);
    const double figure[DERIVED] = {
        instructions / cycles,
        cycles / value_named(&c, "task-clock"),
        instructions / all,
        value_named(&c, "branch-misses") / value_named(&c, "branches"),
        value_named(&c, "L1-dcache-load-misses") / value_named(&c, "L1-dcache-loads"),
        value_named(&c, "LLC-load-misses") / value_named(&c, "LLC-loads"),
        value_named(&c, "dTLB-load-misses") / value_named(&c, "dTLB-loads"),
        line * value_named(&c, "L1-dcache-load-misses") / all,
        line * value_named(&c, "LLC-load-misses") / all,
        fp / all,
        1 - scalar / fp,
    };
    json_t *found = json_object();
    for (int i = 0; found && i < DERIVED; i++)
        if (isfinite(figure[i])) json_object_set_new(found, derived[i].name, json_real(figure[i]));
    return found;
}
