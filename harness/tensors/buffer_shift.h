/* buffer_shift.h: one buffer of a call, or all its tensors, some bytes further on, in the same memory.
 *
 * Two copies of a buffer at two places differ in more than their address (the pages behind it, and which lines the
 * caches drop), by percents. So there is one, and its contents move between the two places. */
#ifndef ATTNBENCH_BUFFER_SHIFT_H
#define ATTNBENCH_BUFFER_SHIFT_H

#include "placement.h"

typedef enum shifted_buffer {
    SHIFTED_Q,
    SHIFTED_K,
    SHIFTED_V,
    SHIFTED_O,
    SHIFTED_TENSORS,   /* these four together */
    SHIFTED_WORKSPACE, /* and the packed copy; the contract aligns both to 64 bytes */
    SHIFTED_BUFFERS
} shifted_buffer;
const char *shifted_buffer_name(shifted_buffer b);

typedef struct shift {
    shifted_buffer buffer;
    int bytes; /* 0 to SHIFT_MOST */
} shift;
enum { SHIFT_MOST = 4096 };

/* Is there such a buffer of its own here? A V that is a view of K is none. */
bool shift_applies(const shift *s, const instance *in);

/* `at` with the tensors' pointers moved; `at` was made by placement_at_pages. */
instance shift_pointers(const shift *s, const instance *at);

/* Moves what the inputs hold to where they are shifted to, or back. Outputs hold nothing yet. */
void shift_contents(const shift *s, const instance *at, bool there);

#endif
