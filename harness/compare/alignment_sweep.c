/* alignment_sweep.c: times pairs of a kernel and the same kernel at another place. Cells are listed first (add_buffers,
 * add_code), then one child process times them in turn (run_cell). */
#include "alignment_sweep.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/child_process.h"
#include "paired_kernels.h"
#include "judge/rejudge.h"
#include "util/console.h"
#include "verify/trial_run.h"
#include "error_levels.h"

static const size_t cell_pairs = 200;
static const double cell_seconds = 1; /* the most for those pairs */
static const double hung = 60;        /* seconds without a new slice */
/* Quarters of a cache line; the next line; quarters of a page, where addresses no longer agree in 12 bits. */
static const int offsets[] = {16, 32, 48, 64, 1024, 2048, 3072};
static const int links[ALIGNMENT_LINKS] = {16, 32, 48, 64};
enum { OFFSETS = sizeof offsets / sizeof *offsets, WORKSPACE_ALIGNMENT = 64 };

/* ---- code at other offsets --------------------------------------------------------------------------------------- */

static bool open_link(compare_sides *out, int bytes, uint64_t isa, char *reason, size_t size)
{
    char fresh[64];
    snprintf(fresh, sizeof fresh, "links/attnbench_kernels_at_%d.so", bytes);
    if (!compare_sides_open_own("links/attnbench_kernels_at_0.so", fresh, isa, out, reason, size)) return false;
    if (out->isolated) return true;
    snprintf(reason, size, "%.300s", out->shared);
    compare_sides_close(out);
    return false;
}

/* Opens all of them or none. */
void alignment_links_open(alignment_links *l, uint64_t isa)
{
    memset(l, 0, sizeof *l);
    while (l->opened < ALIGNMENT_LINKS &&
           open_link(&l->at[l->opened], links[l->opened], isa, l->reason, sizeof l->reason))
        l->opened++;
    if (l->opened == ALIGNMENT_LINKS)
        l->reason[0] = 0;
    else
        alignment_links_close(l);
}

void alignment_links_close(alignment_links *l)
{
    for (int i = 0; i < l->opened; i++) compare_sides_close(&l->at[i]);
    l->opened = 0;
}

static const compare_pair *linked_pair(const compare_sides *sides, const attn_kernel *kernel)
{
    for (int p = 0; p < sides->pairs; p++)
        if (strcmp(compare_kernel_name(sides->pair[p].kernel[0]), kernel->name) == 0) return &sides->pair[p];
    return NULL;
}

/* ---- cells ------------------------------------------------------------------------------------------------------- */

/* What the child times in a cell. */
typedef struct task {
    shift shift;
    const attn_kernel *kernel[2];
    bool shifts;
} task;

typedef struct sweep {
    alignment_sweep *out;
    const trial_group *g;
    const trial *judged;
    const alignment_settings *s;
    task task[ALIGNMENT_CELLS];
    paired_run *run;
    volatile uint64_t beat;
} sweep;

static void add_cell(sweep *s, const char *what, int bytes, task t)
{
    alignment_sweep *const out = s->out;
    if (out->cells == ALIGNMENT_CELLS) return;
    s->task[out->cells] = t;
    out->cell[out->cells++] = (alignment_cell){.what = what, .bytes = bytes};
}

static void add_buffers(sweep *s)
{
    const attn_kernel *const k = s->out->kernel;
    const attn_plan *const plan = &s->judged->plan;
    for (shifted_buffer b = SHIFTED_Q; b < SHIFTED_BUFFERS; b++)
        for (int i = 0; i < OFFSETS; i++) {
            const task t = {{b, offsets[i]}, {k, k}, true};
            if (b == SHIFTED_WORKSPACE &&
                (offsets[i] % WORKSPACE_ALIGNMENT || plan->workspace_bytes + plan->shared_bytes == 0))
                continue;
            if (b == SHIFTED_TENSORS && offsets[i] % WORKSPACE_ALIGNMENT == 0)
                continue; /* buffers that all move alike keep their distances */
            if (k->alignment && offsets[i] % (int)k->alignment) continue;
            if (shift_applies(&t.shift, &s->g->in)) add_cell(s, shifted_buffer_name(b), offsets[i], t);
        }
}

/* Only built-in kernels: the objects that a plugin was linked from are not here. */
static void add_code(sweep *s)
{
    const alignment_links *const l = s->s->links;
    const bool is_plugin = plugin_of(s->out->kernel) != NULL;
    int moved = 0;
    for (int i = 0; i < l->opened && !is_plugin; i++) {
        const compare_pair *pair = linked_pair(&l->at[i], s->out->kernel);
        if (!pair) continue;
        add_cell(s, "code", links[i], (task){{SHIFTED_Q, 0}, {pair->kernel[0], pair->kernel[1]}, false});
        moved++;
    }
    if (!moved)
        snprintf(s->out->unmoved, sizeof s->out->unmoved, "%.319s",
                 is_plugin      ? "a plugin comes linked, and only its builder can link it anew"
                 : l->reason[0] ? l->reason
                                : "the modules that were linked elsewhere have no such kernel");
}

