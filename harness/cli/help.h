/* help.h: what --help prints, from the tables of commands and flags. */
#ifndef ATTNBENCH_HELP_H
#define ATTNBENCH_HELP_H

#include <stdio.h>

#include "flags.h"

enum { HELP_TEXT = 1024 }; /* bytes of the help of one flag, with the defaults filled in */

void help_program(FILE *to);
void help_version(FILE *to);
void help_command(FILE *to, const command *c);

/* The help of a flag for a command: its defaults in place of {suites} and {threads}. */
const char *help_flag(const flag *f, const command *c, char buffer[HELP_TEXT]);

/* The part of a help that fits beside a name in a shell's list: all before the first details. */
const char *help_short(const char *help, char buffer[HELP_TEXT]);

#endif
