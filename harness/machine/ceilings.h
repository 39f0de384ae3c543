/* ceilings.h: what this machine can do at most, measured: multiply-add rates per instruction set and type, read
 * bandwidth per footprint. */
#ifndef ATTNBENCH_CEILINGS_H
#define ATTNBENCH_CEILINGS_H

#include "machine.h"

/* 32 KB, 1 MB, 32 MB, 1 GB; what just fits in L2 and in L3 where these lie between others; and those of
 * ceilings_footprint. */
#define CEILING_FOOTPRINTS 64

typedef struct ceilings {
    double rate[ATTN_CEILINGS]; /* operations a second, one thread; 0: not measured (ISA missing) */
    attn_bandwidth
        bandwidth[CEILING_FOOTPRINTS]; /* ascending; bytes_per_second 0: not measured (too little memory), or unused */
    double seconds;                    /* what measuring took */
} ceilings;

/* Measures (about one second in all; best of several short runs, as a ceiling is a maximum). Only instruction sets in
 * `isa` run. */
void ceilings_measure(uint64_t isa, ceilings *out);

/* Measures again and keeps the larger of both: a neighbour may disturb the whole of one measurement, but hardly each of
 * several that lie apart in time. */
void ceilings_refine(uint64_t isa, ceilings *c);

/* Measures the bandwidth for just so many bytes (again, if it was asked for before), so that data between two
 * footprints are held against their own. Nothing where memory or the table is too small. */
void ceilings_footprint(uint64_t isa, double bytes, ceilings *c);

/* The machine as kernels see it. The result points into `c`, which may be NULL: rates unknown. */
attn_machine ceilings_machine(const ceilings *c, uint64_t isa, int threads);

/* Bandwidth for the smallest measured footprint >= bytes (the largest one beyond); 0 unknown. */
double ceilings_bandwidth(const ceilings *c, double bytes);

#endif
