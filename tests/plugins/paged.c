/* paged: K and V lie in pages that a block table finds. */
#include "plain.h"
#include "rows_impl.h"

static float *locate(const attn_problem *problem, const attn_args *args, int slot, int64_t b, int64_t h, int64_t row)
{
    if (slot != ATTN_K && slot != ATTN_V) return plain_strided(problem, args, slot, b, h, row);
    const attn_tensor *table = attn_slot_of(args, ATTN_PAGES);
    const int64_t *page = (const int64_t *)table->data + b * table->stride[0];
    return plain_strided(problem, args, slot, page[row / problem->page_size * table->stride[2]], h,
                         row % problem->page_size);
}

static int run(const attn_problem *problem, const attn_plan *plan, const attn_args *args, const attn_exec *exec,
               const void *shared, void *workspace)
{
    (void)plan, (void)exec, (void)shared, (void)workspace;
    return plain_run(problem, args, attn_slot_of(args, ATTN_PAGES) ? locate : plain_strided);
}

static const uint64_t types[] = ATTN_TYPES_F32;

static const attn_kernel kernel = {
    .size = sizeof(attn_kernel),
    .abi = ATTN_ABI,
    .name = "paged_plain",
    .idea = "keys and values in pages",
    .role = ATTN_ROLE_TEACHING,
    .caps = {ATTN_CAP_GQA | ATTN_CAP_DV | ATTN_CAP_LEFT | ATTN_CAP_RIGHT | ATTN_CAP_POSITION,
             ATTN_SLOTS_QKVO | ATTN_SLOT_BIT(ATTN_LSE) | ATTN_SLOT_BIT(ATTN_KEY_LENGTHS) |
                 ATTN_SLOT_BIT(ATTN_QUERY_POSITIONS) | ATTN_SLOT_BIT(ATTN_PAGES)},
    .traits = ATTN_TRAIT_REPEATABLE,
    .type_count = sizeof types / sizeof types[0],
    .types = types,
    .plan = plain_plan,
    .run = run,
};
static const attn_kernel *const kernels[] = {&kernel};
extern const attn_plugin attn_plugin_entry;
PLAIN_EXPORT const attn_plugin attn_plugin_entry = {sizeof(attn_plugin), ATTN_ABI, "paged 1", 1, 0, kernels};
