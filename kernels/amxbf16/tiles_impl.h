/* tiles_impl.h: all tile instructions of the kernel. tests/plugins/emulated_tiles.h defines the same names in C, so
 * that the kernel's mathematics is also judged on CPUs without tiles.
 *
 * A tile is 16 rows of 64 bytes. TILE_DOT multiplies 16 rows of 32 bf16 by 16 columns of 32 bf16 and adds the products
 * to 16 x 16 sums in fp32. The second factor holds, in row p and columns 2 n and 2 n + 1, elements 2 p and 2 p + 1 of
 * column n. Sums round to nearest; subnormal operands and results count as 0. The instructions take tile numbers as
 * constants. */
#ifndef ATTN_TILES_IMPL_H
#define ATTN_TILES_IMPL_H

#include <immintrin.h>
#include <stdint.h>

enum { TILE_ROW_BYTES = 64 };

#define TILE_ZERO(tile) _tile_zero(tile)
#define TILE_LOAD(tile, from) _tile_loadd(tile, from, TILE_ROW_BYTES)
/* For what is read once: it does not push what is read again out of the first-level cache. */
#define TILE_LOAD_STREAM(tile, from) _tile_stream_loadd(tile, from, TILE_ROW_BYTES)
#define TILE_STORE(tile, to) _tile_stored(tile, to, TILE_ROW_BYTES)
/* Before loads of what vectors have stored: the intrinsics of loads do not tell the compiler that they read memory. */
#define TILES_FENCE() __asm__ volatile("" ::: "memory")
#define TILE_DOT(sums, rows, pairs) _tile_dpbf16ps(sums, rows, pairs)

/* Eight tiles of 16 rows of 64 bytes, of this thread, until they are released. */
static inline void tiles_configure(void)
{
    struct {
        uint8_t palette, start_row, reserved[14];
        uint16_t row_bytes[16];
        uint8_t rows[16];
    } config = {.palette = 1};
    for (int t = 0; t < 8; t++) config.row_bytes[t] = TILE_ROW_BYTES, config.rows[t] = 16;
    _tile_loadconfig(&config);
}

static inline void tiles_release(void) { _tile_release(); }

#endif
