/* cpu_watch.h: what a call leaves behind in the processor, against the calling convention: control bits, callee-saved
 * registers, the direction flag, vector registers with their upper halves in use, configured tiles.
 *
 * A dirty upper half makes every later SSE instruction slower on some processors and a configured tile every context
 * switch; both would be somebody else's time. */
#ifndef ATTNBENCH_CPU_WATCH_H
#define ATTNBENCH_CPU_WATCH_H

#include <stddef.h>

#include "attention.h"

/* kernel->run on these arguments, with its status in return. What it left is said in `left` ("" nothing),
 * comma-separated, and put right again. Processors whose state is not handled leave nothing. */
int cpu_watch_run(const attn_kernel *kernel, const attn_problem *problem, const attn_plan *plan, const attn_args *args,
                  const attn_exec *exec, const void *shared, void *workspace, char *left, size_t left_size);

#endif
