/* amxbf16_online: products of 16 x 32 by 32 x 16 bf16 in the tile unit, softmax of one step between the products of the
 * next.
 *
 *   for each block of query rows, packed in groups of 32 (L2), for each block of keys, packed once for all groups (L2),
 *     for each group:
 *     for each step of 32 keys:
 *       2 x 2 tiles of scores += queries x keys                    queries from L1, keys stream from L2; scores to L1
 *       meanwhile the scores of the step before become weights     a vector is 16 keys of a row; bf16 weights to L1
 *     for each 32 channels: 2 x 2 tiles of results += weights x values   weights from L1, values stream from L2
 *       meanwhile the last weights, and the row sums of all        dot products with 1
 *
 * The tile unit needs 16 cycles for a product and no vector port, so vector work between products is free as long as it
 * fits: rows of the softmax are dealt out evenly behind the products of the next step (amxbf16_blocks_impl.h).
 * Streaming loads of keys and values leave scores, weights and queries in L1. Scores leave the tiles unscaled: queries
 * are multiplied as they are, exactly.
 *
 * Where |q| |k| says that the scores of a block keep to some range, they are taken in fixed point: no maximum, no
 * check, 8 instructions for 32 weights (amxbf16_exp_impl.h). Else each row has a reference, which is raised where a
 * score exceeds it by more than LAZY. References are whole numbers (base 2), so that raising one scales results, sums
 * and weights by a power of 2, which loses nothing. Any input is right. Values that are not finite are 0 in the tiles,
 * and are added afterwards to the rows that see them.
 *
 * Share of the tile ceiling, one thread, b=1 h=8 n=2048, on an Intel CPU 6/167/1: 39 to 41 % at d = 64, 43 to 46 % at
 * 128 (1471 to 1577 and 1622 to 1778 GFLOP/s), 24 % at 32, 35 % at 256; causal 1.8 times as fast; n = 128 12 %; softcap
 * 12 %; logits with a standard deviation of 20, without fixed point, 21 %. What made it so, in points at d = 64 / 128:
 * fixed point 13 / 13, numbers of rows known to the compiler 7 / 4, the next block asked for behind each product and
 * 2048 rows for each packed block 0.5 / 2.5. Subnormals flushed: 12 times as fast at large logits.
 * Improves on avx512_online: 13 times its peak. Weaknesses: 16 channels at least; short rows, where packing and the
 * ends of a block weigh; a tanh of 16 lanes behind each score of a softcap; blocks of fewer than four steps, or
 * without fixed point, where the last weights do not overlap with values.
 * Papers: Dao et al. 2022 (FlashAttention), Milakov and Gimelshein 2018 (online softmax).
 */
#include <immintrin.h>

#include "attention.h"

/* What transposed_impl.h asks of a kernel. */
enum {
    LANES = 16,
    VECTORS = 2,
    TILE = 32,
    /* 32 x 256 weights are 16 KB of L1; eight steps of 32 keys make eight products behind which to add up. */
    KEYS_MOST = 256,
    ROWS_MOST = 2048, /* that share a packed block: part of the 0.5 / 2.5 points above, not measured alone */
    CHANNELS = 32,
    IN_PLACE_NEAR = 0, /* tiles hold pairs of keys: rows are never read in place */
    IN_PLACE_FAR = 0,
    FEW = 16, /* rows that fp32 takes one by one: half of a group would be empty */
    FEW_OTHERS = FEW,
    REST = 0, /* rows at the end join a group: whether they gain by themselves was not measured with tiles */
    ROW_TYPE = ATTN_BF16
};

#include "amxbf16_blocks_impl.h"
#include "avx512/avx512_few_impl.h"

/* What hide_odd_values took out of the tiles: a row that sees it has no finite result in that channel. */
static void add_odd_values(const row_job *job, row_group *g, block_span span)
{
    const char *copy = bytes_of(job->block.v) + job->keys * job->dv_padded * 2;
    for (int64_t j = span.any_begin; j < span.any_end; j++)
        for (int64_t c = 0; c < job->problem->dv; c++) {
            uint16_t element;
            memcpy(&element, copy + value_place(job, j, c) * 2, sizeof element);
            if ((element & 0x7f80) != 0x7f80) continue;
            const float value = (element & 0x7f) ? NAN : element >> 15 ? -INFINITY : INFINITY;
            for (int64_t r = 0; r < g->rows; r++)
                if ((j >= span.all_begin && j < span.all_end) || (job->begin[r] <= j && j < job->end[r]))
                    result_at(g, r, c)[c % 16] += value;
        }
}

/* The common numbers of channels, 64 and 128, as constants: four products of each 32 take the 32 rows. */
static void absorb_bounded(const row_job *job, row_group *g, block_span span, const fixed_point *fixed,
                           int64_t channels, rows_behind behind)
{
    const rows_behind four = {GROUP / (4 * 2), 0}, two = {GROUP / (4 * 4), 0};
    if (channels == 2)
        absorb_steps(job, g, span, fixed, BOUNDED, 2, four);
    else if (channels == 4)
        absorb_steps(job, g, span, fixed, BOUNDED, 4, two);
    else
        absorb_steps(job, g, span, fixed, BOUNDED, channels, behind);
}

