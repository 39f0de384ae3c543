/* snapshot.c: row by row; a packed batch is one sequence of all its rows. */
#include "snapshot.h"

#include <string.h>

#include "problem.h"

const int snapshot_slot[SNAPSHOT_OUTPUTS] = {ATTN_O, ATTN_LSE, ATTN_WEIGHTS};

static size_t dense_bytes(const attn_tensor *t)
{
    const int64_t sequences = t->stride[0] == 0 ? 1 : t->extent[0];
    return (size_t)(sequences * t->extent[1] * t->stride[1]) * attn_type_size(t->type);
}

snapshot_layout snapshot_layout_of(const instance *in)
{
    snapshot_layout l = {.bytes = 0};
    for (int i = 0; i < SNAPSHOT_OUTPUTS; i++) {
        const attn_tensor *from = &in->slot[snapshot_slot[i]];
        if (from->type == ATTN_ABSENT) continue;
        attn_tensor *t = &l.tensor[i];
        *t = *from;
        t->data = NULL;
        t->stride[3] = 1;
        t->stride[2] = t->extent[3];
        t->stride[1] = t->stride[2] * t->extent[2];
        t->stride[0] = from->stride[0] == 0 ? 0 : t->stride[1] * t->extent[1];
        l.offset[i] = l.bytes;
        l.bytes += (dense_bytes(t) + 63) / 64 * 64;
    }
    return l;
}

static void take_rows(const instance *in, const attn_tensor *from, const attn_tensor *dense, unsigned char *to)
{
    const attn_args all = {.size = sizeof all, .count = ATTN_SLOTS, .slot = in->slot};
    const size_t size = attn_type_size(from->type), row = (size_t)from->extent[3] * size;
    const int64_t sequences = from->stride[0] == 0 ? 1 : from->extent[0];
    for (int64_t b = 0; b < sequences; b++)
        for (int64_t h = 0; h < from->extent[1]; h++)
            for (int64_t i = 0; i < from->extent[2]; i++) {
                const int64_t at = b * from->stride[0] + h * from->stride[1] + i * from->stride[2];
                unsigned char *out =
                    to + (size_t)(b * dense->stride[0] + h * dense->stride[1] + i * dense->stride[2]) * size;
                if (i < attn_metadata(&all, ATTN_QUERY_LENGTHS, b, from->extent[2]))
                    memcpy(out, (const unsigned char *)from->data + (size_t)at * size, row);
                else
                    memset(out, 0, row);
            }
}

void snapshot_take(const snapshot_layout *l, const instance *in, void *bytes)
{
    for (int i = 0; i < SNAPSHOT_OUTPUTS; i++)
        if (l->tensor[i].type != ATTN_ABSENT)
            take_rows(in, &in->slot[snapshot_slot[i]], &l->tensor[i], (unsigned char *)bytes + l->offset[i]);
}

int snapshot_differs(const snapshot_layout *l, const void *a, const void *b, unsigned which)
{
    for (int i = 0; i < SNAPSHOT_OUTPUTS; i++) {
        if (l->tensor[i].type == ATTN_ABSENT || !(which >> i & 1)) continue;
        const size_t bytes = dense_bytes(&l->tensor[i]);
        if (memcmp((const unsigned char *)a + l->offset[i], (const unsigned char *)b + l->offset[i], bytes) != 0)
            return snapshot_slot[i];
    }
    return -1;
}
