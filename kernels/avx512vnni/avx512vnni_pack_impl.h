/* avx512vnni_pack_impl.h: packs queries as 16-bit integers, and int8 keys and values, into the quads that vpdpbusd
 * takes. A quad is a dword: four channels of a query or of a key, or one channel of four keys.
 *
 * A query row y (scaled) becomes n 2^-k with the largest k that keeps its integers n within Q_MOST. The factor is a
 * power of 2, so only n is rounded. n = 256 high + low, both int8. vpdpbusd multiplies unsigned by signed bytes, so
 * keys are packed as key + 128, which adds 128 sum(n) to every dot product of the row. Channels that do not exist are 0
 * in n, so their keys do not matter. */
#ifndef ATTN_AVX512VNNI_PACK_IMPL_H
#define ATTN_AVX512VNNI_PACK_IMPL_H

#include "avx512/avx512_elements_impl.h"
#include "avx512/avx512_exp_impl.h"
#include "avx512/avx512_group_impl.h"
#include "avx512/avx512_transpose_impl.h"
#include "vector/transposed_impl.h"

/* Largest n: 127 * 256 + 127, and less where 128 n d, a sum of all channels, would leave 32 bits. */
enum { Q_MOST = 32639, Q_MOST_WIDE = 29127, WIDE = 512 };
_Static_assert(INT64_C(128) * Q_MOST * WIDE < INT32_MAX && INT64_C(128) * Q_MOST_WIDE * ATTN_MAX_D < INT32_MAX,
               "dot products fit into 32 bits");

static inline int64_t most_of(int64_t d) { return d <= WIDE ? Q_MOST : Q_MOST_WIDE; }

/* A row's largest n is more than half of the most; two roundings precede it. */
static inline double query_step(int64_t d) { return 2 * (1 + 0x1p-20) / (double)most_of(d); }

static inline int64_t quads_of(int64_t channels) { return (channels + 3) / 4; }

/* Queries of a group: (quads, GROUP) high bytes, as many low bytes, then for each row 128 sum(n) and -k. */
static inline int32_t *high_quads(const row_group *g) { return (int32_t *)(void *)g->q; }
static inline int32_t *low_quads(const row_group *g, int64_t d) { return high_quads(g) + quads_of(d) * GROUP; }
static inline int32_t *row_offset(const row_group *g, int64_t d) { return low_quads(g, d) + quads_of(d) * GROUP; }
static inline float *row_exponent(const row_group *g, int64_t d) { return (float *)(row_offset(g, d) + GROUP); }

/* Values of a block: bytes, then for each key the scale of its key, the magnitude of that of its value, and the scale
 * of an odd value (0 where it is not): of another sign than the block's others, not finite, or so large or small that
 * products with it might be; then the sign of the others. */
static inline int32_t *value_quads(const row_job *job) { return (int32_t *)(void *)job->own.v; }
static inline float *key_scales(const row_job *job) { return job->own.v + job->keys * job->dv_padded / 4; }
static inline float *value_scales(const row_job *job) { return key_scales(job) + job->keys; }
static inline float *odd_scales(const row_job *job) { return value_scales(job) + job->keys; }

static inline float *value_sign(const row_job *job) { return odd_scales(job) + job->keys; }

static inline __mmask64 bytes_before(int64_t n) { return n >= 64 ? UINT64_MAX : n <= 0 ? 0 : (UINT64_C(1) << n) - 1; }

static inline float largest_magnitude(const float *y, int64_t d)
{
    __m512i largest = _mm512_setzero_si512(); /* as bits: they order as magnitudes do, NaN behind infinity */
    for (int64_t c = 0; c < d; c += LANES) {
        const __m512i bits = _mm512_maskz_loadu_epi32(first_lanes(d - c), y + c);
        largest = _mm512_max_epu32(largest, _mm512_and_si512(bits, _mm512_set1_epi32(INT32_MAX)));
    }
    const uint32_t bits = _mm512_reduce_max_epu32(largest);
    float magnitude;
    memcpy(&magnitude, &bits, sizeof magnitude);
    return magnitude;
}

