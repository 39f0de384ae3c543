/* command_list.c: the commands in the order of the help, and what the program says of itself. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "util/console.h"

const command *const commands[] = {&command_list,    &command_doctor,
                                   &command_verify,  &command_bench,
                                   &command_compare, &command_gate,
                                   &command_run,     &command_report,
                                   &command_history, &command_selftest,
                                   &command_clock,   &command_completion,
                                   &command_manual,  NULL};

const char program_about[] = "benchmarks and verifies attention kernels on this machine's CPU.";

const exit_meaning exit_meanings[] = {{EXIT_WELL, "all well"},
                                      {EXIT_FINDING, "a finding (wrong, slower)"},
                                      {EXIT_USAGE, "bad usage or input"},
                                      {EXIT_UNDECIDED, "could not tell"},
                                      {EXIT_REFERENCE, "the reference failed"},
                                      {EXIT_BUG, "our bug"},
                                      {EXIT_NOT_WRITTEN, "output not written"},
                                      {EXIT_INTERRUPTED, "interrupted"},
                                      {0, NULL}};

const variable_meaning variable_meanings[] = {
    {"ATTNBENCH_ISA", "portable|avx2|avx512|...", "lowers the instruction sets in use"},
    {"ATTNBENCH_PYTHON", "PROGRAM", "the only Python to try for reports"},
    {NULL, NULL, NULL}};

const command *command_find(const char *name)
{
    for (const command *const *c = commands; *c; c++)
        if (!(*c)->parent && strcmp((*c)->name, name) == 0) return *c;
    return NULL;
}

const command *command_within(const command *parent, const char *word)
{
    for (const command *const *c = commands; *c; c++)
        if ((*c)->parent && strcmp((*c)->parent, parent->name) == 0 && strcmp((*c)->name, word) == 0) return *c;
    return NULL;
}

const char *command_title(const command *c, char *buffer, int size)
{
    snprintf(buffer, (size_t)size, "%s%s%s", c->parent ? c->parent : "", c->parent ? " " : "", c->name);
    return buffer;
}
