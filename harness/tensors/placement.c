/* placement.c: one arena, each mapping's pages copied into it behind an offset. */
#include "placement.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "instance_internal.h"

enum { PAGE = 4096, LINE = 64 };

static size_t pages_up(size_t bytes) { return (bytes + PAGE - 1) / PAGE * PAGE; }

static int take_arena(placement *p, size_t bytes, char *reason, size_t reason_size)
{
    p->bytes = bytes ? bytes : PAGE;
    p->arena = mmap(NULL, p->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p->arena != MAP_FAILED) return 1;
    p->arena = NULL;
    snprintf(reason, reason_size, "no memory for a copy of the inputs, %zu MB", p->bytes >> 20);
    return 0;
}

/* Copies the contents of a slot's mapping to `begin`, and lets those `behind` it, for canaries, belong to it as
 * well. */
static void put(placement *p, int slot, const mapping *from, unsigned char *begin, size_t behind)
{
    const size_t bytes = from->bytes + behind;
    memcpy(begin, from->begin, from->bytes);
    p->in.map[slot] = (mapping){.base = begin, .mapped = bytes, .begin = begin, .bytes = bytes};
}

static void point_slots(placement *p, const instance *from)
{
    for (int s = 0; s < ATTN_SLOTS; s++) {
        const int owner = from->slot[s].type == ATTN_ABSENT ? -1 : instance_owner(from, s);
        if (owner < 0) continue;
        p->in.slot[s].data =
            p->in.map[owner].begin + ((const unsigned char *)from->slot[s].data - from->map[owner].begin);
    }
}

int placement_make(placement *p, const instance *from, uint64_t seed, char *reason, size_t reason_size)
{
    size_t bytes = 0;
    memset(p, 0, sizeof *p);
    for (int s = 0; s < ATTN_SLOTS; s++)
        if (from->map[s].base) bytes += pages_up(from->map[s].bytes + PAGE);
    gsl_rng *const random = input_stream(seed, ATTN_SLOTS);
    if (!random || !take_arena(p, bytes, reason, reason_size)) {
        if (!random) snprintf(reason, reason_size, "out of memory");
        gsl_rng_free(random);
        return 0;
    }
    p->in = *from;
    unsigned char *next = p->arena;
    for (int s = 0; s < ATTN_SLOTS; s++) {
        if (!from->map[s].base) continue;
        put(p, s, &from->map[s], next + LINE * gsl_rng_uniform_int(random, PAGE / LINE), 0);
        next += pages_up(from->map[s].bytes + PAGE);
    }
    point_slots(p, from);
    gsl_rng_free(random);
    return 1;
}

/* Bytes of a slot's mapping in front of its first element. */
static size_t lead(const instance *in, int slot)
{
    return (size_t)((const unsigned char *)in->slot[slot].data - in->map[slot].begin);
}

int placement_at_pages(placement *p, const instance *from, size_t room, char *reason, size_t reason_size)
{
    size_t bytes = 0;
    memset(p, 0, sizeof *p);
    for (int s = 0; s < ATTN_SLOTS; s++)
        if (from->map[s].base) bytes += pages_up(from->map[s].bytes + PAGE + room);
    if (!take_arena(p, bytes, reason, reason_size)) return 0;
    p->in = *from;
    unsigned char *next = p->arena;
    for (int s = 0; s < ATTN_SLOTS; s++) {
        if (!from->map[s].base) continue;
        put(p, s, &from->map[s], next + pages_up(lead(from, s)) - lead(from, s), room);
        next += pages_up(from->map[s].bytes + PAGE + room);
    }
    point_slots(p, from);
    return 1;
}

void placement_free(placement *p)
{
    if (p->arena) munmap(p->arena, p->bytes);
    memset(p, 0, sizeof *p);
}
