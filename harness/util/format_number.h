/* format_number.h: a figure for readers: three significant digits, never more decimals than the column holds.
 *
 * 2.40, 12.1, 482, 9902: trailing zeros stay, for they are digits. An exponent stands only where the decimals would
 * show nothing but zeros.
 */
#ifndef ATTNBENCH_FORMAT_NUMBER_H
#define ATTNBENCH_FORMAT_NUMBER_H

enum { DIGITS_TEXT = 32 };

/* "-" where x is NaN. `decimals` is the most behind the point. Returns out. */
const char *three_digits(double x, int decimals, char out[DIGITS_TEXT]);

/* The same in `before` + 1 + `decimals` columns, with the point of all figures in one column. */
const char *three_digits_aligned(double x, int before, int decimals, char out[DIGITS_TEXT]);

#endif
