/* stats_launches.h: the process launch as the unit of replication. Where code and data come to lie differs from
 * launch to launch and moves a ratio by up to some percent, however many pairs one launch measures: so a claim about
 * builds is a claim about the mean of launches. */
#ifndef ATTNBENCH_STATS_LAUNCHES_H
#define ATTNBENCH_STATS_LAUNCHES_H

#include "stats_sign.h"

typedef struct launch_figures {
    double mean, deviation; /* of the launches' medians; the deviation is of one launch */
    interval bounds;        /* Student's t, `alpha` on each side; infinite for fewer than two launches */
} launch_figures;

launch_figures launch_figures_of(const double *median, size_t launches, double alpha);

/* p-value of the claim that the mean of launches is above `bound`: small where the data speak for it. */
double launches_above(const double *median, size_t launches, double bound);

#endif
