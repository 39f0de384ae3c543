/* case_report.h: judged cases as lines, JSON and folders of tensors. */
#ifndef ATTNBENCH_CASE_REPORT_H
#define ATTNBENCH_CASE_REPORT_H

#include <jansson.h>
#include <stdio.h>

#include "judge/trial.h"

/* The command that repeats the case, in one line; the digests of files it reads follow as a shell comment. */
void case_reproducer(const trial_group *g, const trial *t, char *out, size_t size);

/* One entry of the record's "cases". */
json_t *case_json(const trial_group *g, const trial *t);

/* "deviation", "projection" and "unbounded_rows" of a case's entry, and the same in a few words
 * (case_report_scores.c). */
void case_scores_json(json_t *to, const trial *t);
void case_scores_print(FILE *to, const trial *t);

/* One line for people; under a failure lines for each finding, the error's pattern and the reproducer. */
void case_print(FILE *to, const trial_group *g, const trial *t);

/* Writes q, k, v, output, expected and bound, expected_scores and expected_weights (unless they are very large), and
 * where the kernel writes them lse, expected_lse, lse_bound, weights and scores (what its weights and LSE say) as .npy
 * files into the folder, which is made. What was not judged is NaN, as are the scores of keys that a row does not
 * see. */
int case_dump(const trial_group *g, const trial *t, const char *folder, char *reason, size_t reason_size);

/* A folder's name for the case: kernel, workload, class and threads, without characters that shells or file systems
 * dislike. */
void case_folder(const trial_group *g, const trial *t, char *out, size_t size);

#endif
