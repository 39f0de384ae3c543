/* instance_fixture.h: a workload made real, for tests of instances: parsed, described, filled, or the test fails with
 * the reason. */
#ifndef ATTNBENCH_TESTS_SUBJECT_H
#define ATTNBENCH_TESTS_SUBJECT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tensors/instance.h"
#include "problem.h"
#include "reference.h"

static workload_set *builtin;

static inline int make_set(void **state)
{
    (void)state;
    char reason[512];
    builtin = workload_set_new(reason, sizeof reason);
    return builtin ? 0 : -1;
}

static inline int free_set(void **state)
{
    (void)state;
    workload_set_free(builtin);
    return 0;
}

/* A workload and its instance; the instance points at the workload, so both stay where they are. */
typedef struct subject {
    workload w;
    instance in;
} subject;

static inline subject *make(const char *line, input_class input, uint64_t seed)
{
    char reason[512] = "";
    subject *s = calloc(1, sizeof *s);
    assert_non_null(s);
    if (!workload_parse(line, builtin, &s->w, reason, sizeof reason)) fail_msg("%s: %s", line, reason);
    if (!instance_describe(&s->in, &s->w, input, seed, reason, sizeof reason)) fail_msg("%s: %s", line, reason);
    if (!instance_fill(&s->in, reason, sizeof reason)) fail_msg("%s: %s", line, reason);
    return s;
}

static inline void drop(subject *s)
{
    instance_free(&s->in);
    workload_free(&s->w);
    free(s);
}

static inline attn_args all(const subject *s)
{
    return (attn_args){.size = sizeof(attn_args), .count = ATTN_SLOTS, .slot = s->in.slot};
}

static inline double element(const subject *s, int slot, int64_t b, int64_t h, int64_t r, int64_t c)
{
    return ref_element(&s->in.slot[slot], b, h, r, c);
}

#endif
