/* amxbf16_pack_impl.h: queries, keys and values as tiles of 1 KB, in the order in which the kernel loads them, and
 * results out of them.
 *
 *   queries  [32 channels][16 rows]           a row of a tile: 32 channels of a query
 *   keys     [32 keys][32 channels][16 even keys, 16 odd ones]  a row: two channels of each of 16 keys
 *   values   [32 channels][32 keys][16 channels]  a row: two keys' elements of each of 16 channels
 *   weights  [32 keys][16 rows]               a row: 32 weights of a query
 *   results  [32 channels][16 channels][16 rows]  a row: 16 fp32 channels of a query
 *
 * Rows, keys and channels that do not exist are not read, and are 0 in a tile. */
#ifndef ATTN_AMXBF16_PACK_IMPL_H
#define ATTN_AMXBF16_PACK_IMPL_H

#include "avx512/avx512_bf16_impl.h"
#include "avx512/avx512_elements_impl.h"
#include "avx512/avx512_transpose_impl.h"
#include "tiles_impl.h"
#include "vector/transposed_impl.h"

enum { WIDTH = 32, TILE_BYTES = 1024, TILE_FLOATS = 256 }; /* keys, or channels, that a pair of tiles is wide */

static inline int64_t channel_steps(int64_t channels) { return (channels + WIDTH - 1) / WIDTH; }

static inline char *bytes_of(float *at) { return (char *)(void *)at; }

/* Lengths are bounds: so much is added, for squares below 2^-126 count as 0. */
static const float FLUSHED_LENGTH = 0x1p-58f;

static inline __m512 add_squares(__m512 sum, __m512i x) { return _mm512_dpbf16_ps(sum, (__m512bh)x, (__m512bh)x); }

/* Of lengths and their squares, which have no sign: by their bits, so that NaN is larger than all. */
static inline __m512 larger_lengths(__m512 x, __m512 y)
{
    return _mm512_castsi512_ps(_mm512_max_epu32(_mm512_castps_si512(x), _mm512_castps_si512(y)));
}

static inline float largest_length(__m512 x)
{
    const uint32_t bits = _mm512_reduce_max_epu32(_mm512_castps_si512(x));
    float length;
    memcpy(&length, &bits, sizeof length);
    return length;
}

/* g->factor, of no other use to a kernel that rescales results at once, gets |q| of each row. */
static void pack_queries(const row_job *job, const row_group *g, int64_t row)
{
    const int64_t d = job->problem->d;
    for (int64_t lane = 0; lane < GROUP; lane += LANES) {
        __m512 squares[LANES];
        for (int64_t r = 0; r < LANES; r++) {
            const char *from = stored_query_row(job, ATTN_Q, row + smaller(lane + r, g->rows - 1));
            char *to = bytes_of(g->q) + (lane + r) * TILE_ROW_BYTES;
            __m512 sum = _mm512_setzero_ps();
            for (int64_t c = 0; c < d; c += WIDTH, to += GROUP * TILE_ROW_BYTES) {
                const __m512i x =
                    _mm512_maskz_loadu_epi16(lane + r < g->rows ? elements_before(d - c) : 0, from + 2 * c);
                sum = add_squares(sum, x);
                _mm512_store_si512(to, x);
            }
            squares[r] = sum;
        }
        const __m512 lengths = _mm512_sqrt_ps(sums_of_16(squares));
        _mm512_store_ps(g->factor + lane, _mm512_add_ps(lengths, _mm512_set1_ps(FLUSHED_LENGTH)));
    }
}

/* Every other of 32 keys: pairs of channels are floats to the transposition. Returns the squares of their lengths. */
static inline __m512 pack_16_keys(const char *const from[], int64_t count, int64_t d, char *to)
{
    __m512 squares = _mm512_setzero_ps();
    for (int64_t c = 0; c < d; c += WIDTH, to += 2 * TILE_BYTES) {
        __m512 x[16];
        for (int64_t j = 0; j < 16; j++)
            x[j] = _mm512_castsi512_ps(_mm512_maskz_loadu_epi16(2 * j < count ? elements_before(d - c) : 0,
                                                                from[smaller(2 * j, larger(count - 1, 0))] + 2 * c));
        transpose_16x16(x);
        for (int i = 0; i < 16; i++) {
            squares = add_squares(squares, _mm512_castps_si512(x[i]));
            _mm512_store_ps(to + i * TILE_ROW_BYTES, x[i]);
        }
    }
    return squares;
}

