/* gbench_flags.h: Google Benchmark's flags, checked before the library sees them.
 *
 * The library exits 0 on some bad values, ignores others and takes any word for a boolean; here each is refused. */
#ifndef ATTNBENCH_GBENCH_FLAGS_H
#define ATTNBENCH_GBENCH_FLAGS_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum gbench_flag {
    GBENCH_LIST_TESTS,
    GBENCH_FILTER,
    GBENCH_MIN_TIME,
    GBENCH_MIN_WARMUP_TIME,
    GBENCH_REPETITIONS,
    GBENCH_INTERLEAVE,
    GBENCH_REPORT_AGGREGATES,
    GBENCH_DISPLAY_AGGREGATES,
    GBENCH_FORMAT,
    GBENCH_OUT,
    GBENCH_OUT_FORMAT,
    GBENCH_COLOR,
    GBENCH_TABULAR,
    GBENCH_PERF_COUNTERS,
    GBENCH_CONTEXT,
    GBENCH_TIME_UNIT,
    GBENCH_VERBOSITY,
    GBENCH_FLAGS
};

/* Values as text; booleans are "true" or "false". They point into the caller's flags or to constants. */
typedef struct gbench_flags {
    const char *value[GBENCH_FLAGS];
} gbench_flags;

/* The library's own default values. */
void gbench_flags_defaults(gbench_flags *flags);

/* Takes one flag, "--benchmark_NAME=VALUE". `iterations`: the library takes --benchmark_min_time=10x. Returns 1; or 0
 * and one line in `reason` that names the flag, its value and what would be legal. */
int gbench_flags_take(gbench_flags *flags, const char *flag, bool iterations, char *reason, size_t reason_size);

/* The flag's name without the dashes: "benchmark_filter". */
const char *gbench_flag_name(enum gbench_flag flag);

#ifdef __cplusplus
}
#endif
#endif
