/* repeat_outputs.c: one shared mapping; pages that nobody writes take no memory. */
#include "repeat_outputs.h"

#include <stdint.h>
#include <string.h>

#include "util/child_process.h"

repeat_outputs *repeat_outputs_new(const instance *in)
{
    const snapshot_layout layout = snapshot_layout_of(in);
    if (layout.bytes > SIZE_MAX / 2 / MOST_REPEATS) return NULL;
    const size_t mapped = sizeof(repeat_outputs) + MOST_REPEATS * layout.bytes;
    repeat_outputs *v = shared_new(mapped);
    if (!v) return NULL;
    v->mapped = mapped;
    v->layout = layout;
    return v;
}

void repeat_outputs_free(repeat_outputs *v)
{
    if (v) shared_free(v, v->mapped);
}

void repeat_outputs_keep(repeat_outputs *v, const repeated_call *item, const void *snapshot)
{
    if (v->count == MOST_REPEATS) return;
    memcpy(v->copy + (size_t)v->count * v->layout.bytes, snapshot, v->layout.bytes);
    v->item[v->count++] = *item;
}
