/* gate_print.h: the result on standard output. */
#ifndef ATTNBENCH_GATE_PRINT_H
#define ATTNBENCH_GATE_PRINT_H

#include "gate_record.h"

void gate_print_case(const json_t *one); /* of the record's gate.cases */

/* What did not simply pass, and a line that counts it all. */
void gate_print(const compare_sides *sides, const gate_result *r, const json_t *gate, double seconds);

#endif
