/* compare_files.h: compares two records. This is weaker evidence than a paired comparison.
 *
 * Nothing in two records was measured at the same time: identical builds differed by -11 to +15 % that way. So the
 * threshold is 5 %; each side's median has its own exact interval and the ratio is as uncertain as both together; too
 * few repetitions give no answer; records of different machines are not compared. `compare` (cli/cmd_compare.c) calls
 * it where both words are names of records. */
#ifndef ATTNBENCH_COMPARE_FILES_H
#define ATTNBENCH_COMPARE_FILES_H

#include <jansson.h>
#include <stdbool.h>

bool compare_is_file(const char *word); /* does it name a record (*.json)? */

/* Prints the comparison. `threshold` is the relative difference that counts, 0 for the default. *record gets the
 * comparisons as a record; NULL where nothing was compared. Returns an exit code: 0 not slower, 1 slower, 2 not
 * readable, 3 could not tell. */
int compare_files(const char *base_file, const char *fresh_file, double threshold, json_t **record);

#endif
