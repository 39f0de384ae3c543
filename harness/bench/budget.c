/* budget.c: estimates and the choice. */
#include "budget.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine/own_threads.h"
#include "problem.h"

/* A plugin's plan can be asked in a child alone: its speed is taken for that of plain scalar code. */
static const double unknown_share = 0.1;

/* One case that could be timed. */
typedef struct candidate {
    int group;
    trial_job job;
    double seconds; /* in all: check, repetitions, check again */
    bool taken;
} candidate;

/* What all kernels of a group take together. */
typedef struct whole {
    int group;
    double seconds;
} whole;

typedef struct choice {
    const budget_settings *settings;
    budget *out;
    candidate *candidate;
    int count, room;
} choice;

/* Seconds that one call should take, by the plan's own expectation; 0 where the kernel cannot do it. */
static double call_seconds(const trial_job *job, const workload *w, const budget_settings *s)
{
    instance in;
    char reason[256];
    double seconds = 0;
    if (!instance_describe(&in, w, w->has_class ? w->input : INPUT_NORMAL, 1, reason, sizeof reason)) return 0;
    attn_tensor slot[ATTN_SLOTS];
    const attn_args args = instance_args(&in, false, false, slot);
    attn_plan plan = {.size = sizeof plan};
    const attn_exec exec = {.size = sizeof exec, .threads = (uint32_t)job->threads};
    const int supported = attn_supports(job->kernel, &in.problem, &args, s->isa, reason, sizeof reason);
    if (supported && plugin_of(job->kernel)) {
        const double rate = s->machine->rate[ATTN_CEILING_FP32_PORTABLE] * unknown_share;
        seconds = rate > 0 ? attn_work(&in.problem, &args).operations / rate + 1e-6 : 1e-3;
    } else if (supported && job->kernel->plan(&in.problem, &args, s->machine, &exec, &plan) == ATTN_OK) {
        const attn_work_count work = attn_work(&in.problem, &args);
        double peak = plan.ceiling < s->machine->rates ? s->machine->rate[plan.ceiling] : 0;
        double amount = work.operations;
        if (plan.ceiling == ATTN_CEILING_BANDWIDTH) {
            amount = work.bytes;
            for (uint32_t i = 0; i < s->machine->bandwidths; i++)
                if (s->machine->bandwidth[i].bytes_per_second > 0) peak = s->machine->bandwidth[i].bytes_per_second;
        }
        const double rate = peak * fmax(plan.expected_share, 0.01) * job->threads;
        seconds = rate > 0 ? amount / rate + 1e-6 : 1e-3;
        if (job->kernel->release && plan.handle) job->kernel->release(&plan);
    }
    instance_free(&in);
    return seconds;
}

/* One repetition lasts min_time or one call; a first, shorter one finds the count; three more calls check. */
static double case_seconds(double call, const budget_settings *s)
{
    return fmax(call, s->min_time) * (s->repetitions + 0.6) + 3 * call + 0.02;
}

/* Making and filling tensors, and the reference's rows. */
static double group_seconds(const workload *w)
{
    const attn_problem *p = &w->problem;
    const double elements = (double)p->b * ((double)(p->h * p->q + p->hkv * p->k) * (double)(p->d + p->dv));
    return 0.05 + elements * 2e-8 + 48 * (double)p->k * (double)(p->d + p->dv) * 6e-9;
}

static int add_group(choice *c, const workload *w)
{
    for (int i = 0; i < c->out->groups; i++)
        if (strcmp(c->out->group[i].w.name, w->name) == 0) return i;
    budget_group *grown = realloc(c->out->group, (size_t)(c->out->groups + 1) * sizeof *grown);
    if (!grown) return -1;
    c->out->group = grown;
    budget_group *g = &c->out->group[c->out->groups];
    memset(g, 0, sizeof *g);
    if (!workload_copy(w, &g->w)) return -1;
    return c->out->groups++;
}

static int add_candidate(choice *c, int group, const trial_job *job, double seconds)
{
    for (int i = 0; i < c->count; i++)
        if (c->candidate[i].group == group && c->candidate[i].job.kernel == job->kernel &&
            c->candidate[i].job.threads == job->threads)
            return 1;
    if (c->count == c->room) {
        c->room = c->room ? 2 * c->room : 256;
        candidate *grown = realloc(c->candidate, (size_t)c->room * sizeof *grown);
        if (!grown) return 0;
        c->candidate = grown;
    }
    c->candidate[c->count++] = (candidate){group, *job, seconds, false};
    return 1;
}

/* The workload with as many KV heads (and their query heads) as one call can do in the limit; 0 where one head is too
 * many already. */
static int fewer_heads(const workload *w, double call, double limit, workload *out)
{
    char reason[256];
    const int64_t fits = (int64_t)((double)w->problem.hkv * limit / call);
    if (w->problem.hkv < 2 || w->q_file) return 0;
    return workload_with_kv_heads(w,
                                  fits < 1                ? 1
                                  : fits < w->problem.hkv ? fits
                                                          : w->problem.hkv - 1,
                                  out, reason, sizeof reason);
}

/* One version with fewer heads at most, made for the slowest kernel; every kernel runs it, so that there is something
 * to compare the slow ones with. */
