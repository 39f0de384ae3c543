/* compare_words.c: a comparison's verdict as a sentence, and its title. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "compare.h"
#include "util/percent.h"

/* The ln ratio that the sentence states: over launches where there were any, else of the one process. */
static double claimed(const comparison *c, interval *at)
{
    *at = c->launches ? c->over_launches.bounds : c->figures.median_interval;
    return c->launches ? c->over_launches.mean : c->figures.median;
}

/* Percentages are of BASE's time. A change by more than a factor of two is stated as a factor. */
static void say_slower(const comparison *c, char *out, size_t size)
{
    interval at;
    const double ratio = claimed(c, &at);
    if (ratio < M_LN2)
        snprintf(out, size, "is %.*g %% slower than BASE [%.*g, %.*g]", PERCENT(expm1(ratio)), PERCENT(expm1(at.low)),
                 PERCENT(expm1(at.high)));
    else
        snprintf(out, size, "takes %.3g times as long as BASE [%.3g, %.3g]", exp(ratio), exp(at.low), exp(at.high));
}

static void say_faster(const comparison *c, char *out, size_t size)
{
    interval at;
    const double ratio = claimed(c, &at);
    if (ratio > -M_LN2)
        snprintf(out, size, "is %.*g %% faster than BASE [%.*g, %.*g]", PERCENT(-expm1(ratio)),
                 PERCENT(-expm1(at.high)), PERCENT(-expm1(at.low)));
    else
        snprintf(out, size, "is %.3g times as fast as BASE [%.3g, %.3g]", exp(-ratio), exp(-at.high), exp(-at.low));
}

static void say_bounds(const comparison *c, char *out, size_t size)
{
    const interval at = c->launches ? c->over_launches.bounds : c->figures.median_interval;
    snprintf(out, size, "[%+.*g, %+.*g]", PERCENT(expm1(at.low)), PERCENT(expm1(at.high)));
}

void compare_words(const comparison *c, const compare_settings *s, char *out, size_t size)
{
    char text[256];
    switch (c->verdict) {
    case COMPARE_SLOWER:
        say_slower(c, text, sizeof text);
        snprintf(out, size, "NEW %s", text);
        break;
    case COMPARE_FASTER:
        say_faster(c, text, sizeof text);
        snprintf(out, size, "NEW %s", text);
        break;
    case COMPARE_NO_DIFFERENCE:
        say_bounds(c, text, sizeof text);
        snprintf(out, size, "no difference beyond %.*g %% %s%s%s", PERCENT(s->delta), text, c->why[0] ? "; " : "",
                 c->why);
        break;
    case COMPARE_NOT_SLOWER:
        say_bounds(c, text, sizeof text);
        snprintf(out, size, "NEW is not slower than BASE by more than %.*g %% %s%s%s", PERCENT(s->delta), text,
                 c->why[0] ? "; " : "", c->why);
        break;
    case COMPARE_IDENTICAL: snprintf(out, size, "identical code, not timed"); break;
    case COMPARE_COULD_NOT_TELL:
        if (c->timed && isfinite(c->visible)) {
            say_bounds(c, text, sizeof text);
            snprintf(out, size, "could not tell: %s; %s; a slowdown of %.*g %% would have shown", c->why, text,
                     PERCENT(c->visible));
        } else if (c->timed) {
            snprintf(out, size, "could not tell: %s; %zu pairs are too few for a slowdown of any size to show", c->why,
                     c->pairs);
        } else {
            snprintf(out, size, "could not tell: %s", c->why);
        }
        break;
    case COMPARE_WRONG: snprintf(out, size, "wrong, %s: %s", c->timed ? "times void" : "not timed", c->why); break;
    case COMPARE_UNSUPPORTED:
    case COMPARE_VERDICTS: snprintf(out, size, "not compared: %s", c->why); break;
    }
}

void compare_title(const comparison *c, const char *separator, char *out, size_t size)
{
    const char *base = compare_kernel_name(c->kernel[0]), *fresh = compare_kernel_name(c->kernel[1]);
    const bool same = strcmp(base, fresh) == 0;
    snprintf(out, size, "%s%s%s%s%s%sthreads:%d", base, same ? "" : " -> ", same ? "" : fresh, separator, c->w->name,
             separator, c->threads);
}
