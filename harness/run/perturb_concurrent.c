/* perturb_concurrent.c: two problems at once. Another thread computes its own again and again, in tensors of its own,
 * while this one computes the case; a static buffer or a table filled late shows in either, and this one's result is
 * looked at. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "tensors/instance_copy.h"
#include "perturb.h"
#include "machine/pool.h"
#include "util/console.h"

/* How long the two run side by side: so many seconds, and until so many of our calls have seen the other end one of its
 * own, which on a busy machine takes as many changes of the processor; but not for ever. */
static const double together = 1e-3, most_together = 0.1;
enum { OVERLAPPING_CALLS = 3 };

typedef struct neighbour {
    call call;
    atomic_int calls, stop;
} neighbour;

static void *compute(void *arg)
{
    neighbour *n = arg;
    do {
        call_once(&n->call, NULL);
        atomic_fetch_add(&n->calls, 1);
    } while (!atomic_load(&n->stop));
    return NULL;
}

static void beside(perturbation *t, neighbour *n)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, compute, n)) return;
    while (atomic_load(&n->calls) == 0 && atomic_load(&n->stop) == 0) sched_yield();
    const double begin = clock_seconds();
    double seconds;
    int overlapping = 0;
    do {
        const int before = atomic_load(&n->calls);
        variation v = perturb_plain(t, "concurrent", "while another thread computes another problem");
        v.exec = exec_serial();
        v.same_bits &= t->exec->threads == 1 || (t->kernel->traits & ATTN_TRAIT_SAME_AT_ANY_THREADS);
        const int found = t->found->count, kept = t->others->count;
        if (!perturb_vary(t, &v) || t->found->count > found || t->others->count > kept) break;
        overlapping += atomic_load(&n->calls) != before;
        seconds = clock_seconds() - begin;
    } while (seconds < together || (overlapping < OVERLAPPING_CALLS && seconds < most_together));
    atomic_store(&n->stop, 1);
    pthread_join(thread, NULL);
}

void perturb_concurrent(perturbation *t)
{
    instance other;
    attn_tensor slot[ATTN_SLOTS];
    char reason[256];
    neighbour n;
    if (!instance_copy(t->in, PLACED_REAR, 64, &other)) return;
    instance_flip(&other);
    instance_protect(&other, true);
    memset(&n, 0, sizeof n);
    const attn_args args = instance_args(&other, t->lse, t->weights, slot);
    if (call_prepare(&n.call, t->kernel, &other.problem, &args, t->machine, exec_serial(), reason, sizeof reason)) {
        beside(t, &n);
        call_release(&n.call);
    }
    instance_free(&other);
}
