/* tool.c: fork, exec, and a pipe whose closing tells the end, also where nothing is written to it. */
#include "tool.h"

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

#include "status.h"

enum { NOT_FOUND = 127, LOOK_MS = 50 };

/* `output` -1: all to our standard error. */
static _Noreturn void begin(const char *folder, const char *const *argv, int output)
{
    setpgid(0, 0);
    forget_signals();
    signal(SIGXFSZ, SIG_DFL);
    const int nothing = open("/dev/null", O_RDWR);
    if (nothing >= 0) dup2(nothing, STDIN_FILENO);
    if (nothing >= 0 && output >= 0) dup2(nothing, STDERR_FILENO);
    dup2(output >= 0 ? output : STDERR_FILENO, STDOUT_FILENO);
    if (!folder || chdir(folder) == 0) execvp(argv[0], (char *const *)(uintptr_t)argv);
    _exit(NOT_FOUND);
}

/* Until the program ends, which closes its end of the pipe, unless something that it left behind holds that open. Its
 * status as of waitpid. */
static int read_until_end(int from, pid_t pid, char *out, size_t size)
{
    size_t used = 0;
    char rest[512];
    int status = 0;
    for (bool told = false, ended = false; !ended;) {
        struct pollfd p = {from, POLLIN, 0};
        const int ready = poll(&p, 1, LOOK_MS);
        if (interrupted && !told) {
            kill(-pid, SIGTERM);
            told = true;
        }
        const bool room = used + 1 < size;
        const ssize_t n = ready <= 0 ? -1
                          : room     ? read(from, out + used, size - 1 - used)
                                     : read(from, rest, sizeof rest);
        if (n > 0 && room) used += (size_t)n;
        if (n <= 0) ended = waitpid(pid, &status, n == 0 ? 0 : WNOHANG) == pid;
    }
    while (used > 0 && out[used - 1] == '\n') used--;
    if (size) out[used] = 0;
    return status;
}

int tool_run(const char *folder, const char *const *argv, char *out, size_t out_size, char *reason, size_t reason_size)
{
    int pipes[2], status = 0;
    if (pipe(pipes)) {
        snprintf(reason, reason_size, "%s: no pipe: %s", argv[0], strerror(errno));
        return -1;
    }
    fflush(NULL);
    const pid_t pid = fork();
    if (pid == 0) {
        close(pipes[0]);
        begin(folder, argv, out ? pipes[1] : -1);
    }
    close(pipes[1]);
    if (pid > 0) status = read_until_end(pipes[0], pid, out, out ? out_size : 0);
    close(pipes[0]);
    if (pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) != NOT_FOUND) return WEXITSTATUS(status);
    snprintf(reason, reason_size, "%s %s", argv[0],
             interrupted           ? "was interrupted"
             : pid < 0             ? "could not be started"
             : WIFSIGNALED(status) ? strsignal(WTERMSIG(status))
                                   : "is not there, or could not be run");
    return -1;
}