static void pack_keys(const row_job *job, const char *const row[], int64_t at, int64_t count)
{
    const int64_t steps = channel_steps(job->problem->d);
    __m512 longest = _mm512_setzero_ps();
    for (int64_t j = 0; j < count; j += WIDTH)
        for (int64_t half = 0; half < 2; half++) {
            char *to = bytes_of(job->block.k) + ((at + j) / WIDTH * steps * 2 + half) * TILE_BYTES;
            const int64_t key = smaller(j + half, count - 1); /* one that exists, where none of the half does */
            longest = larger_lengths(pack_16_keys(row + key, count - j - half, job->problem->d, to), longest);
        }
    job->block.notes->longest_key = sqrtf(largest_length(longest)) + FLUSHED_LENGTH;
}

/* Keeps a copy of the tiles behind them, and makes what is not finite 0 in the tiles: 0 weights then keep it away. Only
 * this job uses a block that has such values. */
static void hide_odd_values(const row_job *job)
{
    if (job->block.notes->finite || job->block.notes->hidden) return;
    job->block.notes->hidden = 1;
    const __m512i exponent = _mm512_set1_epi16(0x7f80);
    const int64_t bytes = job->keys * job->dv_padded * 2;
    char *tiles = bytes_of(job->block.v);
    memcpy(tiles + bytes, tiles, (size_t)bytes);
    for (int64_t at = 0; at < bytes; at += TILE_ROW_BYTES) {
        const __m512i x = _mm512_load_si512(tiles + at);
        const __mmask32 finite = _mm512_cmpneq_epi16_mask(_mm512_and_si512(x, exponent), exponent);
        _mm512_store_si512(tiles + at, _mm512_maskz_mov_epi16(finite, x));
    }
}

/* Where the element of key j and channel c is in the value tiles, counted in elements. */
static inline int64_t value_place(const row_job *job, int64_t j, int64_t c)
{
    const int64_t tile = (c / WIDTH * (job->keys / WIDTH) + j / WIDTH) * 2 + c % WIDTH / 16;
    return tile * (TILE_BYTES / 2) + j % WIDTH / 2 * WIDTH + c % 16 * 2 + j % 2;
}

/* Two keys' channels, as they lie, become pairs: the second key's are the upper halves. */
static int pack_values(const row_job *job, const char *const row[], int64_t at, int64_t count)
{
    const int64_t dv = job->problem->dv, block = job->keys / WIDTH * 2 * TILE_BYTES;
    __m512i most = _mm512_setzero_si512();
    for (int64_t j = 0; j < round_up(count, WIDTH); j += 2) {
        const char *const from[2] = {row[smaller(j, count - 1)], row[smaller(j + 1, count - 1)]};
        char *to = bytes_of(job->block.v) + value_place(job, at + j, 0) * 2;
        for (int64_t c = 0; c < dv; c += WIDTH, to += block) {
            const __m512i x = _mm512_maskz_loadu_epi16(j < count ? elements_before(dv - c) : 0, from[0] + 2 * c);
            const __m512i y = _mm512_maskz_loadu_epi16(j + 1 < count ? elements_before(dv - c) : 0, from[1] + 2 * c);
            most = larger_magnitudes(larger_magnitudes(most, x), y);
            _mm512_store_si512(to, pairs_of(_mm512_castsi512_si256(x), _mm512_castsi512_si256(y)));
            _mm512_store_si512(to + TILE_BYTES,
                               pairs_of(_mm512_extracti64x4_epi64(x, 1), _mm512_extracti64x4_epi64(y, 1)));
        }
    }
    job->block.notes->largest_value = largest_magnitude(most);
    return job->block.notes->largest_value <= FLT_MAX;
}

/* The 16 results of a row that begin at channel c. */
static inline float *result_at(const row_group *g, int64_t r, int64_t c)
{
    return g->o + c / 16 * 2 * TILE_FLOATS + r * 16;
}

static void store_group(const row_job *job, const row_group *g, int64_t row)
{
    const int64_t dv = job->problem->dv;
    float inverses[GROUP], *rows[GROUP];
    query_rows(job, job->o, row, g->rows, g->rows, rows);
    for (int64_t r = 0; r < GROUP; r += LANES)
        _mm512_storeu_ps(inverses + r, _mm512_div_ps(_mm512_set1_ps(1.0f), _mm512_load_ps(g->sum + r)));
    for (int64_t r = 0; r < g->rows; r++) {
        float *to = rows[r];
        const __mmask16 sees = g->begin[r] < g->end[r] ? 0xffff : 0;
        const __m512 inverse = _mm512_set1_ps(inverses[r]);
        for (int64_t c = 0; c < dv; c += 16)
            _mm512_mask_storeu_ps(to + c, lanes_before(dv - c),
                                  _mm512_maskz_mul_ps(sees, _mm512_load_ps(result_at(g, r, c)), inverse));
        store_lse(job, row + r, g->max[r], g->sum[r]);
    }
}

#endif
