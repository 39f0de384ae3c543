/* own_threads.h: tells a kernel that starts its own threads (ATTN_TRAIT_OWN_THREADS) how many to use. For other kernels
 * the number is 1, so that the libraries which they use start none when they are loaded.
 *
 * The number is passed twice: in exec->threads, and in the environment variables that threading runtimes read when they
 * are loaded. Therefore own_threads must be called before the plugin is loaded, in a process that makes no pool: a
 * thread that the pool has pinned would pass its one processor on to the runtime's threads. */
#ifndef ATTNBENCH_OWN_THREADS_H
#define ATTNBENCH_OWN_THREADS_H

#include "attention.h"

/* Sets the environment of this process and fills an exec that names `threads` and runs tasks on the caller alone. */
const attn_exec *own_threads(int threads, attn_exec *out);

#endif
