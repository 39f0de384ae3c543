/* judge_repeats.h: outputs of a case's further calls, judged. */
#ifndef ATTNBENCH_JUDGE_REPEATS_H
#define ATTNBENCH_JUDGE_REPEATS_H

#include "judge.h"
#include "run/repeat_outputs.h"

/* Judges one by the expectation of its plan's contract; what is wrong becomes one finding of its check. */
void judge_repeats(const repeat_outputs *v, int index, const row_list *rows, const expectation *e, findings *found);

#endif
