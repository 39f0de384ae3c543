/* avx2_online: S^T = K Q^T and O^T += V^T P^T in register tiles of 4 x 24, where every lane is a query row.
 *
 *   for each block of query rows, packed in groups of 24 (L2), for each block of 192 keys, packed in tiles of 4 (L2), for each group:
 *     for each tile of keys: scores in 12 accumulators             4 keys x 24 rows; queries in L1, keys stream from L2
 *       maximum, 2^x and row sum of the scores where they are      weights to L1
 *     for each tile of 4 channels: o in 12 accumulators            += values x weights; values stream from L2
 *
 * 12 accumulators, 3 vectors of queries and a broadcast key are the 16 registers there are; 7 loads serve 12 multiply-adds.
 * For few groups of rows, fp32 keys and values are not packed but read where they lie (in_place_impl.h).
 * The running maximum is raised only where a score exceeds it by more than LAZY, so that weights and results are almost never
 * rescaled; every tile is checked, so any input is right. Where rows see different keys (the edge of a mask), scores are masked lane by
 * lane, and so are values if the block has a NaN or an infinity: their product with a weight of 0 would show. log2(e) and the scale are folded into the packed queries.
 * Rows of 16 bits are widened as they are packed, exactly, and results narrowed as they are stored, to nearest even: packing is so
 * small a part that a prefill in bf16 or fp16 runs at the share of fp32 (87 against 87%, llama3 shape).
 * Improves on blocked_online: twice as wide, fused multiply-add, no sums across lanes, packing shared by up to 1920 rows.
 * Papers: Dao et al. 2022 (FlashAttention), Milakov and Gimelshein 2018 (online softmax).
 */
#include <immintrin.h>

#include "attention.h"

enum { LANES = 8, VECTORS = 3, TILE = 4, CHANNELS = 1, FEW = 16, FEW_OTHERS = 8, REST = 5, ROW_TYPE = ATTN_F32 };
enum { IN_PLACE_NEAR = 12, IN_PLACE_FAR = 12 };

#include "avx2_exp_impl.h"
#include "avx2_few_impl.h"
#include "avx2_pack_impl.h"

static const float LAZY = 8; /* weights are at most 2^8 */

/* Rows of a vector of the group that see a key of the block: all bits set. */
ALWAYS_INLINE __m256 sees(const row_job *job, int vector, int64_t key)
{
    const __m256i j = _mm256_set1_epi32((int)key);
    const __m256i begin = _mm256_load_si256((const __m256i *)(const void *)(job->begin + LANES * vector));
    const __m256i end = _mm256_load_si256((const __m256i *)(const void *)(job->end + LANES * vector));
    return _mm256_castsi256_ps(_mm256_andnot_si256(_mm256_cmpgt_epi32(begin, j), _mm256_cmpgt_epi32(end, j)));
}

/* Moves the maximum of the rows in `above` to `high`; their sums, results and the block's weights so far follow. */
ALWAYS_INLINE void raise_max(row_group *g, int vector, __m256 above, __m256 high, float *weights, const float *end)
{
    const __m256 old = _mm256_load_ps(g->max + LANES * vector), max = _mm256_blendv_ps(old, high, above);
    const __m256 factor = avx2_exp2(_mm256_sub_ps(old, max));
    float *const followers[] = {g->sum, g->factor};
    for (int i = 0; i < 2; i++) {
        float *at = followers[i] + LANES * vector;
        _mm256_store_ps(at, _mm256_mul_ps(_mm256_load_ps(at), factor));
    }
    _mm256_store_ps(g->max + LANES * vector, max);
    for (float *at = weights + LANES * vector; at < end; at += GROUP)
        _mm256_store_ps(at, _mm256_mul_ps(_mm256_load_ps(at), factor));
    g->rescaled = 1;
}

