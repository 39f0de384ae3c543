/* avx2_online: S^T = K Q^T and O^T += V^T P^T in register tiles of 4 x 24, where every lane is a query row.
 *
 *   for each block of query rows, packed in groups of 24 (L2), for each block of 192 keys, packed in tiles of 4 (L2),
 *     for each group:
 *     for each tile of keys: scores in 12 accumulators             4 keys x 24 rows; queries in L1, keys stream from L2
 *     maximum where one is exceeded, 2^x and row sums              scores become weights, in L1
 *     for each tile of 4 channels: o in 12 accumulators            += values x weights; values stream from L2
 *
 * 12 accumulators, 3 vectors of queries and a broadcast key fill the 16 registers (avx2_tile_impl.h). 2^x runs after
 * the scores of a block, and not on each tile's accumulators as with 32 registers: between two tiles its 44 cycles of
 * latency cost 100 cycles for 12 vectors, here it costs 47. The running maximum is a whole number (base 2), so that the
 * rounding inside 2^x also computes the difference. It is raised only where a score exceeds it by more than LAZY, so
 * results are almost never rescaled; every score is checked, so the result is right for any input. Where rows see
 * different keys (the edge of a mask), scores are masked lane by lane, and so are values if the block has a NaN or an
 * infinity, because their product with a weight of 0 would be NaN. log2(e) and the scale are folded into the packed
 * queries.
 * For few groups of rows, keys and values are not packed but read where they lie, or where they were widened
 * (in_place_impl.h). Rows of 16 bits are widened exactly, and results narrowed as they are stored, to nearest even: a
 * small part, so that a prefill in bf16 or fp16 runs at the share of fp32.
 * Measured on an Intel CPU (6/207), one thread, share of the ceiling: n >= 2048 83 to 85% with d=64, 86% with d=128; n
 * = 128 72%; latent attention of 16 heads (d=576, dv=512) 73%, in bf16 66%. Multiply-adds are 90% of a group's cycles;
 * 3% are lost to the clock. No gain: an exponent added to the weight's bits in place of the multiplication, Estrin's
 * scheme (that pass 10% slower), vectors of weights one after another, weighing after 8 to 96 keys instead of a block.
 * Loops of 2 and 8 steps are 3 to 5% slower than of 4. ALiBi and bias join the scores in a pass of their own
 * (logit_terms_impl.h): b=1,h=32,q=512,d=128,mask=causal,alibi=1 runs at 2.4 times the speed of blocked_online,
 * h=8,q=1024,d=64,bias=1 at 3.5 times.
 * Improves on blocked_online: twice as wide, fused multiply-add, no sums across lanes, packing shared by up to 1920
 * rows.
 * Papers: Dao et al. 2022 (FlashAttention), Milakov and Gimelshein 2018 (online softmax).
 */
#include <immintrin.h>

#include "attention.h"

/* What transposed_impl.h asks of a kernel. */
enum {
    LANES = 8,           /* query rows of a vector */
    VECTORS = 3,         /* of a group: 4 keys x 3 vectors of sums, 3 of queries and 1 of a key are the 16 registers */
    TILE = 4,            /* keys, or channels of V, of a tile: see VECTORS */
    CHANNELS = 1,        /* of K, side by side in a tile: fp32 has no products of pairs */
    KEYS_MOST = 192,     /* of a block: (keys, group) weights stay in L1 with the tiles of K and V that are at work */
    ROWS_MOST = 1920,    /* that share a packed block: packing is then below 1 % of the time */
    FEW = 16,            /* rows of bf16 keys with one query that absorb_few takes: from there on groups are faster */
    FEW_OTHERS = 8,      /* the same for other keys and queries */
    REST = 5,            /* rows left over behind whole groups that absorb_few takes; more join a group (rows_at_end) */
    ROW_TYPE = ATTN_F32, /* of packed Q, K and V */
    /* Groups that read whole tiles of fp32 rows where they lie, where rows are near each other (with AVX2 more lose 1
     * to 2 %) and where other rows lie between (more lose 5 %): in_place_impl.h. */
    IN_PLACE_NEAR = 12,
    IN_PLACE_FAR = 12,
};

#include "avx2_exp_impl.h"
#include "avx2_few_impl.h"
#include "avx2_pack_impl.h"
#include "avx2_tile_impl.h"

