/* alignment_sweep.h: what a kernel's time owes to where its buffers and its code happen to lie.
 *
 * Each call is compared in pairs with the same kernel on the same tensors that begin at pages: one buffer lies 16 to
 * 48 bytes further on (vectors then cross cache lines), or 64 to 3072 (loads and stores whose addresses agree in their
 * last 12 bits wait for each other, and pages are where all buffers agree). Likewise a built-in kernel from a module
 * that was linked with its code that much further on. */
#ifndef ATTNBENCH_ALIGNMENT_SWEEP_H
#define ATTNBENCH_ALIGNMENT_SWEEP_H

#include <jansson.h>

#include "compare_side.h"
#include "stats/stats_pairs.h"
#include "judge/trial.h"

enum { ALIGNMENT_CELLS = 48, ALIGNMENT_LINKS = 4 };

typedef struct alignment_cell {
    const char *what; /* the buffer, or "code" */
    int bytes;
    bool timed;
    char reason[160]; /* why it was not */
    pair_figures figures;
    size_t pairs;
} alignment_cell;

/* One kernel on one workload. Lies in shared memory while a child fills it. */
typedef struct alignment_sweep {
    const attn_kernel *kernel;
    const workload *w;
    int threads;
    char reason[320];  /* why none was timed, or not all; "" all is well */
    char unmoved[320]; /* why its code was not moved; "" it was */
    alignment_cell cell[ALIGNMENT_CELLS];
    int cells;
} alignment_sweep;

/* The built-in kernels' module linked at several places, each against the first of them. */
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

/* A judged case, in a child. */
void alignment_sweep_run(alignment_sweep *out, const trial_group *g, const trial *judged, const alignment_settings *s);

/* Does its interval lie beyond what a call changes by because its other lane has another table of arguments? */
bool alignment_shows(const alignment_cell *c);

/* The largest change that shows; NULL: none does. */
const alignment_cell *alignment_worst(const alignment_sweep *s);

json_t *alignment_json(const alignment_sweep *s);

#endif
