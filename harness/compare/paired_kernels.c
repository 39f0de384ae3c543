/* paired_kernels.c: loads both kernels, makes threads, places tensors and workspace, finds how many calls fill a slice,
 * and hands slices to paired_sampler.c. */
#include "paired_kernels.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run/call.h"
#include "machine/own_threads.h"
#include "tensors/placement.h"
#include "plugin/plugin.h"
#include "machine/pool.h"
#include "util/console.h"

/* 50 to 400 us is wanted: long against the clock's 30 ns, short against disturbances, which last milliseconds. */
static const double slice_seconds = 1e-4;
static const double warm_seconds = 5e-3; /* of each side: caches, predictors, frequency */

typedef struct paired_state {
    const paired_kernels *d;
    const attn_kernel *kernel[2];
    placement placed;
    instance moved; /* the same tensors with shifted pointers */
    int shifted;    /* are the contents at the shifted place now? */
    guarded roomy;  /* workspace and packed copy of a shifted call */
    rotation sets;
    const attn_exec *exec;
    attn_exec own;
    pool *workers;
    call call[2];
    void *shared[2], *workspace[2]; /* as call_prepare set them, for call_release */
    int64_t calls;
} paired_state;

/* ---- slices ------------------------------------------------------------------------------------------------------ */

static double timed_call(paired_state *r, call *c)
{
    if (r->d->residency == RESIDENCY_COLD) residency_evict(&r->placed.in, c);
    if (r->d->residency == RESIDENCY_ROTATED) rotation_turn(&r->sets, c);
    const double begin = clock_seconds();
    return call_once(c, NULL) == ATTN_OK ? clock_seconds() - begin : (double)NAN;
}

static void note_progress(const paired_kernels *d, int lane)
{
    if (d->current) *d->current = paired_side(lane);
    if (d->beat) ++*d->beat;
}

static const instance *lane_tensors(const paired_state *r, int lane)
{
    return r->d->shift && paired_side(lane) ? &r->moved : &r->placed.in;
}

/* With a shift: moves the contents to where this lane reads them, and calls once more so that they are hot there. */
static int enter_lane(paired_state *r, int lane)
{
    const int there = paired_side(lane);
    note_progress(r->d, lane);
    if (!r->d->shift) return 1;
    if (r->shifted != there) shift_contents(r->d->shift, &r->placed.in, there);
    r->shifted = there;
    return call_once(&r->call[there], NULL) == ATTN_OK;
}

static double time_slice(void *ctx, int lane)
{
    paired_state *r = ctx;
    call *c = &r->call[paired_side(lane)];
    if (!enter_lane(r, lane)) return (double)NAN;
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

static double slice_clock(void *ctx)
{
    (void)ctx;
    return clock_seconds();
}

/* Warms both sides, and finds how many calls of the slower one fill a slice. */
static int calibrate(paired_state *r, int *wrong, char *reason, size_t size)
{
    double slower = 0;
    for (int lane = 0; lane < 2; lane++) {
        double least = INFINITY, one;
        const double begin = clock_seconds();
        do {
            one = enter_lane(r, lane) ? timed_call(r, &r->call[lane]) : (double)NAN;
            least = fmin(least, one); /* fmin of a number and NaN is the number */
        } while (!isnan(one) && clock_seconds() - begin < warm_seconds);
        if (isnan(one)) {
            snprintf(reason, size, "%s failed when it was warmed up", r->d->kernel[lane]->name);
            *wrong = lane;
            return 0;
        }
        slower = fmax(slower, least);
    }
    r->calls = slower > 0 ? (int64_t)fmin(ceil(slice_seconds / slower), 1e6) : 1;
    return 1;
}

/* ---- what both sides share --------------------------------------------------------------------------------------- */

static int load_kernels(paired_state *r, char *reason, size_t size)
{
    const int first = (int)(r->d->layout & 1);
    for (int i = 0; i < 2; i++) {
        const int lane = i ^ first;
        r->kernel[lane] = plugin_resolve(r->d->kernel[lane], reason, size);
        if (!r->kernel[lane]) return 0;
    }
    return 1;
}

/* Threads are made before the plugins are loaded if a plugin starts its own (own_threads.h), else after. */
static int make_threads(paired_state *r, char *reason, size_t size)
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
        return load_kernels(r, reason, size);
    }
    if (!load_kernels(r, reason, size)) return 0;
    r->workers = threads > 1 ? pool_new(threads, reason, size) : NULL;
    r->exec = r->workers ? pool_exec(r->workers) : exec_serial();
    return threads == 1 || r->workers;
}

static size_t workspace_bytes(const call *c)
{
    return (size_t)(ATTN_WORKSPACE_STRIDE(&c->plan) * (int64_t)c->exec->threads);
}

static size_t whole_pages(size_t bytes) { return (bytes + SHIFT_MOST - 1) / SHIFT_MOST * SHIFT_MOST; }