static int consider(choice *c, const workload *w, const trial_job *job, int jobs)
{
    double slowest = 0;
    workload reduced;
    for (int i = 0; i < jobs; i++) slowest = fmax(slowest, call_seconds(&job[i], w, c->settings));
    const int is_long = slowest > c->settings->call_limit && fewer_heads(w, slowest, c->settings->call_limit, &reduced);
    const int group = add_group(c, w);
    int ok = group >= 0;
    for (int i = 0; ok && i < jobs; i++) {
        const double call = call_seconds(&job[i], w, c->settings);
        if (!is_long || call <= c->settings->call_limit)
            ok = add_candidate(c, group, &job[i], case_seconds(call, c->settings));
    }
    if (!is_long) return ok;
    const int smaller = ok ? add_group(c, &reduced) : -1;
    ok = smaller >= 0;
    for (int i = 0; ok && i < jobs; i++)
        ok =
            add_candidate(c, smaller, &job[i], case_seconds(call_seconds(&job[i], &reduced, c->settings), c->settings));
    workload_free(&reduced);
    return ok;
}

static int by_cost(const void *a, const void *b)
{
    const double x = ((const candidate *)a)->seconds, y = ((const candidate *)b)->seconds;
    return (x > y) - (x < y);
}

static int by_whole_cost(const void *a, const void *b)
{
    const double x = ((const whole *)a)->seconds, y = ((const whole *)b)->seconds;
    return (x > y) - (x < y);
}

static int by_group_cost(const void *a, const void *b)
{
    const double x = ((const budget_group *)a)->seconds, y = ((const budget_group *)b)->seconds;
    return (x > y) - (x < y);
}

int budget_skip(budget *b, const char *name, const char *why)
{
    char **grown = realloc(b->skipped, (size_t)(2 * b->skipped_count + 2) * sizeof *grown);
    if (!grown) return 0;
    b->skipped = grown;
    b->skipped[2 * b->skipped_count] = strdup(name);
    b->skipped[2 * b->skipped_count + 1] = strdup(why);
    b->skipped_count++;
    return 1;
}

static int skip(budget *b, const candidate *c, double left)
{
    char name[2048], why[128];
    snprintf(name, sizeof name, "%s/%s/threads:%d", c->job.kernel->name, b->group[c->group].w.name, c->job.threads);
    snprintf(why, sizeof why, "would take about %.1f s; %.1f s of the time budget are left", c->seconds, left);
    return budget_skip(b, name, why);
}

static int take(choice *c, const candidate *one)
{
    budget *b = c->out;
    budget_group *g = &b->group[one->group];
    const double seconds = one->seconds + (g->jobs ? 0 : group_seconds(&g->w));
    trial_job *grown = realloc(g->job, (size_t)(g->jobs + 1) * sizeof *grown);
    if (!grown) return 0;
    g->job = grown;
    g->job[g->jobs++] = one->job;
    g->seconds += seconds;
    b->seconds += seconds;
    return 1;
}

/* Groups whose kernels all fit, the cheapest first: a kernel without the ones it is compared with tells little. */
static int take_whole_groups(choice *c)
{
    budget *b = c->out;
    int ok = 1;
    whole *order = calloc((size_t)b->groups + 1, sizeof *order);
    if (!order) return 0;
    for (int g = 0; g < b->groups; g++) order[g] = (whole){g, group_seconds(&b->group[g].w)};
    for (int i = 0; i < c->count; i++) order[c->candidate[i].group].seconds += c->candidate[i].seconds;
    qsort(order, (size_t)b->groups, sizeof *order, by_whole_cost);
    for (int g = 0; ok && g < b->groups && b->seconds + order[g].seconds <= c->settings->seconds; g++)
        for (int i = 0; ok && i < c->count; i++)
            if (c->candidate[i].group == order[g].group) {
                ok = take(c, &c->candidate[i]);
                c->candidate[i].taken = true;
            }
    free(order);
    return ok;
}

/* Whole groups first; then of the others what still fits, the cheapest first. */
static int choose(choice *c)
{
    budget *b = c->out;
    if (c->count) qsort(c->candidate, (size_t)c->count, sizeof *c->candidate, by_cost);
    if (!take_whole_groups(c)) return 0;
    for (int i = 0; i < c->count; i++) {
        const candidate *one = &c->candidate[i];
        if (one->taken) continue;
        const double first = b->group[one->group].jobs ? 0 : group_seconds(&b->group[one->group].w);
        if (b->seconds + one->seconds + first > c->settings->seconds) {
            if (!skip(b, one, fmax(c->settings->seconds - b->seconds, 0))) return 0;
        } else if (!take(c, one))
            return 0;
    }
    if (b->groups) qsort(b->group, (size_t)b->groups, sizeof *b->group, by_group_cost);
    return 1;
}

int budget_make(const selection *s, const budget_settings *settings, budget *out, char *reason, size_t reason_size)
{
    choice c = {settings, out, NULL, 0, 0};
    attn_exec unused;
    int jobs;
    memset(out, 0, sizeof *out);
    own_threads(1, &unused); /* as for a trial: what a kernel loads when it is asked starts no threads by itself */
    trial_job *job = trial_jobs(s, &jobs);
    int ok = job != NULL;
    for (int w = 0; ok && w < s->workloads; w++) ok = consider(&c, &s->workload[w], job, jobs);
    ok = ok && choose(&c);
    free(job);
    free(c.candidate);
    if (ok) return 1;
    snprintf(reason, reason_size, "out of memory");
    budget_free(out);
    return 0;
}

void budget_free(budget *b)
{
    for (int i = 0; i < b->groups; i++) {
        workload_free(&b->group[i].w);
        free(b->group[i].job);
    }
    for (int i = 0; i < 2 * b->skipped_count; i++) free(b->skipped[i]);
    free(b->group);
    free(b->skipped);
    memset(b, 0, sizeof *b);
}
