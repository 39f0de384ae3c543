/* instructions.h: instructions of one call, counted by callgrind: a figure beside the time that no neighbour moves.
 *
 * valgrind runs `bench --profile` on its own model of the processor and counts inside of the profiled calls alone: the
 * same build and inputs give the same number every time. It knows AVX2 and nothing newer, so kernels are called under
 * ATTNBENCH_ISA=avx2, those that need more are absent, and one that chooses by what the machine has chooses for that.
 * An instruction is no time: the number explains a change and decides nothing. */
#ifndef ATTNBENCH_INSTRUCTIONS_H
#define ATTNBENCH_INSTRUCTIONS_H

#include <jansson.h>

#include "run/selection.h"

/* Adds "instructions" and "instructions_per_operation" to the first entry of each case that was timed on one thread,
 * and to the record's context what they were counted with and why some are absent. */
void instructions_add(json_t *record, const selection *s);

#endif
