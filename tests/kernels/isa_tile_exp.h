/* isa_tile_exp.h: the weights of kernels/amxbf16 as functions of arrays: compiled for the CPU that has them, and
 * emulated. */
#ifndef ISA_TILE_EXP_H
#define ISA_TILE_EXP_H

#include "attention.h"

/* What kernels/amxbf16/amxbf16_exp_impl.h makes of a scale and a number of channels. */
typedef struct tile_fixed {
    float start;
    uint16_t multiplier;
    int raised;
    double bound, kappa;
} tile_fixed;

/* A wrong copy of the constants, for the test of the test; 0 RIGHT. */
enum tile_mistake {
    TILE_RIGHT,
    TILE_TABLE_SHIFTED,    /* by one entry */
    TILE_MULTIPLIER_LOWER, /* by 8 of 65536 */
    TILE_BITS_LOWER,       /* one bit less of the range */
    TILE_MISTAKES
};

typedef struct isa_tile_exp {
    const char *name;
    uint64_t isa;
    double cubic_kappa; /* u */
    tile_fixed (*fixed)(double scale, int64_t d);
    /* 32 bf16 weights of 16 even and 16 odd accumulators, in order of keys. */
    void (*weights)(uint16_t multiplier, enum tile_mistake mistake, const float even[16], const float odd[16],
                    uint16_t weight[32]);
    void (*cubic)(const float *x, float *y, int n); /* n is a multiple of 16; before the lower halves are cut off */
} isa_tile_exp;

extern const isa_tile_exp isa_tile_exp_native, isa_tile_exp_emulated;

#endif
