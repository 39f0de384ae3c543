/* variants.c: one shared mapping; pages that nobody writes take no memory. */
#include "variants.h"

#include <stdint.h>
#include <string.h>

#include "util/child.h"

variants *variants_new(const instance *in)
{
    const snapshot_layout layout = snapshot_layout_of(in);
    if (layout.bytes > SIZE_MAX / 2 / MOST_REPEATS) return NULL;
    const size_t mapped = sizeof(variants) + MOST_REPEATS * layout.bytes;
    variants *v = shared_new(mapped);
    if (!v) return NULL;
    v->mapped = mapped;
    v->layout = layout;
    return v;
}

void variants_free(variants *v)
{
    if (v) shared_free(v, v->mapped);
}

void variants_keep(variants *v, const repeated_call *item, const void *snapshot)
{
    if (v->count == MOST_REPEATS) return;
    memcpy(v->copy + (size_t)v->count * v->layout.bytes, snapshot, v->layout.bytes);
    v->item[v->count++] = *item;
}

void variants_judge(const variants *v, int index, const row_list *rows, const expectation *e, findings *found)
{
    const repeated_call *item = &v->item[index];
    attn_tensor tensor[SNAPSHOT_OUTPUTS];
    const attn_tensor *asked[SNAPSHOT_OUTPUTS];
    for (int i = 0; i < SNAPSHOT_OUTPUTS; i++) {
        tensor[i] = v->layout.tensor[i];
        tensor[i].data = (void *)(uintptr_t)(v->copy + (size_t)index * v->layout.bytes + v->layout.offset[i]);
        asked[i] = tensor[i].type != ATTN_ABSENT && (item->which >> i & 1) ? &tensor[i] : NULL;
    }
    const outputs_view got = {asked[0], asked[1], asked[2]};
    verdict unused;
    findings wrong = {.count = 0};
    judge_rows(rows, e, &got, &unused, &wrong);
    if (wrong.count) findings_add(found, item->check, "%s: %s", item->what, wrong.item[0].reason);
}
