/* failure_signature.c: failures compared with those of planted bugs. Checks alone tell little, since most bugs move
 * both output and LSE; the words of the pattern tell most, so they count where the checks differ. */
#include "failure_signature.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_NAMED = 3 };

static int by_text(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

/* What pattern_values says begins or goes on like this. */
static bool explains(const char *words) { return strstr(words, " as if ") || strstr(words, "the wrong values are "); }

/* Appends the parts of the pattern that say why, else those that say where. Of several explanations only the first: the
 * others depend on the case. */
static void append_words(const char *pattern, bool why, char *out, size_t size)
{
    char copy[sizeof((trial *)0)->pattern], *rest = copy, *part;
    size_t used = strlen(out);
    const char *separator = ": ";
    snprintf(copy, sizeof copy, "%s", pattern);
    while ((part = strsep(&rest, ";"))) {
        while (*part == ' ') part++;
        if (explains(part) != why) continue;
        char *other = why ? strstr(part, " or ") : NULL;
        if (other) *other = 0;
        for (const char *s = separator; *s && used + 1 < size; s++) out[used++] = *s;
        for (const char *c = part; *c && used + 1 < size; c++) {
            if (why || !isdigit((unsigned char)*c))
                out[used++] = *c;
            else if (out[used - 1] != '#')
                out[used++] = '#';
        }
        separator = ", ";
    }
    out[used] = 0;
}

void signature_of(const trial *t, char *out, size_t size)
{
    const char *name[MOST_FINDINGS];
    size_t used = 0;
    out[0] = 0;
    for (int i = 0; i < t->found.count; i++) name[i] = t->found.item[i].check;
    qsort(name, (size_t)t->found.count, sizeof *name, by_text);
    for (int i = 0; i < t->found.count && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%s", i ? " " : "", name[i]);
    if (t->found.count && t->pattern[0]) append_words(t->pattern, explains(t->pattern), out, size);
}

/* What is behind the checks, if it says why. */
static const char *why_of(const char *signature)
{
    const char *words = strstr(signature, ": ");
    return words && explains(words + 2) ? words + 2 : NULL;
}

static bool alike(const char *a, const char *b, bool exactly)
{
    if (exactly) return strcmp(a, b) == 0;
    const char *why_a = why_of(a), *why_b = why_of(b);
    return why_a && why_b && strcmp(why_a, why_b) == 0;
}

int signature_print_alike(FILE *to, const char *signature, const known_bug *bugs)
{
    int named = 0;
    for (int exactly = 1; exactly >= 0 && *signature && !named; exactly--)
        for (const known_bug *bug = bugs; bug->name && named < MOST_NAMED; bug++) {
            if (!alike(signature, bug->signature, exactly)) continue;
            fprintf(to, "            looks like: %s (planted bug %s)\n", bug->what, bug->name);
            named++;
        }
    return named;
}
