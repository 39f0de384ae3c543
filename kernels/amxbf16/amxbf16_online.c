/* amxbf16_online: products of 16 x 32 by 32 x 16 bf16 in the tile unit, softmax of one step between the products of the next.
 *
 *   for each block of query rows, packed in groups of 32 (L2), for each block of keys, packed once for all groups (L2), for each group:
 *     for each step of 32 keys:
 *       2 x 2 tiles of scores += queries x keys                    queries from L1, keys stream from L2; scores to L1
 *       meanwhile the scores of the step before become weights     a vector is 16 keys of a row; bf16 weights to L1
 *     for each 32 channels: 2 x 2 tiles of results += weights x values   weights from L1, values stream from L2
 *       meanwhile the row sums of the weights                      dot products with 1
 *
 * The tile unit needs 16 cycles for a product and no vector port, so vector work between products is free as long as it fits: rows
 * of the softmax are dealt out evenly behind the products of the next step. Streaming loads of keys and values leave scores,
 * weights and queries in L1. Scores leave the tiles unscaled: queries are multiplied as they are, exactly.
 *
 * References of the weights are whole numbers (base 2), so that raising one scales results, sums and weights by a power of 2, which
 * loses nothing. Where |q| |k| says that no score of the block can exceed BOUND, they are 0, and scores need neither a maximum nor a
 * check; else a row's is raised where a score exceeds it by more than LAZY. Any input is right.
 * Values that are not finite are 0 in the tiles, and are added afterwards to the rows that see them.
 *
 * Written for speed after attempts on such a CPU (47% of the tile ceiling at d = 64, 53% at 128), but not measured on one yet:
 * tests run it on an emulation of the tiles. Improves on avx512_online: 13 times its peak.
 * Weaknesses: 16 channels at least; the softmax of a block's last step, and its products with values, do not overlap.
 * Papers: Dao et al. 2022 (FlashAttention), Milakov and Gimelshein 2018 (online softmax).
 */
#include <immintrin.h>

#include "attention.h"

enum {
    LANES = 16,
    VECTORS = 2,
    TILE = 32,
    CHANNELS = 32,
    IN_PLACE_NEAR = 0,
    IN_PLACE_FAR = 0,
    FEW = 16,
    FEW_OTHERS = FEW,
    REST = 0, /* rows at the end join a group: whether they gain by themselves was not measured with tiles */
    ROW_TYPE = ATTN_BF16
};

#include "amxbf16_reference_impl.h"
#include "avx512/avx512_few_impl.h"

enum kind { BOUNDED, ANY, CAPPED };

typedef struct score_step {
    const float *scores; /* [16 rows][16 keys] tiles; NULL: none yet */
    int64_t key;         /* of the block */
    int masked;
} score_step;

/* ---- scores and weights ----------------------------------------------------------------------------------------- */

/* Bits of the 32 keys from `key` on that row r sees. */
static inline uint32_t keys_seen(const row_job *job, int64_t r, int64_t key)
{
    const int64_t begin = smaller(larger(job->begin[r] - key, 0), WIDTH),
                  end = smaller(larger(job->end[r] - key, 0), WIDTH);
    return (uint32_t)((UINT64_C(1) << end) - 1) & ~(uint32_t)((UINT64_C(1) << begin) - 1);
}

ALWAYS_INLINE void weigh_row(const row_job *job, row_group *g, const score_step *step, int64_t first, int64_t r,
                             const enum kind kind)
{
    const float *scores = step->scores + r / 16 * 2 * TILE_FLOATS + r % 16 * 16;
    __m512 x[2];
    for (int i = 0; i < 2; i++) {
        x[i] = _mm512_mul_ps(_mm512_load_ps(scores + i * TILE_FLOATS), _mm512_set1_ps(job->q_factor));
        if (kind == CAPPED) x[i] = _mm512_mul_ps(_mm512_set1_ps(job->cap2), avx512_tanh(x[i]));
    }
    if (step->masked) {
        const uint32_t seen = keys_seen(job, r, step->key);
        for (int i = 0; i < 2; i++)
            x[i] = _mm512_mask_mov_ps(_mm512_set1_ps(-INFINITY), (__mmask16)(seen >> (16 * i)), x[i]);
    }
    if (kind != BOUNDED) {
        const __m512 high = _mm512_max_ps(x[0], x[1]);
        __m512 reference = _mm512_set1_ps(g->max[r]);
        const __m512 most = _mm512_add_ps(reference, _mm512_set1_ps(LAZY));
        if (__builtin_expect(_mm512_cmp_ps_mask(high, most, _CMP_GT_OQ) != 0, 0))
            reference = _mm512_set1_ps(raise_reference(job, g, r, first, step->key, high));
        for (int i = 0; i < 2; i++) x[i] = _mm512_sub_ps(x[i], reference);
    }
    const __m512bh weights = _mm512_cvtne2ps_pbh(avx512_exp2_short(x[1]), avx512_exp2_short(x[0]));
    _mm512_store_si512(weights_at(job, step->key, r), (__m512i)weights);
}