static const float LAZY = 8.5f;     /* weights are at most 2^8.5 */
static const float EXACT = 1 << 21; /* whole numbers below it can be the maximum of avx2_exp2_less */

/* Rows of a vector of the group that see a key of the block: all bits set. */
ALWAYS_INLINE __m256 sees(const row_job *job, int vector, int64_t key)
{
    const __m256i j = _mm256_set1_epi32((int)key);
    const __m256i begin = _mm256_load_si256((const __m256i *)(const void *)(job->begin + LANES * vector));
    const __m256i end = _mm256_load_si256((const __m256i *)(const void *)(job->end + LANES * vector));
    return _mm256_castsi256_ps(_mm256_andnot_si256(_mm256_cmpgt_epi32(begin, j), _mm256_cmpgt_epi32(end, j)));
}

/* Are the rows' maxima such that avx2_exp2_less can subtract them? All bits set. */
ALWAYS_INLINE __m256 is_exact(__m256 max)
{
    const __m256 magnitude = _mm256_andnot_ps(_mm256_set1_ps(-0.0f), max);
    return _mm256_and_ps(_mm256_cmp_ps(_mm256_floor_ps(max), max, _CMP_EQ_OQ),
                         _mm256_cmp_ps(magnitude, _mm256_set1_ps(EXACT), _CMP_LT_OQ));
}

/* Of exact maxima, what avx2_tile_impl.h asks for. */
ALWAYS_INLINE __m256 near_of(__m256 max)
{
    const __m256 near = _mm256_sub_ps(_mm256_set1_ps(12582912.0f + 119.0f), max);
    return _mm256_blendv_ps(_mm256_set1_ps(INFINITY), near, is_exact(max));
}

/* Scores of the tile of keys that begins at `key`. */
ALWAYS_INLINE void score_tile(const row_job *job, const row_group *g, int64_t key, int masked, near_check *check,
                              multiplier *products, const int vectors)
{
    const int64_t d = job->problem->d, row = job->rows.k_row;
    float *scores = job->weights + key * GROUP;
    if (key < job->rows.end)
        products(g->q, job->rows.k + key * row, row, 1, d, scores, check);
    else
        products(g->q, job->block.k + key * d, 1, TILE, d, scores, check);
    const float *terms = job->terms ? terms_of_tile(job, key) : NULL;
    if (!masked && !(job->cap2 > 0) && !terms) return;
    for (int j = 0; j < TILE; j++) {
        for (int v = 0; v < vectors; v++) {
            float *at = scores + j * GROUP + LANES * v;
            __m256 s = _mm256_load_ps(at);
            if (job->cap2 > 0) s = _mm256_mul_ps(_mm256_set1_ps(job->cap2), avx2_tanh(s));
            if (terms) s = _mm256_add_ps(s, _mm256_loadu_ps(terms + j * GROUP + LANES * v));
            if (masked) s = _mm256_blendv_ps(_mm256_set1_ps(-INFINITY), s, sees(job, v, key + j));
            _mm256_store_ps(at, s);
        }
    }
    check->far = _mm256_set1_epi32(-1);
}

/* Moves maxima that scores of keys first .. end - 1 exceed too far to the largest of these, rounded down, so that a
 * weight of 2^-126 is not below what 2^x keeps; sums and results follow. */
ALWAYS_INLINE void raise_max(const row_job *job, row_group *g, int64_t first, int64_t end, const int vectors)
{
    __m256 even[VECTORS], odd[VECTORS];
    for (int v = 0; v < vectors; v++) even[v] = odd[v] = _mm256_load_ps(g->max + LANES * v);
    for (const float *at = job->weights + first * GROUP; at < job->weights + end * GROUP; at += 2 * GROUP) {
        for (int v = 0; v < vectors; v++) { /* a score that is NaN leaves them as they are */
            even[v] = _mm256_max_ps(_mm256_load_ps(at + LANES * v), even[v]);
            odd[v] = _mm256_max_ps(_mm256_load_ps(at + GROUP + LANES * v), odd[v]);
        }
    }
    for (int v = 0; v < vectors; v++) {
        const __m256 old = _mm256_load_ps(g->max + LANES * v), high = _mm256_max_ps(even[v], odd[v]);
        const __m256 above = _mm256_cmp_ps(high, _mm256_add_ps(old, _mm256_set1_ps(LAZY / job->to_base2)), _CMP_GT_OQ);
        const __m256 max = _mm256_floor_ps(_mm256_blendv_ps(old, high, above));
        const __m256 factor = avx2_exp2(_mm256_mul_ps(_mm256_sub_ps(old, max), _mm256_set1_ps(job->to_base2)));
        _mm256_store_ps(g->max + LANES * v, max);
        _mm256_store_ps(g->sum + LANES * v, _mm256_mul_ps(_mm256_load_ps(g->sum + LANES * v), factor));
        _mm256_store_ps(g->factor + LANES * v, factor);
        g->rescaled |= _mm256_movemask_ps(_mm256_cmp_ps(max, old, _CMP_NEQ_UQ));
    }
}

