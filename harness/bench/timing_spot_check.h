/* timing_spot_check.h: what is timed is what was checked.
 *
 * A kernel that wants to look fast may remember its result by address or shape, leave work out where the output holds
 * its last result already, or start threads, as soon as it believes itself timed. So the inputs change in place between
 * series of timed calls (all signs, which leaves the logits and the work as they are), and after some series, at
 * random, a single call is judged like any other: right after the inputs have changed back, into outputs that still
 * hold what the negated ones gave, and again into poisoned outputs. */
#ifndef ATTNBENCH_TIMING_SPOT_CHECK_H
#define ATTNBENCH_TIMING_SPOT_CHECK_H

#include "run/call.h"
#include "judge/trial.h"

typedef struct timing_secret {
    trial_group *group;
    const trial *checked;
    call *call;
    const attn_tensor *slot; /* of the call's outputs in the group's own tensors */
    volatile int *negated;   /* of the group's inputs; NULL: they rotate and do not change in place */
    uint64_t random;
    char message[256]; /* what was wrong; "" nothing */
} timing_secret;

/* Between two series of timed calls, untimed. */
void timing_secret_between(timing_secret *s);

/* After the last series. Returns the message or NULL. */
const char *timing_secret_check(timing_secret *s);

#endif
