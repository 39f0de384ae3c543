/* pool.h: worker threads, pinned where the system allows; implements attn_exec. One pool serves all kernels. */
#ifndef ATTNBENCH_POOL_H
#define ATTNBENCH_POOL_H

#include "attention.h"

#include <sys/types.h>

typedef struct pool pool;

/* A pool of `threads` threads, the caller included (thread 0 runs on the caller). Each is pinned to one of the
 * processors that the process may use, in order; where that fails the pool works unpinned. NULL and a reason where
 * threads cannot be made. */
pool *pool_new(int threads, char *reason, size_t reason_size);
void pool_free(pool *p);
const attn_exec *pool_exec(const pool *p);
int pool_pinned(const pool *p); /* number of threads that could be pinned */

/* The system's numbers of the threads that work for `exec`, [exec->threads]; thread 0 is the caller. */
void pool_thread_ids(const attn_exec *exec, pid_t *out);

/* An exec of one thread that needs no pool. */
const attn_exec *exec_serial(void);

#endif
