/* inner_impl.h: chooses the kernel that computes the slices of a threaded one, and makes the one-thread exec that it
 * gets. */
#ifndef ATTN_INNER_IMPL_H
#define ATTN_INNER_IMPL_H

#include <string.h>

#include "gather_impl.h"
#include "registry.h"
#include "roofline_impl.h"

/* ---- a one-thread exec for inner kernels ------------------------------------------------------------------------ */

static void serial_each(const attn_exec *exec, int64_t n, int64_t grain, void (*task)(void *, int64_t, int64_t, int),
                        void *arg)
{
    (void)exec;
    for (int64_t begin = 0; begin < n; begin += grain) task(arg, begin, begin + grain < n ? begin + grain : n, 0);
}

static void serial_team(const attn_exec *exec, void (*task)(void *, int), void *arg)
{
    (void)exec;
    task(arg, 0);
}

static void serial_barrier(const attn_exec *exec) { (void)exec; }

static const attn_exec serial = {sizeof serial, 1, NULL, serial_each, serial_team, serial_barrier};

/* ---- the choice ------------------------------------------------------------------------------------------------ */

/* Planned for the whole problem, so that the ceiling which the plan names is the whole's; a plan holds for its slices
 * too. `threads` that run slices side by side may share packed keys and values. */
static int plan_inner(const attn_kernel *kernel, const attn_problem *problem, const attn_args *args,
                      const attn_machine *machine, uint32_t threads, attn_plan *out)
{
    attn_exec sharing = serial;
    sharing.threads = threads;
    memset(out, 0, sizeof *out);
    out->size = sizeof *out;
    return kernel->plan(problem, args, machine, &sharing, out) == ATTN_OK;
}

/* May this kernel compute `slice`? Its plan is not called: it may use instruction sets that are missing here. */
static int takes_slice(const attn_kernel *kernel, const attn_problem *problem, const attn_args *args,
                       const attn_slice *slice, int gather, uint64_t isa)
{
    attn_slice own = *slice;
    char reason[160];
    own.args.slot = own.slot;
    if (kernel->traits & (ATTN_TRAIT_THREADED | ATTN_TRAIT_OWN_THREADS | ATTN_TRAIT_ALLOCATES)) return 0;
    if (kernel->release) return 0; /* needs one plan for all slices */
    if (gather) {
        const attn_gather g = attn_gather_of(problem, args, kernel, problem->q);
        attn_gather_slice(&g, &own, 0, 0, NULL);
    }
    return attn_supports(kernel, &own.problem, &own.args, isa, reason, sizeof reason);
}

/* Can any kernel of this module compute `slice`, on a machine with every instruction set? */
static int any_takes_slice(const attn_problem *problem, const attn_args *args, const attn_slice *slice, int gather)
{
    int count;
    const attn_kernel *const *kernels = attn_kernels(&count);
    for (int i = 0; i < count; i++)
        if (takes_slice(kernels[i], problem, args, slice, gather, UINT64_MAX)) return 1;
    return 0;
}

/* The kernel of this module that expects the highest rate for `slice` of the problem, and its plan; NULL where none can
 * do it. `gather`: rows that a kernel cannot read where they lie are copied for it. `threads`: see plan_inner. */
static const attn_kernel *choose_inner(const attn_problem *problem, const attn_args *args, const attn_slice *slice,
                                       int gather, uint64_t isa, const attn_machine *machine, uint32_t threads,
                                       attn_plan *best_plan)
{
    const attn_kernel *best = NULL;
    int count;
    const attn_kernel *const *kernels = attn_kernels(&count);
    for (int i = 0; i < count; i++) {
        attn_plan plan;
        if (!takes_slice(kernels[i], problem, args, slice, gather, isa)) continue;
        if (!plan_inner(kernels[i], problem, args, machine, threads, &plan)) continue;
        if (best && attn_expected_rate(machine, &plan, problem) <= attn_expected_rate(machine, best_plan, problem))
            continue;
        best = kernels[i];
        *best_plan = plan;
    }
    return best;
}

#endif
