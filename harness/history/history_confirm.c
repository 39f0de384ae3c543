/* history_confirm.c: hypotheses become cases of a comparison of two builds. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine/ceilings.h"
#include "compare/compare_record.h"
#include "cpu.h"
#include "history_check.h"
#include "machine/machine.h"
#include "util/console.h"

/* One case; hypotheses of the same case share it. */
typedef struct confirmation {
    const series *s;
    compare_sides sides;
    workload w;
    bool opened, made, compared;
    comparison c;
    char reason[1400]; /* where it was not compared */
} confirmation;

typedef struct job {
    const char *base, *fresh;
    const confirm_settings *settings;
    uint64_t isa;
    workload_set *set;
    confirmation *at;
    size_t count;
} job;

/* Without the file's name: the builds to compare have names of their own. */
static const char *kernel_of(const series *s)
{
    const char *colon = strchr(s->kernel, ':');
    return colon ? colon + 1 : s->kernel;
}

static bool same_case(const series *a, const series *b)
{
    return a->threads == b->threads && strcmp(a->cpu, b->cpu) == 0 && strcmp(kernel_of(a), kernel_of(b)) == 0 &&
           strcmp(a->spec, b->spec) == 0 && strcmp(a->inputs, b->inputs) == 0;
}

static confirmation *find_case(const job *j, const series *s)
{
    for (size_t i = 0; i < j->count; i++)
        if (same_case(j->at[i].s, s)) return &j->at[i];
    return NULL;
}

static residency residency_of(const series *s)
{
    return strncmp(s->inputs, "rotated", 7) == 0 ? RESIDENCY_ROTATED
           : strcmp(s->inputs, "cold") == 0      ? RESIDENCY_COLD
                                                 : RESIDENCY_HOT;
}

static void take(void *ctx, const comparison *c)
{
    confirmation *f = ctx;
    if (f->compared) json_decref(f->c.samples);
    f->c = *c;
    f->compared = true;
}

static compare_settings settings_of(const job *j, const confirmation *f, const attn_machine *machine)
{
    compare_settings s = compare_defaults;
    s.cases = (int)j->count;
    if (j->settings->threshold > 0) s.delta = j->settings->threshold;
    if (j->settings->launches >= 0) s.launches = j->settings->launches;
    s.residency = residency_of(f->s);
    s.seed = j->settings->seed;
    s.machine = machine;
    s.isa = j->isa;
    return s;
}

static void compare_case(const job *j, confirmation *f, json_t *judged)
{
    const attn_machine machine = ceilings_machine(NULL, j->isa, f->s->threads);
    const compare_settings s = settings_of(j, f, &machine);
    const char *const glob[] = {kernel_of(f->s)};
    if (strcmp(f->s->cpu, machine_facts_get()->cpu)) {
        snprintf(f->reason, sizeof f->reason, "measured on another machine, %s: confirm it there", f->s->cpu);
        return;
    }
    snprintf(f->reason, sizeof f->reason, "not compared");
    f->opened = compare_sides_open(j->base, j->fresh, glob, 1, j->isa, &f->sides, f->reason, sizeof f->reason);
    if (!f->opened) return;
    f->made = workload_parse(f->s->spec, j->set, &f->w, f->reason, sizeof f->reason);
    if (!f->made) return;
    progress("confirming %s on %s", f->s->kernel, f->s->workload);
    if (!compare_workload(&f->sides, &f->w, &f->s->threads, 1, &s, judged, take, f, f->reason, sizeof f->reason) ||
        !f->compared)
        return;
    if (compare_wants_launches(&f->c, &s)) compare_run_launches(&f->c, &f->sides, &s);
}

/* All cases are one family, so what launches say is concluded when all are done. */
static int conclude(const job *j)
{
    const compare_settings s = settings_of(j, &j->at[0], NULL);
    comparison *list = calloc(j->count, sizeof *list);
    for (size_t i = 0; list && i < j->count; i++)
        list[i] = j->at[i].compared ? j->at[i].c : (comparison){.verdict = COMPARE_UNSUPPORTED};
    const int ok = list && compare_stage_two(list, j->count, &s);
    for (size_t i = 0; ok && i < j->count; i++)
        if (j->at[i].compared) j->at[i].c = list[i];
    free(list);
    return ok;
}

