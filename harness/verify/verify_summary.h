/* verify_summary.h: thousands of judged cases in a screen: what failed first and not over and over, the rest
 * counted. */
#ifndef ATTNBENCH_VERIFY_SUMMARY_H
#define ATTNBENCH_VERIFY_SUMMARY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "judge/trial.h"

/* Which failures of a kernel are shown in full: its first few, and the first that each further check finds. */
typedef struct failure_log {
    struct kernel_failures {
        const char *kernel;
        int failed, shown;
        findings seen; /* by check */
    } * kernel;
    int kernels;
    bool all; /* show every one */
} failure_log;

/* Notes a failing case; true where it is to be shown. Where memory is short everything is. */
bool failure_log_shows(failure_log *log, const trial *t);
/* Is it the first of its kernel? Asked after failure_log_shows. */
bool failure_log_first(const failure_log *log, const trial *t);
/* A line for each kernel of which failures were not shown. */
void failure_log_print_rest(FILE *to, const failure_log *log);
void failure_log_free(failure_log *log);

/* From a record's "cases": kernel x suite with the cases passed, failed and unsupported and the largest error against
 * its bound; then what is unsupported, by reason. */
void cases_print_counts(FILE *to, const json_t *cases);
void cases_print_unsupported(FILE *to, const json_t *cases);

/* For each kernel with failures, some cases of which pass: the features, class, types and threads that all failing
 * cases share and not all passing ones; 'and none passes with it' where it decides. */
void cases_print_shared(FILE *to, const json_t *cases);

#endif
