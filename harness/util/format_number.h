/* format_number.h: formats a figure with three significant digits, in at most the decimals that a column has.
 *
 * 2.40, 12.1, 482, 9902: trailing zeros stay, because they are significant. An exponent is used only if the decimals
 * would all be zeros. */
#ifndef ATTNBENCH_FORMAT_NUMBER_H
#define ATTNBENCH_FORMAT_NUMBER_H

enum { DIGITS_TEXT = 32 };

/* `decimals`: the most behind the point. NaN is "-". Returns `out`. */
const char *three_digits(double x, int decimals, char out[DIGITS_TEXT]);

/* The same, padded to `before` + 1 + `decimals` characters, so that the points of a column are aligned. */
const char *three_digits_aligned(double x, int before, int decimals, char out[DIGITS_TEXT]);

#endif
