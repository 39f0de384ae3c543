/* instance_copy.h: tensors of a child's own: others in the places of the shared ones, or the same in another place. */
#ifndef ATTNBENCH_INSTANCE_COPY_H
#define ATTNBENCH_INSTANCE_COPY_H

#include "instance.h"

/* Where a copy's tensors lie between their guard pages. */
typedef enum placement {
    PLACED_FRONT, /* the first byte follows the front page */
    PLACED_REAR   /* the last byte is followed by the rear page, as nearly as `alignment` lets it */
} placement;

/* Exchanges the inputs' shared pages for private ones with the same contents at the same addresses, writable: what this
 * process does to them, no other sees. 0 where memory is short. */
int instance_detach(instance *in);

/* All tensors anew, with the same contents. Freed by instance_free. 0 where memory is short. */
int instance_copy(const instance *in, placement place, int64_t alignment, instance *out);

/* Other contents of Q, K and V in place: signs change, all of V, every second element of K, every second group of Q.
 * Done twice, nothing has changed. The inputs must be writable. */
void instance_flip(instance *in);

/* Likewise, but the signs of all of Q, K and V: the logits of floating-point inputs stay what they are, so that the
 * work does too, and the output changes its sign. */
void instance_negate(instance *in);

#endif
