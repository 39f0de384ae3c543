/* guarded_buffer.h: private memory for one kernel's workspace that ends at an inaccessible page, so that a write past
 * it faults. run/call.c allocates workspaces by it. */
#ifndef ATTNBENCH_GUARDED_BUFFER_H
#define ATTNBENCH_GUARDED_BUFFER_H

#include <stdint.h>

typedef struct guarded {
    unsigned char *base; /* of the mapping; NULL: none */
    int64_t mapped;
    void *data; /* `bytes` bytes, aligned to cache-line pairs */
    int64_t bytes;
} guarded;

/* Returns 0 where memory is short. */
int guarded_open(guarded *g, int64_t bytes);
void guarded_close(guarded *g);

/* Repeats a 32-bit pattern over the memory. */
void guarded_fill(const guarded *g, uint32_t pattern);

#endif
