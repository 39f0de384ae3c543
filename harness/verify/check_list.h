/* check_list.h: the list of all checks. */
#ifndef ATTNBENCH_CHECK_LIST_H
#define ATTNBENCH_CHECK_LIST_H

#include "run/check.h"

/* The groups, in the order in which they are carried out. */
const check_group *const *check_groups(int *count);

/* NULL where no check has that name. */
const check *check_find(const char *name);

#endif
