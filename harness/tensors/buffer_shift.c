/* buffer_shift.c: pointers and contents. */
#include "buffer_shift.h"

#include <string.h>

#include "instance_internal.h"

const char *shifted_buffer_name(shifted_buffer b)
{
    static const char *const name[SHIFTED_BUFFERS] = {"Q", "K", "V", "O", "Q K V O", "workspace"};
    return name[b];
}

/* The slot whose memory is moved for a buffer. */
static const int slot_of[] = {ATTN_Q, ATTN_K, ATTN_V, ATTN_O};

static bool moves(const shift *s, int owner)
{
    for (int b = SHIFTED_Q; b <= SHIFTED_O; b++)
        if (slot_of[b] == owner) return s->buffer == SHIFTED_TENSORS || (int)s->buffer == b;
    return false;
}

bool shift_applies(const shift *s, const instance *in)
{
    if (s->buffer > SHIFTED_O) return true;
    const int slot = slot_of[s->buffer];
    return in->slot[slot].type != ATTN_ABSENT && in->map[slot].base;
}

instance shift_pointers(const shift *s, const instance *at)
{
    instance moved = *at;
    for (int slot = 0; slot < ATTN_SLOTS; slot++)
        if (at->slot[slot].type != ATTN_ABSENT && moves(s, instance_owner(at, slot)))
            moved.slot[slot].data = (unsigned char *)at->slot[slot].data + s->bytes;
    return moved;
}

void shift_contents(const shift *s, const instance *at, bool there)
{
    for (int slot = 0; slot < ATTN_SLOTS; slot++) {
        if (!at->map[slot].base || !moves(s, slot) || slot_is_output(&at->problem, slot)) continue;
        unsigned char *const base = at->slot[slot].data, *const shifted = base + s->bytes;
        memmove(there ? shifted : base, there ? base : shifted, (size_t)tensor_bytes(&at->slot[slot]));
    }
}
