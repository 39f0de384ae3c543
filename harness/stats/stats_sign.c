/* stats_sign.c: E is a tail of the beta distribution; an interval holds the medians that the test does not reject. */
#include "stats_sign.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_math.h>
#include <gsl/gsl_sf_gamma.h>
#include <math.h>

/* The tail is computed as Q. As 1 - P it would be 0 or rounding noise where it is small, and the test would claim
 * anything. Below 1e-308, when the signs lie 37 deviations on the other side, Q is 0 and so is E; its true value there
 * is 1e-3 or less. */
double sign_log_e(int64_t s, int64_t f)
{
    const double a = 0.5 + (double)s, b = 0.5 + (double)f;
    return (double)(s + f + 1) * M_LN2 + gsl_sf_lnbeta(a, b) - gsl_sf_lnbeta(0.5, 0.5) + log(gsl_cdf_beta_Q(0.5, a, b));
}

/* The fewest of n that reject p = 1/2; n + 1 if not even all do. ln E grows with s. */
static size_t fewest_refusing(size_t n, double log_threshold)
{
    size_t low = n / 2, high = n + 1;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (sign_log_e((int64_t)middle, (int64_t)(n - middle)) >= log_threshold)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* From the k-th smallest to the k-th largest; k = 0: everything. */
static interval order_statistics(const double *sorted, size_t n, size_t k)
{
    if (k == 0) return (interval){-INFINITY, INFINITY};
    return (interval){sorted[k - 1], sorted[n - k]};
}

interval sign_interval_sequential(const double *sorted, size_t n, double alpha)
{
    /* A median just below the k-th smallest has n - k + 1 observations above it. */
    const size_t refusing = fewest_refusing(n, -log(alpha));
    return order_statistics(sorted, n, refusing > n ? 0 : n - refusing + 1);
}

interval sign_interval_exact(const double *sorted, size_t n, double alpha)
{
    size_t k = 0;
    while (k < n / 2 && gsl_cdf_binomial_P((unsigned)k, 0.5, (unsigned)n) <= alpha / 2) k++;
    return order_statistics(sorted, n, k);
}