/* A row that is not finite: where one element alone is infinite, n becomes its sign, to be multiplied by infinity (a
 * softcap makes such scores finite again). Else scores are NaN. Returns what n is multiplied by, as the exponent of
 * 2. */
static float tame_row(float *y, int64_t d)
{
    int64_t at = 0, odd = 0;
    for (int64_t c = 0; c < d; c++)
        if (!isfinite(y[c])) at = c, odd++;
    const float one = copysignf(1, y[at]);
    const int infinite = odd == 1 && isinf(y[at]);
    memset(y, 0, (size_t)d * sizeof *y);
    y[at] = one;
    return infinite ? INFINITY : NAN;
}

/* k */
static inline int exponent_of(float magnitude, int64_t most)
{
    int exponent;
    const float fraction = frexpf(magnitude, &exponent); /* 1/2 <= fraction < 1, or 0 */
    return 15 - exponent - (fraction * 32768 > (float)most);
}

/* n of a query row in bytes, zeros from channel d to a multiple of 64, and 128 sum(n). Returns -k. */
static inline float quantise_row(const row_job *job, const float *row, int8_t *high, int8_t *low, int32_t *offset)
{
    const int64_t d = job->problem->d;
    const __m512 factor = _mm512_set1_ps(job->q_factor);
    float y[ATTN_MAX_D];
    for (int64_t c = 0; c < d; c += LANES)
        _mm512_storeu_ps(y + c, _mm512_mul_ps(_mm512_maskz_loadu_ps(first_lanes(d - c), row + c), factor));
    const float magnitude = largest_magnitude(y, d);
    const int finite = magnitude <= FLT_MAX;
    const float back = finite ? (float)-exponent_of(magnitude, most_of(d)) : tame_row(y, d);
    const __m512 exponent = _mm512_set1_ps(finite ? -back : 0);
    __m512i sum = _mm512_setzero_si512();
    for (int64_t c = 0; c < round_up(d, 64); c += LANES) {
        const __m512 x = _mm512_scalef_ps(_mm512_maskz_loadu_ps(first_lanes(d - c), y + c), exponent);
        const __m512i n = _mm512_cvtps_epi32(x);
        const __m512i upper = _mm512_srai_epi32(_mm512_add_epi32(n, _mm512_set1_epi32(128)), 8);
        const __m512i lower = _mm512_sub_epi32(n, _mm512_slli_epi32(upper, 8));
        _mm_storeu_si128((__m128i *)(void *)(high + c), _mm512_cvtepi32_epi8(upper));
        _mm_storeu_si128((__m128i *)(void *)(low + c), _mm512_cvtepi32_epi8(lower));
        sum = _mm512_add_epi32(sum, n);
    }
    *offset = (int32_t)(128 * (uint32_t)_mm512_reduce_add_epi32(sum));
    return back;
}

static void pack_queries(const row_job *job, const row_group *g, int64_t row)
{
    const int64_t d = job->problem->d;
    int8_t bytes[2][LANES][ATTN_MAX_D]; /* high, low */
    for (int64_t lane = 0; lane < g->rows; lane += LANES) {
        for (int64_t i = 0; i < LANES; i++)
            row_exponent(g, d)[lane + i] =
                quantise_row(job, query_row(job, job->q, row + smaller(lane + i, g->rows - 1)), bytes[0][i],
                             bytes[1][i], &row_offset(g, d)[lane + i]);
        for (int half = 0; half < 2; half++) {
            int32_t *to = half == 0 ? high_quads(g) : low_quads(g, d);
            for (int64_t c = 0; c < d; c += 64) {
                __m512 x[LANES];
                for (int i = 0; i < LANES; i++) x[i] = _mm512_loadu_ps(bytes[half][i] + c);
                transpose_16x16(x);
                for (int64_t i = 0; i < smaller(LANES, quads_of(d - c)); i++)
                    _mm512_store_ps(to + (c / 4 + i) * GROUP + lane, x[i]);
            }
        }
    }
}

