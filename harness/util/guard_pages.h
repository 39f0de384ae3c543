/* guard_pages.h: memory for one tensor between two inaccessible pages, and how much memory there is. */
#ifndef ATTNBENCH_GUARD_PAGES_H
#define ATTNBENCH_GUARD_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct mapping {
    unsigned char *base;  /* of the mapping, guard pages included; NULL: none */
    size_t mapped;        /* bytes of the mapping */
    unsigned char *begin; /* first byte of the usable pages */
    size_t bytes;         /* usable pages */
} mapping;

/* Maps at least `bytes` bytes, zeroed and shared with children made by fork, with an inaccessible page on either side.
 * Returns 0 and a reason where the system refuses; *map is then empty. */
int mapping_open(mapping *map, int64_t bytes, char *reason, size_t reason_size);
void mapping_close(mapping *map);

/* Bytes that mapping_open takes for `bytes`, guard pages included. */
int64_t mapping_cost(int64_t bytes);

/* Where `bytes` bytes begin if they are to end as close to the rear guard page as a start `align` bytes behind a
 * 64-byte border lets them. */
unsigned char *mapping_place(const mapping *map, int64_t bytes, int64_t align);

/* Makes the usable pages read-only, or writable again. */
void mapping_protect(const mapping *map, bool read_only);

/* Repeats a 32-bit pattern over the bytes from `from` to `to` (offsets from map->begin, cut in phase with it). */
void mapping_pattern(const mapping *map, size_t from, size_t to, uint32_t pattern);
bool mapping_has_pattern(const mapping *map, size_t from, size_t to, uint32_t pattern);

/* Bytes that can be taken now without pushing others out: MemAvailable, else free physical pages. */
int64_t memory_available(void);

#endif
