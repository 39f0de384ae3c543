/* workload_fixture.h: lines that must parse, lines that must not, and workloads that must be the same, for tests of the
 * grammar. */
#ifndef ATTNBENCH_TESTS_GRAMMAR_H
#define ATTNBENCH_TESTS_GRAMMAR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "workload/workload.h"

static workload_set *builtin;

static inline int make_set(void **state)
{
    (void)state;
    char reason[512];
    builtin = workload_set_new(reason, sizeof reason);
    if (!builtin) print_error("%s\n", reason);
    return builtin ? 0 : -1;
}

static inline int free_set(void **state)
{
    (void)state;
    workload_set_free(builtin);
    return 0;
}

static inline workload parsed(const char *line)
{
    workload w;
    char reason[512] = "";
    if (!workload_parse(line, builtin, &w, reason, sizeof reason)) fail_msg("%s: %s", line, reason);
    return w;
}

static inline void assert_spec(const char *line, const char *spec)
{
    workload w = parsed(line);
    assert_string_equal(w.spec, spec);
    workload_free(&w);
}

static inline void assert_refused(const char *line, const char *words)
{
    workload w;
    char reason[512] = "";
    if (workload_parse(line, builtin, &w, reason, sizeof reason)) fail_msg("%s was taken", line);
    assert_null(w.spec);
    assert_null(w.name);
    if (strchr(reason, '\n') || !strstr(reason, words)) fail_msg("%s: '%s' lacks '%s'", line, reason, words);
}

static inline bool same_lengths(const int64_t *a, const int64_t *b, int64_t n)
{
    return (!a && !b) || (a && b && memcmp(a, b, (size_t)n * sizeof *a) == 0);
}

static inline bool same_text(const char *a, const char *b) { return (!a && !b) || (a && b && strcmp(a, b) == 0); }

/* Everything but the name. */
static inline void assert_same(const workload *a, const workload *b)
{
    assert_string_equal(a->spec, b->spec);
    assert_memory_equal(&a->problem, &b->problem, sizeof a->problem);
    assert_true(a->dtype == b->dtype && a->kv_dtype == b->kv_dtype && a->out_dtype == b->out_dtype);
    assert_true(same_lengths(a->key_lengths, b->key_lengths, a->problem.b));
    assert_true(same_lengths(a->query_lengths, b->query_lengths, a->problem.b));
    assert_true(a->q_pos_end == b->q_pos_end && a->alibi == b->alibi && a->sinks == b->sinks &&
                a->head_scale == b->head_scale);
    assert_true(a->ragged == b->ragged && a->v_in_k == b->v_in_k && a->bshd == b->bshd && a->bias == b->bias);
    assert_true(a->want_lse == b->want_lse && a->want_weights == b->want_weights);
    assert_true(a->row_pad == b->row_pad && a->align == b->align && a->kv_cap == b->kv_cap &&
                a->channel_stride == b->channel_stride && a->broadcast == b->broadcast && a->skew == b->skew &&
                a->k_in_q == b->k_in_q);
    assert_true(a->graph == b->graph && a->block_band == b->block_band);
    assert_true(a->has_class == b->has_class && a->input == b->input);
    assert_true(same_text(a->q_file, b->q_file) && same_text(a->k_file, b->k_file) && same_text(a->v_file, b->v_file));
    assert_true(a->cost == b->cost);
}

static inline void assert_round_trip(const char *line)
{
    workload a = parsed(line), b = parsed(a.spec), copy;
    assert_same(&a, &b);
    assert_int_equal(workload_copy(&a, &copy), 1);
    assert_same(&a, &copy);
    assert_string_equal(a.name, copy.name);
    assert_ptr_not_equal(a.spec, copy.spec);
    workload_free(&copy);
    workload_free(&a);
    workload_free(&b);
}

#endif
