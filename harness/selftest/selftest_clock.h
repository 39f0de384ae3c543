/* selftest_clock.h: the clock against slowdowns that are known because they were made. */
#ifndef ATTNBENCH_SELFTEST_CLOCK_H
#define ATTNBENCH_SELFTEST_CLOCK_H

/* attnbench selftest clock; arguments after these words; an exit code. */
int selftest_clock(int argc, char **argv);

#endif
