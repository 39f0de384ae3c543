/* cache_state.c: copies of inputs in rotation, and lines flushed from the caches. */
#include "cache_state.h"

#include "call.h"
#include "tensors/instance.h"
#include "tensors/instance_internal.h"
#include "machine/machine.h"
#include "util/guard_pages.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

const char *residency_variant(residency r)
{
    static const char *const part[] = {"", "/rotated", "/cold"};
    return part[r];
}

/* ---- flushing -------------------------------------------------------------------------------------------------- */

enum { LEAST_LINE = 16 }; /* bytes: flushing a line more than once is no harm, leaving one out would be */

#if defined(__x86_64__) || defined(__i386__)
static const bool can_flush = true;
static void flush_line(void *ctx, const void *at)
{
    (void)ctx;
    __builtin_ia32_clflush(at);
}
static void flush_end(void) { __builtin_ia32_mfence(); }
#elif defined(__aarch64__)
static const bool can_flush = true;
static void flush_line(void *ctx, const void *at)
{
    (void)ctx;
    __asm__ volatile("dc civac, %0" ::"r"(at) : "memory");
}
static void flush_end(void) { __asm__ volatile("dsb ish" ::: "memory"); }
#else
static const bool can_flush = false;
static void flush_line(void *ctx, const void *at) { (void)ctx, (void)at; }
static void flush_end(void) {}
#endif

int residency_possible(residency r, char *reason, size_t reason_size)
{
    if (r != RESIDENCY_COLD || can_flush) return 1;
    snprintf(reason, reason_size, "--cold: programs cannot flush this processor's caches; use --rotate");
    return 0;
}

typedef struct flusher {
    void (*line)(void *ctx, const void *at);
    void *ctx;
    size_t step;
} flusher;

static void flush(const flusher *f, const void *begin, size_t bytes)
{
    const unsigned char *const at = begin;
    for (size_t i = 0; i < bytes; i += f->step) f->line(f->ctx, at + i);
    if (bytes) f->line(f->ctx, at + bytes - 1);
}

void residency_each_line(const instance *in, const call *c, void (*line)(void *ctx, const void *at), void *ctx)
{
    const int64_t known = machine_facts_get()->line, stride = ATTN_WORKSPACE_STRIDE(&c->plan);
    const flusher f = {line, ctx, known > 0 ? (size_t)known : LEAST_LINE};
    for (int s = 0; s < ATTN_SLOTS; s++)
        if (in->map[s].base) flush(&f, in->map[s].begin, in->map[s].bytes);
    flush(&f, c->workspace, (size_t)(stride * (int64_t)c->exec->threads));
    flush(&f, c->shared, (size_t)c->plan.shared_bytes);
}

static void nothing(void *arg, int thread) { (void)arg, (void)thread; }

void residency_evict(const instance *in, const call *c)
{
    residency_each_line(in, c, flush_line, NULL);
    flush_end();
    c->exec->team(c->exec, nothing, NULL);
}

/* ---- rotation -------------------------------------------------------------------------------------------------- */

double rotation_wanted(void)
{
    static const double unknown_cache = 64 << 20, most = 1 << 30;
    const machine_facts *const m = machine_facts_get();
    const double largest = fmax((double)m->l3, (double)m->l2);
    return fmin(fmin(2 * (largest > 0 ? largest : unknown_cache), most), (double)memory_available() / 4);
}

static void lay_out_set(rotation *r, const instance *in, size_t begin[ATTN_SLOTS])
{
    for (int s = 0; s < ATTN_SLOTS; s++) {
        if (!in->map[s].base || slot_is_output(&in->problem, s)) continue;
        begin[s] = r->set_bytes;
        r->set_bytes += in->map[s].bytes;
    }
    for (int s = 0; s < ATTN_SLOTS; s++) {
        const int o = in->slot[s].type == ATTN_ABSENT ? -1 : instance_owner(in, s);
        if (o < 0 || slot_is_output(&in->problem, o)) continue;
        r->rotates[s] = true;
        r->offset[s] = begin[o] + (size_t)((const unsigned char *)in->slot[s].data - in->map[o].begin);
    }
}

int rotation_make(rotation *r, const instance *in, double wanted, char *reason, size_t reason_size)
{
    size_t begin[ATTN_SLOTS];
    memset(r, 0, sizeof *r);
    lay_out_set(r, in, begin);
    r->sets = r->set_bytes ? (int64_t)ceil(wanted / (double)r->set_bytes) : 1;
    if (r->sets < 1) r->sets = 1;
    r->bytes = (size_t)r->sets * r->set_bytes;
    if (r->sets == 1) return 1;
    r->arena = mmap(NULL, r->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (r->arena == MAP_FAILED) {
        snprintf(reason, reason_size, "no memory for %" PRId64 " sets of inputs, %zu MB", r->sets, r->bytes >> 20);
        *r = (rotation){.arena = NULL};
        return 0;
    }
    for (int64_t set = 0; set < r->sets; set++)
        for (int s = 0; s < ATTN_SLOTS; s++)
            if (in->map[s].base && !slot_is_output(&in->problem, s))
                memcpy(r->arena + (size_t)set * r->set_bytes + begin[s], in->map[s].begin, in->map[s].bytes);
    return 1;
}

void rotation_free(rotation *r)
{
    if (r->arena) munmap(r->arena, r->bytes);
    *r = (rotation){.arena = NULL};
}

void rotation_turn(rotation *r, call *c)
{
    if (!r->arena) return;
    unsigned char *const set = r->arena + (size_t)r->next * r->set_bytes;
    for (int s = 0; s < ATTN_SLOTS; s++)
        if (r->rotates[s] && c->slot[s].type != ATTN_ABSENT) c->slot[s].data = set + r->offset[s];
    r->next = r->next + 1 < r->sets ? r->next + 1 : 0;
}

void residency_describe(residency r, const rotation *sets, char *out, size_t size)
{
    if (r == RESIDENCY_ROTATED)
        snprintf(out, size, "rotated over %" PRId64 " set%s, %.3g MB", sets->sets, sets->sets == 1 ? "" : "s",
                 (double)sets->bytes / 1e6);
    else
        snprintf(out, size, "%s", r == RESIDENCY_COLD ? "cold" : "hot");
}
