/* workspace_impl.h: chooses the sizes of blocks of keys and of query rows, divides a thread's workspace, and fills a
 * job at its beginning. transposed_impl.h calls it. */
#ifndef ATTN_WORKSPACE_IMPL_H
#define ATTN_WORKSPACE_IMPL_H

#include "logit_terms_impl.h"
#include "row_job_impl.h"

enum {
    GROUP_ARRAYS = 7, /* max, sum, factor; begin and end, twice as wide */
    NOTES_FLOATS = sizeof(block_notes) / sizeof(float),
};

static inline int64_t block_keys(int64_t d, int64_t dv) { return d + dv <= 512 ? KEYS_MOST : KEYS_MOST / 2; }

enum { LEAST_CHANNELS = 8 }; /* that a group's queries have room for: int8 ones keep more than channels there */

static inline int64_t group_floats(int64_t d, int64_t dv)
{
    return GROUP * (larger(d, LEAST_CHANNELS) + round_up(dv, TILE) + GROUP_ARRAYS);
}

static inline int64_t block_floats(int64_t d, int64_t dv)
{
    const int64_t keys = block_keys(d, dv);
    return keys * (d + round_up(dv, TILE) + GROUP) + NOTES_FLOATS + 2 * GROUP + TERMS_FLOATS +
           round_up(few_floats(d, dv), 16);
}

/* Groups whose queries and results, together with a block of keys and values, fit three quarters of the second-level
 * cache. */
static inline int64_t groups_that_fit(const attn_machine *machine, int64_t d, int64_t dv)
{
    const int64_t l2 = machine && machine->l2 > 0 ? machine->l2 / 4 * 3 : BUDGET_MOST;
    const int64_t budget = smaller(larger(l2, BUDGET_LEAST), BUDGET_MOST) / (int64_t)sizeof(float);
    return smaller(larger((budget - block_floats(d, dv)) / group_floats(d, dv), 2), GROUPS_MOST);
}

static inline float *carve_group(row_group *g, float *at, int64_t d, int64_t dv_padded)
{
    g->q = at, at += GROUP * larger(d, LEAST_CHANNELS);
    g->o = at, at += GROUP * dv_padded;
    g->max = at, at += GROUP;
    g->sum = at, at += GROUP;
    g->factor = at, at += GROUP;
    g->begin = (int64_t *)(void *)at, at += 2 * GROUP;
    g->end = (int64_t *)(void *)at, at += 2 * GROUP;
    return at;
}

static inline void carve(row_job *job, float *at, int64_t groups)
{
    const int64_t d = job->problem->d, dv = job->problem->dv;
    job->own.k = at, at += job->keys * d;
    job->own.v = at, at += job->keys * job->dv_padded;
    job->own.notes = (block_notes *)(void *)at, at += NOTES_FLOATS;
    job->weights = at, at += job->keys * GROUP;
    job->begin = (int32_t *)(void *)at, at += GROUP;
    job->end = (int32_t *)(void *)at, at += GROUP;
    job->terms = job->to_base2 == 1 ? NULL : (group_terms *)(void *)at;
    at += TERMS_FLOATS;
    job->few = at, at += round_up(few_floats(d, dv), 16);
    for (int64_t g = 0; g < groups; g++) at = carve_group(&job->group[g], at, d, job->dv_padded);
    job->stage = at;
}

static inline row_job row_job_of(const attn_problem *problem, const attn_plan *plan, const attn_args *args)
{
    const int terms = attn_slot_of(args, ATTN_SLOPES) || attn_slot_of(args, ATTN_BIAS);
    const double log2e = 1.4426950408889634, unit = terms ? 1 : log2e;
    row_job job = {.problem = problem,
                   .plan = plan,
                   .args = args,
                   .heads = problem->h / problem->hkv,
                   .keys = (int64_t)plan->state[1]};
    job.to_base2 = (float)(log2e / unit);
    for (int slot = ATTN_Q; slot <= ATTN_O; slot++) job.stored[slot] = attn_slot_of(args, slot);
    job.lse = attn_slot_of(args, ATTN_LSE), job.sinks = attn_slot_of(args, ATTN_SINK_LOGITS);
    job.pages = attn_slot_of(args, ATTN_PAGES);
    job.k_scales = attn_slot_of(args, ATTN_K_SCALES), job.v_scales = attn_slot_of(args, ATTN_V_SCALES);
    job.cap2 = (float)(unit * (double)problem->softcap);
    job.q_factor = (float)((double)problem->scale * (problem->softcap > 0 ? 1 / (double)problem->softcap : unit));
    job.dv_padded = round_up(problem->dv, TILE);
    return job;
}

#endif
