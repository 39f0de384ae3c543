/* ceiling_amx.c: products of tiles: 16 x 32 by 32 x 16 in bfloat16, 16 x 64 by 64 x 16 in signed bytes.
 *
 * A round is the 2 x 2 block that kernels on tiles use: two left tiles times two right tiles into four sums. A product
 * occupies the tile unit for 16 cycles, and four independent sums hide its latency. The instructions take tile numbers
 * as constants: 0 to 3 are sums, 4 and 5 left, 6 and 7 right. */
#include "machine/ceilings_impl.h"

#include <immintrin.h>
#include <string.h>

enum { ROWS = 16, ROW_BYTES = 64, SUMS = 4 };

/* The operand of ldtilecfg: palette 1, and each tile's bytes a row and rows. */
typedef struct tile_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} tile_config;

static void configure(void)
{
    tile_config config = {.palette = 1};
    for (int t = 0; t < 8; t++) {
        config.row_bytes[t] = ROW_BYTES;
        config.rows[t] = ROWS;
    }
    _tile_loadconfig(&config);
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
}

static void load_operands(const void *left, const void *right)
{
    _tile_loadd(4, left, ROW_BYTES);
    _tile_loadd(5, left, ROW_BYTES);
    _tile_loadd(6, right, ROW_BYTES);
    _tile_loadd(7, right, ROW_BYTES);
}

static void store_sums(void *sums)
{
    char *const at = sums;
    _tile_stored(0, at, ROW_BYTES);
    _tile_stored(1, at + ROWS * ROW_BYTES, ROW_BYTES);
    _tile_stored(2, at + 2 * ROWS * ROW_BYTES, ROW_BYTES);
    _tile_stored(3, at + 3 * ROWS * ROW_BYTES, ROW_BYTES);
    _tile_release();
}

/* The upper half of a float; the ceilings' inputs have zeros in the lower one. */
static uint16_t bf16(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return (uint16_t)(bits >> 16);
}

double ceiling_amxbf16_compute(const ceiling_input *in, int64_t rounds, float *sink)
{
    _Alignas(64) uint16_t left[ROWS * ROW_BYTES / 2], right[ROWS * ROW_BYTES / 2];
    _Alignas(64) float sums[SUMS * ROWS * ROW_BYTES / 4];
    for (int i = 0; i < ROWS * ROW_BYTES / 2; i++) left[i] = bf16(in->factor), right[i] = bf16(in->term);
    configure();
    load_operands(left, right);
    for (int64_t r = 0; r < rounds; r++) {
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    store_sums(sums);
    double total = 0;
    for (int i = 0; i < SUMS * ROWS * ROW_BYTES / 4; i++) total += (double)sums[i];
    *sink = (float)total;
    return 2.0 * 16 * 16 * 32 * SUMS * (double)rounds;
}

double ceiling_amxint8_compute(const ceiling_input *in, int64_t rounds, float *sink)
{
    _Alignas(64) int8_t left[ROWS * ROW_BYTES], right[ROWS * ROW_BYTES];
    _Alignas(64) int32_t sums[SUMS * ROWS * ROW_BYTES / 4];
    memset(left, (int)(in->factor * CEILING_BYTE_SCALE), sizeof left);
    memset(right, (int)(in->term * CEILING_BYTE_SCALE), sizeof right);
    configure();
    load_operands(left, right);
    for (int64_t r = 0; r < rounds; r++) {
        _tile_dpbssd(0, 4, 6);
        _tile_dpbssd(1, 4, 7);
        _tile_dpbssd(2, 5, 6);
        _tile_dpbssd(3, 5, 7);
    }
    store_sums(sums);
    double total = 0;
    for (int i = 0; i < SUMS * ROWS * ROW_BYTES / 4; i++) total += (double)sums[i];
    *sink = (float)(total / (CEILING_BYTE_SCALE * CEILING_BYTE_SCALE));
    return 2.0 * 16 * 16 * 64 * SUMS * (double)rounds;
}
