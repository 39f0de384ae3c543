/* avx512bf16_online: the transposed tiles of avx512_online with vdpbf16ps: two products of bf16 a lane, added up in
 * fp32.
 *
 *   for each block of query rows, packed in groups of 48 (L2), for each block of 192 keys, packed in tiles of 8 (L2),
 *     for each group:
 *     for each tile of keys: scores in 24 accumulators             8 keys x 48 rows, two channels an instruction
 *       maximum, 2^x of the scores where they are                  pairs of bf16 weights to L1, their sums by a product
 *                                                                  with 1
 *     for each tile of 8 channels: o in 24 accumulators            += values x weights, two keys an instruction
 *
 * Queries are multiplied as they are stored, so scores are scaled afterwards. References of the weights are whole
 * numbers (base 2) and raised where a score exceeds them by more than LAZY: weights that are already bf16 are then
 * multiplied by a power of 2, exactly. Where rows see different keys, scores are masked lane by lane, and so are values
 * if the block has a NaN or an infinity.
 * Improves on avx512_online where vdpbf16ps runs at the rate of a multiply-add: half of the instructions, half of the
 * packed bytes. Measured: 95% of the ceiling of vdpbf16ps at d = 64 (n = 2048) and 91% at d = 128 (causal, n = 2048),
 * one thread, on an Intel CPU where that ceiling is half of fp32's, so that avx512_online is 1.8 times as fast there;
 * attempts on a Zen 5, where it is twice fp32's, had 69 and 80%.
 * Weakness: where vdpbf16ps runs at the full rate, the softmax takes twice the share of the time that it takes in fp32.
 * Papers: Dao et al. 2022 (FlashAttention), Milakov and Gimelshein 2018 (online softmax).
 */
#include <immintrin.h>

#include "attention.h"

/* What transposed_impl.h asks of a kernel. */
enum {
    LANES = 16,       /* query rows of a vector */
    VECTORS = 3,      /* of a group: 8 keys x 3 vectors of sums, 3 of queries and 5 to spare are the 32 registers */
    TILE = 8,         /* keys, or channels of V, of a tile: see VECTORS */
    CHANNELS = 2,     /* of K, side by side in a tile: a product takes pairs */
    KEYS_MOST = 192,  /* of a block: (keys, group) weights stay in L1 with the tiles of K and V that are at work */
    ROWS_MOST = 1920, /* that share a packed block: packing is then below 1 % of the time */
    FEW = 16,         /* rows that absorb_few takes, in fp32 */
    FEW_OTHERS = FEW, /* the same, whatever keys and queries are */
    REST = 5,         /* rows left over behind whole groups that absorb_few takes; more join a group (rows_at_end) */
    ROW_TYPE = ATTN_BF16, /* of packed Q, K and V */
    IN_PLACE_NEAR = 0,    /* pairs of channels must lie side by side: never read in place */
    IN_PLACE_FAR = 0,     /* likewise */
};

#include "avx512/avx512_few_impl.h"
#include "avx512bf16_pack_impl.h"

static const float LAZY = 8; /* weights are at most 2^8 */

ALWAYS_INLINE __m512bh load_pair(const float *at) { return (__m512bh)_mm512_load_si512(at); }

/* The same pair for all lanes. */
ALWAYS_INLINE __m512bh broadcast_pair(const float *at) { return (__m512bh)_mm512_set1_ps(*at); }

/* Weights of a key and of the next one as pairs. */
ALWAYS_INLINE __m512i weight_pairs(__m512 first, __m512 second)
{
    const __m512i halves = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6,
                                            21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    return _mm512_permutexvar_epi16(halves, (__m512i)_mm512_cvtne2ps_pbh(second, first));
}

/* Both weights of each pair times a power of 2. */
static inline __m512i scale_pairs(__m512i pairs, __m512 factor)
{
    const __m512i upper = _mm512_set1_epi32((int)0xffff0000);
    const __m512 first = _mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16)),
                 second = _mm512_castsi512_ps(_mm512_and_si512(pairs, upper));
    return _mm512_or_si512(_mm512_srli_epi32(_mm512_castps_si512(_mm512_mul_ps(first, factor)), 16),
                           _mm512_and_si512(_mm512_castps_si512(_mm512_mul_ps(second, factor)), upper));
}

/* Moves the references of the rows in `above` to `high` or just above; their sums, results and the block's weights so
 * far follow. */
