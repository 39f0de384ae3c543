/* counters_names.c: turns an event's name into what perf_event_open takes.
 *
 * libpfm4 knows thousands of names: the processor's own, and the Linux kernel's generic ones under 'perf::'. A build
 * without it knows only the generic events, in the table below, which `list counters` and the doctor also try. */
#include "counters.h"

#include "counters_groups.h"

#include <ctype.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#ifdef ATTNBENCH_PFM
#include <perfmon/pfmlib_perf_event.h>
#endif

#define NAME_BYTES sizeof(((counter_event *)0)->name)

#define LOADS(cache) ((cache) | PERF_COUNT_HW_CACHE_OP_READ << 8 | PERF_COUNT_HW_CACHE_RESULT_ACCESS << 16)
#define MISSES(cache) ((cache) | PERF_COUNT_HW_CACHE_OP_READ << 8 | PERF_COUNT_HW_CACHE_RESULT_MISS << 16)

static const struct generic_event {
    const char *name;
    uint32_t type;
    uint64_t config;
} generic[] = {
    {"cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES},
    {"instructions", PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS},
    {"ref-cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_REF_CPU_CYCLES},
    {"cache-references", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_REFERENCES},
    {"cache-misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES},
    {"branches", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_INSTRUCTIONS},
    {"branch-misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_MISSES},
    {"stalled-cycles-frontend", PERF_TYPE_HARDWARE, PERF_COUNT_HW_STALLED_CYCLES_FRONTEND},
    {"stalled-cycles-backend", PERF_TYPE_HARDWARE, PERF_COUNT_HW_STALLED_CYCLES_BACKEND},
    {"L1-dcache-loads", PERF_TYPE_HW_CACHE, LOADS(PERF_COUNT_HW_CACHE_L1D)},
    {"L1-dcache-load-misses", PERF_TYPE_HW_CACHE, MISSES(PERF_COUNT_HW_CACHE_L1D)},
    {"LLC-loads", PERF_TYPE_HW_CACHE, LOADS(PERF_COUNT_HW_CACHE_LL)},
    {"LLC-load-misses", PERF_TYPE_HW_CACHE, MISSES(PERF_COUNT_HW_CACHE_LL)},
    {"dTLB-loads", PERF_TYPE_HW_CACHE, LOADS(PERF_COUNT_HW_CACHE_DTLB)},
    {"dTLB-load-misses", PERF_TYPE_HW_CACHE, MISSES(PERF_COUNT_HW_CACHE_DTLB)},
    {"task-clock", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK},
    {"page-faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS},
    {"minor-faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS_MIN},
    {"major-faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS_MAJ},
    {"context-switches", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES},
    {"cpu-migrations", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_MIGRATIONS},
};
enum { GENERIC = sizeof generic / sizeof generic[0] };

/* These events happen only in kernel mode; counted in user mode they would always be 0. */
static bool only_in_kernel(uint32_t type, uint64_t config)
{
    return type == PERF_TYPE_SOFTWARE &&
           (config == PERF_COUNT_SW_CONTEXT_SWITCHES || config == PERF_COUNT_SW_CPU_MIGRATIONS);
}

int counters_generic_count(void) { return GENERIC; }

counter_event counters_generic(int i)
{
    counter_event e = {.type = generic[i].type, .config = generic[i].config, .user = true};
    snprintf(e.name, sizeof e.name, "%s", generic[i].name);
    e.system = only_in_kernel(e.type, e.config);
    return e;
}

/* ---- the nearest names ----------------------------------------------------------------------------------------- */

enum { NEAREST = 3, LONGEST = 64 };

typedef struct nearest {
    char name[NEAREST][NAME_BYTES];
    int distance[NEAREST];
    int count;
} nearest;

/* Letters to insert, delete or replace, ignoring case; a quarter of them if b contains a. */
static int name_distance(const char *a, const char *b)
{
    int row[LONGEST + 1];
    const size_t whole = strlen(b);
    const int length = whole < LONGEST ? (int)whole : LONGEST;
    for (int j = 0; j <= length; j++) row[j] = j;
    for (int i = 0; a[i]; i++) {
        int diagonal = row[0];
        row[0] = i + 1;
        for (int j = 0; j < length; j++) {
            const int replaced = diagonal + (tolower((unsigned char)a[i]) != tolower((unsigned char)b[j]));
            const int shifted = (row[j] < row[j + 1] ? row[j] : row[j + 1]) + 1;
            diagonal = row[j + 1];
            row[j + 1] = replaced < shifted ? replaced : shifted;
        }
    }
    return strcasestr(b, a) ? row[length] / 4 : row[length];
}

static void consider_name(nearest *n, const char *wanted, const char *shown, const char *compared)
{
    const int d = name_distance(wanted, compared);
    for (int i = 0; i < n->count; i++)
        if (strcasecmp(n->name[i], shown) == 0) return;
    int at = n->count < NEAREST ? n->count++ : NEAREST;
    while (at > 0 && n->distance[at - 1] > d) {
        at--;
        if (at + 1 >= NEAREST) continue;
        n->distance[at + 1] = n->distance[at];
        memcpy(n->name[at + 1], n->name[at], NAME_BYTES);
    }
    if (at >= NEAREST) return;
    n->distance[at] = d;
    snprintf(n->name[at], NAME_BYTES, "%s", shown);
}

/* ---- libpfm4 --------------------------------------------------------------------------------------------------- */

#ifdef ATTNBENCH_PFM
static bool pfm_ready(void)
{
    static int state; /* 1 ready, -1 failed */
    if (!state) state = pfm_initialize() == PFM_SUCCESS ? 1 : -1;
    return state == 1;
}

static int encode(const char *name, int levels, struct perf_event_attr *attr)
{
    memset(attr, 0, sizeof *attr);
    attr->size = sizeof *attr;
    pfm_perf_encode_arg_t arg = {.attr = attr, .size = sizeof arg};
    return pfm_get_os_event_encoding(name, levels, PFM_OS_PERF_EVENT, &arg);
}

int counters_look_up(const char *name, counter_event *out, char *why, size_t size)
{
    struct perf_event_attr attr;
    if (!pfm_ready()) {
        snprintf(why, size, "libpfm4 cannot be started on this processor");
        return 0;
    }
    int error = encode(name, PFM_PLM3, &attr);
    if (error == PFM_SUCCESS && only_in_kernel(attr.type, attr.config))
        error = encode(name, PFM_PLM0 | PFM_PLM3, &attr);
    if (error != PFM_SUCCESS) {
        snprintf(why, size, "%s", pfm_strerror(error));
        return 0;
    }
    *out = (counter_event){.type = attr.type,
                           .config = attr.config,
                           .config1 = attr.config1,
                           .config2 = attr.config2,
                           .user = !attr.exclude_user,
                           .system = !attr.exclude_kernel};
    return 1;
}

static void consider_pfm(nearest *n, const char *wanted)
{
    for (int p = PFM_PMU_NONE; pfm_ready() && p < PFM_PMU_MAX; p++) {
        pfm_pmu_info_t pmu = {.size = sizeof pmu};
        if (pfm_get_pmu_info((pfm_pmu_t)p, &pmu) != PFM_SUCCESS || !pmu.is_present) continue;
        for (int e = pmu.first_event; e >= 0; e = pfm_get_event_next(e)) {
            pfm_event_info_t event = {.size = sizeof event};
            char full[NAME_BYTES];
            if (pfm_get_event_info(e, PFM_OS_PERF_EVENT, &event) != PFM_SUCCESS) continue;
            snprintf(full, sizeof full, "%s::%s", pmu.name, event.name);
            consider_name(n, wanted, full, strstr(wanted, "::") ? full : event.name);
        }
    }
}

const char *counters_names_source(void) { return "those of libpfm4, and the kernel's generic ones below"; }
#else
int counters_look_up(const char *name, counter_event *out, char *why, size_t size)
{
    const char *bare = strncasecmp(name, "perf::", 6) == 0 ? name + 6 : name;
    for (int i = 0; i < GENERIC; i++)
        if (strcasecmp(bare, generic[i].name) == 0) {
            *out = counters_generic(i);
            return 1;
        }
    snprintf(why, size,
             "this build has no libpfm4 and knows the kernel's generic events alone (apt-get install "
             "libpfm4-dev, then configure again)");
    return 0;
}

static void consider_pfm(nearest *n, const char *wanted)
{
    (void)n;
    (void)wanted;
}

const char *counters_names_source(void)
{
    return "the kernel's generic names (libpfm4 was missing when this was built: apt-get install libpfm4-dev, then "
           "configure again)";
}
#endif

/* ---- the list -------------------------------------------------------------------------------------------------- */

static void unknown(const char *name, const char *why, char *reason, size_t size)
{
    nearest n = {.count = 0};
    for (int i = 0; i < GENERIC; i++) consider_name(&n, name, generic[i].name, generic[i].name);
    consider_pfm(&n, name);
    snprintf(reason, size,
             "--counters: no event '%s': %s; nearest: %s, %s, %s ('attnbench list counters' shows what "
             "works here)",
             name, why, n.name[0], n.name[1], n.name[2]);
}

/* Adds the events of a word: those of a group, or one. Returns their number; 0 and a reason. */
static int parse_word(const char *word, counter_event *event, int room, char *reason, size_t size)
{
    char why[192];
    const int group = counters_group_events(word, event, room);
    if (group > 0) return group;
    if (group < 0 || room == 0) {
        snprintf(reason, size, "--counters: more than %d events", COUNTER_EVENTS);
        return 0;
    }
    if (!counters_look_up(word, event, why, sizeof why)) {
        unknown(word, why, reason, size);
        return 0;
    }
    snprintf(event->name, sizeof event->name, "%s", word);
    return 1;
}

static int has_twice(const counter_event *event, int count, char *reason, size_t size)
{
    for (int i = 0; i < count; i++)
        for (int k = 0; k < i; k++)
            if (strcasecmp(event[i].name, event[k].name) == 0) {
                snprintf(reason, size, "--counters: '%s' is there twice", event[i].name);
                return 1;
            }
    return 0;
}

int counters_parse(const char *list, counter_event event[COUNTER_EVENTS], char *reason, size_t size)
{
    int count = 0;
    for (const char *word = list;; word++) {
        const size_t length = strcspn(word, ",");
        char name[NAME_BYTES];
        if (length == 0) {
            snprintf(reason, size, "--counters %.80s: an empty name; give names with commas between them", list);
            return 0;
        }
        snprintf(name, sizeof name, "%.*s", length < sizeof name ? (int)length : (int)sizeof name - 1, word);
        const int added = parse_word(name, &event[count], COUNTER_EVENTS - count, reason, size);
        if (!added || has_twice(event, count + added, reason, size)) return 0;
        count += added;
        word += length;
        if (!*word) return count;
    }
}
