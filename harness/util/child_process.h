/* child_process.h: runs a function in a forked child with a time limit. Whatever the child does, this process lives on
 * and knows how it ended. Every call of a kernel runs this way.
 *
 * The child has finished only if it has said so in shared memory: foreign code may call exit(0). */
#ifndef ATTNBENCH_CHILD_PROCESS_H
#define ATTNBENCH_CHILD_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum child_end { CHILD_DONE, CHILD_CRASHED, CHILD_EXITED, CHILD_HUNG, CHILD_NOT_MADE } child_end;

typedef struct child_limit {
    double seconds;
    const volatile uint64_t *beat; /* in shared memory: seconds count from its last change; NULL: from the start */
    volatile int *stop;  /* in shared memory: set if the run is interrupted; NULL: the child is then killed at once */
    double stop_seconds; /* that the child may take to end after *stop was set; 0: the limit stays as it is */
} child_limit;

/* Forks and calls body(arg) in the child. There, interrupting signals are ignored, other handlers are the defaults, and
 * no core files are written. Unless it returns CHILD_DONE, `reason` says what happened. What the child shall hand back
 * must be in shared memory (shared_new). */
child_end child_run(void (*body)(void *arg), void *arg, const child_limit *limit, char *reason, size_t reason_size);

/* From now on child_run calls the body in this process, without a time limit: for debuggers and sanitizers. */
void children_in_process(void);
bool children_are_in_process(void);

/* Zeroed memory that children made by fork share with this process; NULL where there is none. */
void *shared_new(size_t bytes);
void shared_free(void *memory, size_t bytes);

#endif
