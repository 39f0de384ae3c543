/* avx512_online: S^T = K Q^T and O^T += V^T P^T in register tiles of 8 x 48, where every lane is a query row.
 *
 *   for each block of query rows, packed in groups of 48 (L2), for each block of 192 keys, packed in tiles of 8 (L2),
 *     for each group:
 *     for each tile of keys: scores in 24 accumulators             8 keys x 48 rows; queries in L1, keys stream from L2
 *       maximum, 2^x and row sum of the scores where they are      weights to L1
 *     for each tile of 8 channels: o in 24 accumulators            += values x weights; values stream from L2
 *
 * For few groups of rows, fp32 keys and values are not packed but read where they lie (in_place_impl.h).
 * The running maximum is raised only where a score exceeds it by more than LAZY, so weights and results are almost
 * never rescaled; every tile is checked, so the result is right for any input. Where rows see different keys (the edge
 * of a mask), scores are masked lane by lane, and so are values if the block has a NaN or an infinity, because their
 * product with a weight of 0 would be NaN. log2(e) and the scale are folded into the packed queries. Rows of 16 bits
 * are widened exactly as they are packed, and results narrowed to nearest even as they are stored; packing takes so
 * little time that a prefill in bf16 or fp16 runs at the share of fp32 (86 against 82 to 86%, llama3 shape). Measured
 * on an Intel CPU, one thread:
 * prefill 80 to 90% of the ceiling (n >= 1024), n = 128 79 to 81%; a decode of h=32,hkv=8,k=8192,d=128 reads at 95% of
 * the bandwidth in fp32 and 71 to 77% in bf16, where arithmetic takes as long (few_rows_impl.h). ALiBi and bias are
 * added to a tile's scores from L1 (logit_terms_impl.h). With them, keys are taken from the last to the first: with a
 * slope the last ones weigh most, and in the other order every tile would raise the maximum.
 * h=32,q=512,d=128,mask=causal,alibi=1 runs at 104 GFLOP/s, 123 without slopes and 21 with blocked_online;
 * h=8,q=1024,d=64,bias=1 at 95, 154 and 18. The remaining cost of a bias: its rows lie apart, so that a tile's 48 rows
 * are 48 lines.
 * Improves on avx2_online: twice as wide, 32 registers, masks for tails.
 * Papers: Dao et al. 2022 (FlashAttention), Milakov and Gimelshein 2018 (online softmax).
 */
#include <immintrin.h>

#include "attention.h"

/* What transposed_impl.h asks of a kernel. */
enum {
    LANES = 16,          /* query rows of a vector */
    VECTORS = 3,         /* of a group: 8 keys x 3 vectors of sums, 3 of queries and 5 to spare are the 32 registers */
    TILE = 8,            /* keys, or channels of V, of a tile: see VECTORS */
    CHANNELS = 1,        /* of K, side by side in a tile: fp32 has no products of pairs */
    KEYS_MOST = 192,     /* of a block: (keys, group) weights stay in L1 with the tiles of K and V that are at work */
    ROWS_MOST = 1920,    /* that share a packed block: packing is then below 1 % of the time */
    FEW = 32,            /* rows of bf16 keys with one query that absorb_few takes: from there on groups are faster */
    FEW_OTHERS = 16,     /* the same for other keys and queries */
    REST = 5,            /* rows left over behind whole groups that absorb_few takes; more join a group (rows_at_end) */
    ROW_TYPE = ATTN_F32, /* of packed Q, K and V */
    /* Groups that read whole tiles of fp32 rows where they lie, where rows are near each other (with AVX-512 any number
     * gains 1 to 2 %) and where other rows lie between (more lose 5 %): in_place_impl.h. */
    IN_PLACE_NEAR = INT32_MAX,
    IN_PLACE_FAR = 12,
};

#include "avx512_exp_impl.h"
#include "avx512_few_impl.h"
#include "avx512_pack_impl.h"

static const float LAZY = 8; /* weights are at most 2^8 */

/* Moves the maximum of the rows in `above` to `high`; their sums, results and the block's weights so far follow. */
ALWAYS_INLINE void raise_max(const row_job *job, row_group *g, int vector, __mmask16 above, __m512 high, float *weights,
                             const float *end)
{
    const __m512 old = _mm512_load_ps(g->max + LANES * vector), max = _mm512_mask_mov_ps(old, above, high);
    const __m512 factor = avx512_exp2(_mm512_mul_ps(_mm512_sub_ps(old, max), _mm512_set1_ps(job->to_base2)));
    float *const followers[] = {g->sum, g->factor};
    for (int i = 0; i < 2; i++) {
        float *at = followers[i] + LANES * vector;
        _mm512_store_ps(at, _mm512_mul_ps(_mm512_load_ps(at), factor));
    }
    _mm512_store_ps(g->max + LANES * vector, max);
    for (float *at = weights + LANES * vector; at < end; at += GROUP)
        _mm512_store_ps(at, _mm512_mul_ps(_mm512_load_ps(at), factor));
    g->rescaled = 1;
}