static __attribute__((noinline)) void raise_reference(row_group *g, int vector, __mmask16 above, __m512 high,
                                                      float *weights, const float *end)
{
    const __m512 old = _mm512_load_ps(g->max + LANES * vector), max = _mm512_mask_ceil_ps(old, above, high);
    const __m512 factor = avx512_exp2(_mm512_sub_ps(old, max));
    float *const followers[] = {g->sum, g->factor};
    for (int i = 0; i < 2; i++) {
        float *at = followers[i] + LANES * vector;
        _mm512_store_ps(at, _mm512_mul_ps(_mm512_load_ps(at), factor));
    }
    _mm512_store_ps(g->max + LANES * vector, max);
    for (float *at = weights + LANES * vector; at < end; at += GROUP)
        _mm512_store_si512(at, scale_pairs(_mm512_load_si512(at), factor));
    g->rescaled = 1;
}

/* Weights of the tile of keys that begins at `key`; `first` is the block's first weighted key. */
ALWAYS_INLINE void score_tile(const row_job *job, row_group *g, int64_t first, int64_t key, const int vectors,
                              const int masked, const int capped)
{
    const int64_t pairs = channel_pairs(job->problem->d);
    const float *q = g->q, *k = job->block.k + key * pairs;
    float *weights = job->weights + key / 2 * GROUP;
    __m512 s[TILE][VECTORS];
    for (int j = 0; j < TILE; j++)
        for (int v = 0; v < vectors; v++) s[j][v] = _mm512_setzero_ps();
#pragma GCC unroll 4
    for (int64_t p = 0; p < pairs; p++, q += GROUP, k += TILE) {
        __m512bh x[VECTORS];
        for (int v = 0; v < vectors; v++) x[v] = load_pair(q + LANES * v);
        for (int j = 0; j < TILE; j++) {
            const __m512bh y = broadcast_pair(k + j);
            for (int v = 0; v < vectors; v++) s[j][v] = _mm512_dpbf16_ps(s[j][v], x[v], y);
        }
    }
    for (int j = 0; j < TILE; j++)
        for (int v = 0; v < vectors; v++) {
            s[j][v] = _mm512_mul_ps(s[j][v], _mm512_set1_ps(job->q_factor));
            if (capped) s[j][v] = _mm512_mul_ps(_mm512_set1_ps(job->cap2), avx512_tanh(s[j][v]));
            if (masked) s[j][v] = _mm512_mask_mov_ps(_mm512_set1_ps(-INFINITY), sees(job, v, key + j), s[j][v]);
        }

    __m512 high[VECTORS];
    __mmask16 above[VECTORS], any = 0;
    for (int v = 0; v < vectors; v++) {
        const __m512 max = _mm512_load_ps(g->max + LANES * v);
        high[v] = max;
        for (int j = 0; j < TILE; j++) high[v] = _mm512_max_ps(s[j][v], high[v]); /* high where s is NaN */
        above[v] = _mm512_cmp_ps_mask(high[v], _mm512_add_ps(max, _mm512_set1_ps(LAZY)), _CMP_GT_OQ);
        any |= above[v];
    }
    if (__builtin_expect(any != 0, 0))
        for (int v = 0; v < vectors; v++)
            raise_reference(g, v, above[v], high[v], job->weights + first / 2 * GROUP, weights);

    const __m512bh one = (__m512bh)_mm512_set1_epi16(0x3f80);
    for (int v = 0; v < vectors; v++) {
        const __m512 max = _mm512_load_ps(g->max + LANES * v);
        __m512 sum = _mm512_load_ps(g->sum + LANES * v);
        for (int j = 0; j < TILE; j += 2) {
            const __m512i both = weight_pairs(avx512_exp2_short(_mm512_sub_ps(s[j][v], max)),
                                              avx512_exp2_short(_mm512_sub_ps(s[j + 1][v], max)));
            _mm512_store_si512(weights + j / 2 * GROUP + LANES * v, both);
            sum = _mm512_dpbf16_ps(sum, (__m512bh)both, one);
        }
        _mm512_store_ps(g->sum + LANES * v, sum);
    }
}

/* The values of a pair of keys for the rows that see them, and 0 for the others. */
ALWAYS_INLINE __m512bh seen_pair(const row_job *job, int vector, int64_t key, __m512bh pair)
{
    const __m512i upper = _mm512_set1_epi32((int)0xffff0000), x = (__m512i)pair;
    return (__m512bh)_mm512_or_si512(_mm512_maskz_andnot_epi32(sees(job, vector, key), upper, x),
                                     _mm512_maskz_and_epi32(sees(job, vector, key + 1), upper, x));
}

