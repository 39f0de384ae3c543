/* rejudge.c: written everywhere, nowhere else, and right. */
#include "rejudge.h"

#include <stdio.h>

const char *judge_again(const trial_group *g, const trial *judged, const instance *placed, const attn_tensor *slot)
{
    static char message[320];
    int64_t at[4];
    int outside;
    verdict v;
    findings wrong = {0};
    if (find_unwritten(placed, &slot[ATTN_O], INSTANCE_POISON, at) ||
        !instance_canaries_hold(placed, INSTANCE_POISON, &outside))
        return "after timing: left output unwritten, or wrote outside of it";
    const outputs_view got = {&slot[ATTN_O], slot[ATTN_LSE].type ? &slot[ATTN_LSE] : NULL, NULL};
    if (judge_rows(&g->rows, &g->expectation[judged->contract], &got, &v, &wrong)) return NULL;
    snprintf(message, sizeof message, "wrong after timing: %.280s", wrong.item[0].reason);
    return message;
}