/* Weights of the tile of keys that begins at `key`; those of keys from .. to - 1 of the block are there already. */
ALWAYS_INLINE void score_tile(const row_job *job, row_group *g, int64_t from, int64_t to, int64_t key,
                              const int vectors, const int masked, const int altered, const int in_place)
{
    const int64_t d = job->problem->d, row = in_place ? job->rows.k_row : 1, channel = in_place ? 1 : TILE;
    const float *q = g->q, *k = in_place ? job->rows.k + key * row : job->block.k + key * d;
    const float *k3 = k + 3 * row, *k6 = k + 6 * row;
    if (in_place) __asm__("" : "+r"(k3), "+r"(k6)); /* or GCC keeps eight addresses, on the stack: 1% slower */
    fetch_lines next = in_place ? fetch_take(job->next, d) : (fetch_lines){0, 0};
    float *weights = job->weights + key * GROUP;
    __m512 s[TILE][VECTORS];
    for (int j = 0; j < TILE; j++)
        for (int v = 0; v < vectors; v++) s[j][v] = _mm512_setzero_ps();
#pragma GCC unroll 4
    for (int64_t c = 0; c < d;
         c++, q += GROUP, k += channel, k3 += channel, k6 += channel, next.at += (uintptr_t)next.step) {
        __m512 x[VECTORS];
        if (in_place) _mm_prefetch((const void *)next.at, _MM_HINT_T1);
        for (int v = 0; v < vectors; v++) x[v] = _mm512_load_ps(q + LANES * v);
        for (int j = 0; j < TILE; j++) {
            const __m512 y = _mm512_set1_ps(in_place ? (j < 3 ? k : j < 6 ? k3 : k6)[j % 3 * row] : k[j]);
            for (int v = 0; v < vectors; v++) s[j][v] = _mm512_fmadd_ps(y, x[v], s[j][v]);
        }
    }
    for (int j = 0; altered && job->cap2 > 0 && j < TILE; j++)
        for (int v = 0; v < vectors; v++) s[j][v] = _mm512_mul_ps(_mm512_set1_ps(job->cap2), avx512_tanh(s[j][v]));
    const float *terms = altered && job->terms ? terms_of_tile(job, key) : NULL;
    for (int j = 0; altered && terms && j < TILE; j++)
        for (int v = 0; v < vectors; v++)
            s[j][v] = _mm512_add_ps(s[j][v], _mm512_loadu_ps(terms + j * GROUP + LANES * v));
    for (int j = 0; masked && j < TILE; j++)
        for (int v = 0; v < vectors; v++)
            s[j][v] = _mm512_mask_mov_ps(_mm512_set1_ps(-INFINITY), sees(job, v, key + j), s[j][v]);

    __m512 high[VECTORS];
    __mmask16 above[VECTORS], any = 0;
    for (int v = 0; v < vectors; v++) {
        const __m512 max = _mm512_load_ps(g->max + LANES * v);
        high[v] = max;
        for (int j = 0; j < TILE; j++) high[v] = _mm512_max_ps(s[j][v], high[v]); /* high where s is NaN */
        const float lazy = altered ? LAZY / job->to_base2 : LAZY;
        above[v] = _mm512_cmp_ps_mask(high[v], _mm512_add_ps(max, _mm512_set1_ps(lazy)), _CMP_GT_OQ);
        any |= above[v];
    }
    if (__builtin_expect(any != 0, 0))
        for (int v = 0; v < vectors; v++)
            raise_max(job, g, v, above[v], high[v], job->weights + from * GROUP, job->weights + to * GROUP);

    for (int v = 0; v < vectors; v++) {
        const __m512 max = _mm512_load_ps(g->max + LANES * v);
        __m512 sum = _mm512_load_ps(g->sum + LANES * v);
        for (int j = 0; j < TILE; j++) {
            __m512 x = _mm512_sub_ps(s[j][v], max);
            if (altered) x = _mm512_mul_ps(x, _mm512_set1_ps(job->to_base2));
            __m512 weight = avx512_exp2(x);
            if (altered)
                weight =
                    _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, _mm512_set1_ps(AVX512_EXP2_NORMAL), _CMP_NLT_UQ), weight);
            _mm512_store_ps(weights + j * GROUP + LANES * v, weight);
            sum = _mm512_add_ps(sum, weight);
        }
        _mm512_store_ps(g->sum + LANES * v, sum);
    }
}

