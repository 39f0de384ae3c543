/* cpu_state.h: the floating-point control bits that foreign code may leave changed: rounding, flush-to-zero, exception
 * masks.
 *
 * A library compiled with -ffast-math can switch on flush-to-zero for the whole thread by merely being loaded, and
 * everything computed afterwards (the reference too) would lose its subnormals. So the bits are saved before such code
 * and put back after it. */
#ifndef ATTNBENCH_CPU_STATE_H
#define ATTNBENCH_CPU_STATE_H

#include <stdbool.h>
#include <stdint.h>

/* The control bits of this thread. Architectures whose bits are not handled give 0. */
uint32_t cpu_state_save(void);

/* Puts them back; costs a write only where they differ. */
void cpu_state_restore(uint32_t state);

/* Do subnormal results or operands become 0 in this state? */
bool cpu_state_flushes(uint32_t state);

#endif
