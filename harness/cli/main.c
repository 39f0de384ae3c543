/* main.c: attnbench, the program: finds the command and runs it. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "build_info.h"
#include "commands.h"
#include "registry.h"
#include "util/console.h"

static const struct {
    const char *name, *about;
    command_function *run;
} commands[] = {
    {"list", "kernels, workloads, suites, input classes and counters", cmd_list},
    {"doctor", "can this machine be measured? what disturbs it, what would mend that", cmd_doctor},
    {"verify", "is it right? every kernel against the double-precision reference", cmd_verify},
    {"bench", "how fast? times of checked kernels, by Google Benchmark", cmd_bench},
    {"compare", "is NEW slower than BASE? paired times of checked kernels, with an interval", cmd_compare},
    {"gate", "CI: did a change make any case slower or wrong?", cmd_gate},
    {"run", "verify, bench and report: the main job", cmd_run},
    {"report", "charts and one page from record files", cmd_report},
    {"history", "results over time in one file; where they changed", cmd_history},
    {"selftest", "does the judge find planted bugs, and the clock planted slowdowns, and nothing else?", cmd_selftest},
};
enum { COMMANDS = sizeof commands / sizeof commands[0] };

static void usage(FILE *to)
{
    fputs("attnbench: benchmarks and verifies attention kernels on this machine's CPU.\n\nusage: attnbench COMMAND "
          "[flags]\n\n",
          to);
    for (int i = 0; i < COMMANDS; i++) fprintf(to, "  %-8s %s\n", commands[i].name, commands[i].about);
    fputs("\n'attnbench COMMAND --help' tells more.\n\n"
          "example: attnbench bench --suite sweep --kernel 'blocked*' --json times.json\n\n"
          "exit codes: 0 all well; 1 a finding (wrong, slower); 2 bad usage or input; 3 could not tell;\n"
          "            4 the reference failed; 70 our bug; 74 output not written; 130 interrupted\n"
          "environment: ATTNBENCH_ISA=portable|avx2|avx512|... lowers the instruction sets in use\n",
          to);
}

/* Where a descriptor from 0 to 2 is closed, the next file opened would take its place and our messages. */
static void claim_standard_files(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 2 ? O_WRONLY : O_RDONLY) != fd) return;
}

static int no_such_command(const char *word)
{
    char names[256] = "";
    for (int i = 0, used = 0; i < COMMANDS && used < (int)sizeof names; i++)
        used += snprintf(names + used, sizeof names - (size_t)used, " %s", commands[i].name);
    complain("no command '%.60s'; commands:%s ('attnbench --help' tells more)", word, names);
    return EXIT_USAGE;
}

static int run_command(int argc, char **argv)
{
    if (argc < 2) {
        usage(stderr);
        return EXIT_USAGE;
    }
    char flag[] = "--help";
    if (strcmp(argv[1], "help") == 0 && argc == 3) /* help COMMAND: COMMAND --help */
        argv[1] = argv[2], argv[2] = flag;
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        usage(stdout);
        return EXIT_WELL;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("attnbench %s (%s, %s)\n", BUILD_VERSION, BUILD_COMMIT, BUILD_COMPILER);
        return EXIT_WELL;
    }
    for (int i = 0; i < COMMANDS; i++)
        if (strcmp(argv[1], commands[i].name) == 0) return commands[i].run(argc - 2, argv + 2);
    return no_such_command(argv[1]);
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
