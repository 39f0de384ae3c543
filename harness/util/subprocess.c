/* subprocess.c: fork and exec. A pipe closes when the program ends, so the wait ends even if it prints nothing. */
#include "subprocess.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "console.h"

enum { LOOK_MS = 50 };
static const double patience = 5; /* seconds between the request to end and the end */

/* In the child. `output` -1: everything goes to our standard error. A byte in the pipe `failed` says that the program
 * could not be started; exit code 127 would not tell, since a shell may end with it too. */
static _Noreturn void exec_program(const char *folder, const char *const *argv, int output, int failed)
{
    setpgid(0, 0);
    forget_signals();
    signal(SIGXFSZ, SIG_DFL);
    const int nothing = open("/dev/null", O_RDWR);
    if (nothing >= 0) dup2(nothing, STDIN_FILENO);
    if (nothing >= 0 && output >= 0) dup2(nothing, STDERR_FILENO);
    dup2(output >= 0 ? output : STDERR_FILENO, STDOUT_FILENO);
    if (!folder || chdir(folder) == 0) execvp(argv[0], (char *const *)(uintptr_t)argv);
    _exit(write(failed, "", 1) == 1 ? 127 : 126);
}

/* Asks the program's group to end; kills it if it has not after `patience` seconds. */
static void end_group(pid_t pid, double *asked)
{
    const bool first = *asked <= 0;
    if (first) *asked = clock_seconds();
    if (first || clock_seconds() - *asked > patience) kill(-pid, first ? SIGTERM : SIGKILL);
}

/* Reads until the program ends. Its end closes the pipe, unless a process that it left behind holds it open. Returns
 * its status as from waitpid. */
static int read_until_end(int from, pid_t pid, char *out, size_t size)
{
    size_t used = 0;
    char rest[512];
    int status = 0;
    double asked = 0;
    for (bool ended = false; !ended;) {
        struct pollfd p = {from, POLLIN, 0};
        const int ready = poll(&p, 1, LOOK_MS);
        if (interrupted) end_group(pid, &asked);
        const bool room = used + 1 < size;
        const ssize_t n = ready <= 0 ? -1
                          : room     ? read(from, out + used, size - 1 - used)
                                     : read(from, rest, sizeof rest);
        if (n > 0 && room) used += (size_t)n;
        if (n == 0) usleep(1000); /* closed: the program ends in a moment, unless it has closed all files itself */
        if (n <= 0) ended = waitpid(pid, &status, WNOHANG) == pid;
    }
    if (asked > 0) kill(-pid, SIGKILL); /* processes that it started and left */
    while (used > 0 && out[used - 1] == '\n') used--;
    if (size) out[used] = 0;
    return status;
}

int subprocess_run(const char *folder, const char *const *argv, char *out, size_t out_size, char *reason,
                   size_t reason_size)
{
    int pipes[2] = {-1, -1}, failed[2], status = 0;
    char any;
    if (pipe(pipes) || pipe2(failed, O_CLOEXEC)) {
        snprintf(reason, reason_size, "%s: no pipe: %s", argv[0], strerror(errno));
        close(pipes[0]);
        close(pipes[1]);
        return -1;
    }
    fflush(NULL);
    const pid_t pid = fork();
    if (pid == 0) {
        close(pipes[0]);
        exec_program(folder, argv, out ? pipes[1] : -1, failed[1]);
    }
    if (pid > 0) setpgid(pid, pid); /* the child does so too: whichever is first, its group can be ended from now on */
    close(pipes[1]);
    close(failed[1]);
    if (pid > 0) status = read_until_end(pipes[0], pid, out, out ? out_size : 0);
    const bool ran = pid > 0 && read(failed[0], &any, 1) == 0;
    close(pipes[0]);
    close(failed[0]);
    if (ran && WIFEXITED(status)) return WEXITSTATUS(status);
    if (interrupted)
        snprintf(reason, reason_size, "%s", interruption());
    else if (ran && WIFSIGNALED(status))
        snprintf(reason, reason_size, "%s was ended by signal %d (%s)", argv[0], WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else
        snprintf(reason, reason_size, "%s %s", argv[0],
                 pid < 0 ? "could not be started" : "is not there, or could not be run");
    return -1;
}
