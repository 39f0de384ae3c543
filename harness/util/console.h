/* console.h: exit codes, messages, clock, interruption: what every command shares. */
#ifndef ATTNBENCH_CONSOLE_H
#define ATTNBENCH_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>

enum exit_code {
    EXIT_WELL = 0,
    EXIT_FINDING = 1,   /* wrong, slower */
    EXIT_USAGE = 2,     /* bad usage or input: nothing ran */
    EXIT_UNDECIDED = 3, /* could not tell: too noisy, all unsupported here */
    EXIT_REFERENCE = 4, /* the reference failed its own certificate */
    EXIT_BUG = 70,
    EXIT_NOT_WRITTEN = 74, /* the output could not be written */
    EXIT_INTERRUPTED = 130
};

/* "attnbench: ..." on standard error, one line. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Seconds of CLOCK_MONOTONIC_RAW. */
double clock_seconds(void);

/* After watch_interrupts, Ctrl-C and SIGTERM set this instead of ending the program; a second one ends it. */
extern volatile int interrupted;
void watch_interrupts(void);

/* The same by the clock, once, after so many seconds: what heeds the user heeds a time limit by that. */
void deadline_begin(double seconds);
/* It comes no more; where it came, nothing is interrupted by it any longer. */
void deadline_end(void);
bool deadline_passed(void);
bool interrupted_by_user(void);
/* Which of the two, for a reason: "interrupted" or "time is up". */
const char *interruption(void);

/* All signals back to their defaults, in a child: a crash must end it, whoever handles crashes in the parent. */
void forget_signals(void);

/* One line on standard error that is rewritten, on a terminal only; printf-like. NULL clears it. */
void progress(const char *format, ...) __attribute__((format(printf, 1, 2)));
void progress_clear(void);

/* The exit code that holds where several do: 2, 4, 1, 3, 0; an interruption before all. */
int worse_exit(int a, int b);

#endif
