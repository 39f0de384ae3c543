/* format_number.c: the exponent of the rounded figure tells how many decimals three digits need. */
#include "format_number.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *three_digits(double x, int decimals, char out[DIGITS_TEXT])
{
    if (isnan(x)) return strcpy(out, "-");
    if (isinf(x) || fabs(x) >= 1e15) {
        snprintf(out, DIGITS_TEXT, "%.3g", x);
        return out;
    }
    snprintf(out, DIGITS_TEXT, "%.2e", x); /* rounds 99.96 to 1.00e+02, which has no decimals */
    const int wanted = 2 - atoi(strchr(out, 'e') + 1);
    snprintf(out, DIGITS_TEXT, "%.*f", wanted < 0 ? 0 : wanted < decimals ? wanted : decimals, x);
    if (x != 0 && strtod(out, NULL) == 0) snprintf(out, DIGITS_TEXT, "%.0e", x);
    return out;
}

const char *three_digits_aligned(double x, int before, int decimals, char out[DIGITS_TEXT])
{
    char text[DIGITS_TEXT];
    three_digits(x, decimals, text);
    const size_t width = (size_t)(before + 1 + decimals), length = strlen(text), whole = strcspn(text, ".");
    const size_t room = strchr(text, 'e') ? width : (size_t)before, used = strchr(text, 'e') ? length : whole;
    const size_t left = room > used ? room - used : 0, all = left + length > width ? left + length : width;
    assert(all < DIGITS_TEXT);
    memset(out, ' ', all);
    memcpy(out + left, text, length);
    out[all] = 0;
    return out;
}
