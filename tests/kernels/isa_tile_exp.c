/* isa_tile_exp.c: compiled with the flags of kernels/amxbf16 as isa_tile_exp_native, and with those of its emulation as
 * the other. */
#include "isa_tile_exp.h"

#include "amxbf16/amxbf16_exp_impl.h"

static tile_fixed fixed(double scale, int64_t d)
{
    const fixed_point f = fixed_point_of(scale * 1.4426950408889634, (d + 31) / 32);
    return (tile_fixed){f.start, f.multiplier, f.raised, (double)f.bound, f.kappa};
}

static void weights(uint16_t multiplier, enum tile_mistake mistake, const float even[16], const float odd[16],
                    uint16_t weight[32])
{
    _Alignas(64) char scores[2][64], bf16[64];
    memcpy(scores[0], even, 64);
    memcpy(scores[1], odd, 64);
    fixed_exp e = fixed_exp_of(mistake == TILE_MULTIPLIER_LOWER ? (uint16_t)(multiplier - 8) : multiplier);
    if (mistake == TILE_TABLE_SHIFTED) {
        unsigned char table[64];
        _mm512_store_si512((void *)bf16, e.table);
        for (int i = 0; i < 64; i++) table[i] = (unsigned char)bf16[(i + 1) % 64];
        memcpy(bf16, table, 64);
        e.table = _mm512_load_si512((const void *)bf16);
    }
    if (mistake == TILE_BITS_LOWER) e.bits = _mm512_set1_epi64(0x2e262e260e060e06);
    _mm512_store_si512((void *)bf16, fixed_weights(&e, scores[0], scores[1]));
    memcpy(weight, bf16, 64);
}

static void cubic(const float *x, float *y, int n)
{
    for (int i = 0; i < n; i += 16) {
        _Alignas(64) float lanes[16];
        memcpy(lanes, x + i, sizeof lanes);
        _mm512_store_ps(lanes, cubic_weight(_mm512_load_ps(lanes)));
        memcpy(y + i, lanes, sizeof lanes);
    }
}

const isa_tile_exp ISA_TILE_EXP = {
    ISA_TILE_EXP_NAME, (ATTN_FOLDER_ISA) & ~ATTN_ISA_AMXBF16, CUBIC_KAPPA, fixed, weights, cubic,
};
