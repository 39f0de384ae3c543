/* profile.h: one case called some times and nothing else: for profilers and debuggers, which a harness around it would
 * disturb or drown.
 *
 * Every call that counts is made through one function of this name, so that a profiler can be told to look inside of it
 * alone: valgrind --tool=callgrind --toggle-collect=profiled_call. One call before them is not: it fills the caches. */
#ifndef ATTNBENCH_PROFILE_H
#define ATTNBENCH_PROFILE_H

#include "run/selection.h"

#define PROFILED_CALL "profiled_call"

/* attnbench bench --profile N: the one kernel, workload and number of threads that are selected; an exit code. */
int profile_bench(const selection *s, int64_t calls);

#endif
