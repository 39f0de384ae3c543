/* guard_pages.c: MAP_SHARED mappings, so that a parent can judge what its child wrote. An access beyond the pages
 * faults at once. One beyond the tensor but within its pages hits a pattern, which is checked afterwards. */
#include "guard_pages.h"

#include <stdio.h>
#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { cache_line = 64 };

static int64_t page_size(void) { return (int64_t)sysconf(_SC_PAGESIZE); }

/* At least one page, so that an empty tensor has an address too. */
static int64_t usable_bytes(int64_t bytes)
{
    const int64_t page = page_size(), wanted = bytes > 0 ? bytes + cache_line : 1;
    return (wanted + page - 1) / page * page;
}

int64_t mapping_cost(int64_t bytes) { return usable_bytes(bytes) + 2 * page_size(); }

int mapping_open(mapping *map, int64_t bytes, char *reason, size_t reason_size)
{
    *map = (mapping){0};
    if (bytes < 0 || bytes > INT64_MAX / 2) {
        snprintf(reason, reason_size, "a tensor of %" PRId64 " bytes cannot be mapped", bytes);
        return 0;
    }
    const size_t page = (size_t)page_size(), usable = (size_t)usable_bytes(bytes), whole = usable + 2 * page;
    void *base = mmap(NULL, whole, PROT_NONE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) {
        snprintf(reason, reason_size, "cannot map %zu bytes: %s", whole, strerror(errno));
        return 0;
    }
    if (mprotect((unsigned char *)base + page, usable, PROT_READ | PROT_WRITE) != 0) {
        snprintf(reason, reason_size, "cannot make %zu bytes accessible: %s", usable, strerror(errno));
        munmap(base, whole);
        return 0;
    }
    *map = (mapping){.base = base, .mapped = whole, .begin = (unsigned char *)base + page, .bytes = usable};
    return 1;
}

void mapping_close(mapping *map)
{
    if (map->base) munmap(map->base, map->mapped);
    *map = (mapping){0};
}

unsigned char *mapping_place(const mapping *map, int64_t bytes, int64_t align)
{
    const size_t last = map->bytes - (size_t)bytes - (size_t)align;
    return map->begin + last / cache_line * cache_line + align;
}

void mapping_protect(const mapping *map, bool read_only)
{
    if (map->base) mprotect(map->begin, map->bytes, read_only ? PROT_READ : PROT_READ | PROT_WRITE);
}

void mapping_pattern(const mapping *map, size_t from, size_t to, uint32_t pattern)
{
    unsigned char bytes[4];
    memcpy(bytes, &pattern, sizeof bytes);
    for (; from < to && from % 4; from++) map->begin[from] = bytes[from % 4];
    uint32_t *word = (uint32_t *)(void *)(map->begin + from);
    for (; from + 4 <= to; from += 4) *word++ = pattern;
    for (; from < to; from++) map->begin[from] = bytes[from % 4];
}

bool mapping_has_pattern(const mapping *map, size_t from, size_t to, uint32_t pattern)
{
    unsigned char bytes[4];
    memcpy(bytes, &pattern, sizeof bytes);
    for (; from < to; from++)
        if (map->begin[from] != bytes[from % 4]) return false;
    return true;
}

int64_t memory_available(void)
{
    FILE *f = fopen("/proc/meminfo", "re");
    int64_t available = -1;
    char line[256];
    while (f && available < 0 && fgets(line, sizeof line, f)) {
        int64_t kilobytes;
        if (sscanf(line, "MemAvailable: %" SCNd64 " kB", &kilobytes) == 1) available = kilobytes * 1024;
    }
    if (f) fclose(f);
    return available >= 0 ? available : (int64_t)sysconf(_SC_AVPHYS_PAGES) * page_size();
}
