/* failure_signature.h: what a failure looks like, short enough to compare with what planted bugs look like. */
#ifndef ATTNBENCH_FAILURE_SIGNATURE_H
#define ATTNBENCH_FAILURE_SIGNATURE_H

#include <stdio.h>

#include "judge/trial.h"

/* "lse-bound output-bound: output and LSE as if the last key were missing": the names of the failing checks, sorted;
 * then what explains the values or, where nothing does, where they lie, with # for numbers. "" for a case without
 * findings. */
void signature_of(const trial *t, char *out, size_t size);

typedef struct known_bug {
    const char *name, *what, *signature; /* of tests/mutants/NAME.diff */
} known_bug;

/* Prints 'looks like: WHAT (planted bug NAME)' for the first few planted bugs with this signature; where none has it,
 * for those whose values are explained by the same words. `bugs` ends with a NULL name. Returns how many. */
int signature_print_alike(FILE *to, const char *signature, const known_bug *bugs);

/* Those with a signature in their head, put together by the build. */
extern const known_bug known_bugs[];

#endif
