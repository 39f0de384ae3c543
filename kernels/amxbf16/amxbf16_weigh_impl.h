/* amxbf16_weigh_impl.h: turns rows of 32 scores into bf16 weights. There are three kinds of blocks:
 *
 *   BOUNDED   no score can leave the range of fixed point: no maximum, no check
 *   ANY       fp32, and a check against the row's reference
 *   CAPPED    as ANY, behind a softcap */
#ifndef ATTN_AMXBF16_WEIGH_IMPL_H
#define ATTN_AMXBF16_WEIGH_IMPL_H

#include "amxbf16_reference_impl.h"

enum kind { BOUNDED, ANY, CAPPED };

/* A step's 32 scores of each row of the group, and how many rows are weights by now. */
typedef struct score_step {
    const char *scores; /* 2 x 2 tiles: of even keys, both halves of the rows, then of odd ones */
    char *weights;      /* of these keys */
    int64_t key;        /* the first, of the block */
    int64_t row;        /* the next; GROUP: none is left */
    int masked;         /* some row does not see some key */
} score_step;

typedef struct weigher {
    const row_job *job;
    row_group *g;
    int64_t first; /* key of the block that the group begins with */
    fixed_exp exp; /* of BOUNDED */
} weigher;

/* Bits of the 32 keys from `key` on that row r sees. */
static inline uint32_t keys_seen(const row_job *job, int64_t r, int64_t key)
{
    const int64_t begin = smaller(larger(job->begin[r] - key, 0), WIDTH),
                  end = smaller(larger(job->end[r] - key, 0), WIDTH);
    return (uint32_t)((UINT64_C(1) << end) - 1) & ~(uint32_t)((UINT64_C(1) << begin) - 1);
}

/* The same for its 16 even (odd = 0) or odd ones. */
static inline __mmask16 half_seen(const row_job *job, int64_t r, int64_t key, int odd)
{
    const int64_t begin = larger(job->begin[r] - key + 1 - odd, 0) / 2,
                  end = larger(job->end[r] - key + 1 - odd, 0) / 2;
    return (__mmask16)(lanes_before(end) & ~lanes_before(begin));
}

/* Scores of a row's even and odd keys in base 2, less its reference; -infinity where it does not see them. Products are
 * rounded before the reference is taken off (mul_round keeps the compiler from fusing): a reference is a rounded
 * product itself, and the exact one may lie far from it where scores are huge. */
ALWAYS_INLINE void scores_of_row(const row_job *job, const char *scores, float reference, const __mmask16 seen[2],
                                 __m512 x[2], const enum kind kind, const int masked)
{
    const __m512 factor = _mm512_set1_ps(job->q_factor), less = _mm512_set1_ps(reference);
    for (int odd = 0; odd < 2; odd++) {
        x[odd] = _mm512_mul_round_ps(_mm512_load_ps(scores + odd * 2 * TILE_BYTES), factor, _MM_FROUND_CUR_DIRECTION);
        if (kind == CAPPED)
            x[odd] = _mm512_mul_round_ps(_mm512_set1_ps(job->cap2), avx512_tanh(x[odd]), _MM_FROUND_CUR_DIRECTION);
        x[odd] = _mm512_sub_ps(x[odd], less);
        if (masked) x[odd] = _mm512_mask_mov_ps(_mm512_set1_ps(-INFINITY), seen[odd], x[odd]);
    }
}

/* A row of a block of ANY scores, or CAPPED ones. A NaN does not raise the reference, and is a weight. */
ALWAYS_INLINE void weigh_any(const weigher *w, const score_step *step, int64_t r, const char *scores, char *to,
                             const enum kind kind, const int masked)
{
    __mmask16 seen[2] = {0xffff, 0xffff};
    for (int odd = 0; odd < 2 && masked; odd++) seen[odd] = half_seen(w->job, r, step->key, odd);
    __m512 x[2];
    scores_of_row(w->job, scores, w->g->max[r], seen, x, kind, masked);
    if (__builtin_expect(_mm512_cmp_ps_mask(_mm512_max_ps(x[0], x[1]), _mm512_set1_ps(LAZY), _CMP_GT_OQ) != 0, 0)) {
        scores_of_row(w->job, scores, 0, seen, x, kind, masked);
        const float new = raise_reference(w->job, w->g, r, w->first, step->key, _mm512_max_ps(x[0], x[1]));
        scores_of_row(w->job, scores, new, seen, x, kind, masked);
    }
    const __m512i even = _mm512_srli_epi32(_mm512_castps_si512(cubic_weight(x[0])), 16);
    _mm512_store_si512(to, _mm512_mask_mov_epi16(even, 0xaaaaaaaa, _mm512_castps_si512(cubic_weight(x[1]))));
}

/* The next `count` rows of the step. */
ALWAYS_INLINE void weigh_rows(const weigher *w, score_step *step, const int64_t count, const enum kind kind)
{
    const char *scores = step->scores + step->row * TILE_ROW_BYTES;
    char *to = step->weights + step->row * TILE_ROW_BYTES;
    for (int64_t i = 0; i < count && !step->masked; i++, scores += TILE_ROW_BYTES, to += TILE_ROW_BYTES)
        if (kind == BOUNDED)
            _mm512_store_si512(to, fixed_weights(&w->exp, scores, scores + 2 * TILE_BYTES));
        else
            weigh_any(w, step, step->row + i, scores, to, kind, 0);
    for (int64_t i = 0; i < count && step->masked; i++, scores += TILE_ROW_BYTES, to += TILE_ROW_BYTES)
        if (kind == BOUNDED)
            _mm512_store_si512(to, _mm512_maskz_mov_epi16(keys_seen(w->job, step->row + i, step->key),
                                                          fixed_weights(&w->exp, scores, scores + 2 * TILE_BYTES)));
        else
            weigh_any(w, step, step->row + i, scores, to, kind, 1);
    step->row += count;
}

#endif
