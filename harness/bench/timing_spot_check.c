/* timing_spot_check.c: negated inputs, single calls, their verdicts. */
#include "timing_spot_check.h"

#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>

#include "tensors/instance_copy.h"
#include "run/process_use.h"

enum {
    one_of = 4,     /* series after which a call is judged */
    settle_us = 200 /* threads of a pool spin a while after their last job, on time that is not this call's */
};

/* Drawn anew in each run: no kernel can know. */
static uint64_t draw(timing_secret *s)
{
    if (!s->random && getrandom(&s->random, sizeof s->random, 0) != sizeof s->random) s->random = 1;
    s->random ^= s->random << 13;
    s->random ^= s->random >> 7;
    return s->random ^= s->random << 17;
}

static void set_negated(const timing_secret *s, int negated)
{
    if (!s->negated || *s->negated == negated) return;
    instance_protect(&s->group->in, false);
    instance_negate(&s->group->in);
    instance_protect(&s->group->in, true);
    *s->negated = negated;
}

static void judge(timing_secret *s, const char *when)
{
    int64_t at[4];
    int slot;
    verdict v;
    process_use use;
    findings wrong = {.count = 0};
    usleep(settle_us);
    const bool watched = process_use_begin(&use, s->call->exec);
    if (call_once(s->call, NULL) != ATTN_OK) {
        snprintf(s->message, sizeof s->message, "failed when called again %s", when);
        return;
    }
    if (watched) {
        process_use_end(&use);
        process_use_judge(&use, s->call->kernel, s->checked->threads, &wrong);
    }
    if (find_unwritten(&s->group->in, &s->slot[ATTN_O], INSTANCE_POISON, at) ||
        !instance_canaries_hold(&s->group->in, INSTANCE_POISON, &slot)) {
        snprintf(s->message, sizeof s->message, "%s: left output unwritten, or wrote outside of it", when);
        return;
    }
    const outputs_view got = {&s->slot[ATTN_O], s->slot[ATTN_LSE].type ? &s->slot[ATTN_LSE] : NULL, NULL};
    judge_rows(&s->group->rows, &s->group->expectation[s->checked->contract], &got, &v, &wrong);
    if (wrong.count)
        snprintf(s->message, sizeof s->message, "wrong %s: [%s] %.200s", when, wrong.item[0].check,
                 wrong.item[0].reason);
}

void timing_secret_between(timing_secret *s)
{
    const bool now = !s->message[0] && draw(s) % one_of == 0;
    if (now && s->negated && *s->negated) { /* the series before has left the negated inputs' result in the output */
        set_negated(s, 0);
        judge(s, "between timed calls, after its inputs changed in place");
    } else if (now && !s->negated) {
        instance_poison(&s->group->in, INSTANCE_POISON);
        judge(s, "between timed calls");
    }
    set_negated(s, (int)(draw(s) >> 32 & 1));
}

const char *timing_secret_check(timing_secret *s)
{
    if (s->negated && !s->message[0]) {
        set_negated(s, 1);
        instance_poison(&s->group->in, INSTANCE_POISON);
        call_once(s->call, NULL);
        set_negated(s, 0);
        judge(s, "after timing, its inputs changed in place");
    }
    if (!s->message[0]) {
        instance_poison(&s->group->in, INSTANCE_POISON);
        judge(s, "after timing");
    }
    set_negated(s, 0);
    return s->message[0] ? s->message : NULL;
}