/* Where 16 rows of K or V from `first` on lie, and their scales. Those at or beyond `end` repeat the last. */
static inline void find_rows(const row_job *job, int slot, int64_t first, int64_t end, const char *from[LANES],
                             float scale[LANES])
{
    const attn_tensor *rows = job->stored[slot], *scales = slot == ATTN_K ? job->k_scales : job->v_scales;
    const int64_t last = end - first - 1;
    const char *at = attn_row(rows, job->b, job->kv_head, first);
    const float *scale_at = scales ? attn_f32_row(scales, job->b, job->kv_head, first) : NULL;
    for (int64_t i = 0; i < LANES; i++) {
        from[i] = at;
        scale[i] = scale_at ? *scale_at : 1;
        if (i >= last) continue;
        at += rows->stride[2];
        if (scale_at) scale_at += scales->stride[2];
    }
}

/* The same of the block at hand, whose keys from `at` on lie in row[0 .. count - 1]: from the j-th of those on. */
static inline void take_rows(const row_job *job, const attn_tensor *scales, const char *const row[], int64_t at,
                             int64_t j, int64_t count, const char *from[LANES], float scale[LANES])
{
    for (int64_t i = 0; i < LANES; i++) {
        const int64_t key = smaller(j + i, count - 1);
        from[i] = row[key];
        scale[i] = scale_of_key(job, scales, job->first + at + key);
    }
}

/* Channels c .. c + 63 of 16 keys: x[i] becomes quad c / 4 + i of all, offset to unsigned. */
static inline void load_key_quads(const char *const from[LANES], int64_t c, int64_t d, __m512 x[LANES])
{
    const __m512i offset = _mm512_set1_epi8((char)0x80);
    for (int64_t i = 0; i < LANES; i++)
        x[i] = _mm512_castsi512_ps(_mm512_xor_si512(_mm512_maskz_loadu_epi8(bytes_before(d - c), from[i] + c), offset));
    transpose_16x16(x);
}

/* Two tiles of keys at a time. */
static void pack_keys(const row_job *job, const char *const row[], int64_t at, int64_t count)
{
    const int64_t d = job->problem->d, quads = quads_of(d);
    for (int64_t j = 0; j < count; j += 2 * TILE) {
        const char *from[LANES];
        float *to = job->own.k + (at + j) * quads;
        take_rows(job, job->k_scales, row, at, j, count, from, key_scales(job) + at + j);
        for (int64_t c = 0; c < d; c += 64) {
            __m512 x[LANES];
            load_key_quads(from, c, d, x);
            for (int64_t i = 0; i < smaller(LANES, quads_of(d - c)); i++) {
                _mm256_store_ps(to + (c / 4 + i) * TILE, _mm512_castps512_ps256(x[i]));
                _mm256_store_ps(to + (quads + c / 4 + i) * TILE, _mm512_extractf32x8_ps(x[i], 1));
            }
        }
    }
}

/* The scales of 16 values from key j of the block, of which those of `exist` exist and those of `not_zero` are not all
 * 0: a row of zeros has no scale, or it would coarsen the weights of the others. The first plain scale gives the block
 * its sign. Returns whether none is odd. */
static inline int note_value_scales(const row_job *job, int64_t j, __m512 scale, __mmask16 exist, __mmask16 not_zero,
                                    float *sign)
{
    const __m512 size = _mm512_abs_ps(scale);
    const __mmask16 large = _mm512_mask_cmp_ps_mask(exist, size, _mm512_set1_ps(0x1p-100f), _CMP_GE_OQ);
    const __mmask16 moderate = _mm512_mask_cmp_ps_mask(large, size, _mm512_set1_ps(0x1p100f), _CMP_LE_OQ);
    const __mmask16 negative = _mm512_movepi32_mask(_mm512_castps_si512(scale));
    if (*sign == 0 && moderate) *sign = negative >> __builtin_ctz(moderate) & 1 ? -1 : 1;
    const __mmask16 plain = moderate & (*sign < 0 ? negative : (__mmask16)~negative);
    const __mmask16 odd = _mm512_mask_cmp_ps_mask(exist & (__mmask16)~plain, size, _mm512_setzero_ps(), _CMP_NEQ_UQ);
    _mm512_storeu_ps(value_scales(job) + j, _mm512_maskz_mov_ps(plain & not_zero, size));
    _mm512_storeu_ps(odd_scales(job) + j, _mm512_maskz_mov_ps(odd, scale));
    return odd == 0;
}