ALWAYS_INLINE void value_tile(const row_job *job, const row_group *g, block_span span, int64_t channel,
                              const int vectors, const int masked)
{
    const int64_t begin = span.any_begin / 2, end = (span.any_end + 1) / 2;
    const float *y = job->block.v + channel * (job->keys / 2) + begin * TILE, *p = job->weights + begin * GROUP;
    float *at = g->o + channel * GROUP;
    __m512 o[TILE][VECTORS];
    for (int c = 0; c < TILE; c++)
        for (int v = 0; v < vectors; v++)
            o[c][v] = g->empty ? _mm512_setzero_ps() : _mm512_load_ps(at + c * GROUP + LANES * v);
    if (g->rescaled)
        for (int v = 0; v < vectors; v++)
            for (int c = 0; c < TILE; c++) o[c][v] = _mm512_mul_ps(o[c][v], _mm512_load_ps(g->factor + LANES * v));
#pragma GCC unroll 4
    for (int64_t j = begin; j < end; j++, p += GROUP, y += TILE) {
        __m512bh x[VECTORS];
        for (int v = 0; v < vectors; v++) x[v] = load_pair(p + LANES * v);
        for (int c = 0; c < TILE; c++) {
            const __m512bh z = broadcast_pair(y + c);
            for (int v = 0; v < vectors; v++)
                o[c][v] = _mm512_dpbf16_ps(o[c][v], x[v], masked ? seen_pair(job, v, 2 * j, z) : z);
        }
    }
    for (int c = 0; c < TILE; c++)
        for (int v = 0; v < vectors; v++) _mm512_store_ps(at + c * GROUP + LANES * v, o[c][v]);
}

ALWAYS_INLINE void absorb_vectors(const row_job *job, row_group *g, block_span span, const int vectors,
                                  const int capped)
{
    const int64_t first = span.any_begin / TILE * TILE;
    const int partial = span.all_begin > first || span.all_end < round_up(span.any_end, TILE);
    for (int64_t key = first; key < span.any_end; key += TILE) {
        fetch_burst(job->next);
        if (key >= span.all_begin && key + TILE <= span.all_end)
            score_tile(job, g, first, key, vectors, 0, capped);
        else
            score_tile(job, g, first, key, vectors, 1, capped);
    }
    for (int64_t c = 0; c < job->dv_padded; c += TILE) {
        fetch_burst(job->next);
        if (partial && !job->block.notes->finite)
            value_tile(job, g, span, c, vectors, 1);
        else
            value_tile(job, g, span, c, vectors, 0);
    }
    if (g->rescaled)
        for (int v = 0; v < vectors; v++) _mm512_store_ps(g->factor + LANES * v, _mm512_set1_ps(1.0f));
    g->rescaled = g->empty = 0;
}

static void absorb_group(const row_job *job, row_group *g, block_span span)
{
    const int64_t vectors = (g->rows + LANES - 1) / LANES;
    round_references(g);
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
    const int few = problem->q * (problem->h / problem->hkv) <= FEW;
    const uint32_t compute = few ? ATTN_CEILING_FP32_AVX512 : ATTN_CEILING_BF16_DOT; /* few rows are widened */
    transposed_plan(problem, args, machine, exec, out);
    out->ceiling = attn_limiting_ceiling(machine, compute, problem, bytes_per_key(problem, args));
    out->expected_share = !few ? 0.9 : out->ceiling == ATTN_CEILING_BANDWIDTH ? 0.95 : FEW_SHARE;
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

const attn_kernel attn_kernel_avx512bf16_online = {
    .size = sizeof(attn_kernel),
    .abi = ATTN_ABI,
    .name = "avx512bf16_online",
    .idea = "transposed 8 x 48 register tiles of bf16 dot products, two channels or keys an instruction",
    .improves_on = "avx512_online",
    .role = ATTN_ROLE_PRODUCT,
    .isa = ATTN_FOLDER_ISA,
    .caps = {ATTN_CAP_GQA | ATTN_CAP_DV | ATTN_CAP_LEFT | ATTN_CAP_RIGHT | ATTN_CAP_POSITION | ATTN_CAP_SOFTCAP,
             ATTN_SLOTS_QKVO | ATTN_SLOT_BIT(ATTN_LSE) | ATTN_SLOT_BIT(ATTN_KEY_LENGTHS) |
                 ATTN_SLOT_BIT(ATTN_QUERY_POSITIONS) | ATTN_SLOT_BIT(ATTN_PAGES) | ATTN_SLOT_BIT(ATTN_SINK_LOGITS)},
    .traits = ATTN_TRAIT_REPEATABLE | ATTN_TRAIT_SAME_AT_ANY_THREADS,
    .type_count = sizeof types / sizeof types[0],
    .types = types,
    .plan = plan,
    .pack = transposed_pack,
    .run = run,
};
