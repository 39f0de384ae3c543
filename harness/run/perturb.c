/* perturb.c: poisons, outputs on and off, places, state. Who runs what and when is perturb_schedule.c and
 * perturb_concurrent.c. */
#include "perturb.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu_watch.h"
#include "tensors/instance_copy.h"
#include "tensors/instance_internal.h"
#include "problem.h"
#include "util/console.h"

static const uint32_t poison_large = UINT32_C(0x7149f2ca); /* 1e30 in f32, about so in bf16, large in f16 */

static const check checks[] = {
    {"poison", "smoke and edge, class normal",
     "what outputs, workspace and shared memory hold before the call (NaN, 1e30, 0) moves no bit of a repeatable "
     "kernel's "
     "result"},
    {"output-matrix", "smoke and edge, class normal",
     "the output is right with and without LSE and weights being asked for"},
    {"placement", "smoke and edge, class normal",
     "the result is right wherever the tensors lie: from a page's first byte on, or up to its last"},
    {"state", "smoke and edge, class normal",
     "nothing is kept between calls: another problem at the same addresses, of the same or of other sizes, moves no "
     "bit "
     "of a repeatable kernel's result"},
    {"concurrent", "smoke and edge, class normal, without threads of their own",
     "another problem computed by another thread at the same time does not show"},
    {"exec-order", "smoke and edge, class normal, kernels that use exec",
     "slices that run in another order, by other workers or late move no bit of a repeatable kernel's result"},
    {"workers", "smoke and edge, class normal, kernels that use exec",
     "1, 2, 3, 5, 7 and 64 workers give the declared result; no slice is lost"},
    {"cpu-state", "every case",
     "control bits, callee-saved registers, upper vector halves and tiles are after a call what they were before"},
    {"own-threads", "every case",
     "no thread runs that the kernel was not given, or more than a declared number was told"},
    {"descriptors", "every case", "no file or socket is left open"},
};
const check_group perturb_checks = {"instrument", checks, sizeof checks / sizeof *checks};

/* ---- one more call --------------------------------------------------------------------------------------------- */

variation perturb_plain(const perturbation *t, const char *name, const char *what)
{
    return (variation){.check = name,
                       .what = what,
                       .lse = t->lse,
                       .weights = t->weights,
                       .same_bits = (t->kernel->traits & ATTN_TRAIT_REPEATABLE) != 0,
                       .poison = INSTANCE_POISON};
}

static unsigned asked(bool lse, bool weights) { return 1u | (lse ? 2u : 0) | (weights ? 4u : 0); }

/* What a call into `in` wrote, against the first call. */
static void compare(perturbation *t, const variation *v, const instance *in, const attn_plan *plan)
{
    const unsigned both = asked(t->lse, t->weights) & asked(v->lse, v->weights);
    int slot;
    if (!instance_canaries_hold(in, v->poison, &slot))
        findings_add(t->found, "writes-inside", "%s: wrote outside of %s", v->what, attn_slot_name(slot));
    snapshot_take(&t->others->layout, in, t->second);
    slot = snapshot_differs(&t->others->layout, t->first, t->second, both);
    if (slot < 0) return;
    if (v->same_bits) {
        findings_add(t->found, v->check, "%s: other bits in %s", v->what, attn_slot_name(slot));
        return;
    }
    repeated_call item = {.plan = *plan, .which = both};
    snprintf(item.check, sizeof item.check, "%s", v->check);
    snprintf(item.what, sizeof item.what, "%s", v->what);
    repeat_outputs_keep(t->others, &item, t->second);
}

static bool call_into(perturbation *t, const variation *v, instance *in, call *c)
{
    instance_poison(in, v->poison);
    const int status = call_once(c, NULL);
    if (status == ATTN_OK)
        compare(t, v, in, &c->plan);
    else
        findings_add(t->found, "status", "%s: %s", v->what, attn_status_text(status));
    return status == ATTN_OK;
}

static void tell_regions(fault *f, const call *c, bool present)
{
    static const char *const name[2] = {"the shared memory", "the workspace"};
    for (int i = 0; i < 2; i++) {
        const guarded *g = &c->memory[i];
        fault_region r = {.base = (uintptr_t)g->base, .top = (uintptr_t)g->base + (uintptr_t)g->mapped};
        r.first = (uintptr_t)g->data;
        r.last = r.first + (uintptr_t)g->bytes;
        snprintf(r.name, sizeof r.name, "%s", name[i]);
        if (present)
            fault_region_add(f, &r);
        else
            fault_region_remove(f, r.base);
    }
}

