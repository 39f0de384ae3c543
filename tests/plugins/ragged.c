/* ragged: the sequences of a batch lie one behind the other, and the starts say where each begins. */
#include "plain.h"
#include "rows_impl.h"

static float *locate(const attn_problem *problem, const attn_args *args, int slot, int64_t b, int64_t h, int64_t row)
{
    const int starts = slot == ATTN_K || slot == ATTN_V ? ATTN_KEY_STARTS : ATTN_QUERY_STARTS;
    return plain_strided(problem, args, slot, attn_slot_of(args, starts) ? 0 : b, h,
                         row + attn_metadata(args, starts, b, 0));
}

static int run(const attn_problem *problem, const attn_plan *plan, const attn_args *args, const attn_exec *exec,
               const void *shared, void *workspace)
{
    (void)plan, (void)exec, (void)shared, (void)workspace;
    return plain_run(problem, args, locate);
}

static const uint64_t types[] = ATTN_TYPES_F32;

static const attn_kernel kernel = {
    .size = sizeof(attn_kernel),
    .abi = ATTN_ABI,
    .name = "ragged_plain",
    .idea = "packed sequences of any lengths",
    .role = ATTN_ROLE_TEACHING,
    .caps = {ATTN_CAP_GQA | ATTN_CAP_DV | ATTN_CAP_LEFT | ATTN_CAP_RIGHT | ATTN_CAP_POSITION,
             ATTN_SLOTS_QKVO | ATTN_SLOT_BIT(ATTN_LSE) | ATTN_SLOT_BIT(ATTN_QUERY_POSITIONS) |
                 ATTN_SLOT_BIT(ATTN_QUERY_STARTS) | ATTN_SLOT_BIT(ATTN_KEY_STARTS)},
    .traits = ATTN_TRAIT_REPEATABLE,
    .type_count = sizeof types / sizeof types[0],
    .types = types,
    .plan = plain_plan,
    .run = run,
};
static const attn_kernel *const kernels[] = {&kernel};
extern const attn_plugin attn_plugin_entry;
PLAIN_EXPORT const attn_plugin attn_plugin_entry = {sizeof(attn_plugin), ATTN_ABI, "ragged 1", 1, 0, kernels};
