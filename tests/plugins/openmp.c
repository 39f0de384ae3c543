/* openmp: starts threads of its own and takes no count from its caller but the runtime's (OMP_NUM_THREADS), which must
 * be the one that was asked for, or it fails. The build says whether it declares them, and how they share the rows. */
#include <omp.h>

#include "plain.h"
#include "rows_impl.h"

static int run(const attn_problem *problem, const attn_plan *plan, const attn_args *args, const attn_exec *exec,
               const void *shared, void *workspace)
{
    (void)plan, (void)shared, (void)workspace;
    const int64_t heads = problem->b * problem->h, rows = heads * problem->q;
    int threads = 0;
#pragma omp parallel
    {
#pragma omp single
        threads = omp_get_num_threads();
#pragma omp for schedule(OPENMP_SCHEDULE)
        for (int64_t row = 0; row < rows; row++)
            plain_row(problem, args, plain_strided, row % heads / problem->h, row % heads % problem->h, row / heads);
    }
    return threads == (int)exec->threads ? ATTN_OK : ATTN_FAILED;
}

static const uint64_t types[] = ATTN_TYPES_F32;

static const attn_kernel kernel = {
    .size = sizeof(attn_kernel),
    .abi = ATTN_ABI,
    .name = "openmp_plain",
    .idea = "rows on threads of its own",
    .role = ATTN_ROLE_TEACHING,
    .caps = {ATTN_CAP_GQA | ATTN_CAP_DV | ATTN_CAP_LEFT | ATTN_CAP_RIGHT | ATTN_CAP_POSITION,
             ATTN_SLOTS_QKVO | ATTN_SLOT_BIT(ATTN_LSE) | ATTN_SLOT_BIT(ATTN_KEY_LENGTHS) |
                 ATTN_SLOT_BIT(ATTN_QUERY_POSITIONS)},
    .traits = ATTN_TRAIT_REPEATABLE | OPENMP_TRAITS | ATTN_TRAIT_ALLOCATES,
    .type_count = sizeof types / sizeof types[0],
    .types = types,
    .plan = plain_plan,
    .run = run,
};
static const attn_kernel *const kernels[] = {&kernel};
extern const attn_plugin attn_plugin_entry;
PLAIN_EXPORT const attn_plugin attn_plugin_entry = {sizeof(attn_plugin), ATTN_ABI, "openmp 1", 1, 0, kernels};
