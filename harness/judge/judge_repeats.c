/* judge_repeats.c: each of the further calls is judged as the first one is, by its own plan. */
#include "judge_repeats.h"

#include <stdint.h>

void judge_repeats(const repeat_outputs *v, int index, const row_list *rows, const expectation *e, findings *found)
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
