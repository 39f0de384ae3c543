/* trial_run.h: one workload with one input class, run by several kernels and judged. */
#ifndef ATTNBENCH_TRIAL_RUN_H
#define ATTNBENCH_TRIAL_RUN_H

#include "judge/trial.h"

const char *trial_status_name(trial_status status);

/* Seconds after which a call on this workload counts as hung. */
double trial_time_limit(const workload *w);

/* Runs and judges. Returns 0 and a reason where the workload itself cannot be made (files, memory) or the reference
 * cannot do it. */
int trial_group_run(const workload *w, input_class input, uint64_t seed, const trial_job *job, int jobs,
                    const trial_settings *settings, trial_group *out, char *reason, size_t reason_size);
void trial_group_free(trial_group *g);

extern const check_group call_checks; /* what a call does beside its values */

#endif
