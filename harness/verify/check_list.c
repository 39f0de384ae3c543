/* check_list.c: the groups of checks, each from the file that carries its checks out. */
#include "check_list.h"

#include <string.h>

#include "judge/judge.h"
#include "properties/property.h"
#include "run/perturb.h"
#include "trial_run.h"

const check_group *const *check_groups(int *count)
{
    static const check_group *const group[] = {&call_checks,     &perturb_checks, &value_checks,
                                               &symmetry_checks, &row_checks,     &key_checks,
                                               &masked_checks,   &weight_checks,  &probe_checks};
    *count = sizeof group / sizeof *group;
    return group;
}

const check *check_find(const char *name)
{
    int groups;
    const check_group *const *group = check_groups(&groups);
    for (int g = 0; g < groups; g++)
        for (int i = 0; i < group[g]->count; i++)
            if (strcmp(group[g]->check[i].name, name) == 0) return &group[g]->check[i];
    return NULL;
}
