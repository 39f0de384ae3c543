/* sequential_test.c: counts signs on either side of both borders, and compares their E with 1/alpha and 1/beta. */
#include "sequential_test.h"

#include <math.h>

#include "stats_sign.h"

void decision_add(decision *d, double log_ratio)
{
    const double border = log1p(d->rule.delta);
    d->above_high += log_ratio > border;
    d->below_high += log_ratio < border;
    d->above_low += log_ratio > -border;
    d->below_low += log_ratio < -border;
}

static bool claims(int64_t s, int64_t f, double error) { return s > f && sign_log_e(s, f) >= -log(error); }

void decision_look(decision *d)
{
    d->slower |= claims(d->above_high, d->below_high, d->rule.alpha);
    d->not_slower |= claims(d->below_high, d->above_high, d->rule.beta);
    d->faster |= claims(d->below_low, d->above_low, d->rule.alpha);
    d->not_faster |= claims(d->above_low, d->below_low, d->rule.beta);
}

bool decision_made(const decision *d) { return d->slower || (d->not_slower && (d->faster || d->not_faster)); }

double decision_log_e(const decision *d) { return sign_log_e(d->above_high, d->below_high); }