/* Scores of keys first .. end - 1 become weights. Unless all are `near`, they are cut off far below the maximum, and of
 * a maximum that is not exact the scores' distance is taken first. */
ALWAYS_INLINE void weigh(const row_job *job, row_group *g, int64_t first, int64_t end, const int vectors,
                         const int near)
{
    __m256 magic[VECTORS], sum[VECTORS], base[VECTORS], low[VECTORS];
    for (int v = 0; v < vectors; v++) {
        const __m256 max = _mm256_load_ps(g->max + LANES * v), exact = job->terms ? _mm256_setzero_ps() : is_exact(max);
        const __m256 m = _mm256_and_ps(exact, max);
        base[v] = _mm256_andnot_ps(exact, max);
        low[v] = _mm256_sub_ps(m, _mm256_set1_ps(127));
        magic[v] = _mm256_sub_ps(_mm256_set1_ps(AVX2_EXP2_MAGIC), m);
        sum[v] = _mm256_load_ps(g->sum + LANES * v);
    }
    for (float *at = job->weights + first * GROUP; at < job->weights + end * GROUP; at += GROUP) {
        for (int v = 0; v < vectors; v++) {
            const __m256 score = _mm256_load_ps(at + LANES * v);
            const __m256 less = _mm256_mul_ps(_mm256_sub_ps(score, base[v]), _mm256_set1_ps(job->to_base2));
            const __m256 x = near ? score : _mm256_max_ps(low[v], less);
            const __m256 weight = avx2_exp2_less(x, magic[v]);
            _mm256_store_ps(at + LANES * v, weight);
            sum[v] = _mm256_add_ps(sum[v], weight);
        }
    }
    for (int v = 0; v < vectors; v++) _mm256_store_ps(g->sum + LANES * v, sum[v]);
}

/* The products of keys begin .. end - 1 that not all rows see: a value is 0 to a row that does not, as its weight
 * is. */
ALWAYS_INLINE void add_seen_products(const row_job *job, const float *y, int64_t step, int64_t begin, int64_t end,
                                     float *to, const int vectors)
{
    for (int64_t j = begin; j < end; j++) {
        for (int v = 0; v < vectors; v++) {
            const __m256 seen = sees(job, v, j), x = _mm256_load_ps(job->weights + j * GROUP + LANES * v);
            for (int i = 0; i < TILE; i++) {
                float *at = to + i * GROUP + LANES * v;
                const __m256 z = _mm256_and_ps(seen, _mm256_broadcast_ss(y + j * step + i));
                _mm256_store_ps(at, _mm256_fmadd_ps(z, x, _mm256_load_ps(at)));
            }
        }
    }
}

