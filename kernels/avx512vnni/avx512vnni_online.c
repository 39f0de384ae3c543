/* avx512vnni_online: int8 keys and values multiplied as integers: vpdpbusd does four products where fp32 does one.
 *
 *   for each block of query rows, in groups of 48 (L2), for each block of 192 keys, in tiles of 8 (L2), for each group:
 *     for each tile of keys: dot products in 24 accumulators       8 keys x 48 rows, four channels an instruction
 *     weights of the block times the scales of its values          2^x, row sums, largest product of each row
 *     those products as 16-bit integers                            in place
 *     for each tile of 8 channels: 24 accumulators                 += values x weights, four keys an instruction: to o
 *
 * One int8 operand is exact: a key or a value. The other, a query or a weight, is an integer of 16 bits made of two
 * bytes: an accumulator takes all products with the high bytes, is shifted left by 8, and takes those with the low
 * ones, so that two bytes cost twice the instructions and no register. That is half of the instructions of fp32. The
 * step of a query's integers is a part of the row's largest element. The step of a row's weights is a part of its
 * largest product of weight and scale in the block, so that a key with a far larger weight makes the step coarser in
 * its own block only. The row sum adds the weights before they are rounded. Values with odd scales (not finite, or of
 * another sign than the others) are 0 in the tiles, and are added in fp32 to the rows that see them.
 * Improves on avx512_online, which widens int8 to fp32. Measured in one run, one thread, on an Intel CPU at 3.4 GHz:
 *   h=32,hkv=8,q=512,k=4096,d=128   295 against 178 GFLOP/s (1.66 times), more than fp32's own ceiling of 230
 *   h=8,q=2048,d=64                 230 against 160 (1.43 times)
 *   decode, h=32,hkv=8,k=8192,d=128 12.1 against 8.4 GB/s (1.44 times); 14.7 against 9.0 where K and V are in L2
 * Weaknesses: in a threaded kernel, each slice of one KV head packs its keys anew; no pages; a decode turns keys
 * and values into quads at the cost of as many instructions as their products, and reads at 39% of the bandwidth; at
 * d = 64 the weights, which pass L1 three times, take a fifth of the time.
 * Papers: Dao et al. 2022 (FlashAttention), Zhang et al. 2024 (SageAttention: quantised scores and weights).
 */
#include <immintrin.h>

#include "attention.h"

/* What transposed_impl.h asks of a kernel. */
enum {
    LANES = 16,         /* query rows of a vector */
    VECTORS = 3,        /* of a group: 8 keys x 3 vectors of sums, 3 of queries and 5 to spare are the 32 registers */
    TILE = 8,           /* keys, or channels of V, of a tile: see VECTORS */
    CHANNELS = 4,       /* of K, side by side in a tile: a product takes four */
    KEYS_MOST = 192,    /* of a block: (keys, group) weights stay in L1 with the tiles of K and V that are at work */
    ROWS_MOST = 1920,   /* that share a packed block: packing is then below 1 % of the time */
    FEW = 16,           /* rows that absorb_few takes, in integers */
    FEW_OTHERS = FEW,   /* the same, whatever keys and queries are */
    REST = 5,           /* rows left over behind whole groups that absorb_few takes; more join a group (rows_at_end) */
    ROW_TYPE = ATTN_I8, /* of packed Q, K and V */
    IN_PLACE_NEAR = 0,  /* fours of channels must lie side by side: never read in place */
    IN_PLACE_FAR = 0,   /* likewise */
};

#include "avx512vnni_few_impl.h"
#include "avx512vnni_pack_impl.h"

static const float LAZY = 8; /* weights are at most 2^8 */

ALWAYS_INLINE __m512i load_quads(const int32_t *at) { return _mm512_load_si512(at); }

