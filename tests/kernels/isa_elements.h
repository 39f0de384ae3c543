/* isa_elements.h: the conversions of an instruction set's kernels between stored elements and floats, as functions of
 * arrays. */
#ifndef ISA_ELEMENTS_H
#define ISA_ELEMENTS_H

#include "attention.h"

typedef struct isa_elements {
    const char *name;
    uint64_t isa;
    int width;                                                                 /* elements a call */
    void (*load)(const void *row, int64_t c, uint32_t type, int n, float *to); /* the first n of width; 0 beyond */
    void (*store)(void *row, int64_t c, uint32_t type, int n, const float *from);
} isa_elements;

extern const isa_elements isa_elements_avx2, isa_elements_avx512;

#endif
