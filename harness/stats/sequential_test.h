/* sequential_test.h: slower, faster, neither: four sequential sign tests that watch the same pairs.
 *
 *   slower      the median of ln(new / base) is above ln(1 + delta)      claimed when E reaches 1/alpha
 *   not slower  it is below                                                                   1/beta
 *   faster, not faster: the same about -ln(1 + delta)
 *
 * Each is valid at every look, as far as the signs of pairs are independent: sampling stops as soon as the answer is
 * there, and the first look waits until more than one mood of the machine has passed (paired_sampler.h). */
#ifndef ATTNBENCH_SEQUENTIAL_TEST_H
#define ATTNBENCH_SEQUENTIAL_TEST_H

#include <stdbool.h>
#include <stdint.h>

typedef struct decision_rule {
    double delta; /* relative difference that matters, such as 0.005 */
    double alpha; /* chance of claiming slower (or faster) where it is not: 1 % divided by the number of comparisons */
    double beta;  /* chance of claiming not slower (or not faster) where it is not true: 0.1 % */
} decision_rule;

typedef struct decision {
    decision_rule rule;
    int64_t above_high, below_high; /* pairs on either side of ln(1 + delta) */
    int64_t above_low, below_low;   /* and of -ln(1 + delta) */
    bool slower, not_slower, faster, not_faster;
} decision;

void decision_add(decision *d, double log_ratio);

/* Looks at the tests; a claim once made stays. */
void decision_look(decision *d);

/* Slower; or not slower, and faster or not. */
bool decision_made(const decision *d);

/* ln E of the claim slower, for the order of a report. */
double decision_log_e(const decision *d);

#endif