/* For a shift: workspace and packed copy at the beginning of pages, or some bytes further on. */
static int give_room(paired_state *r)
{
    call *const c = r->call;
    const size_t workspace = whole_pages(workspace_bytes(&c[1]) + SHIFT_MOST),
                 packed = whole_pages((size_t)c[1].plan.shared_bytes + SHIFT_MOST);
    if (!guarded_open(&r->roomy, (int64_t)(workspace + packed))) return 0;
    unsigned char *const begin = (unsigned char *)r->roomy.data;
    for (int lane = 0; lane < 2; lane++) {
        const bool moves = lane == LANE_NEW && r->d->shift->buffer == SHIFTED_WORKSPACE;
        c[lane].workspace = begin + (moves ? r->d->shift->bytes : 0);
        c[lane].shared = begin + workspace + (moves ? r->d->shift->bytes : 0);
    }
    return 1;
}

/* Both lanes use one workspace and one packed copy, the larger of the two: another place could mean another speed. */
static int share_memory(paired_state *r)
{
    call *const c = r->call;
    for (int lane = 0; lane < 2; lane++) {
        r->shared[lane] = c[lane].shared;
        r->workspace[lane] = c[lane].workspace;
    }
    if (r->d->shift) return give_room(r);
    void *const workspace = r->workspace[workspace_bytes(&c[1]) > workspace_bytes(&c[0])];
    void *const shared = r->shared[c[1].plan.shared_bytes > c[0].plan.shared_bytes];
    for (int lane = 0; lane < 2; lane++) {
        c[lane].workspace = workspace;
        c[lane].shared = shared;
    }
    return 1;
}

static void release_calls(paired_state *r)
{
    for (int lane = 0; lane < 2; lane++) {
        r->call[lane].shared = r->shared[lane];
        r->call[lane].workspace = r->workspace[lane];
        call_release(&r->call[lane]);
    }
    if (r->roomy.base) guarded_close(&r->roomy);
}

static int prepare_calls(paired_state *r, char *reason, size_t size)
{
    const workload *const w = r->d->in->w;
    attn_tensor slot[ATTN_SLOTS];
    for (int lane = 0; lane < 2; lane++) {
        const attn_args args = instance_args(lane_tensors(r, lane), w->want_lse, w->want_weights, slot);
        if (!call_prepare(&r->call[lane], r->kernel[lane], &r->placed.in.problem, &args, r->d->machine, r->exec, reason,
                          size)) {
            if (lane) call_release(&r->call[0]);
            return 0;
        }
    }
    if (share_memory(r)) return 1;
    snprintf(reason, size, "no memory for a workspace");
    release_calls(r);
    return 0;
}

static int check_lanes(paired_state *r, int *wrong, char *reason, size_t size)
{
    for (int lane = 0; r->d->check && lane < 2; lane++) {
        call *const c = &r->call[lane];
        enter_lane(r, lane);
        instance_poison(&r->placed.in, INSTANCE_POISON);
        const char *message = call_once(c, NULL) == ATTN_OK
                                  ? r->d->check(r->d->ctx, lane, lane_tensors(r, lane), c->slot)
                                  : "failed when called again after timing";
        if (!message) continue;
        *wrong = lane;
        snprintf(reason, size, "%s: %s", r->d->kernel[lane]->name, message);
        return 0;
    }
    return 1;
}

static int place_tensors(paired_state *r, char *reason, size_t size)
{
    const paired_kernels *d = r->d;
    if (!d->shift) return placement_make(&r->placed, d->in, d->layout, reason, size);
    if (!placement_at_pages(&r->placed, d->in, SHIFT_MOST, reason, size)) return 0;
    r->moved = shift_pointers(d->shift, &r->placed.in);
    return 1;
}

int paired_kernels_run(const paired_kernels *d, const paired_settings *settings, paired_run *out, int64_t *calls,
                       int *wrong, char *reason, size_t reason_size)
{
    paired_state r = {.d = d};
    const bool rotates = d->residency == RESIDENCY_ROTATED;
    int ok = 0;
    *wrong = -1;
    if (make_threads(&r, reason, reason_size) && place_tensors(&r, reason, reason_size) &&
        (!rotates || rotation_make(&r.sets, &r.placed.in, rotation_wanted(), reason, reason_size)) &&
        prepare_calls(&r, reason, reason_size)) {
        if (calibrate(&r, wrong, reason, reason_size)) {
            const paired_lanes lanes = {time_slice, slice_clock, &r};
            paired_sample(&lanes, settings, out);
            *calls = r.calls;
            ok = check_lanes(&r, wrong, reason, reason_size);
        }
        release_calls(&r);
    }
    rotation_free(&r.sets);
    placement_free(&r.placed);
    if (r.workers) pool_free(r.workers);
    return ok;
}