/* Scores of the tile of keys that begins at `key`; `high` becomes the largest that is not NaN. */
ALWAYS_INLINE void score_tile(const row_job *job, const row_group *g, int64_t key, __m512 high[VECTORS],
                              const int vectors, const int masked, const int capped)
{
    const int64_t d = job->problem->d, quads = quads_of(d);
    const int32_t *half[2] = {high_quads(g), low_quads(g, d)};
    float *scores = job->weights + key * GROUP;
    __m512i dot[TILE][VECTORS];
    for (int j = 0; j < TILE; j++)
        for (int v = 0; v < vectors; v++) dot[j][v] = _mm512_setzero_si512();
    for (int low = 0; low < 2; low++) {
        const int32_t *q = half[low], *k = (const int32_t *)(const void *)job->own.k + key * quads;
#pragma GCC unroll 4
        for (int64_t i = 0; i < quads; i++, q += GROUP, k += TILE) {
            __m512i x[VECTORS];
            for (int v = 0; v < vectors; v++) x[v] = load_quads(q + LANES * v);
            for (int j = 0; j < TILE; j++) {
                const __m512i y = _mm512_set1_epi32(k[j]);
                for (int v = 0; v < vectors; v++) dot[j][v] = _mm512_dpbusd_epi32(dot[j][v], y, x[v]);
            }
        }
        for (int j = 0; low == 0 && j < TILE; j++)
            for (int v = 0; v < vectors; v++) dot[j][v] = _mm512_slli_epi32(dot[j][v], 8);
    }
    for (int v = 0; v < vectors; v++) {
        const __m512i offset = load_quads(row_offset(g, d) + LANES * v);
        const __m512 exponent = _mm512_load_ps(row_exponent(g, d) + LANES * v);
        for (int j = 0; j < TILE; j++) {
            const __m512 scale = _mm512_set1_ps(key_scales(job)[key + j]);
            __m512 s = _mm512_scalef_ps(_mm512_cvtepi32_ps(_mm512_sub_epi32(dot[j][v], offset)), exponent);
            s = _mm512_mul_ps(s, scale);
            if (capped) s = _mm512_mul_ps(_mm512_set1_ps(job->cap2), avx512_tanh(s));
            if (masked) s = _mm512_mask_mov_ps(_mm512_set1_ps(-INFINITY), sees(job, v, key + j), s);
            high[v] = _mm512_max_ps(s, high[v]);
            _mm512_store_ps(scores + j * GROUP + LANES * v, s);
        }
    }
}

/* Moves the maximum of the rows that exceed it by more than LAZY; sums follow now, results when next added to. */
static inline void raise_max(row_group *g, int vector, __m512 high)
{
    const __m512 old = _mm512_load_ps(g->max + LANES * vector);
    const __mmask16 above = _mm512_cmp_ps_mask(high, _mm512_add_ps(old, _mm512_set1_ps(LAZY)), _CMP_GT_OQ);
    if (__builtin_expect(above == 0, 1)) return;
    const __m512 max = _mm512_mask_mov_ps(old, above, high), factor = avx512_exp2(_mm512_sub_ps(old, max));
    float *const followers[] = {g->sum, g->factor};
    for (int i = 0; i < 2; i++) {
        float *at = followers[i] + LANES * vector;
        _mm512_store_ps(at, _mm512_mul_ps(_mm512_load_ps(at), factor));
    }
    _mm512_store_ps(g->max + LANES * vector, max);
    g->rescaled = 1;
}

/* Products of odd values, in fp32, before the scores become weights. */
static __attribute__((noinline)) void add_odd_values(const row_job *job, row_group *g, block_span span)
{
    for (int64_t lane = 0; lane < g->rows; lane += LANES) {
        const int vector = (int)(lane / LANES);
        const __m512 factor = _mm512_load_ps(g->factor + lane), max = _mm512_load_ps(g->max + lane);
        for (int64_t c = 0; c < job->dv_padded; c++) {
            float *at = g->o + c * GROUP + lane;
            __m512 o = g->empty ? _mm512_setzero_ps() : _mm512_mul_ps(_mm512_load_ps(at), factor);
            for (int64_t key = span.any_begin; key < span.any_end; key++) {
                const float scale = odd_scales(job)[key];
                if (scale == 0) continue;
                const __m512 score = _mm512_load_ps(job->weights + key * GROUP + lane);
                const __m512 weight = avx512_exp2(_mm512_sub_ps(score, max));
                const __m512 value = _mm512_set1_ps(scale * packed_value(job, key, c));
                const int whole = key >= span.all_begin && key < span.all_end;
                o = _mm512_mask3_fmadd_ps(weight, value, o, whole ? 0xffff : sees(job, vector, key));
            }
            _mm512_store_ps(at, o);
        }
        _mm512_store_ps(g->factor + lane, _mm512_set1_ps(1.0f));
    }
    g->rescaled = g->empty = 0;
}

