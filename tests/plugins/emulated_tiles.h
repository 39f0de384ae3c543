/* emulated_tiles.h: kernels/amxbf16/tiles_impl.h in C, in whose place it is included: the tile unit as its manual
 * defines it.
 *
 * Products of the even and of the odd element of each pair are added up in two fp32 sums by fused multiply-adds; their
 * sum is then added to the tile. Every step rounds to nearest, and takes and gives 0 for subnormals. A tile that is
 * used before it is configured, or after its release, stops the program. */
#ifndef ATTN_TILES_IMPL_H
#define ATTN_TILES_IMPL_H

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { TILE_ROW_BYTES = 64, TILE_ROWS = 16, TILE_PAIRS = 16, TILES = 8 };

typedef union emulated_tile {
    float sum[TILE_ROWS][16];
    uint16_t element[TILE_ROWS][2 * TILE_PAIRS];
    unsigned char bytes[TILE_ROWS * TILE_ROW_BYTES];
} emulated_tile;

static _Thread_local emulated_tile emulated_tiles[TILES];
static _Thread_local int emulated_configured;

static inline emulated_tile *emulated_tile_of(int tile)
{
    if (!emulated_configured) abort();
    return &emulated_tiles[tile];
}

static inline float emulated_flush(float x) { return fabsf(x) < FLT_MIN ? copysignf(0, x) : x; }

static inline float emulated_widen(uint16_t element)
{
    const uint32_t bits = (uint32_t)element << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return emulated_flush(x);
}

static inline void emulated_dot(int sums, int rows, int pairs)
{
    emulated_tile *s = emulated_tile_of(sums);
    const emulated_tile *a = emulated_tile_of(rows), *b = emulated_tile_of(pairs);
    for (int m = 0; m < TILE_ROWS; m++) {
        float even[16] = {0}, odd[16] = {0};
        for (int p = 0; p < TILE_PAIRS; p++) {
            const float x = emulated_widen(a->element[m][2 * p]), y = emulated_widen(a->element[m][2 * p + 1]);
            for (int n = 0; n < 16; n++) {
                even[n] = emulated_flush(fmaf(x, emulated_widen(b->element[p][2 * n]), even[n]));
                odd[n] = emulated_flush(fmaf(y, emulated_widen(b->element[p][2 * n + 1]), odd[n]));
            }
        }
        for (int n = 0; n < 16; n++)
            s->sum[m][n] = emulated_flush(emulated_flush(s->sum[m][n]) + emulated_flush(even[n] + odd[n]));
    }
}

#define TILE_ZERO(tile) memset(emulated_tile_of(tile), 0, sizeof(emulated_tile))
#define TILE_LOAD(tile, from) memcpy(emulated_tile_of(tile)->bytes, from, sizeof(emulated_tile))
#define TILE_LOAD_STREAM(tile, from) TILE_LOAD(tile, from)
#define TILE_STORE(tile, to) memcpy(to, emulated_tile_of(tile)->bytes, sizeof(emulated_tile))
#define TILES_FENCE() (void)0
#define TILE_DOT(sums, rows, pairs) emulated_dot(sums, rows, pairs)

static inline void tiles_configure(void)
{
    emulated_configured = 1;
    memset(emulated_tiles, 0xff, sizeof emulated_tiles); /* NaN: a tile holds nothing until it is loaded */
}

static inline void tiles_release(void) { emulated_configured = 0; }

#endif
