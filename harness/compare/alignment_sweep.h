/* alignment_sweep.h: how much of a kernel's time depends on where its buffers and its code lie in memory.
 *
 * For a kernel on a workload that the judge has passed, each cell of the sweep times pairs of two calls: buffers at the
 * beginning of pages, against one buffer some bytes further on. 16 to 48 bytes make vectors cross cache lines. 64 to
 * 3072 bytes matter because loads and stores whose addresses agree in their last 12 bits wait for each other, and
 * buffers at pages all agree. Cells named "code" compare two modules of the built-in kernels, one linked with its code
 * that much further on. `bench --layout` (cli/cmd_bench_layout.c) calls it and writes the result into the record. */
#ifndef ATTNBENCH_ALIGNMENT_SWEEP_H
#define ATTNBENCH_ALIGNMENT_SWEEP_H

#include <jansson.h>

#include "compare_side.h"
#include "stats/stats_pairs.h"
#include "judge/trial.h"

enum { ALIGNMENT_CELLS = 48 /* the most of a sweep */, ALIGNMENT_LINKS = 4 };

typedef struct alignment_cell {
    const char *what; /* the buffer, or "code" */
    int bytes;
    bool timed;
    char reason[160]; /* why it was not */
    pair_figures figures;
    size_t pairs;
} alignment_cell;

/* One kernel on one workload. In shared memory while a child fills it. */
typedef struct alignment_sweep {
    const attn_kernel *kernel;
    const workload *w;
    int threads;
    char reason[320];  /* why not all cells were timed; "" they were */
    char unmoved[320]; /* why its code was not moved; "" it was */
    alignment_cell cell[ALIGNMENT_CELLS];
    int cells;
} alignment_sweep;

/* The module of the built-in kernels linked at several offsets, each paired with the one at offset 0. */
typedef struct alignment_links {
    compare_sides at[ALIGNMENT_LINKS];
    int opened;
    char reason[400]; /* why there are none */
} alignment_links;
void alignment_links_open(alignment_links *l, uint64_t isa);
void alignment_links_close(alignment_links *l);

typedef struct alignment_settings {
    const attn_machine *machine;
    const alignment_links *links;
    uint64_t seed;
} alignment_settings;

/* Sweeps one case, which `judged` says has passed, in a child process. */
void alignment_sweep_run(alignment_sweep *out, const trial_group *g, const trial *judged, const alignment_settings *s);

/* Is the difference real? Two calls that differ only in their table of arguments already differ by up to 0.2 %, so the
 * interval must lie beyond that. */
bool alignment_shows(const alignment_cell *c);

/* The cell with the largest difference that shows; NULL: none does. */
const alignment_cell *alignment_worst(const alignment_sweep *s);

json_t *alignment_json(const alignment_sweep *s);

#endif
