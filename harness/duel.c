/* duel.c: modules, places, calls; then slices for paired.c. */
#include "duel.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "own_threads.h"
#include "placement.h"
#include "plugin.h"
#include "pool.h"
#include "status.h"

static const double slice_seconds =
    1e-4; /* 50 to 400 us is wanted: long against the clock's 30 ns, short against moods */
static const double warm_seconds = 5e-3; /* of each side: caches, predictors, frequency */

typedef struct ring {
    const duel *d;
    const attn_kernel *kernel[2];
    placement placed;
    rotation sets;
    const attn_exec *exec;
    attn_exec own;
    pool *workers;
    call call[2];
    void *shared[2], *workspace[2]; /* as prepared, for call_release */
    int64_t calls;
} ring;

/* ---- slices ------------------------------------------------------------------------------------------------------ */

static double timed_call(ring *r, call *c)
{
    if (r->d->residency == RESIDENCY_COLD) residency_evict(&r->placed.in, c);
    if (r->d->residency == RESIDENCY_ROTATED) rotation_turn(&r->sets, c);
    const double begin = clock_seconds();
    return call_once(c, NULL) == ATTN_OK ? clock_seconds() - begin : (double)NAN;
}

static void tell(const duel *d, int lane)
{
    if (d->current) *d->current = paired_side(lane);
    if (d->beat) ++*d->beat;
}

static double slice(void *ctx, int lane)
{
    ring *r = ctx;
    call *c = &r->call[paired_side(lane)];
    tell(r->d, lane);
    if (r->d->residency == RESIDENCY_COLD) {
        double sum = 0;
        for (int64_t i = 0; i < r->calls; i++) sum += timed_call(r, c);
        return sum;
    }
    const double begin = clock_seconds();
    for (int64_t i = 0; i < r->calls; i++) {
        if (r->d->residency == RESIDENCY_ROTATED) rotation_turn(&r->sets, c);
        if (call_once(c, NULL) != ATTN_OK) return (double)NAN;
    }
    return clock_seconds() - begin;
}

static double now(void *ctx)
{
    (void)ctx;
    return clock_seconds();
}

/* Warms both sides, and finds how many calls of the slower one fill a slice. */
static int calibrate(ring *r, char *reason, size_t size)
{
    double slower = 0;
    for (int lane = 0; lane < 2; lane++) {
        double least = INFINITY;
        const double begin = clock_seconds();
        do {
            tell(r->d, lane);
            least = fmin(least, timed_call(r, &r->call[lane]));
            if (isfinite(least)) continue;
            snprintf(reason, size, "%s failed when it was warmed up", r->kernel[lane]->name);
            return 0;
        } while (clock_seconds() - begin < warm_seconds);
        slower = fmax(slower, least);
    }
    r->calls = slower > 0 ? (int64_t)fmin(ceil(slice_seconds / slower), 1e6) : 1;
    return 1;
}

/* ---- what both sides share --------------------------------------------------------------------------------------- */

static int load(ring *r, char *reason, size_t size)
{
    const int first = (int)(r->d->layout & 1);
    for (int i = 0; i < 2; i++) {
        const int lane = i ^ first;
        r->kernel[lane] = plugin_resolve(r->d->kernel[lane], reason, size);
        if (!r->kernel[lane]) return 0;
    }
    return 1;
}

/* Threads before plugins where a plugin brings its own (own_threads.h), else after. */
static int make_threads(ring *r, char *reason, size_t size)
{
    const int threads = r->d->threads;
    const uint64_t own = ATTN_TRAIT_OWN_THREADS;
    const bool owns[2] = {(r->d->kernel[0]->traits & own) != 0, (r->d->kernel[1]->traits & own) != 0};
    if (owns[0] || owns[1]) {
        if (threads > 1 && owns[0] != owns[1]) {
            snprintf(reason, size, "%s starts threads of its own, whose idle ones would disturb the other side",
                     r->d->kernel[owns[1]]->name);
            return 0;
        }
        r->exec = own_threads(threads, &r->own);
        return load(r, reason, size);
    }
    if (!load(r, reason, size)) return 0;
    r->workers = threads > 1 ? pool_new(threads, reason, size) : NULL;
    r->exec = r->workers ? pool_exec(r->workers) : exec_serial();
    return threads == 1 || r->workers;
}

static size_t workspace_bytes(const call *c)
{
    return (size_t)(ATTN_WORKSPACE_STRIDE(&c->plan) * (int64_t)c->exec->threads);
}

/* One workspace and one packed copy for both, the larger of the two: another place would be another speed. */
static void share_memory(ring *r)
{
    call *const c = r->call;
    for (int lane = 0; lane < 2; lane++) {
        r->shared[lane] = c[lane].shared;
        r->workspace[lane] = c[lane].workspace;
    }
    void *const workspace = r->workspace[workspace_bytes(&c[1]) > workspace_bytes(&c[0])];
    void *const shared = r->shared[c[1].plan.shared_bytes > c[0].plan.shared_bytes];
    for (int lane = 0; lane < 2; lane++) {
        c[lane].workspace = workspace;
        c[lane].shared = shared;
    }
}

static void release(ring *r)
{
    for (int lane = 0; lane < 2; lane++) {
        r->call[lane].shared = r->shared[lane];
        r->call[lane].workspace = r->workspace[lane];
        call_release(&r->call[lane]);
    }
}

static int prepare(ring *r, char *reason, size_t size)
{
    const workload *const w = r->d->in->w;
    attn_tensor slot[ATTN_SLOTS];
    const attn_args args = instance_args(&r->placed.in, w->want_lse, w->want_weights, slot);
    for (int lane = 0; lane < 2; lane++)
        if (!call_prepare(&r->call[lane], r->kernel[lane], &r->placed.in.problem, &args, r->d->machine, r->exec, reason,
                          size)) {
            if (lane) call_release(&r->call[0]);
            return 0;
        }
    share_memory(r);
    return 1;
}

static int check_lanes(ring *r, int *wrong, char *reason, size_t size)
{
    for (int lane = 0; r->d->check && lane < 2; lane++) {
        call *const c = &r->call[lane];
        tell(r->d, lane);
        instance_poison(&r->placed.in, INSTANCE_POISON);
        const char *message = call_once(c, NULL) == ATTN_OK ? r->d->check(r->d->ctx, lane, &r->placed.in, c->slot)
                                                            : "failed when called again after timing";
        if (!message) continue;
        *wrong = lane;
        snprintf(reason, size, "%s: %s", r->d->kernel[lane]->name, message);
        return 0;
    }
    return 1;
}

int duel_run(const duel *d, const paired_settings *settings, paired_run *out, int64_t *calls, int *wrong, char *reason,
             size_t reason_size)
{
    ring r = {.d = d};
    const bool rotates = d->residency == RESIDENCY_ROTATED;
    int ok = 0;
    *wrong = -1;
    if (make_threads(&r, reason, reason_size) && placement_make(&r.placed, d->in, d->layout, reason, reason_size) &&
        (!rotates || rotation_make(&r.sets, &r.placed.in, rotation_wanted(), reason, reason_size)) &&
        prepare(&r, reason, reason_size)) {
        if (calibrate(&r, reason, reason_size)) {
            const paired_lanes lanes = {slice, now, &r};
            paired_sample(&lanes, settings, out);
            *calls = r.calls;
            ok = check_lanes(&r, wrong, reason, reason_size);
        }
        release(&r);
    }
    rotation_free(&r.sets);
    placement_free(&r.placed);
    if (r.workers) pool_free(r.workers);
    return ok;
}