/* Weights of the tile of keys that begins at `key`; `first` is the block's first weighted key. */
ALWAYS_INLINE void score_tile(const row_job *job, row_group *g, int64_t first, int64_t key, const int vectors,
                              const int masked, const int capped, const int in_place)
{
    const int64_t d = job->problem->d, row = in_place ? job->rows.k_row : 1, channel = in_place ? 1 : TILE;
    const float *q = g->q, *k = in_place ? job->rows.k + key * row : job->block.k + key * d;
    float *weights = job->weights + key * GROUP;
    __m256 s[TILE][VECTORS];
    for (int j = 0; j < TILE; j++)
        for (int v = 0; v < vectors; v++) s[j][v] = _mm256_setzero_ps();
#pragma GCC unroll 4
    for (int64_t c = 0; c < d; c++, q += GROUP, k += channel) {
        __m256 x[VECTORS];
        for (int v = 0; v < vectors; v++) x[v] = _mm256_load_ps(q + LANES * v);
        for (int j = 0; j < TILE; j++) {
            const __m256 y = _mm256_broadcast_ss(k + j * row);
            for (int v = 0; v < vectors; v++) s[j][v] = _mm256_fmadd_ps(y, x[v], s[j][v]);
        }
    }
    for (int j = 0; capped && j < TILE; j++)
        for (int v = 0; v < vectors; v++) s[j][v] = _mm256_mul_ps(_mm256_set1_ps(job->cap2), avx2_tanh(s[j][v]));
    for (int j = 0; masked && j < TILE; j++)
        for (int v = 0; v < vectors; v++)
            s[j][v] = _mm256_blendv_ps(_mm256_set1_ps(-INFINITY), s[j][v], sees(job, v, key + j));

    __m256 high[VECTORS], above[VECTORS];
    int any = 0;
    for (int v = 0; v < vectors; v++) {
        const __m256 max = _mm256_load_ps(g->max + LANES * v);
        high[v] = max;
        for (int j = 0; j < TILE; j++) high[v] = _mm256_max_ps(s[j][v], high[v]); /* high where s is NaN */
        above[v] = _mm256_cmp_ps(high[v], _mm256_add_ps(max, _mm256_set1_ps(LAZY)), _CMP_GT_OQ);
        any |= _mm256_movemask_ps(above[v]);
    }
    if (__builtin_expect(any != 0, 0))
        for (int v = 0; v < vectors; v++) raise_max(g, v, above[v], high[v], job->weights + first * GROUP, weights);

    for (int v = 0; v < vectors; v++) {
        const __m256 max = _mm256_load_ps(g->max + LANES * v);
        __m256 sum = _mm256_load_ps(g->sum + LANES * v);
        for (int j = 0; j < TILE; j++) {
            const __m256 weight = avx2_exp2(_mm256_sub_ps(s[j][v], max));
            _mm256_store_ps(weights + j * GROUP + LANES * v, weight);
            sum = _mm256_add_ps(sum, weight);
        }
        _mm256_store_ps(g->sum + LANES * v, sum);
    }
}

/* o += values x weights for keys begin .. end - 1 of a tile of channels. A masked key's value is 0 to the row, as its weight is. */
ALWAYS_INLINE void value_keys(const row_job *job, const float *values, int64_t step, int64_t begin, int64_t end,
                              __m256 o[TILE][VECTORS], const int vectors, const int masked)
{
    const float *p = job->weights + begin * GROUP, *y = values + begin * step;
#pragma GCC unroll 4
    for (int64_t j = begin; j < end; j++, p += GROUP, y += step) {
        __m256 x[VECTORS];
        for (int v = 0; v < vectors; v++) x[v] = _mm256_load_ps(p + LANES * v);
        for (int c = 0; c < TILE; c++) {
            const __m256 z = _mm256_broadcast_ss(y + c);
            for (int v = 0; v < vectors; v++)
                o[c][v] = _mm256_fmadd_ps(masked ? _mm256_and_ps(sees(job, v, j), z) : z, x[v], o[c][v]);
        }
    }
}

ALWAYS_INLINE void value_tile(const row_job *job, const row_group *g, block_span span, int64_t channel,
                              const int vectors)
{
    const float *values = job->rows.v ? job->rows.v + channel : job->block.v + channel * job->keys;
    const int64_t step = job->rows.v ? job->rows.v_row : TILE;
    float *at = g->o + channel * GROUP;
    __m256 o[TILE][VECTORS];
    for (int c = 0; c < TILE; c++)
        for (int v = 0; v < vectors; v++)
            o[c][v] = g->empty ? _mm256_setzero_ps() : _mm256_load_ps(at + c * GROUP + LANES * v);
    if (g->rescaled)
        for (int v = 0; v < vectors; v++)
            for (int c = 0; c < TILE; c++) o[c][v] = _mm256_mul_ps(o[c][v], _mm256_load_ps(g->factor + LANES * v));
    if (job->block.notes->finite) {
        value_keys(job, values, step, span.any_begin, span.any_end, o, vectors, 0);
    } else {
        value_keys(job, values, step, span.any_begin, span.all_begin, o, vectors, 1);
        value_keys(job, values, step, span.all_begin, span.all_end, o, vectors, 0);
        value_keys(job, values, step, span.all_end, span.any_end, o, vectors, 1);
    }
    for (int c = 0; c < TILE; c++)
        for (int v = 0; v < vectors; v++) _mm256_store_ps(at + c * GROUP + LANES * v, o[c][v]);
}

