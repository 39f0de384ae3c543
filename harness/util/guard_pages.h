/* guard_pages.h: shared memory for one tensor between two inaccessible pages, so that a stray access faults. tensors/
 * places every tensor by it. Also: how much memory is available. */
#ifndef ATTNBENCH_GUARD_PAGES_H
#define ATTNBENCH_GUARD_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct mapping {
    unsigned char *base;  /* of the mapping with its guard pages; NULL: none */
    size_t mapped;        /* bytes of the mapping */
    unsigned char *begin; /* of the usable pages */
    size_t bytes;         /* of the usable pages */
} mapping;

/* Maps at least `bytes` bytes, zeroed and shared with forked children, with an inaccessible page on either side.
 * Returns 0 and a reason where the system refuses; *map is then empty. */
int mapping_open(mapping *map, int64_t bytes, char *reason, size_t reason_size);
void mapping_close(mapping *map);

/* Bytes that mapping_open maps for `bytes`, guard pages included. */
int64_t mapping_cost(int64_t bytes);

/* Where `bytes` bytes must begin to end as near to the rear guard page as possible, if they begin `align` bytes behind
 * a multiple of 64. */
unsigned char *mapping_place(const mapping *map, int64_t bytes, int64_t align);

/* Makes the usable pages read-only, or writable again. */
void mapping_protect(const mapping *map, bool read_only);

/* Writes a 32-bit pattern over the bytes from `from` to `to` (offsets from map->begin, where the pattern begins). */
void mapping_pattern(const mapping *map, size_t from, size_t to, uint32_t pattern);
bool mapping_has_pattern(const mapping *map, size_t from, size_t to, uint32_t pattern);

/* Bytes that can be allocated now without swapping: MemAvailable, else free physical pages. */
int64_t memory_available(void);

#endif
