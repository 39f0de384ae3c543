/* z_scores.c: root mean square and maximum of z, and their quantiles. */
#include "z_scores.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <string.h>

static const double false_alarm = 1e-9; /* of one test; 1e5 cases with four tests each cost 4e-4 */
static const int64_t most_chi_square =
    10000; /* rows up to which GSL's inverse converges; from some 37,000 on it does not */

void z_scores_add(z_scores *z, const double *error, const double *sigma, int64_t count, const int64_t at[3])
{
    double squares = 0;
    int64_t judged = 0;
    for (int64_t c = 0; c < count; c++) {
        if (!(sigma[c] > 0)) continue;
        const double score = fabs(error[c]) / sigma[c];
        squares += score * score;
        judged++;
        if (score <= z->max) continue;
        z->max = score;
        memcpy(z->where, at, 3 * sizeof *at);
        z->where[3] = c;
    }
    if (judged == 0) return;
    z->rows++;
    z->elements += judged;
    z->squares += squares / (double)judged;
}

void z_scores_pool(z_scores *into, const z_scores *more)
{
    if (more->max > into->max) {
        into->max = more->max;
        memcpy(into->where, more->where, sizeof into->where);
    }
    into->rows += more->rows;
    into->elements += more->elements;
    into->squares += more->squares;
}

double z_scores_rms(const z_scores *z) { return z->rows > 0 ? sqrt(z->squares / (double)z->rows) : 0; }

/* Beyond GSL's reach by Wilson and Hilferty's cube root, which is good to 1e-5 there. */
double z_scores_rms_limit(int64_t rows)
{
    const double r = (double)rows;
    if (rows <= most_chi_square) return sqrt(gsl_cdf_chisq_Qinv(false_alarm, r) / r);
    const double root = 1 - 2 / (9 * r) + gsl_cdf_ugaussian_Qinv(false_alarm) * sqrt(2 / (9 * r));
    return pow(root, 1.5);
}

double z_scores_max_limit(int64_t elements) { return gsl_cdf_ugaussian_Qinv(false_alarm / (2 * (double)elements)); }
