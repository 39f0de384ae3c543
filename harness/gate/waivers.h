/* waivers.h: slowdowns that are accepted, each with a limit, a reason and a last day.
 *
 * A text file, one a line; empty lines and what follows a # at the begin of a line are comments:
 *
 *   CASE                        LIMIT   UNTIL       REASON
 *   my_kernel/gpt2-1k/threads:1 3%      2031-06-30  checks for NaN, to be hoisted out of the loop
 *
 * CASE is a pattern (fnmatch) for kernel/workload/threads:N. A waiver hides nothing: what it lets pass is shown with
 * its reason, and after its last day (UTC) it lets nothing pass. */
#ifndef ATTNBENCH_WAIVERS_H
#define ATTNBENCH_WAIVERS_H

#include <stdbool.h>
#include <stddef.h>

enum { DATE_SIZE = 11 /* 2031-06-30 */ };
typedef struct waiver {
    char *pattern, *reason;
    double limit;          /* of the slowdown, such as 0.03 */
    char until[DATE_SIZE]; /* the last day */
    int line;
} waiver;

typedef struct waiver_list {
    waiver *item;
    int count;
} waiver_list;

/* 0 and one line in `reason`, with `name` and the line's number. */
int waivers_parse(const char *text, const char *name, waiver_list *out, char *reason, size_t reason_size);
int waivers_read(const char *path, waiver_list *out, char *reason, size_t reason_size);
void waivers_free(waiver_list *list);

/* The one with the highest limit of those that match and are not expired, else one that matches and is; NULL: none. */
const waiver *waivers_find(const waiver_list *list, const char *name, const char *today);
bool waiver_matches(const waiver *w, const char *name);
bool waiver_expired(const waiver *w, const char *today);

void date_today(char out[DATE_SIZE]); /* UTC */

#endif
