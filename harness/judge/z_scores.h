/* z_scores.h: errors in units of their standard deviation, over the rows of a case, against what chance allows.
 *
 * Elements of one row share their errors, so the sample of the root mean square is as large as there are rows. */
#ifndef ATTNBENCH_Z_SCORES_H
#define ATTNBENCH_Z_SCORES_H

#include <stdint.h>

typedef struct z_scores {
    int64_t rows, elements; /* judged: sigma above 0; a row with one such element counts */
    double squares;         /* sum over the rows of their mean z^2 */
    double max;
    int64_t where[4]; /* of the largest: b, h, q, channel */
} z_scores;

/* A row of `count` errors, each with its sigma (0: not judged), at (b, h, q). */
void z_scores_add(z_scores *z, const double *error, const double *sigma, int64_t count, const int64_t at[3]);
void z_scores_pool(z_scores *into, const z_scores *more);

double z_scores_rms(const z_scores *z);

/* What a correct kernel exceeds once in 1e9 cases: by chi-square with as many degrees of freedom as rows, and by the
 * normal distribution for the largest of all elements. */
double z_scores_rms_limit(int64_t rows);
double z_scores_max_limit(int64_t elements);

#endif
