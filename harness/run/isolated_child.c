/* isolated_child.c: the order of things. The plugin comes before the pool: threads inherit what they are begun with,
 * and its loading may change that. */
#include "isolated_child.h"

#include <stdio.h>
#include <stdlib.h>

#include "call.h"
#include "util/child_process.h"
#include "tensors/instance_copy.h"
#include "perturb.h"
#include "machine/own_threads.h"
#include "plugin/plugin.h"
#include "machine/pool.h"
#include "problem.h"

/* The same call again, into freshly poisoned outputs: a kernel that keeps state between calls may be right only once.
 * What the second call wrote is what the parent judges; where the kernel declares itself repeatable, it must be the
 * same bits. */
static int call_again(perturbation *t, call *c)
{
    instance_poison(t->in, INSTANCE_POISON);
    const int status = call_once(c, NULL);
    if (status != ATTN_OK) {
        findings_add(t->found, "status", "second run: %s", attn_status_text(status));
        return 0;
    }
    const snapshot_layout layout = snapshot_layout_of(t->in);
    snapshot_take(&layout, t->in, t->second);
    const int slot = snapshot_differs(&layout, t->first, t->second, 1u | (t->lse ? 2u : 0) | (t->weights ? 4u : 0));
    if (slot >= 0) perturb_say_changed(t, slot);
    if (slot >= 0 && t->others) { /* the parent judges both */
        const repeated_call first = {"state", "after another problem of the same shape at the same addresses", c->plan,
                                     1u | (t->lse ? 2u : 0) | (t->weights ? 4u : 0)};
        repeat_outputs_keep(t->others, &first, t->first);
    }
    return 1;
}

static case_stage call_all(case_job *j, perturbation *t, call *c)
{
    const snapshot_layout layout = snapshot_layout_of(t->in);
    t->first = malloc(layout.bytes + 1), t->second = malloc(layout.bytes + 1);
    if (!t->first || !t->second) {
        snprintf(j->reason, sizeof j->reason, "no memory to keep its outputs");
        return STAGE_UNABLE;
    }
    process_use_begin(&t->use, t->exec);
    if (j->others) perturb_before(t, c);
    const int status = perturb_first(t, c, &j->seconds);
    if (status != ATTN_OK) {
        findings_add(t->found, "status", "run: %s", attn_status_text(status));
        return STAGE_WRONG;
    }
    snapshot_take(&layout, t->in, t->first);
    if (j->others) perturb_after(t, c);
    return call_again(t, c) ? STAGE_CALLED : STAGE_WRONG;
}

static const attn_kernel *resolve(case_job *j)
{
    char reason[256];
    attn_tensor slot[ATTN_SLOTS];
    const attn_args args = instance_args(j->in, j->lse, j->weights, slot);
    j->stage = STAGE_WRONG;
    const attn_kernel *kernel = plugin_resolve(j->kernel, reason, sizeof reason);
    if (!kernel) {
        findings_add(&j->found, "status", "%s", reason);
        return NULL;
    }
    if (kernel != j->kernel &&
        !attn_supports(kernel, &j->in->problem, &args, j->machine->isa, j->reason, sizeof j->reason)) {
        j->stage = STAGE_UNSUPPORTED;
        return NULL;
    }
    j->stage = STAGE_BEGUN;
    return kernel;
}

void case_child(void *arg)
{
    case_job *j = arg;
    perturbation t = {.in = j->in,
                      .lse = j->lse,
                      .weights = j->weights,
                      .machine = j->machine,
                      .exec = exec_serial(),
                      .found = &j->found,
                      .others = j->others,
                      .fault = &j->fault};
    attn_tensor slot[ATTN_SLOTS];
    const attn_args args = instance_args(j->in, j->lse, j->weights, slot);
    attn_exec own;
    pool *workers = NULL;
    call c;
    char reason[256];
    const bool owns = (j->kernel->traits & ATTN_TRAIT_OWN_THREADS) != 0;
    process_use_note_others();
    if (owns) t.exec = own_threads(j->threads, &own);
    if (j->others && !instance_detach(j->in)) {
        snprintf(j->reason, sizeof j->reason, "no memory for inputs of its own");
        j->stage = STAGE_UNABLE;
        return;
    }
    instance_protect(j->in, true);
    fault_regions_of(&j->fault, j->in, "");
    if (!children_are_in_process()) fault_watch(&j->fault);
    t.kernel = resolve(j);
    if (!t.kernel) return;
    if (!owns && j->threads > 1) {
        workers = pool_new(j->threads, j->reason, sizeof j->reason);
        if (!workers) {
            j->stage = STAGE_UNABLE;
            return;
        }
        t.exec = pool_exec(workers);
    }
    if (!call_prepare(&c, t.kernel, &j->in->problem, &args, j->machine, t.exec, reason, sizeof reason)) {
        snprintf(j->reason, sizeof j->reason, "%s", reason);
        if (!c.declined) findings_add(&j->found, "status", "%s", reason);
        j->stage = c.declined ? STAGE_UNSUPPORTED : STAGE_WRONG;
        return;
    }
    j->plan = c.plan;
    if (c.plan.inner) snprintf(j->inner, sizeof j->inner, "%s", c.plan.inner->name);
    j->stage = call_all(j, &t, &c);
    free(t.first), free(t.second), free(t.flipped);
    call_release(&c);
    pool_free(workers);
}
