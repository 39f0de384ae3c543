/* flag_readers.c: how the values of flags are read. Each reader puts its value into the field that the flag's row
 * names, or says in one line what the value must be. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flags.h"
#include "run/check.h"
#include "verify/check_list.h"

static void *field(options *o, const flag *f) { return (char *)o + f->to; }

int read_true(const flag *f, const char *value, options *o, char *reason, size_t size)
{
    (void)value, (void)reason, (void)size;
    *(bool *)field(o, f) = true;
    return 1;
}

int read_text(const flag *f, const char *value, options *o, char *reason, size_t size)
{
    (void)reason, (void)size;
    *(const char **)field(o, f) = value;
    return 1;
}

int read_word(const flag *f, const char *value, options *o, char *reason, size_t size)
{
    if (word_list_add(field(o, f), value)) return 1;
    snprintf(reason, size, "out of memory");
    return 0;
}

int read_check(const flag *f, const char *value, options *o, char *reason, size_t size)
{
    if (check_find(value)) return read_word(f, value, o, reason, size);
    snprintf(reason, size, "%s %.60s: there is no such check; attnbench list checks prints them", f->name, value);
    return 0;
}

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

static int parse_whole(const char *text, int64_t *out)
{
    char *end;
    errno = 0;
    *out = strtoll(text, &end, 10);
    return isdigit((unsigned char)text[0]) && !errno && !*end;
}

static int parse_within(const flag *f, const char *value, int64_t *out, char *reason, size_t size)
{
    if (parse_whole(value, out) && *out >= f->least && *out <= f->most) return 1;
    snprintf(reason, size, "%s %.40s: must be a whole number%s%s from %lld to ", f->name, value, f->unit ? " " : "",
             f->unit ? f->unit : "", (long long)f->least);
    const size_t used = strlen(reason);
    if (f->most == INT64_MAX)
        snprintf(reason + used, size - used, "2^63 - 1");
    else
        snprintf(reason + used, size - used, "%lld", (long long)f->most);
    return 0;
}

int read_whole(const flag *f, const char *value, options *o, char *reason, size_t size)
{
    int64_t n;
    if (!parse_within(f, value, &n, reason, size)) return 0;
    *(int *)field(o, f) = (int)n;
    return 1;
}

/* One launch says nothing of how launches differ. */
int read_launches(const flag *f, const char *value, options *o, char *reason, size_t size)
{
    int64_t n;
    if (parse_whole(value, &n) && n <= f->most && n != 1) {
        *(int *)field(o, f) = (int)n;
        return 1;
    }
    snprintf(reason, size, "%s %.40s: must be 0 or a whole number from 2 to %lld", f->name, value, (long long)f->most);
    return 0;
}

int read_seed(const flag *f, const char *value, options *o, char *reason, size_t size)
{
    int64_t n;
    if (!parse_within(f, value, &n, reason, size)) return 0;
    *(uint64_t *)field(o, f) = (uint64_t)n;
    return 1;
}

int read_rows(const flag *f, const char *value, options *o, char *reason, size_t size)
{
    return parse_within(f, value, field(o, f), reason, size);
}

/* A number above 0, with or without its unit behind it. */
static int parse_positive(const char *text, char unit, double *out)
{
    char *end;
    errno = 0;
    *out = strtod(text, &end);
    if (*end == unit && end != text) end++;
    return !errno && end != text && !*end && isfinite(*out) && *out > 0;
}

int read_seconds(const flag *f, const char *value, options *o, char *reason, size_t size)
{
    if (parse_positive(value, 's', field(o, f))) return 1;
    snprintf(reason, size, "%s %.40s: must be a number of seconds above 0", f->name, value);
    return 0;
}

int read_percent(const flag *f, const char *value, options *o, char *reason, size_t size)
{
    double percent;
    if (parse_positive(value, '%', &percent) && percent <= 100 && percent / 100 > 0) {
        *(double *)field(o, f) = percent / 100;
        return 1;
    }
    snprintf(reason, size, "%s %.40s: must be a percentage above 0 and up to 100", f->name, value);
    return 0;
}

/* ---- one of two -------------------------------------------------------------------------------------------------- */

int read_warn_or_fail(const flag *f, const char *value, options *o, char *reason, size_t size)
{
    const bool fails = strcmp(value, "fail") == 0;
    *(bool *)field(o, f) = fails;
    if (fails || strcmp(value, "warn") == 0) return 1;
    snprintf(reason, size, "%s %.40s: must be warn or fail", f->name, value);
    return 0;
}

/* --cold and --rotate: `least` is the residency that the flag stands for. */
int read_residency(const flag *f, const char *value, options *o, char *reason, size_t size)
{
    (void)value;
    const residency wanted = (residency)f->least;
    residency *const r = field(o, f);
    if (*r != RESIDENCY_HOT && *r != wanted) {
        snprintf(reason, size, "--cold and --rotate exclude each other; run it twice");
        return 0;
    }
    *r = wanted;
    return residency_possible(wanted, reason, size);
}
