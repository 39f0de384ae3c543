/* background_load.h: busy processes beside a measurement: what a shared machine does to it, on purpose. */
#ifndef ATTNBENCH_BACKGROUND_LOAD_H
#define ATTNBENCH_BACKGROUND_LOAD_H

#include <sys/types.h>

enum { MOST_NEIGHBOURS = 64 };
typedef struct neighbours {
    pid_t id[MOST_NEIGHBOURS];
    int count;
} neighbours;

/* Each neighbour computes, streams through memory and sleeps by turns, for milliseconds at a time. They end with
 * this process. Returns how many could be begun. */
int neighbours_begin(neighbours *n, int wanted);
void neighbours_end(neighbours *n);

#endif
