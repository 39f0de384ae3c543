/* console.h: what every command shares: exit codes, messages, the clock, interruption and deadline, progress. */
#ifndef ATTNBENCH_CONSOLE_H
#define ATTNBENCH_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>

enum exit_code {
    EXIT_WELL = 0,
    EXIT_FINDING = 1,   /* a kernel is wrong, or slower */
    EXIT_USAGE = 2,     /* bad usage or input: nothing ran */
    EXIT_UNDECIDED = 3, /* could not tell: too noisy, or nothing supported here */
    EXIT_REFERENCE = 4, /* the reference failed its own certificate */
    EXIT_BUG = 70,
    EXIT_NOT_WRITTEN = 74, /* the output could not be written */
    EXIT_INTERRUPTED = 130
};

/* "attnbench: ..." on standard error, one line. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Seconds of CLOCK_MONOTONIC_RAW. */
double clock_seconds(void);

/* After watch_interrupts, the first Ctrl-C or SIGTERM sets this; a second one ends the program. Loops test it. */
extern volatile int interrupted;
void watch_interrupts(void);

/* Sets `interrupted` after so many seconds too, so that all code that stops for the user also keeps a time limit. */
void deadline_begin(double seconds);
/* Cancels the deadline. If it has passed, `interrupted` is 0 again. */
void deadline_end(void);
bool deadline_passed(void);
bool interrupted_by_user(void);
/* Which of the two it was, for messages: "interrupted" or "time is up". */
const char *interruption(void);

/* In a child: sets all signals to their defaults, so that a crash ends it even if the parent handles crashes. */
void forget_signals(void);

/* On a terminal, rewrites one line on standard error; printf-like. */
void progress(const char *format, ...) __attribute__((format(printf, 1, 2)));
void progress_clear(void);

/* The exit code of two results together. Order: interrupted, bug, not written, 2, 4, 1, 3, 0. */
int worse_exit(int a, int b);

#endif
