/* stats_launches.c: Student's t, by GSL. */
#include "stats_launches.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_statistics.h>
#include <math.h>

launch_figures launch_figures_of(const double *median, size_t launches, double alpha)
{
    launch_figures f = {.mean = launches ? gsl_stats_mean(median, 1, launches) : 0, .bounds = {-INFINITY, INFINITY}};
    if (launches < 2) return f;
    f.deviation = gsl_stats_sd(median, 1, launches);
    const double reach = gsl_cdf_tdist_Qinv(alpha, (double)launches - 1) * f.deviation / sqrt((double)launches);
    f.bounds = (interval){f.mean - reach, f.mean + reach};
    return f;
}

double launches_above(const double *median, size_t launches, double bound)
{
    if (launches < 2) return 1;
    const double mean = gsl_stats_mean(median, 1, launches), deviation = gsl_stats_sd(median, 1, launches);
    if (deviation <= 0) return mean > bound ? 0 : 1;
    return gsl_cdf_tdist_Q((mean - bound) / (deviation / sqrt((double)launches)), (double)launches - 1);
}
