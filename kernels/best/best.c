/* best: whichever kernel of this module should be fastest for the problem on this machine, as the user of a library
 * expects.
 *
 *   plan: every other kernel that can do the problem plans it; take the one with the least expected time
 *           time = operations / (expected share x measured ceiling x threads) + what its dispatches to threads cost
 *   pack, run: its own
 *
 * Ceilings are measured on this machine, so no instruction set is preferred by its name: on one CPU the bf16 dot
 * product runs at twice the rate of fp32, on another at half. The choice is the plan's `inner`, which records show.
 * Improves on each kernel where another is faster. Weakness: the choice is only as good as the shares of the ceiling
 * that kernels expect of themselves. */
#include <stdio.h>
#include <string.h>

#include "problem.h"
#include "registry.h"
#include "roofline_impl.h"

enum { KERNEL_OF_SLICES = 7 }; /* word of plan.state for the choice's own inner kernel: its plan's state ends before */

extern const attn_kernel attn_kernel_best;

/* ---- the choice ------------------------------------------------------------------------------------------------ */

static double expected_seconds(const attn_kernel *kernel, const attn_plan *plan, const attn_problem *p,
                               const attn_machine *machine, uint32_t threads)
{
    static const double dispatch = 5e-6; /* to wake threads and wait for them; doctor measures it */
    const double operations = 2 * (double)(p->b * p->h) * (double)p->q * (double)p->k * (double)(p->d + p->dv);
    const int threaded = (kernel->traits & ATTN_TRAIT_THREADED) != 0;
    const double rate = attn_expected_rate(machine, plan, p) * (threaded ? threads : 1);
    const double dispatches = threaded ? (plan->accuracy_flags & ATTN_MERGE_LSE ? 2 : 1) : 0;
    return operations / (rate > 0 ? rate : 1) + dispatches * dispatch;
}

static int may_choose(const attn_kernel *kernel, const attn_problem *problem, const attn_args *args, uint64_t isa)
{
    char reason[160];
    if (kernel == &attn_kernel_best || kernel->release) return 0;
    if (kernel->traits & (ATTN_TRAIT_OWN_THREADS | ATTN_TRAIT_ALLOCATES)) return 0;
    return attn_supports(kernel, problem, args, isa, reason, sizeof reason);
}

static const attn_kernel *choose_kernel(const attn_problem *problem, const attn_args *args, const attn_machine *machine,
                                        const attn_exec *exec, attn_plan *best_plan)
{
    const uint64_t isa = machine ? machine->isa : ATTN_ISA_PORTABLE;
    const attn_kernel *best = NULL;
    double least = 0;
    int count;
    const attn_kernel *const *kernels = attn_kernels(&count);
    for (int i = 0; i < count; i++) {
        attn_plan plan;
        memset(&plan, 0, sizeof plan);
        plan.size = sizeof plan;
        if (!may_choose(kernels[i], problem, args, isa)) continue;
        if (kernels[i]->plan(problem, args, machine, exec, &plan) != ATTN_OK || plan.state[KERNEL_OF_SLICES]) continue;
        const double seconds = expected_seconds(kernels[i], &plan, problem, machine, exec->threads);
        if (best && seconds >= least) continue;
        best = kernels[i], least = seconds, *best_plan = plan;
    }
    return best;
}

static int accepts(const attn_problem *problem, const attn_args *args, char *reason, size_t reason_size)
{
    int count;
    const attn_kernel *const *kernels = attn_kernels(&count);
    for (int i = 0; i < count; i++)
        if (may_choose(kernels[i], problem, args, ATTN_ISA_PORTABLE)) return 1;
    snprintf(reason, reason_size, "no kernel of this module that runs on every CPU can compute it");
    return 0;
}

static int plan(const attn_problem *problem, const attn_args *args, const attn_machine *machine, const attn_exec *exec,
                attn_plan *out)
{
    const attn_kernel *chosen = choose_kernel(problem, args, machine, exec, out);
    if (!chosen) return ATTN_UNSUPPORTED;
    out->state[KERNEL_OF_SLICES] = (uint64_t)(uintptr_t)out->inner;
    out->inner = chosen;
    return ATTN_OK;
}

