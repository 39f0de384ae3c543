/* touchy: does its work twice where V does not begin at a cache line: what a sweep over places must see, by its
 * name. */
#include "plain.h"
#include "rows_impl.h"

enum { LINE = 64 };

static int run(const attn_problem *problem, const attn_plan *plan, const attn_args *args, const attn_exec *exec,
               const void *shared, void *workspace)
{
    (void)plan, (void)exec, (void)shared, (void)workspace;
    if ((uintptr_t)attn_slot_of(args, ATTN_V)->data % LINE) plain_run(problem, args, plain_strided);
    return plain_run(problem, args, plain_strided);
}

static const uint64_t types[] = ATTN_TYPES_F32;

static const attn_kernel kernel = {
    .size = sizeof(attn_kernel),
    .abi = ATTN_ABI,
    .name = "touchy_plain",
    .idea = "slower where V does not begin at a line",
    .role = ATTN_ROLE_TEACHING,
    .caps = {0, ATTN_SLOTS_QKVO | ATTN_SLOT_BIT(ATTN_LSE)},
    .traits = ATTN_TRAIT_REPEATABLE,
    .type_count = sizeof types / sizeof types[0],
    .types = types,
    .plan = plain_plan,
    .run = run,
};
static const attn_kernel *const kernels[] = {&kernel};
extern const attn_plugin attn_plugin_entry;
PLAIN_EXPORT const attn_plugin attn_plugin_entry = {sizeof(attn_plugin), ATTN_ABI, "touchy 1", 1, 0, kernels};
