/* pool.h: worker threads, pinned if the system allows it. The pool implements attn_exec, which kernels get for their
 * threads; all kernels of a process use one pool. */
#ifndef ATTNBENCH_POOL_H
#define ATTNBENCH_POOL_H

#include "attention.h"

#include <sys/types.h>

typedef struct pool pool;

/* Makes a pool of `threads` threads; thread 0 is the caller. Each is pinned to one of the usable processors, in order;
 * if that fails the pool works unpinned. NULL and a reason where threads cannot be made. */
pool *pool_new(int threads, char *reason, size_t reason_size);
void pool_free(pool *p);
const attn_exec *pool_exec(const pool *p);
int pool_pinned(const pool *p); /* number of threads that could be pinned */

/* The system's ids of the threads that work for `exec`, [exec->threads]; thread 0 is the caller. */
void pool_thread_ids(const attn_exec *exec, pid_t *out);

/* An exec with one thread, which needs no pool. */
const attn_exec *exec_serial(void);

#endif
