/* certify.h: is the double reference right? Balls of 128 bits enclose what a row is by definition; its doubles must lie
 * as near to them as the error bound promises for u = 2^-53. A violation is the reference's failure, not a kernel's. */
#ifndef ATTN_CERTIFY_H
#define ATTN_CERTIFY_H

#include <stddef.h>

#include "reference.h"

/* False where the program was built without FLINT (Arb): nothing can be certified. */
bool certify_available(void);

/* Holds O, LSE and all weights of a computed row against their enclosures. The row's inputs (Q, K, V, scale, added
 * terms, sink) are exact by definition. Returns 0 and a reason where a figure lies too far away; 1 also for rows that
 * are not finite, where there is nothing to enclose. */
int certify_row(const ref_row *row, char *reason, size_t reason_size);

#endif
