/* child_process.c: forks, waits at a pipe that closes when the child ends, and tells by its status how it ended. */
#include "child_process.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "console.h"

void *shared_new(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

void shared_free(void *memory, size_t bytes)
{
    if (memory) munmap(memory, bytes);
}

/* A terminal, or a kill of the process group, sends these signals to the child too. It must not die of them: if we saw
 * its end before our own signal, it would count as a crash of the kernel. When we are interrupted, wait_for_child ends
 * the child; when we die, it dies with us (PR_SET_PDEATHSIG). */
static void leave_interruptions_to_parent(void)
{
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
}

static _Noreturn void run_body(void (*body)(void *), void *arg, volatile int *done, pid_t parent)
{
    const struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    forget_signals();
    leave_interruptions_to_parent();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    body(arg);
    *done = 1;
    _exit(0);
}

static void reap(pid_t pid, int *status)
{
    while (waitpid(pid, status, 0) < 0 && errno == EINTR) {
    }
}

/* Called when the child's end of the pipe is closed: either it is about to end, or foreign code has closed all files
 * and it runs on. */
static int is_gone(pid_t pid, int *status, useconds_t *pause)
{
    static const useconds_t first = 20, most = 10000; /* microseconds */
    if (waitpid(pid, status, WNOHANG) == pid) return 1;
    *pause = *pause == 0 ? first : *pause < most ? 2 * *pause : most;
    usleep(*pause);
    return 0;
}

/* Waits until the child has ended. Returns 0 if the time was up and the child was killed. */
static int wait_for_child(pid_t pid, int pipe_end, const child_limit *limit, int *status)
{
    double end = clock_seconds() + limit->seconds;
    int told = 0;
    useconds_t pause = 0;
    uint64_t seen = limit->beat ? *limit->beat : 0;
    for (;;) {
        const double left = end - clock_seconds(), longest = 0.2; /* a signal just before poll does not end it */
        struct pollfd p = {pipe_end, POLLIN, 0};
        const int ready = left > 0 ? poll(&p, 1, (int)((left > longest ? longest : left) * 1000) + 1) : 0;
        if (ready > 0 && is_gone(pid, status, &pause)) return 1;
        if (limit->stop && interrupted && !told) {
            *limit->stop = told = 1;
            if (limit->stop_seconds > 0) end = clock_seconds() + limit->stop_seconds;
        }
        if (limit->beat && *limit->beat != seen) {
            seen = *limit->beat;
            if (!told || limit->stop_seconds <= 0) end = clock_seconds() + limit->seconds;
        }
        if (clock_seconds() < end && (!interrupted || limit->stop)) continue;
        if (waitpid(pid, status, WNOHANG) == pid) return 1;
        kill(pid, SIGKILL);
        reap(pid, status);
        return 0;
    }
}

static child_end describe_end(int in_time, int status, double limit, int done, char *reason, size_t size)
{
    const int stopped = interrupted && !done; /* ended because of the interruption */
    if (!in_time || stopped) {
        if (stopped)
            snprintf(reason, size, "%s", interruption());
        else
            snprintf(reason, size, limit < 1000 ? "not finished after %.3g s" : "not finished after %.0f s", limit);
        return CHILD_HUNG;
    }
    if (WIFSIGNALED(status)) {
        snprintf(reason, size, "signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
        return CHILD_CRASHED;
    }
    if (done && WEXITSTATUS(status) == 0) return CHILD_DONE;
    snprintf(reason, size, "the process ended with exit(%d)", WEXITSTATUS(status));
    return CHILD_EXITED;
}

static bool in_process, in_body;

/* At exit: a kernel that calls exit() would end the run as if it had passed. */
static void left_in_body(void)
{
    if (!in_body) return;
    fflush(NULL);
    complain(
        "the process was ended by the kernel's exit() in a case run in this process; without --in-process the case "
        "is named");
    _exit(EXIT_FINDING);
}

void children_in_process(void)
{
    if (!in_process) atexit(left_in_body);
    in_process = true;
}

bool children_are_in_process(void) { return in_process; }

child_end child_run(void (*body)(void *), void *arg, const child_limit *limit, char *reason, size_t size)
{
    if (in_process) {
        in_body = true;
        body(arg);
        in_body = false;
        return CHILD_DONE;
    }
    int pipes[2] = {-1, -1}, status = 0;
    volatile int *done = shared_new(sizeof *done);
    if (!done || pipe(pipes)) {
        snprintf(reason, size, "no memory or pipe for a child process: %s", strerror(errno));
        shared_free((void *)done, sizeof *done);
        return CHILD_NOT_MADE;
    }
    child_end end = CHILD_NOT_MADE;
    const pid_t parent = getpid();
    fflush(NULL);
    const pid_t pid = fork();
    if (pid == 0) {
        close(pipes[0]);
        run_body(body, arg, done, parent);
    }
    close(pipes[1]);
    if (pid < 0) {
        snprintf(reason, size, "fork: %s", strerror(errno));
    } else {
        const int in_time = wait_for_child(pid, pipes[0], limit, &status);
        end = describe_end(in_time, status, limit->seconds, *done, reason, size);
    }
    close(pipes[0]);
    shared_free((void *)done, sizeof *done);
    return end;
}
