/* console.c: messages on standard error, the clock, signal handlers, and the progress line. */
#include "console.h"

#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

volatile int interrupted;
static int progress_shown;

void complain(const char *format, ...)
{
    va_list arguments;
    progress_clear();
    fflush(stdout); /* lines above stay above */
    fputs("attnbench: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

double clock_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC_RAW, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void on_signal(int number)
{
    if (interrupted_by_user()) {
        signal(number, SIG_DFL);
        raise(number);
    }
    interrupted = number;
}

static void on_deadline(int number)
{
    if (!interrupted) interrupted = number;
}

static void set_handlers(void (*handler)(int))
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    struct sigaction hangup; /* under nohup it is ignored, and stays so */
    if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN) sigaction(SIGHUP, &action, NULL);
}

void watch_interrupts(void) { set_handlers(on_signal); }

void deadline_begin(double seconds)
{
    static const double least = 1e-6, most = 1e9; /* setitimer takes 0 as 'no timer' */
    const double at = fmin(fmax(seconds, least), most);
    const struct itimerval once = {.it_value = {(time_t)at, (suseconds_t)(1e6 * (at - floor(at)))}};
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_deadline;
    sigemptyset(&action.sa_mask);
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &once, NULL);
}

void deadline_end(void)
{
    const struct itimerval never = {.it_value = {0, 0}};
    setitimer(ITIMER_REAL, &never, NULL);
    if (deadline_passed()) interrupted = 0;
}

bool deadline_passed(void) { return interrupted == SIGALRM; }

bool interrupted_by_user(void) { return interrupted && interrupted != SIGALRM; }

const char *interruption(void) { return deadline_passed() ? "time is up" : "interrupted"; }

void forget_signals(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP,  SIGALRM, SIGSEGV, SIGBUS,
                                  SIGILL, SIGFPE,  SIGABRT, SIGTRAP, SIGSYS,  SIGPIPE};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) signal(numbers[i], SIG_DFL);
}

void progress(const char *format, ...)
{
    static int terminal = -1;
    if (terminal < 0) terminal = isatty(STDERR_FILENO);
    if (!terminal) return;
    char line[200];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\r\033[K%.110s", line);
    fflush(stderr);
    progress_shown = 1;
}

void progress_clear(void)
{
    if (!progress_shown) return;
    fputs("\r\033[K", stderr);
    fflush(stderr);
    progress_shown = 0;
}

int worse_exit(int a, int b)
{
    static const int order[] = {EXIT_INTERRUPTED, EXIT_BUG,     EXIT_NOT_WRITTEN, EXIT_USAGE,
                                EXIT_REFERENCE,   EXIT_FINDING, EXIT_UNDECIDED};
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++)
        if (a == order[i] || b == order[i]) return order[i];
    return EXIT_WELL;
}
