/* compare_files.h: two records against each other: honestly weaker than a paired comparison.
 *
 * Nothing in two files was measured at the same time: builds that are the same read from -11 to +15 % apart that
 * way. So the threshold is 5 %, each side's median gets its own exact interval, the ratio is as uncertain as both
 * together, too few repetitions are no answer, and records of different machines or builds of the program are not
 * compared at all. */
#ifndef ATTNBENCH_COMPARE_FILES_H
#define ATTNBENCH_COMPARE_FILES_H

#include <jansson.h>
#include <stdbool.h>

bool compare_is_file(const char *word); /* is it the name of a record? */

/* Prints what differs. threshold: the relative difference that counts, 0 for the default. *record: what it found, for
 * OUTPUT; NULL where nothing was compared. An exit code: 0 not slower, 1 slower, 2 not readable, 3 could not tell. */
int compare_files(const char *base_file, const char *fresh_file, double threshold, json_t **record);

#endif