ALWAYS_INLINE void absorb_vectors(const row_job *job, row_group *g, block_span span, const int vectors,
                                  const int capped)
{
    const int64_t first = span.any_begin / TILE * TILE;
    for (int64_t key = first; key < span.any_end; key += TILE) {
        fetch_burst(job->next);
        const int masked = key < span.all_begin || key + TILE > span.all_end, in_place = key < job->rows.end;
        if (masked && in_place)
            score_tile(job, g, first, key, vectors, 1, capped, 1);
        else if (masked)
            score_tile(job, g, first, key, vectors, 1, capped, 0);
        else if (in_place)
            score_tile(job, g, first, key, vectors, 0, capped, 1);
        else
            score_tile(job, g, first, key, vectors, 0, capped, 0);
    }
    for (int64_t c = 0; c < job->dv_padded; c += TILE) {
        fetch_burst(job->next);
        value_tile(job, g, span, c, vectors);
    }
    if (g->rescaled)
        for (int v = 0; v < vectors; v++) _mm256_store_ps(g->factor + LANES * v, _mm256_set1_ps(1.0f));
    g->rescaled = g->empty = 0;
}

static void absorb_group(const row_job *job, row_group *g, block_span span)
{
    const int64_t vectors = (g->rows + LANES - 1) / LANES;
    if (job->cap2 > 0)
        absorb_vectors(job, g, span, 3, 1);
    else if (vectors == 1)
        absorb_vectors(job, g, span, 1, 0);
    else if (vectors == 2)
        absorb_vectors(job, g, span, 2, 0);
    else
        absorb_vectors(job, g, span, 3, 0);
}

static int run(const attn_problem *problem, const attn_plan *plan, const attn_args *args, const attn_exec *exec,
               const void *shared, void *workspace)
{
    (void)exec;
    return transposed_run(problem, plan, args, shared, workspace);
}

static int plan(const attn_problem *problem, const attn_args *args, const attn_machine *machine, const attn_exec *exec,
                attn_plan *out)
{
    transposed_plan(problem, args, machine, exec, out);
    out->ceiling = attn_limiting_ceiling(machine, ATTN_CEILING_FP32_AVX2, problem, bytes_per_key(problem, args));
    out->expected_share = problem->q * (problem->h / problem->hkv) > few_most(problem, out->storage_type) ? 0.8
                          : out->ceiling == ATTN_CEILING_BANDWIDTH                                        ? 0.75
                                                                   : 0.42; /* measured: few_impl.h */
    out->kappa = AVX2_EXP2_KAPPA;
    out->kappa_t = AVX2_TANH_KAPPA, out->tau = AVX2_TANH_TAU;
    out->lambda = (double)LAZY * 0.69314718055994531;
    return ATTN_OK;
}

static const uint64_t types[] = ATTN_TYPES_WIDENED;

const attn_kernel attn_kernel_avx2_online = {
    .size = sizeof(attn_kernel),
    .abi = ATTN_ABI,
    .name = "avx2_online",
    .idea = "transposed 4 x 24 register tiles, every lane a query row, softmax in registers",
    .improves_on = "blocked_online",
    .role = ATTN_ROLE_PRODUCT,
    .isa = ATTN_FOLDER_ISA,
    .caps = {ATTN_CAP_GQA | ATTN_CAP_DV | ATTN_CAP_LEFT | ATTN_CAP_RIGHT | ATTN_CAP_POSITION | ATTN_CAP_SOFTCAP,
             ATTN_SLOTS_QKVO | ATTN_SLOT_BIT(ATTN_LSE) | ATTN_SLOT_BIT(ATTN_KEY_LENGTHS) |
                 ATTN_SLOT_BIT(ATTN_QUERY_POSITIONS) | ATTN_SLOT_BIT(ATTN_PAGES) | ATTN_SLOT_BIT(ATTN_SINK_LOGITS) |
                 ATTN_SLOT_BIT(ATTN_K_SCALES) | ATTN_SLOT_BIT(ATTN_V_SCALES)},
    .traits = ATTN_TRAIT_REPEATABLE | ATTN_TRAIT_SAME_AT_ANY_THREADS,
    .type_count = sizeof types / sizeof types[0],
    .types = types,
    .accepts = transposed_accepts,
    .plan = plan,
    .pack = transposed_pack,
    .run = run,
};
