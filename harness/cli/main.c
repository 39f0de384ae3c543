/* main.c: attnbench, the program: finds the command and runs it. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "help.h"
#include "registry.h"
#include "util/console.h"

/* Where a descriptor from 0 to 2 is closed, the next file opened would take its place and our messages. */
static void claim_standard_files(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 2 ? O_WRONLY : O_RDONLY) != fd) return;
}

static int no_such_command(const char *word)
{
    char names[256] = "";
    size_t used = 0;
    for (const command *const *c = commands; *c && used < sizeof names; c++)
        if (!(*c)->parent) used += (size_t)snprintf(names + used, sizeof names - used, " %s", (*c)->name);
    complain("no command '%.60s'; commands:%s ('attnbench --help' tells more)", word, names);
    return EXIT_USAGE;
}

static int run_command(int argc, char **argv)
{
    if (argc < 2) {
        help_program(stderr);
        return EXIT_USAGE;
    }
    char asked[] = "--help";
    if (strcmp(argv[1], "help") == 0 && argc == 3) /* help COMMAND: COMMAND --help */
        argv[1] = argv[2], argv[2] = asked;
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        help_program(stdout);
        return EXIT_WELL;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
        help_version(stdout);
        return EXIT_WELL;
    }
    const command *const c = command_find(argv[1]);
    return c ? c->run(argc - 2, argv + 2) : no_such_command(argv[1]);
}

int main(int argc, char **argv)
{
    claim_standard_files();
    /* A reader that goes away and a full quota are outputs that could not be written, not our end. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    char reason[256];
    int kernels;
    const attn_kernel *const *kernel = attn_kernels(&kernels);
    if (!attn_kernels_check(kernel, kernels, reason, sizeof reason)) {
        complain("this build is broken: %s", reason);
        return EXIT_BUG;
    }
    const int code = run_command(argc, argv);
    if (!fflush(stdout) && !ferror(stdout)) return code;
    if (code != EXIT_NOT_WRITTEN) complain("standard output could not be written");
    return worse_exit(code, EXIT_NOT_WRITTEN);
}
