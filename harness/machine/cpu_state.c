/* cpu_state.c: the control bits of MXCSR on x86-64. Its sticky exception flags are not control bits and stay as they
 * are. */
#include "cpu_state.h"

#if defined(__x86_64__)
#include <xmmintrin.h>

static const uint32_t control_bits = 0xffc0, flush_to_zero = 0x8000, denormals_are_zero = 0x40;

uint32_t cpu_state_save(void) { return _mm_getcsr() & control_bits; }

void cpu_state_restore(uint32_t state)
{
    const uint32_t now = _mm_getcsr();
    if ((now & control_bits) != state) _mm_setcsr((now & ~control_bits) | state);
}

bool cpu_state_flushes(uint32_t state) { return (state & (flush_to_zero | denormals_are_zero)) != 0; }
#else
uint32_t cpu_state_save(void) { return 0; }
void cpu_state_restore(uint32_t state) { (void)state; }
bool cpu_state_flushes(uint32_t state)
{
    (void)state;
    return false;
}
#endif
