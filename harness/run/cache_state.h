/* cache_state.h: where a call's data lie when it begins.
 *
 * hot: where the call before left them, which for a small case is the innermost cache;
 * rotated: each call takes the next of so many copies of the inputs that the caches do not hold them all;
 * cold: every line of inputs, outputs and workspace is flushed from all caches before each call, untimed. Code and
 * address translations stay warm. */
#ifndef ATTNBENCH_CACHE_STATE_H
#define ATTNBENCH_CACHE_STATE_H

#include <stdbool.h>
#include <stddef.h>

#include "attention.h"

struct call;
struct instance;

typedef enum residency { RESIDENCY_HOT, RESIDENCY_ROTATED, RESIDENCY_COLD } residency;

/* The part of an entry's name: "", "/rotated", "/cold". */
const char *residency_variant(residency r);

/* Can this processor's caches be flushed from here? 0 and a reason if not. */
int residency_possible(residency r, char *reason, size_t reason_size);

/* Copies of an instance's inputs, one behind the other. */
typedef struct rotation {
    unsigned char *arena; /* NULL: one set, the instance's own, which is larger than the caches */
    size_t bytes, set_bytes;
    int64_t sets, next;
    size_t offset[ATTN_SLOTS]; /* of a slot's data in a set */
    bool rotates[ATTN_SLOTS];
} rotation;

/* As many sets as `wanted` bytes take, rounded up. Returns 0 and a reason where memory is short. */
int rotation_make(rotation *r, const struct instance *in, double wanted, char *reason, size_t reason_size);
void rotation_free(rotation *r);

/* Bytes that surely leave every cache of this machine between two uses, as far as memory allows. */
double rotation_wanted(void);

/* Points the call at the next set. */
void rotation_turn(rotation *r, struct call *c);

/* Flushes all that the call reads and writes, and wakes the threads that slept meanwhile. */
void residency_evict(const struct instance *in, const struct call *c);

/* The bytes of which that flushes one after the other, by what flushes the line of each. */
void residency_each_line(const struct instance *in, const struct call *c, void (*flush_line)(void *ctx, const void *at),
                         void *ctx);

/* "hot", "cold", "rotated over 12 sets, 403 MB". */
void residency_describe(residency r, const rotation *sets, char *out, size_t size);

#endif
