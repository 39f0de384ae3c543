/* ceilings_source.h: which loops ceilings.c times, and by which clock.
 *
 * The program uses this machine's loops and clock. Tests (test_ceilings.c) bring loops that advance a clock of their
 * own, so that the arithmetic on times is tested without measuring any. */
#ifndef ATTNBENCH_CEILINGS_SOURCE_H
#define ATTNBENCH_CEILINGS_SOURCE_H

#include "ceilings.h"
#include "ceilings_impl.h"

typedef struct compute_row {
    enum attn_ceiling ceiling;
    uint64_t isa;
    ceiling_compute loop;
} compute_row;

typedef struct read_row {
    uint64_t isa;
    ceiling_read loop;
} read_row;

typedef struct ceiling_source {
    const compute_row *compute;
    size_t computes;
    const read_row *read;
    size_t reads;
    double (*now)(void);               /* seconds */
    int64_t (*memory_available)(void); /* bytes */
} ceiling_source;

/* ceilings_measure, ceilings_refine and ceilings_footprint with another source. */
void ceilings_measure_from(const ceiling_source *s, uint64_t isa, ceilings *out);
void ceilings_refine_from(const ceiling_source *s, uint64_t isa, ceilings *c);
void ceilings_footprint_from(const ceiling_source *s, uint64_t isa, double bytes, ceilings *c);

#endif