static void absorb_group(const row_job *job, row_group *g, block_span span)
{
    const fixed_point fixed = fixed_point_kept(job->plan);
    const int64_t channels = channel_steps(job->problem->d);
    const rows_behind behind = {0, (GROUP + 4 * channels - 1) / (4 * channels)};
    round_references(g);
    hide_odd_values(job);
    if (job->cap2 == 0 && take_as_bounded(job, g, &fixed)) {
        absorb_bounded(job, g, span, &fixed, channels, behind);
    } else {
        forget_unseen_references(g);
        if (job->cap2 > 0)
            absorb_steps(job, g, span, &fixed, CAPPED, channels, behind);
        else
            absorb_steps(job, g, span, &fixed, ANY, channels, behind);
    }
    if (!job->block.notes->finite) add_odd_values(job, g, span);
}

/* ---- the kernel ------------------------------------------------------------------------------------------------- */

/* Subnormal results and operands of vectors count as 0, as they do in tiles: one takes some hundred cycles, and weights
 * that underflow are many where logits are large. */
enum { FLUSH_SUBNORMALS = 0x8040 }; /* FTZ and DAZ in MXCSR */

static int run(const attn_problem *problem, const attn_plan *plan, const attn_args *args, const attn_exec *exec,
               const void *shared, void *workspace)
{
    (void)exec;
    const unsigned int control = _mm_getcsr();
    _mm_setcsr(control | FLUSH_SUBNORMALS);
    tiles_configure();
    const int status = transposed_run(problem, plan, args, shared, workspace);
    tiles_release();
    _mm_setcsr(control);
    return status;
}

static int accepts(const attn_problem *problem, const attn_args *args, char *reason, size_t reason_size)
{
    (void)args;
    if (problem->d >= LANES) return 1;
    snprintf(reason, reason_size, "takes 16 channels of Q and K at least");
    return 0;
}

/* The shares of the tile ceiling in the head comment. */
static double measured_share(const attn_problem *problem)
{
    if (problem->softcap > 0 || problem->k <= 128) return 0.12;
    return problem->d <= 32 ? 0.24 : problem->d <= 64 ? 0.4 : problem->d <= 128 ? 0.44 : 0.35;
}

static int plan(const attn_problem *problem, const attn_args *args, const attn_machine *machine, const attn_exec *exec,
                attn_plan *out)
{
    const int few = problem->q * (problem->h / problem->hkv) <= FEW;
    const uint32_t compute = few ? ATTN_CEILING_FP32_AVX512 : ATTN_CEILING_BF16_TILES; /* few rows are widened */
    transposed_plan(problem, args, machine, exec, out);
    const fixed_point fixed = fixed_point_of((double)problem->scale * 1.4426950408889634, channel_steps(problem->d));
    keep_fixed_point(out, fixed);
    out->ceiling = attn_limiting_ceiling(machine, compute, problem, bytes_per_key(problem, args));
    out->expected_share = !few ? measured_share(problem) : out->ceiling == ATTN_CEILING_BANDWIDTH ? 0.95 : FEW_SHARE;
    out->weight_type = ATTN_BF16;
    out->accuracy_flags = ATTN_L_FROM_ROUNDED | ATTN_FLUSHES_SUBNORMALS;
    out->kappa = fmax(fixed.kappa, CUBIC_KAPPA);
    out->rescales = 0; /* by powers of 2: exact */
    out->kappa_t = AVX512_TANH_KAPPA, out->tau = AVX512_TANH_TAU;
    out->lambda = (double)LAZY * 0.69314718055994531;
    return ATTN_OK;
}

static const uint64_t types[] = {
    [ATTN_Q] = ATTN_TYPE_BIT(ATTN_BF16),  [ATTN_K] = ATTN_TYPE_BIT(ATTN_BF16),
    [ATTN_V] = ATTN_TYPE_BIT(ATTN_BF16),  [ATTN_O] = ATTN_WIDENED_TYPES,
    [ATTN_LSE] = ATTN_TYPE_BIT(ATTN_F32), [ATTN_SINK_LOGITS] = ATTN_TYPE_BIT(ATTN_F32),
};

const attn_kernel attn_kernel_amxbf16_online = {
    .size = sizeof(attn_kernel),
    .abi = ATTN_ABI,
    .name = "amxbf16_online",
    .idea = "2 x 2 bf16 tiles, softmax of one step between the products of the next",
    .improves_on = "avx512_online",
    .role = ATTN_ROLE_PRODUCT,
    .isa = ATTN_FOLDER_ISA,
    .caps = {ATTN_CAP_GQA | ATTN_CAP_DV | ATTN_CAP_LEFT | ATTN_CAP_RIGHT | ATTN_CAP_POSITION | ATTN_CAP_SOFTCAP,
             ATTN_SLOTS_QKVO | ATTN_SLOT_BIT(ATTN_LSE) | ATTN_SLOT_BIT(ATTN_KEY_LENGTHS) |
                 ATTN_SLOT_BIT(ATTN_QUERY_POSITIONS) | ATTN_SLOT_BIT(ATTN_PAGES) | ATTN_SLOT_BIT(ATTN_SINK_LOGITS)},
    .traits = ATTN_TRAIT_REPEATABLE | ATTN_TRAIT_SAME_AT_ANY_THREADS,
    .type_count = sizeof types / sizeof types[0],
    .types = types,
    .accepts = accepts,
    .plan = plan,
    .pack = transposed_pack,
    .run = run,
};
