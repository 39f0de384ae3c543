/* terminal_table.h: a record as tables for the terminal. */
#ifndef ATTNBENCH_TERMINAL_TABLE_H
#define ATTNBENCH_TERMINAL_TABLE_H

#include <jansson.h>

/* Prints kernel x workload: time, GFLOP/s, share of peak, speedup over the baseline, error against its bound. */
void print_table(const json_t *record);

/* Prints the events counted, a call; nothing where none were. */
void print_counters(const json_t *record);

#endif
