/* selftest_clock.h: the clock against slowdowns that are known because they were made. */
#ifndef ATTNBENCH_SELFTEST_CLOCK_H
#define ATTNBENCH_SELFTEST_CLOCK_H

#include <jansson.h>

#include "workload/workload.h"

typedef struct clock_settings {
    const char *only; /* slowdowns in percent, commas between; NULL: all */
    int runs;         /* of each slowdown and case; 0: the default */
    int neighbours;   /* busy processes beside it */
    uint64_t seed;
    const workload_set *set;
    uint64_t isa;
} clock_settings;

/* Does every entry of the list name a slowdown that was built? 0 and a reason. */
int selftest_clock_knows(const char *list, char *reason, size_t reason_size);

/* Prints a row for each case and slowdown; returns "clock" of a record, and an exit code: 1 where what was seen is too
 * bad to be chance. */
json_t *selftest_clock(const clock_settings *settings, int *code);

#endif
