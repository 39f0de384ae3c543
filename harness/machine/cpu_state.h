/* cpu_state.h: the floating-point control bits of a thread: rounding, flush-to-zero, exception masks.
 *
 * Foreign code may leave them changed. Merely loading a library that was compiled with -ffast-math can switch on
 * flush-to-zero for the thread, and everything computed afterwards, the reference too, would lose its subnormals. So
 * plugin.c and run/ save the bits before such code and restore them after it. */
#ifndef ATTNBENCH_CPU_STATE_H
#define ATTNBENCH_CPU_STATE_H

#include <stdbool.h>
#include <stdint.h>

/* The control bits of this thread; 0 on architectures whose bits are not handled. */
uint32_t cpu_state_save(void);

/* Restores them; writes the register only if they differ. */
void cpu_state_restore(uint32_t state);

/* Do subnormal results or operands become 0 in this state? */
bool cpu_state_flushes(uint32_t state);

#endif
