/* rejudge.h: what was timed, held once more against the reference rows that it was judged by before. */
#ifndef ATTNBENCH_REJUDGE_H
#define ATTNBENCH_REJUDGE_H

#include "trial.h"

/* `placed` has poisoned outputs that one more call wrote through `slot`. NULL where all is well, else a message that
 * stays until the next call. */
const char *judge_again(const trial_group *g, const trial *judged, const instance *placed, const attn_tensor *slot);

#endif
