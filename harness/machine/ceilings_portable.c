/* ceilings_portable.c: the ceiling of portable kernels: multiply-adds and reads in vectors as wide as the compiler's
 * flags allow, which are the flags of those kernels (ceilings.cmake).
 *
 * GNU vector types have a width but name no instruction set; __BIGGEST_ALIGNMENT__ is the widest that the flags allow
 * (16 on plain x86-64 and aarch64, more with -march=native). Plain arrays would depend on each compiler's
 * auto-vectoriser. Whether a multiply-add is one instruction or two depends on the flags as well. */
#include "ceilings_impl.h"

#include <string.h>

#define WIDTH ((int64_t)(__BIGGEST_ALIGNMENT__ < 16 ? 16 : __BIGGEST_ALIGNMENT__))
#define LANES (WIDTH / (int64_t)sizeof(float))

typedef float lane_f32 __attribute__((vector_size(__BIGGEST_ALIGNMENT__ < 16 ? 16 : __BIGGEST_ALIGNMENT__)));
typedef uint64_t lane_u64 __attribute__((vector_size(__BIGGEST_ALIGNMENT__ < 16 ? 16 : __BIGGEST_ALIGNMENT__)));

static lane_f32 load_seeds_portable(const ceiling_input *in, int64_t index)
{
    lane_f32 v;
    memcpy(&v, &in->seed[index * LANES % CEILING_SEEDS], sizeof v);
    return v;
}

static lane_f32 broadcast_portable(float x) { return x - (lane_f32){0}; }

static float sum_lanes(lane_f32 v)
{
    float total = 0;
    for (int64_t i = 0; i < LANES; i++) total += v[i];
    return total;
}

/* 12 accumulators: with factor, term and temporaries they fill the 16 registers of x86-64. */
double ceiling_portable_compute(const ceiling_input *in, int64_t rounds, float *sink)
{
    const lane_f32 x = broadcast_portable(in->factor), y = broadcast_portable(in->term);
    lane_f32 a = load_seeds_portable(in, 0), b = load_seeds_portable(in, 1), c = load_seeds_portable(in, 2),
             d = load_seeds_portable(in, 3);
    lane_f32 e = load_seeds_portable(in, 4), f = load_seeds_portable(in, 5), g = load_seeds_portable(in, 6),
             h = load_seeds_portable(in, 7);
    lane_f32 i = load_seeds_portable(in, 8), j = load_seeds_portable(in, 9), k = load_seeds_portable(in, 10),
             l = load_seeds_portable(in, 11);
    for (int64_t r = 0; r < rounds; r++) {
        a = a * x + y, b = b * x + y, c = c * x + y, d = d * x + y;
        e = e * x + y, f = f * x + y, g = g * x + y, h = h * x + y;
        i = i * x + y, j = j * x + y, k = k * x + y, l = l * x + y;
    }
    *sink = sum_lanes((a + b + c + d) + (e + f + g + h) + (i + j + k + l));
    return 2.0 * 12 * (double)LANES * (double)rounds;
}

/* 24 accumulators, for machines with 32 registers and more than 12 multiply-adds in flight. Where they do not fit into
 * registers this loop is the slower one, and the other counts. */
double ceiling_portable_compute_wide(const ceiling_input *in, int64_t rounds, float *sink)
{
    const lane_f32 x = broadcast_portable(in->factor), y = broadcast_portable(in->term);
    lane_f32 a = load_seeds_portable(in, 0), b = load_seeds_portable(in, 1), c = load_seeds_portable(in, 2),
             d = load_seeds_portable(in, 3);
    lane_f32 e = load_seeds_portable(in, 4), f = load_seeds_portable(in, 5), g = load_seeds_portable(in, 6),
             h = load_seeds_portable(in, 7);
    lane_f32 i = load_seeds_portable(in, 8), j = load_seeds_portable(in, 9), k = load_seeds_portable(in, 10),
             l = load_seeds_portable(in, 11);
    lane_f32 m = load_seeds_portable(in, 12), n = load_seeds_portable(in, 13), o = load_seeds_portable(in, 14),
             p = load_seeds_portable(in, 15);
    lane_f32 q = load_seeds_portable(in, 16), s = load_seeds_portable(in, 17), t = load_seeds_portable(in, 18),
             u = load_seeds_portable(in, 19);
    lane_f32 v = load_seeds_portable(in, 20), w = load_seeds_portable(in, 21), z = load_seeds_portable(in, 22),
             aa = load_seeds_portable(in, 23);
    for (int64_t r = 0; r < rounds; r++) {
        a = a * x + y, b = b * x + y, c = c * x + y, d = d * x + y;
        e = e * x + y, f = f * x + y, g = g * x + y, h = h * x + y;
        i = i * x + y, j = j * x + y, k = k * x + y, l = l * x + y;
        m = m * x + y, n = n * x + y, o = o * x + y, p = p * x + y;
        q = q * x + y, s = s * x + y, t = t * x + y, u = u * x + y;
        v = v * x + y, w = w * x + y, z = z * x + y, aa = aa * x + y;
    }
    *sink = sum_lanes((a + b + c + d) + (e + f + g + h) + (i + j + k + l) + (m + n + o + p) + (q + s + t + u) +
                      (v + w + z + aa));
    return 2.0 * 24 * (double)LANES * (double)rounds;
}

uint64_t ceiling_portable_read(const void *buffer, size_t bytes, int64_t passes)
{
    enum { STEP = 8 * sizeof(lane_u64) };
    lane_u64 a = {0}, b = a, c = a, d = a, e = a, f = a, g = a, h = a;
    const size_t steps = bytes / STEP * (size_t)passes;
    for (size_t step = 0, offset = 0; step < steps; step++, offset = offset + STEP < bytes ? offset + STEP : 0) {
        const lane_u64 *const at = (const void *)((const char *)buffer + offset);
        a ^= at[0], b ^= at[1], c ^= at[2], d ^= at[3];
        e ^= at[4], f ^= at[5], g ^= at[6], h ^= at[7];
    }
    a ^= b ^ c ^ d ^ e ^ f ^ g ^ h;
    uint64_t all = 0;
    for (size_t i = 0; i < sizeof a / sizeof a[0]; i++) all ^= a[i];
    return all;
}
