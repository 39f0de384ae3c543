/* twin: a plugin that calls a helper, which a library, the plugin itself or the program may answer. */
#include "plain.h"
#include "rows_impl.h"

extern double TWIN_HELPER(double x);

#ifdef TWIN_OWN_HELPER
PLAIN_EXPORT double TWIN_HELPER(double x) { return 2 * x; }
#endif

static int run(const attn_problem *problem, const attn_plan *plan, const attn_args *args, const attn_exec *exec,
               const void *shared, void *workspace)
{
    (void)plan, (void)exec, (void)shared, (void)workspace;
    return TWIN_HELPER((double)problem->d) > 0 ? plain_run(problem, args, plain_strided) : ATTN_FAILED;
}

static const uint64_t types[] = ATTN_TYPES_F32;

static const attn_kernel kernel = {
    .size = sizeof(attn_kernel),
    .abi = ATTN_ABI,
    .name = "twin_plain",
    .idea = "calls a helper",
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
PLAIN_EXPORT const attn_plugin attn_plugin_entry = {sizeof(attn_plugin), ATTN_ABI, "twin 1", 1, 0, kernels};
