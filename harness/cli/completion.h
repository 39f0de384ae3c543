/* completion.h: the completions of each shell, and what they share. */
#ifndef ATTNBENCH_COMPLETION_H
#define ATTNBENCH_COMPLETION_H

#include <stdbool.h>
#include <stdio.h>

#include "flags.h"

void completion_bash(FILE *to);
void completion_zsh(FILE *to);
void completion_fish(FILE *to);

/* Is it one to offer and to describe for this command? --help is. */
bool flag_shown(const flag *f, const command *c);

#endif
