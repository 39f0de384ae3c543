/* cmd_report.c: attnbench report: hands record files to the Python programs in reports/. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "commands.h"
#include "record/record.h"
#include "util/console.h"
#include "util/program_files.h"

extern char **environ;

const command command_report = {
    .name = "report",
    .about = "charts and one page from record files",
    .run = cmd_report,
    .bit = BY_REPORT,
    .takes_words = true,
    .operands = "FILE",
    .usage = {{"RECORDS... [-o DIR]", "charts (PNG, SVG, PDF, each with its CSV) and one self-contained report.html"}},
    .text = "RECORDS are files that bench, verify, run, compare and selftest wrote with --json; several machines may "
            "be given together.",
    .after = "needs Python 3 with matplotlib and Jinja2 (scripts/install-deps); ATTNBENCH_PYTHON names the only one to "
             "try",
    .example = "report laptop.json server.json -o comparison",
};

/* Runs a program and waits; its exit code, or -1. `quiet` discards what it prints. */
static int run_program(char *const *argv, bool quiet)
{
    pid_t pid;
    int status;
    sigset_t ours;
    posix_spawnattr_t attributes;
    fflush(NULL);
    posix_spawn_file_actions_t files;
    if (posix_spawnattr_init(&attributes)) return -1;
    if (posix_spawn_file_actions_init(&files)) {
        posix_spawnattr_destroy(&attributes);
        return -1;
    }
    if (quiet) posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    sigemptyset(&ours);
    sigaddset(&ours, SIGPIPE); /* we ignore these, which children would inherit */
    sigaddset(&ours, SIGXFSZ);
    posix_spawnattr_setsigdefault(&attributes, &ours);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    const int failed = posix_spawnp(&pid, argv[0], &files, &attributes, argv, environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    if (failed) return -1;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

enum { HAS_ALL = 97 }; /* the probe's answer, and no other program's: 0 is what /bin/true says too */

static bool can_report(char *python)
{
    static char flag[] = "-c",
                probe[] =
                    "import importlib.util as u, sys; "
                    "sys.exit(97 * (sys.version_info >= (3, 11) and all(map(u.find_spec, ('matplotlib', 'jinja2')))))";
    char *argv[] = {python, flag, probe, NULL};
    return (!strchr(python, '/') || access(python, X_OK) == 0) && run_program(argv, true) == HAS_ALL;
}

/* Where the project's virtual environment begins; NULL where there is none. A path whose links are resolved would name
 * the interpreter that the environment was made with, which knows nothing of it. */
static char *venv_python(void)
{
    char reason[512], *python = NULL;
    char *const venv = program_file(PROGRAM_DATA, "venv", reason, sizeof reason);
    if (venv && asprintf(&python, "%s/bin/python", venv) < 0) python = NULL;
    free(venv);
    return python;
}

/* An interpreter with which reports can be made: the named one or none, else the project's virtual environment, the
 * distribution's, the first on PATH. The caller frees it. NULL: said why. */
static char *find_python(void)
{
    char *named = getenv("ATTNBENCH_PYTHON");
    if (named && *named) {
        if (can_report(named)) return strdup(named);
        complain(
            "no report: ATTNBENCH_PYTHON=%s is no Python 3.11 or newer with matplotlib and Jinja2; unset it to have "
            "one looked for",
            named);
        return NULL;
    }
    char *const candidates[] = {venv_python(), strdup("/usr/bin/python3"), strdup("python3")};
    char *found = NULL;
    for (size_t i = 0; i < sizeof candidates / sizeof candidates[0]; i++) {
        if (!found && candidates[i] && can_report(candidates[i]))
            found = candidates[i];
        else
            free(candidates[i]);
    }
    if (found) return found;
    complain(
        "no report: no Python 3.11 or newer with matplotlib and Jinja2 was found; scripts/install-deps installs them");
    return NULL;
}

/* Runs the report's program; its exit code as one of ours. */
static int draw(const char *python, const char *program, const char *const *records, int count, const char *folder,
                bool quiet)
{
    static char output[] = "-o";
    char **argv = calloc((size_t)count + 5, sizeof *argv);
    if (!argv) return EXIT_BUG;
    int n = 0;
    argv[n++] = (char *)(uintptr_t)python;
    argv[n++] = (char *)(uintptr_t)program;
    for (int i = 0; i < count; i++) argv[n++] = (char *)(uintptr_t)records[i];
    argv[n++] = output;
    argv[n++] = (char *)(uintptr_t)folder;
    const int code = run_program(argv, quiet);
    free(argv);
    if (code == EXIT_WELL || code == EXIT_USAGE || code == EXIT_NOT_WRITTEN) return code;
    if (code >= 0) {
        complain("no report: the lines above, from %s, are our own bug", program);
        return EXIT_BUG;
    }
    complain("no report: %s could not be run, or was killed", python);
    return EXIT_NOT_WRITTEN;
}

int make_report(const char *const *records, int count, const char *folder, bool quiet)
{
    char reason[1024];
    char *const program = program_file(PROGRAM_DATA, "reports/make.py", reason, sizeof reason);
    if (!program) {
        complain("no report: %s", reason);
        return EXIT_NOT_WRITTEN;
    }
    char *const python = find_python();
    const int code = python ? draw(python, program, records, count, folder, quiet) : EXIT_NOT_WRITTEN;
    free(python);
    free(program);
    return code;
}

int cmd_report(int argc, char **argv)
{
    options o;
    char reason[512];
    int code = command_begin(argc, argv, &command_report, &o);
    if (code >= 0) return code;
    if (o.words.count == 0) {
        complain("report needs record files: attnbench report results.json -o DIR");
        code = EXIT_USAGE;
    }
    for (int i = 0; i < o.words.count && code < 0; i++) {
        json_t *record = record_read(o.words.word[i], reason, sizeof reason);
        if (record) {
            json_decref(record);
            continue;
        }
        complain("%s", reason);
        code = EXIT_USAGE;
    }
    const char *const folder = o.folder ? o.folder : "attnbench-out";
    if (code < 0 && !command_folder("-o", folder)) code = EXIT_USAGE;
    if (code < 0) code = make_report(o.words.word, o.words.count, folder, false);
    options_free(&o);
    return code;
}
