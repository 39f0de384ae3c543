/* own_threads.h: how many threads a kernel shall use that starts them itself (ATTN_TRAIT_OWN_THREADS): 1 where it does
 * not declare that, so that the libraries which it wraps start none by themselves when they are loaded.
 *
 * It is told twice: by exec->threads, and by the environment variables that threading runtimes read when they are
 * loaded. Therefore this comes before the plugin is loaded, in a process that makes no pool: pinned pool threads would
 * hand their one processor on to the runtime's threads. */
#ifndef ATTNBENCH_OWN_THREADS_H
#define ATTNBENCH_OWN_THREADS_H

#include "attention.h"

/* Sets the environment of this process and fills an exec that names `threads` and runs tasks on the caller alone. */
const attn_exec *own_threads(int threads, attn_exec *out);

#endif
