/* compare_print.c: prints comparisons and their two sides on standard output. */
#include <math.h>
#include <stdio.h>

#include "compare.h"
#include "util/percent.h"

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
    printf("    %zu pairs of %lld call%s in %.*g s; median %+.*g %%, trimmed mean %+.*g %%, 95th percentiles %+.*g %%",
           c->pairs, (long long)c->calls, c->calls == 1 ? "" : "s", two_digits(c->seconds), c->seconds,
           PERCENT(expm1(c->figures.median)), PERCENT(expm1(c->figures.trimmed_mean)), PERCENT(c->figures.tail - 1));
    if (c->controls) printf("; control %+.*g %%", PERCENT(expm1(c->control.median)));
    if (c->launches) printf("; %d launches, %.*g %% apart", c->launches, PERCENT(c->over_launches.deviation));
    putchar('\n');
}
