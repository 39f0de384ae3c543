/* placement.c: one arena, each mapping's pages copied into it behind a random offset. */
#include "placement.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "instance_parts.h"

enum { PAGE = 4096, LINE = 64 };

int placement_make(placement *p, const instance *from, uint64_t seed, char *reason, size_t reason_size)
{
    memset(p, 0, sizeof *p);
    for (int s = 0; s < ATTN_SLOTS; s++)
        if (from->map[s].base) p->bytes += (from->map[s].bytes + 2 * PAGE - 1) / PAGE * PAGE;
    p->arena = mmap(NULL, p->bytes ? p->bytes : PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    gsl_rng *const random = p->arena == MAP_FAILED ? NULL : input_stream(seed, ATTN_SLOTS);
    if (!random) {
        snprintf(reason, reason_size, "no memory for a copy of the inputs, %zu MB", p->bytes >> 20);
        if (p->arena != MAP_FAILED) placement_free(p);
        p->arena = NULL;
        return 0;
    }
    p->in = *from;
    unsigned char *next = p->arena;
    for (int s = 0; s < ATTN_SLOTS; s++) {
        const instance_map *const map = &from->map[s];
        if (!map->base) continue;
        unsigned char *const begin = next + LINE * gsl_rng_uniform_int(random, PAGE / LINE);
        memcpy(begin, map->begin, map->bytes);
        p->in.map[s] = (instance_map){.base = begin, .mapped = map->bytes, .begin = begin, .bytes = map->bytes};
        next += (map->bytes + 2 * PAGE - 1) / PAGE * PAGE;
    }
    for (int s = 0; s < ATTN_SLOTS; s++) {
        const int owner = from->slot[s].type == ATTN_ABSENT ? -1 : instance_owner(from, s);
        if (owner < 0) continue;
        p->in.slot[s].data =
            p->in.map[owner].begin + ((const unsigned char *)from->slot[s].data - from->map[owner].begin);
    }
    gsl_rng_free(random);
    return 1;
}

void placement_free(placement *p)
{
    if (p->arena) munmap(p->arena, p->bytes ? p->bytes : PAGE);
    memset(p, 0, sizeof *p);
}