/* ---- in the child ------------------------------------------------------------------------------------------------ */

static const char *check_moved(void *ctx, int lane, const instance *placed, const attn_tensor *slot)
{
    const sweep *s = ctx;
    (void)lane;
    return judge_again(s->g, s->judged, placed, slot);
}

static int fill_figures(alignment_cell *c, const paired_run *run, double alpha)
{
    double *base = calloc(run->pairs + 1, sizeof *base), *fresh = calloc(run->pairs + 1, sizeof *fresh);
    for (size_t i = 0; base && fresh && i < run->pairs; i++) {
        base[i] = run->pair[i].base;
        fresh[i] = run->pair[i].fresh;
    }
    const int ok = base && fresh && pair_figures_of(base, fresh, run->pairs, alpha, &c->figures);
    free(base);
    free(fresh);
    return ok;
}

static void run_cell(sweep *s, int i)
{
    alignment_cell *const c = &s->out->cell[i];
    const task *const t = &s->task[i];
    const double alpha = FAMILY_ALPHA / s->out->cells; /* that any interval of a kernel's sweep misses */
    const paired_kernels d = {.kernel = {t->kernel[0], t->kernel[1]},
                              .in = &s->g->in,
                              .machine = s->s->machine,
                              .threads = s->out->threads,
                              .shift = t->shifts ? &t->shift : NULL,
                              .layout = s->s->seed,
                              .beat = &s->beat,
                              .check = check_moved,
                              .ctx = s};
    const paired_settings settings = {
        {0.005, alpha, alpha}, s->s->seed + (uint64_t)i, cell_seconds, 0, cell_pairs, NULL};
    int64_t calls;
    int wrong;
    if (!paired_kernels_run(&d, &settings, s->run, &calls, &wrong, c->reason, sizeof c->reason)) return;
    c->pairs = s->run->pairs;
    if (s->run->end == PAIRED_CALL_FAILED || s->run->end == PAIRED_CLOCK_FAILED)
        snprintf(c->reason, sizeof c->reason, "%s",
                 s->run->end == PAIRED_CALL_FAILED ? "a call failed" : "the clock failed");
    else if (paired_void(s->run))
        snprintf(c->reason, sizeof c->reason, "the control lane differs from the base: void");
    else
        c->timed = fill_figures(c, s->run, alpha);
}

static void run_cells(void *arg)
{
    sweep *s = arg;
    for (int i = 0; i < s->out->cells; i++) run_cell(s, i);
}

void alignment_sweep_run(alignment_sweep *out, const trial_group *g, const trial *judged,
                         const alignment_settings *settings)
{
    char reason[256];
    sweep *s = shared_new(sizeof *s);
    alignment_sweep *shared = shared_new(sizeof *shared);
    paired_run *run = shared_new(sizeof *run);
    *out = (alignment_sweep){.kernel = judged->kernel, .w = g->in.w, .threads = judged->threads};
    if (s && shared && run) {
        *shared = *out;
        *s = (sweep){.out = shared, .g = g, .judged = judged, .s = settings, .run = run};
        add_buffers(s);
        add_code(s);
        const child_limit limit = {.seconds = hung + trial_time_limit(g->in.w), .beat = &s->beat};
        const child_end end = child_run(run_cells, s, &limit, reason, sizeof reason);
        *out = *shared;
        while (out->cells && !out->cell[out->cells - 1].timed && !out->cell[out->cells - 1].reason[0]) out->cells--;
        if (interrupted)
            snprintf(out->reason, sizeof out->reason, "interrupted");
        else if (end != CHILD_DONE)
            snprintf(out->reason, sizeof out->reason, "%s while it was timed", reason);
    } else {
        snprintf(out->reason, sizeof out->reason, "out of memory");
    }
    shared_free(s, sizeof *s);
    shared_free(shared, sizeof *shared);
    shared_free(run, sizeof *run);
}

/* The largest difference seen on calls of 20 us whose buffers were moved to where it could not matter. */
static const double least_visible = 0.002;

bool alignment_shows(const alignment_cell *c)
{
    const interval at = c->figures.median_interval;
    return c->timed && (at.low > log1p(least_visible) || at.high < log1p(-least_visible));
}

const alignment_cell *alignment_worst(const alignment_sweep *s)
{
    const alignment_cell *worst = NULL;
    for (int i = 0; i < s->cells; i++) {
        const alignment_cell *const c = &s->cell[i];
        if (alignment_shows(c) && (!worst || fabs(c->figures.median) > fabs(worst->figures.median))) worst = c;
    }
    return worst;
}
