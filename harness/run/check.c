/* check.c: the list of checks, and findings. */
#include "check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const check_group *const *check_groups(int *count)
{
    static const check_group *const group[] = {&call_checks,     &instrument_checks, &value_checks,
                                               &symmetry_checks, &row_checks,        &key_checks,
                                               &masked_checks,   &weight_checks,     &probe_checks};
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

bool check_wanted(const check_list *only, const char *name)
{
    for (int i = 0; only && i < only->count; i++)
        if (strcmp(only->name[i], name) == 0) return true;
    return !only || only->count == 0;
}

void findings_keep(findings *f, const check_list *only)
{
    static const char *const endings[] = {"no-crash", "no-hang", "no-exit"};
    const check_list ends = {endings, sizeof endings / sizeof *endings};
    int kept = 0;
    for (int i = 0; i < f->count; i++)
        if (check_wanted(only, f->item[i].check) || check_wanted(&ends, f->item[i].check)) f->item[kept++] = f->item[i];
    f->count = kept;
}

void findings_add(findings *f, const char *name, const char *format, ...)
{
    for (int i = 0; i < f->count; i++)
        if (strcmp(f->item[i].check, name) == 0) return;
    if (f->count == MOST_FINDINGS) return;
    finding *item = &f->item[f->count++];
    snprintf(item->check, sizeof item->check, "%s", name);
    va_list args;
    va_start(args, format);
    vsnprintf(item->reason, sizeof item->reason, format, args);
    va_end(args);
}