/* ---- running --------------------------------------------------------------------------------------------------- */

static attn_plan plan_of_choice(const attn_plan *plan)
{
    attn_plan own = *plan;
    own.inner = (const attn_kernel *)(uintptr_t)plan->state[KERNEL_OF_SLICES];
    own.state[KERNEL_OF_SLICES] = 0;
    return own;
}

static int pack(const attn_problem *problem, const attn_plan *plan_, const attn_args *args, const attn_exec *exec,
                void *shared)
{
    const attn_plan own = plan_of_choice(plan_);
    return plan_->inner->pack ? plan_->inner->pack(problem, &own, args, exec, shared) : ATTN_OK;
}

static int run(const attn_problem *problem, const attn_plan *plan_, const attn_args *args, const attn_exec *exec,
               const void *shared, void *workspace)
{
    const attn_plan own = plan_of_choice(plan_);
    return plan_->inner->run(problem, &own, args, exec, shared, workspace);
}

/* What any kernel of the module can do; whether one of them can, `accepts` asks. */
static const uint64_t types[ATTN_SLOTS] = {
    [ATTN_Q] = UINT64_MAX,          [ATTN_K] = UINT64_MAX,        [ATTN_V] = UINT64_MAX,
    [ATTN_O] = UINT64_MAX,          [ATTN_LSE] = UINT64_MAX,      [ATTN_WEIGHTS] = UINT64_MAX,
    [ATTN_BIAS] = UINT64_MAX,       [ATTN_SLOPES] = UINT64_MAX,   [ATTN_SINK_LOGITS] = UINT64_MAX,
    [ATTN_HEAD_SCALE] = UINT64_MAX, [ATTN_K_SCALES] = UINT64_MAX, [ATTN_V_SCALES] = UINT64_MAX,
};

const attn_kernel attn_kernel_best = {
    .size = sizeof(attn_kernel),
    .abi = ATTN_ABI,
    .name = "best",
    .idea = "the kernel that expects to be fastest here, by problem and measured ceilings",
    .improves_on = "threaded_rows",
    .role = ATTN_ROLE_PRODUCT,
    .isa = ATTN_FOLDER_ISA,
    .caps = {ATTN_CAP_GQA | ATTN_CAP_DV | ATTN_CAP_LEFT | ATTN_CAP_RIGHT | ATTN_CAP_PREFIX | ATTN_CAP_PREFIX_FREE |
                 ATTN_CAP_POSITION | ATTN_CAP_SOFTCAP | ATTN_CAP_COSINE | ATTN_CAP_BIAS_OFFSET |
                 ATTN_CAP_CHANNEL_STRIDE,
             ATTN_SLOTS_QKVO | ATTN_SLOT_BIT(ATTN_LSE) | ATTN_SLOT_BIT(ATTN_WEIGHTS) | ATTN_SLOT_BIT(ATTN_KEY_LENGTHS) |
                 ATTN_SLOT_BIT(ATTN_QUERY_POSITIONS) | ATTN_SLOT_BIT(ATTN_BIAS) | ATTN_SLOT_BIT(ATTN_SLOPES) |
                 ATTN_SLOT_BIT(ATTN_SINK_LOGITS) | ATTN_SLOT_BIT(ATTN_HEAD_SCALE) | ATTN_SLOT_BIT(ATTN_K_SCALES) |
                 ATTN_SLOT_BIT(ATTN_V_SCALES) | ATTN_SLOT_BIT(ATTN_QUERY_LENGTHS) | ATTN_SLOT_BIT(ATTN_QUERY_STARTS) |
                 ATTN_SLOT_BIT(ATTN_KEY_STARTS) | ATTN_SLOT_BIT(ATTN_PAGES)},
    .traits = ATTN_TRAIT_THREADED | ATTN_TRAIT_REPEATABLE,
    .type_count = ATTN_SLOTS,
    .types = types,
    .accepts = accepts,
    .plan = plan,
    .pack = pack,
    .run = run,
};
