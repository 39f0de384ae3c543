/* isa_exp.h: the exponentials of an instruction set's kernels as functions of arrays, with the errors that they
 * declare. */
#ifndef ISA_EXP_H
#define ISA_EXP_H

#include "attention.h"

typedef struct isa_exp {
    const char *name;
    uint64_t isa;
    void (*exp2)(const float *x, float *y, int n); /* n is a multiple of 16 */
    void (*tanh)(const float *x, float *y, int n);
    double kappa, kappa_t, tau; /* as in attn_plan */
} isa_exp;

extern const isa_exp isa_exp_avx2, isa_exp_avx512, isa_exp_avx512_short;

#endif
