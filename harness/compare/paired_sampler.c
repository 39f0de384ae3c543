/* paired_sampler.c: takes blocks of slices and hands each pair's ln(new / base) to sequential_test.c. */
#include "paired_sampler.h"

#include <gsl/gsl_rng.h>
#include <math.h>
#include <string.h>

enum { BLOCKS_A_CONTROL = 4 }; /* blocks between two controls */

typedef struct block {
    double time[4];
    bool base_first;
} block;

/* Four slices of two lanes. */
static paired_end take_block(const paired_lanes *lanes, int base, int fresh, bool base_first, block *b,
                             int *failed_lane)
{
    b->base_first = base_first;
    for (int i = 0; i < 4; i++) {
        const bool outer = i == 0 || i == 3;
        const int lane = outer == base_first ? base : fresh;
        b->time[i] = lanes->slice(lanes->ctx, lane);
        if (isnan(b->time[i])) {
            *failed_lane = lane;
            return PAIRED_CALL_FAILED;
        }
        if (b->time[i] <= 0) return PAIRED_CLOCK_FAILED;
    }
    return PAIRED_DONE;
}

static void add_pairs(const block *b, sampled_pair *list, size_t *count, decision *d)
{
    const sampled_pair two[2] = {
        {b->time[b->base_first ? 0 : 1], b->time[b->base_first ? 1 : 0], b->base_first},
        {b->time[b->base_first ? 3 : 2], b->time[b->base_first ? 2 : 3], !b->base_first},
    };
    for (int i = 0; i < 2; i++) {
        list[(*count)++] = two[i];
        decision_add(d, log(two[i].fresh / two[i].base));
    }
}

static void look_at_decisions(paired_run *r)
{
    decision_look(&r->decision);
    decision_look(&r->control[0]);
    decision_look(&r->control[1]);
}

static bool has_enough(const paired_settings *s, const paired_run *r)
{
    return s->pairs ? r->pairs >= s->pairs : decision_made(&r->decision);
}

static paired_end sample_blocks(const paired_lanes *lanes, const paired_settings *s, gsl_rng *coin, paired_run *r)
{
    const double begin = lanes->now(lanes->ctx);
    for (size_t blocks = 0; !has_enough(s, r); blocks++) {
        const bool control = blocks % (BLOCKS_A_CONTROL + 1) == BLOCKS_A_CONTROL;
        const bool of_new = blocks / (BLOCKS_A_CONTROL + 1) % 2 == 1;
        const int base = control && of_new ? LANE_NEW : LANE_BASE;
        const int fresh = !control ? LANE_NEW : of_new ? LANE_NEW_AGAIN : LANE_BASE_AGAIN;
        block b;
        if (s->stop && *s->stop) return PAIRED_STOPPED;
        if (r->pairs + 2 > MOST_PAIRS || r->controls + 2 > MOST_PAIRS / 4 || r->seconds > s->seconds)
            return PAIRED_LIMIT;
        const paired_end how = take_block(lanes, base, fresh, gsl_rng_uniform_int(coin, 2) == 1, &b, &r->failed_lane);
        if (how != PAIRED_DONE) return how;
        if (control)
            add_pairs(&b, r->of_control, &r->controls, &r->control[of_new]);
        else
            add_pairs(&b, r->pair, &r->pairs, &r->decision);
        r->seconds = lanes->now(lanes->ctx) - begin;
        if (s->pairs || r->seconds < s->least_seconds) continue;
        look_at_decisions(r);
        if (decision_made(&r->decision)) r->decided = r->seconds;
    }
    return PAIRED_DONE;
}

void paired_sample(const paired_lanes *lanes, const paired_settings *settings, paired_run *out)
{
    memset(out, 0, sizeof *out);
    out->end = PAIRED_STOPPED;
    out->decision.rule = settings->rule;
    /* A run is voided by chance as rarely as 'not slower' is claimed wrongly. */
    for (int side = 0; side < 2; side++)
        out->control[side].rule = (decision_rule){settings->rule.delta, settings->rule.beta, settings->rule.beta};
    gsl_rng *coin = gsl_rng_alloc(gsl_rng_mt19937);
    if (!coin) return;
    gsl_rng_set(coin, (unsigned long)settings->seed);
    out->end = sample_blocks(lanes, settings, coin, out);
    gsl_rng_free(coin);
    look_at_decisions(out);
}

int paired_side(int lane) { return lane == LANE_NEW || lane == LANE_NEW_AGAIN; }

bool paired_side_void(const paired_run *run, int side)
{
    return run->control[side].slower || run->control[side].faster;
}

bool paired_void(const paired_run *run) { return paired_side_void(run, 0) || paired_side_void(run, 1); }