bool perturb_vary(perturbation *t, const variation *v)
{
    attn_tensor slot[ATTN_SLOTS];
    char reason[256];
    call c;
    instance in = v->in ? *v->in : *t->in;
    const attn_args args = instance_args(&in, v->lse, v->weights, slot);
    snprintf(t->fault->doing, sizeof t->fault->doing, "%s", v->what);
    if (!call_prepare(&c, t->kernel, &in.problem, &args, t->machine, v->exec ? v->exec : t->exec, reason,
                      sizeof reason)) {
        if (c.declined) return true; /* other threads or outputs than it was asked about */
        findings_add(t->found, "status", "%s: %s", v->what, reason);
        return false;
    }
    tell_regions(t->fault, &c, true);
    call_refill(&c, v->poison == INSTANCE_POISON ? UINT32_MAX : v->poison);
    const bool ok = call_into(t, v, &in, &c);
    tell_regions(t->fault, &c, false);
    call_release(&c);
    t->fault->doing[0] = '\0';
    return ok;
}

/* ---- the first call -------------------------------------------------------------------------------------------- */

void perturb_say_changed(perturbation *t, int slot)
{
    if (t->kernel->traits & ATTN_TRAIT_REPEATABLE)
        findings_add(
            t->found, "repeatable",
            "a second call with the same arguments wrote other bits to %s, though the kernel is declared repeatable",
            attn_slot_name(slot));
}

/* Whether the flipped problem comes out right is not known here, but twice the same it must. */
void perturb_before(perturbation *t, call *c)
{
    const bool first = !t->flipped;
    snprintf(t->fault->doing, sizeof t->fault->doing, "another problem of the same shape");
    if (first) tell_regions(t->fault, c, true);
    if (first) t->flipped = malloc(t->others->layout.bytes + 1);
    instance_protect(t->in, false);
    instance_flip(t->in);
    instance_protect(t->in, true);
    instance_poison(t->in, INSTANCE_POISON);
    call_refill(c, UINT32_MAX);
    call_once(c, NULL); /* a status other than ATTN_OK comes again in the call that counts */
    if (t->flipped && first) snapshot_take(&t->others->layout, t->in, t->flipped);
    if (t->flipped && !first) {
        snapshot_take(&t->others->layout, t->in, t->second);
        const int slot = snapshot_differs(&t->others->layout, t->flipped, t->second, asked(t->lse, t->weights));
        if (slot >= 0) perturb_say_changed(t, slot);
    }
    instance_protect(t->in, false);
    instance_flip(t->in);
    instance_protect(t->in, true);
    t->fault->doing[0] = '\0';
}

int perturb_first(perturbation *t, call *c, double *seconds)
{
    process_use use;
    char left[256];
    call_refill(c, UINT32_MAX);
    instance_poison(t->in, INSTANCE_POISON);
    const bool watched = process_use_begin(&use, t->exec);
    const double start = clock_seconds();
    const int status = call_watched(c, left, sizeof left);
    *seconds = clock_seconds() - start;
    if (watched) {
        process_use_end(&use);
        process_use_end(&t->use);
        use.threads = t->use.threads;
        use.descriptors = t->use.descriptors;
        process_use_judge(&use, t->kernel, (int)t->exec->threads, t->found);
    }
    if (*left) findings_add(t->found, "cpu-state", "after the call: %s", left);
    return status;
}

/* ---- what must not matter -------------------------------------------------------------------------------------- */

static bool poisons(perturbation *t, call *c)
{
    static const struct {
        uint32_t pattern;
        const char *what;
    } poison[] = {{poison_large, "with 1e30 in outputs and workspace beforehand"},
                  {0, "with zeros in outputs and workspace beforehand"}};
    for (size_t i = 0; i < sizeof poison / sizeof *poison; i++) {
        variation v = perturb_plain(t, "poison", poison[i].what);
        v.poison = poison[i].pattern;
        call_refill(c, v.poison);
        if (!call_into(t, &v, t->in, c)) return false;
    }
    return true;
}

/* Asking for less or more is another call: its bits may be others. */
static bool output_matrix(perturbation *t)
{
    static const char *const what[] = {"without LSE and weights", "with LSE, without weights",
                                       "with weights, without LSE", "with LSE and weights"};
    char reason[160];
    for (int i = 0; i < 4; i++) {
        variation v = perturb_plain(t, "output-matrix", what[i]);
        attn_tensor slot[ATTN_SLOTS];
        v.lse = i & 1, v.weights = i & 2, v.same_bits = false;
        if (v.lse == t->lse && v.weights == t->weights) continue;
        if ((v.lse && !t->in->map[ATTN_LSE].base) || (v.weights && !t->in->map[ATTN_WEIGHTS].base)) continue;
        const attn_args args = instance_args(t->in, v.lse, v.weights, slot);
        if (!attn_supports(t->kernel, &t->in->problem, &args, t->machine->isa, reason, sizeof reason)) continue;
        if (!perturb_vary(t, &v)) return false;
    }
    return true;
}