/* Scores of a vector of rows become weights times scales; returns their largest. */
ALWAYS_INLINE __m512 weigh(const row_job *job, row_group *g, int64_t begin, int64_t end, const int vector)
{
    const float *scale = value_scales(job);
    const __m512 max = _mm512_load_ps(g->max + LANES * vector);
    __m512 sum = _mm512_load_ps(g->sum + LANES * vector), largest = _mm512_set1_ps(0x1p-126f);
#pragma GCC unroll 8
    for (int64_t key = begin; key < end; key++) {
        float *at = job->weights + key * GROUP + LANES * vector;
        const __m512 weight = avx512_exp2(_mm512_sub_ps(_mm512_load_ps(at), max));
        const __m512 product = _mm512_mul_ps(weight, _mm512_set1_ps(scale[key]));
        sum = _mm512_add_ps(sum, weight);
        largest = _mm512_max_ps(product, largest); /* `largest` where a product is NaN */
        _mm512_store_ps(at, product);
    }
    _mm512_store_ps(g->sum + LANES * vector, sum);
    return largest;
}

/* Products become integers, four keys in two quads: their high bytes, then their low ones, of keys 0, 2, 1 and 3. */
ALWAYS_INLINE void weight_quads(const row_job *job, int64_t begin, int64_t end, const int vector, __m512 exponent)
{
    enum { SELECT = 0xca };
    const __m512i even = _mm512_set1_epi32(0x00ff00ff);
    for (int64_t key = begin; key < end; key += 4) {
        const float *from = job->weights + key * GROUP + LANES * vector;
        float *to = job->weights + key / 2 * GROUP + LANES * vector;
        __m512i n[4];
        for (int j = 0; j < 4; j++)
            n[j] = _mm512_cvtps_epi32(_mm512_scalef_ps(_mm512_load_ps(from + j * GROUP), exponent));
        const __m512i first = _mm512_or_si512(n[0], _mm512_slli_epi32(n[1], 16)),
                      second = _mm512_or_si512(n[2], _mm512_slli_epi32(n[3], 16));
        _mm512_store_si512(to, _mm512_ternarylogic_epi32(even, _mm512_srli_epi32(first, 8), second, SELECT));
        _mm512_store_si512(to + GROUP, _mm512_ternarylogic_epi32(even, first, _mm512_slli_epi32(second, 8), SELECT));
    }
}

ALWAYS_INLINE void value_tile(const row_job *job, const row_group *g, int64_t begin, int64_t end, int64_t channel,
                              const __m512 exponent[VECTORS], const int vectors)
{
    const int32_t *values = value_quads(job) + channel * (job->keys / 4) + begin / 4 * TILE;
    const __m512 sign = _mm512_set1_ps(*value_sign(job));
    float *at = g->o + channel * GROUP;
    __m512i sum[TILE][VECTORS];
    for (int c = 0; c < TILE; c++)
        for (int v = 0; v < vectors; v++) sum[c][v] = _mm512_setzero_si512();
    for (int low = 0; low < 2; low++) {
        const int32_t *p = (const int32_t *)(const void *)job->weights + (begin / 2 + low) * GROUP, *y = values;
#pragma GCC unroll 4
        for (int64_t key = begin; key < end; key += 4, p += 2 * GROUP, y += TILE) {
            __m512i x[VECTORS];
            for (int v = 0; v < vectors; v++) x[v] = load_quads(p + LANES * v);
            for (int c = 0; c < TILE; c++) {
                const __m512i z = _mm512_set1_epi32(y[c]);
                for (int v = 0; v < vectors; v++) sum[c][v] = _mm512_dpbusd_epi32(sum[c][v], x[v], z);
            }
        }
        for (int c = 0; low == 0 && c < TILE; c++)
            for (int v = 0; v < vectors; v++) sum[c][v] = _mm512_slli_epi32(sum[c][v], 8);
    }
    for (int c = 0; c < TILE; c++) {
        for (int v = 0; v < vectors; v++) {
            float *to = at + c * GROUP + LANES * v;
            const __m512 added =
                _mm512_scalef_ps(_mm512_cvtepi32_ps(sum[c][v]), _mm512_sub_ps(_mm512_setzero_ps(), exponent[v]));
            __m512 o = g->empty ? _mm512_setzero_ps() : _mm512_load_ps(to);
            if (g->rescaled) o = _mm512_mul_ps(o, _mm512_load_ps(g->factor + LANES * v));
            _mm512_store_ps(to, _mm512_fmadd_ps(added, sign, o));
        }
    }
}