static hypothesis_state state_of(const hypothesis *h, const confirmation *f)
{
    if (!f->compared) return HYPOTHESIS_OPEN;
    switch (f->c.verdict) {
    case COMPARE_SLOWER: return h->change > 0 ? HYPOTHESIS_CONFIRMED : HYPOTHESIS_REFUTED;
    case COMPARE_FASTER: return h->change < 0 ? HYPOTHESIS_CONFIRMED : HYPOTHESIS_REFUTED;
    case COMPARE_NOT_SLOWER: return h->change > 0 ? HYPOTHESIS_REFUTED : HYPOTHESIS_OPEN;
    case COMPARE_NO_DIFFERENCE:
    case COMPARE_IDENTICAL: return HYPOTHESIS_REFUTED;
    default: return HYPOTHESIS_OPEN;
    }
}

/* Were these two files the builds that were measured then? Ratios and newer times know. */
static const char *builds_named(const hypothesis *h, const confirmation *f)
{
    const char *before = h->s->point[h->before].artifact, *from = h->s->point[h->from].artifact;
    if (!f->opened || !*before || !*from) return "";
    const bool same =
        strcmp(before, f->sides.side[0].module->digest) == 0 && strcmp(from, f->sides.side[1].module->digest) == 0;
    return same ? " (the builds recorded)" : " (other files than the builds recorded)";
}

static int answer(hypothesis *h, const job *j)
{
    const confirmation *f = find_case(j, h->s);
    const compare_settings s = settings_of(j, f, NULL);
    char words[900];
    if (f->compared)
        compare_words(&f->c, &s, words, sizeof words);
    else
        snprintf(words, sizeof words, "%.890s", f->reason);
    snprintf(h->words, sizeof h->words, "%s%s", words, builds_named(h, f));
    h->state = state_of(h, f);
    if (f->compared && f->c.verdict == COMPARE_WRONG) return EXIT_FINDING;
    if (h->state == HYPOTHESIS_CONFIRMED && h->change > 0) return EXIT_FINDING;
    return h->state == HYPOTHESIS_OPEN ? EXIT_UNDECIDED : EXIT_WELL;
}

static void close_all(job *j, json_t *comparisons)
{
    for (size_t i = 0; i < j->count; i++) {
        confirmation *f = &j->at[i];
        const compare_settings s = settings_of(j, f, NULL);
        if (f->compared) {
            json_array_append_new(comparisons, compare_json(&f->c, &s));
            json_decref(f->c.samples);
        }
        if (f->made) workload_free(&f->w);
        if (f->opened) compare_sides_close(&f->sides);
    }
    free(j->at);
    if (j->set) workload_set_free(j->set);
}

/* Can these two be compared at all? Said once instead of for each hypothesis. */
static int builds_open(const job *j, char *reason, size_t size)
{
    compare_sides sides;
    if (!compare_sides_open(j->base, j->fresh, NULL, 0, j->isa, &sides, reason, size)) return 0;
    compare_sides_close(&sides);
    return 1;
}

int hypotheses_confirm(hypothesis *list, size_t count, const char *base, const char *fresh,
                       const confirm_settings *settings, json_t *comparisons)
{
    char reason[1400] = "out of memory";
    job j = {.base = base, .fresh = fresh, .settings = settings, .isa = attn_cpu_isa()};
    json_t *judged = json_array();
    int code = EXIT_USAGE;
    j.set = workload_set_new(reason, sizeof reason);
    j.at = calloc(count + 1, sizeof *j.at);
    if (j.set && j.at && builds_open(&j, reason, sizeof reason)) {
        code = EXIT_WELL;
        for (size_t i = 0; i < count; i++)
            if (!find_case(&j, list[i].s)) j.at[j.count++].s = list[i].s;
        watch_interrupts();
        for (size_t i = 0; i < j.count && !interrupted; i++) compare_case(&j, &j.at[i], judged);
        progress_clear();
        if (j.count && !conclude(&j)) complain("out of memory for the launches");
        for (size_t i = 0; i < count; i++) code = worse_exit(code, answer(&list[i], &j));
        if (interrupted) code = EXIT_INTERRUPTED;
    } else {
        complain("%s", reason);
    }
    close_all(&j, comparisons);
    json_decref(judged);
    return code;
}
