/* stats_launches.h: figures over process launches.
 *
 * Where code and data lie in memory differs from launch to launch. It changes a ratio by up to some percent, however
 * many pairs one launch measures. So the launch is the unit of replication: a claim about builds is a claim about the
 * mean of launches. compare_confirm.c, the gate and the history call it. */
#ifndef ATTNBENCH_STATS_LAUNCHES_H
#define ATTNBENCH_STATS_LAUNCHES_H

#include "stats_sign.h"

typedef struct launch_figures {
    double mean, deviation; /* of the launches' medians; the deviation is that of one launch */
    interval bounds;        /* Student's t, `alpha` on each side; infinite for fewer than two launches */
} launch_figures;

launch_figures launch_figures_of(const double *median, size_t launches, double alpha);

/* p-value of the claim that the mean of launches is above `bound`: small if the data support it. */
double launches_above(const double *median, size_t launches, double bound);

#endif
