/* ceilings.h: what this machine can do at most, measured: multiply-add rates for each instruction set and type, read
 * bandwidth for each footprint. Kernels plan with them (attn_machine), and shares in reports refer to them. */
#ifndef ATTNBENCH_CEILINGS_H
#define ATTNBENCH_CEILINGS_H

#include "machine.h"

/* 32 KB, 1 MB, 32 MB, 1 GB; sizes that just fit into L2 and L3, if these lie apart from the others; and those that
 * ceilings_footprint adds. */
#define CEILING_FOOTPRINTS 64

typedef struct ceilings {
    double rate[ATTN_CEILINGS]; /* operations a second, one thread; 0: not measured (ISA missing) */
    /* Ascending; bytes_per_second 0: not measured (too little memory), or unused. */
    attn_bandwidth bandwidth[CEILING_FOOTPRINTS];
    double seconds; /* that measuring took */
} ceilings;

/* Measures for about one second. Each figure is the best of several short runs, because a ceiling is a maximum. Only
 * instruction sets in `isa` run. */
void ceilings_measure(uint64_t isa, ceilings *out);

/* Measures again and keeps the larger figures: other load may disturb the whole of one measurement, but hardly each of
 * several at different times. */
void ceilings_refine(uint64_t isa, ceilings *c);

/* Adds the bandwidth for exactly this many bytes (or measures it again), so that a workload between two footprints has
 * a ceiling of its own. Does nothing where memory or the table is too small. */
void ceilings_footprint(uint64_t isa, double bytes, ceilings *c);

/* The machine as kernels see it. The result points into `c`, which may be NULL: rates unknown. */
attn_machine ceilings_machine(const ceilings *c, uint64_t isa, int threads);

/* The bandwidth of the smallest measured footprint >= bytes, or of the largest one; 0: unknown. */
double ceilings_bandwidth(const ceilings *c, double bytes);

#endif
