/* selftest_judge.h: the judge is judged: bugs that were planted in our kernels, each of which it must find, and kernels
 * that are odd but right, none of which it may accuse.
 *
 * The build makes a plugin of each (tests/mutants/mutants.cmake) beside the diff that planted it, whose head says what
 * it is. Here each is verified by a process of its own, and what its record says becomes a kill matrix: bug x check. */
#ifndef ATTNBENCH_SELFTEST_JUDGE_H
#define ATTNBENCH_SELFTEST_JUDGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct planted {
    char name[64], kernel[64];
    bool odd;     /* right, and must be accepted; else wrong, and must be found */
    char *module; /* path of the plugin */
    char *what;   /* in one line */
    char *verify; /* flags that show it, separated by blanks; "" suite smoke, class normal */
    char *varies; /* why a failure need not repeat in the same digits; "" it must */
} planted;

typedef struct planted_list {
    planted *item; /* the bugs, then the odd kernels, each by name */
    int count;
} planted_list;

/* Reads the heads of folder/mutants and folder/antimutants. `pattern`: names to take; NULL all. 0 and a reason where
 * there is nothing or a head is not as it should be. */
int planted_read(const char *folder, const char *pattern, planted_list *out, char *reason, size_t reason_size);
void planted_free(planted_list *list);

/* Verifies all, `jobs` at once, and repeats one failure of each by the line that verify gives for it. Each item's
 * result:
 *   {"name","kernel","what","odd": bool,"verify","seconds","cases","failed",
 *    "status": found | missed | accused | accepted | skipped (this machine cannot run it) | unclear (verify came to no
 *      verdict),
 *    "reason"    of accused, skipped and unclear ones,
 *    "checks": {check: cases in which it found something},
 *    "line"      that repeats the first failure, "replays": did it, with the same findings and the same digits (absent:
 *                not tried)}
 * `whole`: with verify's own default for all, and not the part of it that shows the bug. Where the user interrupts,
 * only those that were begun. NULL where memory is short. */
json_t *selftest_run(const planted_list *list, int jobs, bool whole, const char *folder);

/* The whole result: {"bugs": [...], "odd": [...], "checks": [{"name","found": bugs,"alone": [bugs that no other check
 * found], "stays": why a check without such a bug is kept, or null}]}. Takes `results`. */
json_t *kill_matrix(json_t *results);

/* Is there anything to mend: a bug missed, an odd kernel accused, an unclear one, a failure that does not repeat? */
bool kill_matrix_fails(const json_t *matrix);
void kill_matrix_print(const json_t *matrix, bool whole);
int kill_matrix_write_csv(const json_t *matrix, const char *path, char *reason, size_t reason_size);
int kill_matrix_write_markdown(const json_t *matrix, const char *path, char *reason, size_t reason_size);

#endif
