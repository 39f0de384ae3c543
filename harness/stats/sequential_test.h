/* sequential_test.h: decides slower, faster or neither by four sequential sign tests on the same pairs.
 *
 *   slower      the median of ln(new / base) is above ln(1 + delta)      claimed when E reaches 1/alpha
 *   not slower  it is below                                                                   1/beta
 *   faster, not faster: the same about -ln(1 + delta)
 *
 * Each test is valid at every look if the signs of pairs are independent, so sampling may stop as soon as there is a
 * decision. The first look waits until the pairs span more than one disturbance of the machine (paired_sampler.h),
 * because signs within one are not independent. */
#ifndef ATTNBENCH_SEQUENTIAL_TEST_H
#define ATTNBENCH_SEQUENTIAL_TEST_H

#include <stdbool.h>
#include <stdint.h>

typedef struct decision_rule {
    double delta; /* relative difference that matters, such as 0.005 */
    double alpha; /* chance of a false slower (or faster): 1 % divided by the number of comparisons */
    double beta;  /* chance of a false not slower (or not faster): 0.1 % */
} decision_rule;

typedef struct decision {
    decision_rule rule;
    int64_t above_high, below_high; /* pairs on either side of ln(1 + delta) */
    int64_t above_low, below_low;   /* and of -ln(1 + delta) */
    bool slower, not_slower, faster, not_faster;
} decision;

void decision_add(decision *d, double log_ratio);

/* Evaluates the tests. A claim once made stays. */
void decision_look(decision *d);

/* Is it decided? Either slower; or not slower, and faster or not faster. */
bool decision_made(const decision *d);

/* ln E of the claim slower; reports sort by it. */
double decision_log_e(const decision *d);

#endif