ALWAYS_INLINE void absorb_vectors(const row_job *job, row_group *g, block_span span, const int vectors,
                                  const int capped)
{
    const int64_t begin = span.any_begin / TILE * TILE, end = round_up(span.any_end, TILE);
    __m512 high[VECTORS], exponent[VECTORS];
    for (int v = 0; v < vectors; v++) high[v] = _mm512_load_ps(g->max + LANES * v);
    for (int64_t key = begin; key < end; key += TILE) {
        fetch_burst(job->next);
        if (key >= span.all_begin && key + TILE <= span.all_end)
            score_tile(job, g, key, high, vectors, 0, capped);
        else
            score_tile(job, g, key, high, vectors, 1, capped);
    }
    for (int v = 0; v < vectors; v++) raise_max(g, v, high[v]);
    if (!job->block.notes->finite) add_odd_values(job, g, span);
    for (int v = 0; v < vectors; v++) exponent[v] = exponent_of_weights(weigh(job, g, begin, end, v));
    for (int v = 0; v < vectors; v++) weight_quads(job, begin, end, v, exponent[v]);
    for (int64_t c = 0; c < job->dv_padded; c += TILE) {
        fetch_burst(job->next);
        value_tile(job, g, begin, end, c, exponent, vectors);
    }
    if (g->rescaled)
        for (int v = 0; v < vectors; v++) _mm512_store_ps(g->factor + LANES * v, _mm512_set1_ps(1.0f));
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
    (void)exec, (void)shared;
    return transposed_run(problem, plan, args, NULL, workspace);
}

static int plan(const attn_problem *problem, const attn_args *args, const attn_machine *machine, const attn_exec *exec,
                attn_plan *out)
{
    (void)transposed_pack; /* shared blocks have no room for scales: each slice packs for itself */
    const int few = problem->q * (problem->h / problem->hkv) <= FEW;
    transposed_plan(problem, args, machine, exec, out);
    out->shared_bytes = out->shared_stride = 0;
    out->ceiling = attn_limiting_ceiling(machine, ATTN_CEILING_INT8_DOT, problem, bytes_per_key(problem, args));
    out->expected_share = !few ? 0.3 /* measured; of two instructions for four products, 0.5 is the most */
                          : out->ceiling == ATTN_CEILING_BANDWIDTH ? 0.39
                                                                   : 0.12;
    out->weight_type = ATTN_I8;
    out->delta_q = query_step(problem->d);
    out->delta_p = WEIGHT_STEP;
    out->rescales = (problem->k + out->key_block - 1) / out->key_block;
    out->kappa = AVX512_EXP2_KAPPA;
    out->kappa_t = AVX512_TANH_KAPPA, out->tau = AVX512_TANH_TAU;
    out->lambda = (double)LAZY * 0.69314718055994531;
    return ATTN_OK;
}

static const uint64_t types[] = {
    [ATTN_Q] = ATTN_WIDENED_TYPES,
    [ATTN_K] = ATTN_TYPE_BIT(ATTN_I8),
    [ATTN_V] = ATTN_TYPE_BIT(ATTN_I8),
    [ATTN_O] = ATTN_WIDENED_TYPES,
    [ATTN_LSE] = ATTN_TYPE_BIT(ATTN_F32),
    [ATTN_SINK_LOGITS] = ATTN_TYPE_BIT(ATTN_F32),
    [ATTN_K_SCALES] = ATTN_TYPE_BIT(ATTN_F32),
    [ATTN_V_SCALES] = ATTN_TYPE_BIT(ATTN_F32),
};

const attn_kernel attn_kernel_avx512vnni_online = {
    .size = sizeof(attn_kernel),
    .abi = ATTN_ABI,
    .name = "avx512vnni_online",
    .idea = "transposed 8 x 48 register tiles of int8 dot products, queries and weights in two bytes",
    .improves_on = "avx512_online",
    .role = ATTN_ROLE_PRODUCT,
    .isa = ATTN_FOLDER_ISA,
    .caps = {ATTN_CAP_GQA | ATTN_CAP_DV | ATTN_CAP_LEFT | ATTN_CAP_RIGHT | ATTN_CAP_POSITION | ATTN_CAP_SOFTCAP,
             ATTN_SLOTS_QKVO | ATTN_SLOT_BIT(ATTN_LSE) | ATTN_SLOT_BIT(ATTN_KEY_LENGTHS) |
                 ATTN_SLOT_BIT(ATTN_QUERY_POSITIONS) | ATTN_SLOT_BIT(ATTN_SINK_LOGITS) | ATTN_SLOT_BIT(ATTN_K_SCALES) |
                 ATTN_SLOT_BIT(ATTN_V_SCALES)},
    .traits = ATTN_TRAIT_REPEATABLE | ATTN_TRAIT_SAME_AT_ANY_THREADS,
    .type_count = sizeof types / sizeof types[0],
    .types = types,
    .accepts = transposed_accepts,
    .plan = plan,
    .run = run,
};