/* Channels of o += values x weights, four for each of one or two tiles. */
ALWAYS_INLINE void value_tiles(const row_job *job, const row_group *g, block_span span, int64_t channel, int64_t tiles,
                               multiplier *products, const int vectors)
{
    const float *values = job->rows.v ? job->rows.v + channel : job->block.v + channel * job->keys;
    const int64_t step = job->rows.v ? job->rows.v_row : TILE, second = job->rows.v ? TILE : job->keys * TILE;
    const int64_t begin = job->block.notes->finite ? span.any_begin : span.all_begin,
                  end = job->block.notes->finite ? span.any_end : span.all_end;
    const float *weights = job->weights + begin * GROUP;
    float *o = g->o + channel * GROUP;
    for (int64_t i = 0; i < tiles * TILE * GROUP && (g->empty || g->rescaled); i += LANES) {
        const __m256 factor = _mm256_load_ps(g->factor + i % GROUP);
        _mm256_store_ps(o + i, g->empty ? _mm256_setzero_ps() : _mm256_mul_ps(_mm256_load_ps(o + i), factor));
    }
    for (int64_t t = 0; t < tiles; t++)
        add_seen_products(job, values + t * second, step, span.any_begin, begin, o + t * TILE * GROUP, vectors);
    if (tiles == 2)
        multiply_two_tiles(weights, values + begin * step, second, step, end - begin, o);
    else
        products(weights, values + begin * step, 1, step, end - begin, o, NULL);
    for (int64_t t = 0; t < tiles; t++)
        add_seen_products(job, values + t * second, step, end, span.any_end, o + t * TILE * GROUP, vectors);
}

ALWAYS_INLINE void absorb_vectors(const row_job *job, row_group *g, block_span span, multiplier *products,
                                  const int vectors)
{
    const int64_t first = span.any_begin / TILE * TILE, end = round_up(span.any_end, TILE);
    near_check check = {.far = _mm256_setzero_si256()};
    for (int v = 0; v < vectors; v++) check.near[v] = near_of(_mm256_load_ps(g->max + LANES * v));
    for (int64_t key = first; key < end; key += TILE) {
        fetch_burst(job->next);
        score_tile(job, g, key, key < span.all_begin || key + TILE > span.all_end, &check, products, vectors);
    }
    if (are_near(&check)) {
        weigh(job, g, first, end, vectors, 1);
    } else {
        raise_max(job, g, first, end, vectors);
        weigh(job, g, first, end, vectors, 0);
    }
    for (int64_t c = 0, tiles; c < job->dv_padded; c += tiles * TILE) {
        tiles = vectors == 1 && c + TILE < job->dv_padded ? 2 : 1;
        fetch_burst(job->next);
        value_tiles(job, g, span, c, tiles, products, vectors);
    }
    if (g->rescaled)
        for (int v = 0; v < vectors; v++) _mm256_store_ps(g->factor + LANES * v, _mm256_set1_ps(1.0f));
    g->rescaled = g->empty = 0;
}

static void absorb_group(const row_job *job, row_group *g, block_span span)
{
    const int64_t vectors = (g->rows + LANES - 1) / LANES;
    if (vectors == 1)
        absorb_vectors(job, g, span, multiply_1, 1);
    else if (vectors == 2)
        absorb_vectors(job, g, span, multiply_2, 2);
    else
        absorb_vectors(job, g, span, multiply_3, 3);
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
                                                                   : 0.42; /* measured: few_rows_impl.h */
    out->kappa = AVX2_EXP2_KAPPA;
    out->kappa_1 = attn_slot_of(args, ATTN_SLOPES) || attn_slot_of(args, ATTN_BIAS) ? 2 : 0; /* times log2(e) */
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
    .caps = {ATTN_CAP_GQA | ATTN_CAP_DV | ATTN_CAP_LEFT | ATTN_CAP_RIGHT | ATTN_CAP_POSITION | ATTN_CAP_SOFTCAP |
                 ATTN_CAP_BIAS_OFFSET,
             ATTN_SLOTS_QKVO | ATTN_SLOT_BIT(ATTN_LSE) | ATTN_SLOT_BIT(ATTN_KEY_LENGTHS) |
                 ATTN_SLOT_BIT(ATTN_QUERY_POSITIONS) | ATTN_SLOT_BIT(ATTN_PAGES) | ATTN_SLOT_BIT(ATTN_BIAS) |
                 ATTN_SLOT_BIT(ATTN_SLOPES) | ATTN_SLOT_BIT(ATTN_SINK_LOGITS) | ATTN_SLOT_BIT(ATTN_K_SCALES) |
                 ATTN_SLOT_BIT(ATTN_V_SCALES)},
    .traits = ATTN_TRAIT_REPEATABLE | ATTN_TRAIT_SAME_AT_ANY_THREADS,
    .type_count = sizeof types / sizeof types[0],
    .types = types,
    .accepts = transposed_accepts,
    .plan = plan,
    .pack = transposed_pack,
    .run = run,
};