/* o += values x weights for keys begin .. end - 1 of a tile of channels. */
ALWAYS_INLINE void value_keys(const row_job *job, const float *values, int64_t step, int64_t begin, int64_t end,
                              __m512 o[TILE][VECTORS], const int vectors, const int masked)
{
    const float *p = job->weights + begin * GROUP, *y = values + begin * step;
#pragma GCC unroll 4
    for (int64_t j = begin; j < end; j++, p += GROUP, y += step) {
        __m512 x[VECTORS];
        for (int v = 0; v < vectors; v++) x[v] = _mm512_load_ps(p + LANES * v);
        for (int c = 0; c < TILE; c++) {
            const __m512 z = _mm512_set1_ps(y[c]);
            for (int v = 0; v < vectors; v++)
                o[c][v] = masked ? _mm512_mask3_fmadd_ps(z, x[v], o[c][v], sees(job, v, j))
                                 : _mm512_fmadd_ps(z, x[v], o[c][v]);
        }
    }
}

ALWAYS_INLINE void value_tile(const row_job *job, const row_group *g, block_span span, int64_t channel,
                              const int vectors)
{
    const float *values = job->rows.v ? job->rows.v + channel : job->block.v + channel * job->keys;
    const int64_t step = job->rows.v ? job->rows.v_row : TILE;
    float *at = g->o + channel * GROUP;
    __m512 o[TILE][VECTORS];
    for (int c = 0; c < TILE; c++)
        for (int v = 0; v < vectors; v++)
            o[c][v] = g->empty ? _mm512_setzero_ps() : _mm512_load_ps(at + c * GROUP + LANES * v);
    if (g->rescaled)
        for (int v = 0; v < vectors; v++)
            for (int c = 0; c < TILE; c++) o[c][v] = _mm512_mul_ps(o[c][v], _mm512_load_ps(g->factor + LANES * v));
    if (job->block.notes->finite) {
        value_keys(job, values, step, span.any_begin, span.any_end, o, vectors, 0);
    } else {
        value_keys(job, values, step, span.any_begin, span.all_begin, o, vectors, 1);
        value_keys(job, values, step, span.all_begin, span.all_end, o, vectors, 0);
        value_keys(job, values, step, span.all_end, span.any_end, o, vectors, 1);
    }
    for (int c = 0; c < TILE; c++)
        for (int v = 0; v < vectors; v++) _mm512_store_ps(at + c * GROUP + LANES * v, o[c][v]);
}

ALWAYS_INLINE void absorb_vectors(const row_job *job, row_group *g, block_span span, const int vectors,
                                  const int altered)
{
    const int64_t first = span.any_begin / TILE * TILE, end = round_up(span.any_end, TILE);
    const int down = altered && job->terms;
    for (int64_t n = first; n < end; n += TILE) {
        const int64_t key = down ? first + end - TILE - n : n, from = down ? key + TILE : first, to = down ? end : key;
        const int masked = key < span.all_begin || key + TILE > span.all_end, in_place = key < job->rows.end;
        if (!in_place) fetch_burst(job->next);
        if (masked && in_place)
            score_tile(job, g, from, to, key, vectors, 1, altered, 1);
        else if (masked)
            score_tile(job, g, from, to, key, vectors, 1, altered, 0);
        else if (in_place)
            score_tile(job, g, from, to, key, vectors, 0, altered, 1);
        else
            score_tile(job, g, from, to, key, vectors, 0, altered, 0);
    }
    for (int64_t c = 0; c < job->dv_padded; c += TILE) {
        if (!job->rows.v) fetch_burst(job->next);
        value_tile(job, g, span, c, vectors);
    }
    if (g->rescaled)
        for (int v = 0; v < vectors; v++) _mm512_store_ps(g->factor + LANES * v, _mm512_set1_ps(1.0f));
    g->rescaled = g->empty = 0;
}

static void absorb_group(const row_job *job, row_group *g, block_span span)
{
    const int64_t vectors = (g->rows + LANES - 1) / LANES;
    if (job->cap2 > 0 || job->terms)
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
    out->ceiling = attn_limiting_ceiling(machine, ATTN_CEILING_FP32_AVX512, problem, bytes_per_key(problem, args));
    out->expected_share = problem->q * (problem->h / problem->hkv) > few_most(problem, out->storage_type) ? 0.8
                          : out->ceiling == ATTN_CEILING_BANDWIDTH                                        ? 0.95
                          : out->storage_type == ATTN_I8                                                  ? 0.3
                                                                                                          : FEW_SHARE;
    out->kappa = AVX512_EXP2_KAPPA;
    out->kappa_1 = attn_slot_of(args, ATTN_SLOPES) || attn_slot_of(args, ATTN_BIAS) ? 2 : 0; /* times log2(e) */
    out->kappa_t = AVX512_TANH_KAPPA, out->tau = AVX512_TANH_TAU;
    out->lambda = (double)LAZY * 0.69314718055994531;
    return ATTN_OK;
}

static const uint64_t types[] = ATTN_TYPES_WIDENED;

const attn_kernel attn_kernel_avx512_online = {
    .size = sizeof(attn_kernel),
    .abi = ATTN_ABI,
    .name = "avx512_online",
    .idea = "transposed 8 x 48 register tiles, every lane a query row, softmax in registers",
    .improves_on = "avx2_online",
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
