/* child_process.h: work done in a forked child with a time limit: whatever it does, this process lives on and knows how
 * it ended.
 *
 * That the work says 'done' in shared memory, and not the exit code, is what counts: foreign code may call exit(0). */
#ifndef ATTNBENCH_CHILD_PROCESS_H
#define ATTNBENCH_CHILD_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum child_end { CHILD_DONE, CHILD_CRASHED, CHILD_EXITED, CHILD_HUNG, CHILD_NOT_MADE } child_end;

typedef struct child_limit {
    double seconds;
    const volatile uint64_t *beat; /* in shared memory: seconds count from its last change; NULL: from the start */
    volatile int *stop;  /* in shared memory: set once where the run is interrupted; NULL: the child is ended then */
    double stop_seconds; /* it may take to end by itself when told to; 0: as many as without that */
} child_limit;

/* Forks and calls body(arg) in the child, with default signal handlers but deaf to interruptions, and without core
 * files. Unless CHILD_DONE, `reason` says in words what happened. Memory that the child shall write for us must be
 * mapped shared beforehand. */
child_end child_run(void (*body)(void *arg), void *arg, const child_limit *limit, char *reason, size_t reason_size);

/* From now on child_run calls the body in this process, without a time limit: for debuggers and sanitizers. */
void children_in_process(void);
bool children_are_in_process(void);

/* Zeroed memory that children made by fork share with this process; NULL where there is none. */
void *shared_new(size_t bytes);
void shared_free(void *memory, size_t bytes);

#endif
