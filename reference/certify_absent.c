/* certify_absent: stands in for certify.c in builds without FLINT. */
#include <stdio.h>

#include "certify.h"

bool certify_available(void) { return false; }

int certify_row(const ref_row *row, char *reason, size_t reason_size)
{
    (void)row;
    snprintf(reason, reason_size, "built without FLINT (Arb)");
    return 0;
}