static bool placements(perturbation *t)
{
    static const char *const what[] = {"with tensors that begin at a page", "with tensors that end at a page"};
    for (int i = 0; i < 2; i++) {
        instance copy;
        variation v = perturb_plain(t, "placement", what[i]);
        const int64_t alignment = t->kernel->alignment;
        if (!instance_copy(t->in, i == 0 ? PLACED_FRONT : PLACED_REAR, alignment, &copy)) return true;
        instance_protect(&copy, true);
        fault_regions_of(t->fault, &copy, i == 0 ? " (begins at a page)" : " (ends at a page)");
        v.in = &copy;
        v.same_bits = false; /* rows that lie elsewhere may be cut elsewhere */
        const bool ok = perturb_vary(t, &v);
        for (int slot = 0; slot < ATTN_SLOTS; slot++)
            if (copy.map[slot].base) fault_region_remove(t->fault, (uintptr_t)copy.map[slot].base);
        instance_free(&copy);
        if (!ok) return false;
    }
    return true;
}

/* A problem of other sizes in the same tensors; false where lengths, pages or blocks would have to change too. */
static bool smaller(const instance *in, instance *out)
{
    static const int rows_of_queries[] = {ATTN_Q, ATTN_O, ATTN_LSE, ATTN_WEIGHTS, ATTN_BIAS};
    static const int rows_of_keys[] = {ATTN_K, ATTN_V, ATTN_K_SCALES, ATTN_V_SCALES};
    char reason[256];
    *out = *in;
    for (int slot = 0; slot < ATTN_SLOTS; slot++)
        if (slot_is_metadata(slot) && in->slot[slot].type != ATTN_ABSENT) return false;
    attn_problem *p = &out->problem;
    p->q = (p->q + 1) / 2, p->k = (p->k + 1) / 2;
    for (size_t i = 0; i < sizeof rows_of_queries / sizeof *rows_of_queries; i++)
        if (out->slot[rows_of_queries[i]].type != ATTN_ABSENT) out->slot[rows_of_queries[i]].extent[2] = p->q;
    for (size_t i = 0; i < sizeof rows_of_keys / sizeof *rows_of_keys; i++)
        if (out->slot[rows_of_keys[i]].type != ATTN_ABSENT) out->slot[rows_of_keys[i]].extent[2] = p->k;
    if (out->slot[ATTN_WEIGHTS].type != ATTN_ABSENT) out->slot[ATTN_WEIGHTS].extent[3] = p->k;
    if (out->slot[ATTN_BIAS].type != ATTN_ABSENT) out->slot[ATTN_BIAS].extent[3] = p->k;
    const attn_args all = {.size = sizeof all, .count = ATTN_SLOTS, .slot = out->slot};
    return attn_check(p, &all, reason, sizeof reason);
}

static bool state(perturbation *t, call *c)
{
    instance other;
    attn_tensor slot[ATTN_SLOTS];
    char reason[256];
    call d;
    if (smaller(t->in, &other)) {
        const attn_args args = instance_args(&other, t->lse, t->weights, slot);
        snprintf(t->fault->doing, sizeof t->fault->doing, "a smaller problem at the same addresses");
        if (call_prepare(&d, t->kernel, &other.problem, &args, t->machine, t->exec, reason, sizeof reason)) {
            tell_regions(t->fault, &d, true);
            call_once(&d, NULL);
            tell_regions(t->fault, &d, false);
            call_release(&d);
        }
        t->fault->doing[0] = '\0';
    }
    perturb_before(t, c);
    const variation v = perturb_plain(t, "state", "after other problems at the same addresses");
    return call_into(t, &v, t->in, c);
}

void perturb_after(perturbation *t, call *c)
{
    if (!poisons(t, c) || !state(t, c) || !output_matrix(t) || !placements(t)) return;
    if (!(t->kernel->traits & ATTN_TRAIT_OWN_THREADS)) {
        if (t->kernel->traits & ATTN_TRAIT_THREADED) perturb_orders(t);
        perturb_concurrent(t);
    }
    call_refill(c, UINT32_MAX);
}
