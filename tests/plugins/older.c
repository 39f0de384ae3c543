/* older: built against a header in which attn_plan ends one field earlier. It knows nothing of that field, and the host
 * must not mind. */
#include "plain.h"
#include "rows_impl.h"

_Static_assert(sizeof(attn_plan) == 312, "one field of 8 bytes less than ABI 1.0 has");

static int plan(const attn_problem *problem, const attn_args *args, const attn_machine *machine, const attn_exec *exec,
                attn_plan *out)
{
    if (out->size <= sizeof *out) return ATTN_FAILED; /* the host's is larger, and says so */
    return plain_plan(problem, args, machine, exec, out);
}

static int run(const attn_problem *problem, const attn_plan *plan_, const attn_args *args, const attn_exec *exec,
               const void *shared, void *workspace)
{
    (void)plan_, (void)exec, (void)shared, (void)workspace;
    return plain_run(problem, args, plain_strided);
}

static const uint64_t types[] = ATTN_TYPES_F32;

static const attn_kernel kernel = {
    .size = sizeof(attn_kernel),
    .abi = ATTN_ABI,
    .name = "older_plain",
    .idea = "knows a shorter plan",
    .role = ATTN_ROLE_TEACHING,
    .caps = {0, ATTN_SLOTS_QKVO | ATTN_SLOT_BIT(ATTN_LSE)},
    .traits = ATTN_TRAIT_REPEATABLE,
    .type_count = sizeof types / sizeof types[0],
    .types = types,
    .plan = plan,
    .run = run,
};
static const attn_kernel *const kernels[] = {&kernel};
extern const attn_plugin attn_plugin_entry;
PLAIN_EXPORT const attn_plugin attn_plugin_entry = {sizeof(attn_plugin), ATTN_ABI, "older 1", 1, 0, kernels};
