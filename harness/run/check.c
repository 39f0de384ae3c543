/* check.c: which checks are asked for, and findings. */
#include "check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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
