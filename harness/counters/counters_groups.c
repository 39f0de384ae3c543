/* counters_groups.c: the table of groups, and which of this processor's events each of their names stands for. */
#include "counters_groups.h"

#include <linux/perf_event.h>
#include <string.h>
#include <strings.h>

#include "machine/machine.h"

/* Events by vector width have different names on different processors; the first name that exists here is counted.
 * Intel documents the same encoding for all server cores since Broadwell, so it can be used where libpfm4 is older than
 * the processor. */
static const struct width {
    const char *name;
    const char *alternative[3];
    uint64_t intel;
} widths[] = {
    {"fp32-scalar", {"FP_ARITH_INST_RETIRED:SCALAR_SINGLE", "FP_ARITH:SCALAR_SINGLE"}, 0x02c7},
    {"fp32-128", {"FP_ARITH_INST_RETIRED:128B_PACKED_SINGLE", "FP_ARITH:128B_PACKED_SINGLE"}, 0x08c7},
    {"fp32-256", {"FP_ARITH_INST_RETIRED:256B_PACKED_SINGLE", "FP_ARITH:256B_PACKED_SINGLE"}, 0x20c7},
    {"fp32-512", {"FP_ARITH_INST_RETIRED:512B_PACKED_SINGLE", "FP_ARITH:512B_PACKED_SINGLE"}, 0x80c7},
    {"fp-operations", {"RETIRED_SSE_AVX_FLOPS:ANY", "RETIRED_SSE_AVX_FLOPS"}, 0}, /* AMD's event counts operations */
};
enum { WIDTHS = sizeof widths / sizeof *widths };

enum { MOST_EVENTS = 5 };
static const struct group {
    const char *name;
    const char *event[MOST_EVENTS];
} groups[] = {
    {"pipeline", {"cycles", "instructions", "branches", "branch-misses"}},
    {"cache", {"L1-dcache-loads", "L1-dcache-load-misses", "LLC-loads", "LLC-load-misses"}},
    {"tlb", {"dTLB-loads", "dTLB-load-misses"}},
    {"fp", {"fp32-scalar", "fp32-128", "fp32-256", "fp32-512", "fp-operations"}},
    {"system", {"task-clock", "page-faults", "context-switches", "cpu-migrations"}},
};
enum { GROUPS = sizeof groups / sizeof *groups };

int counters_group_count(void) { return GROUPS; }

const char *counters_group_name(int group) { return groups[group].name; }

static counter_event event_by_width(const struct width *w)
{
    counter_event e = {.user = true};
    char why[192];
    for (int i = 0; i < 3 && w->alternative[i]; i++)
        if (counters_look_up(w->alternative[i], &e, why, sizeof why)) {
            snprintf(e.event, sizeof e.event, "%s", w->alternative[i]);
            break;
        }
    if (!e.event[0] && w->intel && strncmp(machine_facts_get()->cpu_id, "GenuineIntel 6/", 15) == 0) {
        e.type = PERF_TYPE_RAW;
        e.config = w->intel;
        snprintf(e.event, sizeof e.event, "r%llx", (unsigned long long)w->intel);
    }
    if (!e.event[0])
        snprintf(e.absent, sizeof e.absent,
                 "this processor has no event for it that is known here: name your own by "
                 "--counters (libpfm4's showevtinfo lists them)");
    snprintf(e.name, sizeof e.name, "%s", w->name);
    return e;
}

static counter_event event_named(const char *name)
{
    for (int w = 0; w < WIDTHS; w++)
        if (strcmp(widths[w].name, name) == 0) return event_by_width(&widths[w]);
    for (int i = 0; i < counters_generic_count(); i++)
        if (strcmp(counters_generic(i).name, name) == 0) return counters_generic(i);
    return (counter_event){.name = ""};
}

int counters_group_events(const char *name, counter_event *event, int room)
{
    int count = 0;
    const bool all = strcasecmp(name, "all") == 0;
    for (int g = 0; g < GROUPS; g++) {
        if (!all && strcasecmp(name, groups[g].name)) continue;
        for (int i = 0; i < MOST_EVENTS && groups[g].event[i]; i++) {
            if (count == room) return -1;
            event[count++] = event_named(groups[g].event[i]);
        }
    }
    return count;
}
