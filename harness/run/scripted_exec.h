/* scripted_exec.h: an exec that hands ranges out in an order of its own choosing, for any number of workers, wherever
 * it runs.
 *
 * A kernel may not depend on which worker computes which range, nor on when. A pool shows the few schedules that
 * happen; here they are made: all ranges run one after the other on the calling thread, each in the name of some
 * worker. */
#ifndef ATTNBENCH_SCRIPTED_EXEC_H
#define ATTNBENCH_SCRIPTED_EXEC_H

#include <stdbool.h>

#include "machine/pool.h"

typedef enum exec_order {
    ORDER_ASCENDING, /* workers in turn */
    ORDER_REVERSED,
    ORDER_SHUFFLED, /* and by workers drawn at random */
    ORDER_DELAYED,  /* on real threads, of which the one with the first range is late */
    EXEC_ORDERS
} exec_order;
const char *exec_order_name(exec_order order);

typedef struct exec_script {
    attn_exec exec;
    exec_order order;
    bool inside;   /* of a task: calls from there run serially */
    bool unable;   /* threads could not be made: what was asked for has not run */
    pool *threads; /* for team, and for ORDER_DELAYED; made when first needed */
    uint64_t random;
} exec_script;

/* Fills `out`, whose exec is then good for calls from one thread at a time; it may not be moved. */
void exec_script_open(exec_script *out, exec_order order, int workers);
void exec_script_close(exec_script *s);

#endif
