/* cpu.h: which instruction sets this CPU and system offer, and the environment variable that lowers them. The harness
 * asks once and passes the mask on; kernels do not ask. */
#ifndef ATTN_CPU_H
#define ATTN_CPU_H

#include "attention.h"

/* What CPU and operating system offer, as ATTN_ISA_* bits; detected once. */
uint64_t attn_cpu_detected(void);

/* The same, lowered to the level that the environment variable ATTNBENCH_ISA names (portable, avx2, avx512, ...). An
 * unknown name lowers nothing: attn_cpu_check reports it. */
uint64_t attn_cpu_isa(void);

/* Returns 1 if ATTNBENCH_ISA is unset or names a level; else 0 and a line in `reason`. */
int attn_cpu_check(char *reason, size_t reason_size);

/* *mask: the bits of a level and of those below it. Returns 0 for an unknown name. */
int attn_isa_level(const char *name, uint64_t *mask);

#endif