ALWAYS_INLINE void score_block(const row_job *job, row_group *g, block_span span, const enum kind kind)
{
    _Alignas(64) float scores[2][4 * TILE_FLOATS];
    const int64_t first = span.any_begin / WIDTH * WIDTH, channels = channel_steps(job->problem->d);
    score_step before = {NULL, 0, 0};
    TILES_FENCE();
    for (int64_t key = first;; key += WIDTH) {
        const int more = key < span.any_end;
        const char *q = bytes_of(g->q), *k = bytes_of(job->block.k) + key * channels * TILE_ROW_BYTES;
        float *to = scores[key / WIDTH % 2];
        if (more) {
            TILE_ZERO(0);
            TILE_ZERO(1);
            TILE_ZERO(2);
            TILE_ZERO(3);
        }
        for (int64_t c = 0; c < channels; c++, q += 2 * TILE_BYTES, k += 2 * TILE_BYTES) {
            if (more) {
                TILE_LOAD(4, q);
                TILE_LOAD_STREAM(6, k);
                TILE_DOT(0, 4, 6);
                TILE_LOAD_STREAM(7, k + TILE_BYTES);
                TILE_DOT(1, 4, 7);
                TILE_LOAD(5, q + TILE_BYTES);
                TILE_DOT(2, 5, 6);
                TILE_DOT(3, 5, 7);
            }
            for (int64_t r = GROUP * c / channels; before.scores && r < GROUP * (c + 1) / channels; r++)
                weigh_row(job, g, &before, first, r, kind);
        }
        if (!more) break;
        TILE_STORE(0, to);
        TILE_STORE(1, to + TILE_FLOATS);
        TILE_STORE(2, to + 2 * TILE_FLOATS);
        TILE_STORE(3, to + 3 * TILE_FLOATS);
        before = (score_step){to, key, key < span.all_begin || key + WIDTH > span.all_end};
    }
}

/* ---- values ----------------------------------------------------------------------------------------------------- */

static void value_block(const row_job *job, row_group *g, block_span span)
{
    const int64_t first = span.any_begin / WIDTH * WIDTH, pairs = job->dv_padded / WIDTH;
    const __m512bh one = (__m512bh)_mm512_set1_epi16(0x3f80);
    __m512 sums[GROUP];
    for (int r = 0; r < GROUP; r++) sums[r] = _mm512_setzero_ps();
    TILES_FENCE();
    for (int64_t pair = 0; pair < pairs; pair++) {
        float *o = g->o + pair * 4 * TILE_FLOATS;
        if (g->empty) {
            TILE_ZERO(0);
            TILE_ZERO(1);
            TILE_ZERO(2);
            TILE_ZERO(3);
        } else {
            TILE_LOAD(0, o);
            TILE_LOAD(1, o + TILE_FLOATS);
            TILE_LOAD(2, o + 2 * TILE_FLOATS);
            TILE_LOAD(3, o + 3 * TILE_FLOATS);
        }
        for (int64_t key = first; key < span.any_end; key += WIDTH) {
            const char *v = bytes_of(job->block.v) + (pair * job->keys + key) / WIDTH * 2 * TILE_BYTES;
            const char *p = weights_at(job, key, 0);
            TILE_LOAD(4, p);
            TILE_LOAD_STREAM(6, v);
            TILE_DOT(0, 4, 6);
            TILE_LOAD_STREAM(7, v + TILE_BYTES);
            TILE_DOT(1, 4, 7);
            TILE_LOAD(5, p + TILE_BYTES);
            TILE_DOT(2, 5, 6);
            TILE_DOT(3, 5, 7);
            for (int64_t r = GROUP * pair / pairs; r < GROUP * (pair + 1) / pairs; r++)
                sums[r] = _mm512_dpbf16_ps(sums[r], (__m512bh)_mm512_load_si512(p + r * TILE_ROW_BYTES), one);
        }
        TILE_STORE(0, o);
        TILE_STORE(1, o + TILE_FLOATS);
        TILE_STORE(2, o + 2 * TILE_FLOATS);
        TILE_STORE(3, o + 3 * TILE_FLOATS);
    }
    g->empty = 0;
    for (int64_t r = 0; r < GROUP; r += LANES)
        _mm512_store_ps(g->sum + r, _mm512_add_ps(_mm512_load_ps(g->sum + r), sums_of_16(sums + r)));
}

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

static void absorb_group(const row_job *job, row_group *g, block_span span)
{
    round_references(g);
    hide_odd_values(job);
    if (job->cap2 > 0)
        score_block(job, g, span, CAPPED);
    else if (take_as_bounded(job, g))
        score_block(job, g, span, BOUNDED);
    else
        score_block(job, g, span, ANY);
    value_block(job, g, span);
    if (!job->block.notes->finite) add_odd_values(job, g, span);
}

/* ---- the kernel ------------------------------------------------------------------------------------------------- */

static int run(const attn_problem *problem, const attn_plan *plan, const attn_args *args, const attn_exec *exec,
               const void *shared, void *workspace)
{
    (void)exec;
    tiles_configure();
    const int status = transposed_run(problem, plan, args, shared, workspace);
    tiles_release();
    return status;
}

static int accepts(const attn_problem *problem, const attn_args *args, char *reason, size_t reason_size)
{
    (void)args;
    if (problem->d >= LANES) return 1;
    snprintf(reason, reason_size, "takes 16 channels of Q and K at least");
    return 0;
}

static int plan(const attn_problem *problem, const attn_args *args, const attn_machine *machine, const attn_exec *exec,
                attn_plan *out)
{
    const int few = problem->q * (problem->h / problem->hkv) <= FEW;
    const uint32_t compute = few ? ATTN_CEILING_FP32_AVX512 : ATTN_CEILING_BF16_TILES; /* few rows are widened */
    transposed_plan(problem, args, machine, exec, out);
    out->ceiling = attn_limiting_ceiling(machine, compute, problem, bytes_per_key(problem, args));
    out->expected_share = !few ? 0.4 : out->ceiling == ATTN_CEILING_BANDWIDTH ? 0.95 : FEW_SHARE;
    out->weight_type = ATTN_BF16;
    out->accuracy_flags = ATTN_L_FROM_ROUNDED | ATTN_FLUSHES_SUBNORMALS;
    out->kappa = AVX512_EXP2_SHORT_KAPPA;
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
