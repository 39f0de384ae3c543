/* debugger.c: the case's own reproducer, with gdb in front of it. */
#include "debugger.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "case_report.h"
#include "run/perturb.h"

int debugger_found(char *reason, size_t size)
{
    const char *path = getenv("PATH");
    char file[4096];
    for (size_t length; path && *path; path += length + (path[length] == ':')) {
        length = strcspn(path, ":");
        snprintf(file, sizeof file, "%.*s/gdb", (int)length, path);
        if (access(file, X_OK) == 0) return 1;
    }
    snprintf(reason, size,
             "--gdb: no gdb in PATH; install it, or run the printed line with --in-process in another debugger");
    return 0;
}

/* Where gdb shall stop; "" where the signal stops it. */
static const char *stop_at(const trial *t)
{
    if (t->status == TRIAL_CRASH) return "";
    for (int i = 0; i < t->found.count; i++)
        for (int c = 0; c < perturb_checks.count; c++)
            if (strcmp(t->found.item[i].check, perturb_checks.check[c].name) == 0) return "-ex 'break findings_add' ";
    return "-ex 'break call_once' ";
}

void debugger_become(const trial_group *g, const trial *t, char *reason, size_t size)
{
    static const char front[] = "attnbench verify";
    char line[3072], program[4096], command[8192];
    const ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length > 0 ? length : 0] = '\0';
    case_reproducer(g, t, line, sizeof line);
    snprintf(command, sizeof command, "exec gdb -q %s-ex run --args '%s' verify --in-process%s", stop_at(t), program,
             line + strlen(front));
    fflush(NULL);
    execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    snprintf(reason, size, "--gdb: %s", strerror(errno));
}