/* Channels c .. c + 15 of four keys as quads, in two tiles of channels. Keys in the order of weight_quads. */
static inline void store_value_quads(__m128i a, __m128i b, __m128i c, __m128i d, int32_t *to, int64_t tile, int both)
{
    const __m128i ac[2] = {_mm_unpacklo_epi8(a, c), _mm_unpackhi_epi8(a, c)};
    const __m128i bd[2] = {_mm_unpacklo_epi8(b, d), _mm_unpackhi_epi8(b, d)};
    for (int half = 0; half < 1 + both; half++, to += tile) {
        _mm_store_si128((__m128i *)(void *)to, _mm_unpacklo_epi16(ac[half], bd[half]));
        _mm_store_si128((__m128i *)(void *)(to + 4), _mm_unpackhi_epi16(ac[half], bd[half]));
    }
}

/* Returns whether no value is odd. */
static int pack_values(const row_job *job, const char *const row[], int64_t at, int64_t count)
{
    const int64_t dv = job->problem->dv, tile = job->keys / 4 * TILE;
    float sign = 0;
    int all_plain = 1;
    for (int64_t j = 0; j < count; j += LANES) {
        const char *from[LANES];
        float scale[LANES];
        __mmask16 not_zero = 0;
        take_rows(job, job->v_scales, row, at, j, count, from, scale);
        for (int64_t i = 0; i < LANES; i += 4) {
            int32_t *to = value_quads(job) + (at + j + i) / 4 * TILE;
            __m128i any[4] = {_mm_setzero_si128(), _mm_setzero_si128(), _mm_setzero_si128(), _mm_setzero_si128()};
            for (int64_t c = 0; c < dv; c += LANES, to += 2 * tile) {
                __m128i x[4];
                for (int64_t n = 0; n < 4; n++) {
                    x[n] = _mm_maskz_loadu_epi8(first_lanes(dv - c), from[i + n] + c);
                    any[n] = _mm_or_si128(any[n], x[n]);
                }
                store_value_quads(x[0], x[1], x[2], x[3], to, tile, c + TILE < dv);
            }
            for (int64_t n = 0; n < 4; n++) not_zero |= (__mmask16)(!_mm_testz_si128(any[n], any[n]) << (i + n));
        }
        all_plain &= note_value_scales(job, at + j, _mm512_loadu_ps(scale), first_lanes(count - j), not_zero, &sign);
    }
    *value_sign(job) = sign;
    return all_plain;
}

/* Weights times scales of a row and block become integers below 2^16: they are multiplied by 2^exponent, which brings
 * the largest between 2^15 / 1.00002 and 2^16 / 1.00002. */
static const double WEIGHT_STEP = 1.0 / 32767; /* of the largest, which is 32767.3 of them at least */
static inline __m512 exponent_of_weights(__m512 largest)
{
    const __m512 rounded_up = _mm512_mul_ps(largest, _mm512_set1_ps(1.00002f));
    return _mm512_sub_ps(_mm512_set1_ps(15), _mm512_getexp_ps(rounded_up));
}

/* The value of a key in a channel, as it was packed. */
static inline float packed_value(const row_job *job, int64_t key, int64_t channel)
{
    static const int place[4] = {0, 2, 1, 3};
    const int32_t *quad = value_quads(job) + channel / TILE * (job->keys / 4 * TILE) + key / 4 * TILE + channel % TILE;
    return (float)((const int8_t *)quad)[place[key % 4]];
}

#endif
