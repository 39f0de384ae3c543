/* certify.h: checks the double reference itself. Balls of 128 bits enclose what a row is by definition; the reference's
 * doubles must lie within the error bound for u = 2^-53 of them. A violation is the reference's fault, not a kernel's.
 * judge/ calls it for `verify`. */
#ifndef ATTN_CERTIFY_H
#define ATTN_CERTIFY_H

#include <stddef.h>

#include "reference.h"

/* False if the program was built without FLINT (Arb): nothing can be certified. */
bool certify_available(void);

/* Compares O, LSE and all weights of a computed row with their enclosures. The row's inputs (Q, K, V, scale, added
 * terms, sink) are exact by definition. Returns 0 and a reason if a figure is too far away; 1 also for rows that are
 * not finite, where there is nothing to enclose. */
int certify_row(const ref_row *row, char *reason, size_t reason_size);

#endif
