/* fault.h: where a child's memory access went wrong, in words: which tensor, how far before or behind it, read or
 * write.
 *
 * The child's signal handler only notes the address, on a stack of its own and in shared memory; the parent looks it up
 * among the regions that the child had told of. */
#ifndef ATTNBENCH_FAULT_H
#define ATTNBENCH_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tensors/instance.h"

typedef struct fault_region {
    char name[32];
    uintptr_t base, top;   /* of the mapping, guard pages included */
    uintptr_t first, last; /* of the contents: the first byte, and the one behind the last */
    bool read_only;
} fault_region;

enum { MOST_REGIONS = 64 };
typedef struct fault {
    volatile int seen;
    uintptr_t address;
    int access; /* 1 read, 2 write, 0 the processor does not tell */
    int regions;
    fault_region region[MOST_REGIONS];
    char doing[96]; /* what was going on beside a plain call; "" nothing */
} fault;

/* In the child: notes SIGSEGV and SIGBUS in `f`, which is shared memory, and lets them end the process. From here on
 * the process cannot install handlers of its own for these signals (where the system has seccomp; else it can). */
void fault_watch(fault *f);

/* Tells of a mapping; of all mappings of an instance, under their slots' names with `where` behind them. */
void fault_region_add(fault *f, const fault_region *region);
void fault_regions_of(fault *f, const instance *in, const char *where);
void fault_region_remove(fault *f, uintptr_t base);

/* In the parent: "a read at byte 0 behind the end of K". Returns false where no address was noted. */
bool fault_text(const fault *f, char *out, size_t size);

#endif
