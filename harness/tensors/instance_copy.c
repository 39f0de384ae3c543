/* instance_copy.c: whole mappings are copied, so that views and gaps stay what they are. */
#include "instance_copy.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "instance_internal.h"
#include "util/guard_pages.h"
#include "problem.h"

int instance_detach(instance *in)
{
    for (int slot = 0; slot < ATTN_SLOTS; slot++) {
        const mapping *map = &in->map[slot];
        if (!map->base || slot_is_output(&in->problem, slot)) continue;
        void *kept = malloc(map->bytes);
        if (!kept) return 0;
        memcpy(kept, map->begin, map->bytes);
        const int flags = MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS;
        const void *at = mmap(map->begin, map->bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
        if (at != MAP_FAILED) memcpy(map->begin, kept, map->bytes);
        free(kept);
        if (at == MAP_FAILED) return 0;
    }
    return 1;
}

static unsigned char *place_in(const mapping *map, int64_t bytes, placement place, int64_t alignment)
{
    if (place == PLACED_FRONT) return map->begin;
    return map->begin + (map->bytes - (size_t)bytes) / (size_t)alignment * (size_t)alignment;
}

/* The slot in whose mapping a view's data lie. */
static int owner_of(const instance *in, int slot)
{
    const unsigned char *at = in->slot[slot].data;
    for (int other = 0; other < ATTN_SLOTS; other++)
        if (in->map[other].base && at >= in->map[other].begin && at <= in->map[other].begin + in->map[other].bytes)
            return other;
    return -1;
}

static int copy_slot(const instance *in, int slot, placement place, int64_t alignment, instance *out)
{
    char reason[160];
    const attn_tensor *from = &in->slot[slot];
    const int64_t bytes = tensor_bytes(from), size = (int64_t)attn_type_size(from->type);
    mapping *map = &out->map[slot];
    if (!mapping_open(map, bytes, reason, sizeof reason)) return 0;
    mapping_pattern(map, 0, map->bytes, GAP_PATTERN);
    out->slot[slot].data = place_in(map, bytes, place, alignment > size ? alignment : size);
    memcpy(out->slot[slot].data, from->data, (size_t)bytes);
    return 1;
}

int instance_copy(const instance *in, placement place, int64_t alignment, instance *out)
{
    *out = *in;
    memset(out->map, 0, sizeof out->map);
    int ok = 1;
    for (int slot = 0; ok && slot < ATTN_SLOTS; slot++)
        if (in->map[slot].base) ok = copy_slot(in, slot, place, alignment, out);
    for (int slot = 0; ok && slot < ATTN_SLOTS; slot++) {
        if (in->slot[slot].type == ATTN_ABSENT || in->map[slot].base) continue;
        const int owner = owner_of(in, slot);
        if (owner < 0) continue;
        const ptrdiff_t apart = (unsigned char *)in->slot[slot].data - (unsigned char *)in->slot[owner].data;
        out->slot[slot].data = (unsigned char *)out->slot[owner].data + apart;
    }
    if (!ok) instance_free(out);
    return ok;
}

/* Two neighbouring words of the mapping are changed by `mask`, each by its own. A view has no mapping. */
static void flip_words(const mapping *map, const uint64_t mask[2])
{
    uint64_t *word = (uint64_t *)(void *)map->begin;
    for (size_t i = 0; i < map->bytes / sizeof *word; i++) word[i] ^= mask[i & 1];
}

/* Signs of all elements of a word, or of every second one; and the lowest exponent bit of all, which doubles or halves
 * them. */
typedef struct sign_masks {
    uint64_t all, half, size;
} sign_masks;

static sign_masks masks_of(uint32_t type)
{
    static const uint64_t all = UINT64_C(0x8000800080008000), half = UINT64_C(0x8000000080000000);
    switch (type) {
    case ATTN_F32:
        return (sign_masks){UINT64_C(0x8000000080000000), UINT64_C(0x8000000000000000), UINT64_C(0x0080000000800000)};
    case ATTN_F16: return (sign_masks){all, half, UINT64_C(0x0400040004000400)};
    case ATTN_BF16: return (sign_masks){all, half, UINT64_C(0x0080008000800080)};
    default: /* int8: x becomes -x - 1 */
        return (sign_masks){UINT64_MAX, UINT64_C(0xff00ff00ff00ff00), UINT64_C(0x1515151515151515)};
    }
}

void instance_flip(instance *in)
{
    const sign_masks q = masks_of(in->slot[ATTN_Q].type), k = masks_of(in->slot[ATTN_K].type);
    const sign_masks v = masks_of(in->slot[ATTN_V].type);
    flip_words(&in->map[ATTN_Q], (const uint64_t[2]){q.all ^ q.size, q.size});
    flip_words(&in->map[ATTN_K], (const uint64_t[2]){k.half ^ k.size, k.half ^ k.size});
    flip_words(&in->map[ATTN_V], (const uint64_t[2]){v.all ^ v.size, v.all ^ v.size});
}

void instance_negate(instance *in)
{
    static const int slots[] = {ATTN_Q, ATTN_K, ATTN_V};
    for (int i = 0; i < 3; i++) {
        const uint64_t all = masks_of(in->slot[slots[i]].type).all;
        flip_words(&in->map[slots[i]], (const uint64_t[2]){all, all});
    }
}
