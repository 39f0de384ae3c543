/* compare_print.c: comparisons on standard output. */
#include <math.h>
#include <stdio.h>

#include "compare.h"

void compare_print_side(const char *name, const compare_side *s)
{
    const plugin *p = s->module;
    printf("%s: %s%s%s (%s%s%s%.12s)\n", name, p->path, s->kernel ? ":" : "", s->kernel ? s->kernel : "", p->build_id,
           p->build_id[0] ? ", " : "", p->linker_id[0] ? "linker id " : "digest ",
           p->linker_id[0] ? p->linker_id : p->digest);
}

void compare_print(const comparison *c, const compare_settings *s)
{
    char title[2048], words[1024];
    compare_title(c, "  ", title, sizeof title);
    compare_words(c, s, words, sizeof words);
    printf("%s: %s\n", title, words);
    if (!c->timed || c->verdict == COMPARE_WRONG) return;
    printf("    %zu pairs of %lld call%s in %.2g s; median %+.2g %%, trimmed mean %+.2g %%, 95th percentiles %+.2g %%",
           c->pairs, (long long)c->calls, c->calls == 1 ? "" : "s", c->seconds, 100 * expm1(c->figures.median),
           100 * expm1(c->figures.trimmed_mean), 100 * (c->figures.tail - 1));
    if (c->controls) printf("; control %+.2g %%", 100 * expm1(c->control.median));
    if (c->launches) printf("; %d launches, %.2g %% apart", c->launches, 100 * c->over_launches.deviation);
    putchar('\n');
}
